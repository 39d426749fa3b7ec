//! A proxy that works, and each way in which it does not: the sentence names the proxy, and the
//! failure is no answer of the webhook.

use std::net::SocketAddr;

use switchhook_core::outcome::{Outcome, Reason};
use switchhook_core::secret::Secret;
use switchhook_webhook::egress::{Egress, ProxyAuth};
use switchhook_webhook::options::WebhookOptions;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

use crate::secure::{Authority, Setup, trusting_ca};
use crate::support::*;

fn through(proxy: &str) -> Egress {
    Egress {
        proxy: Some(proxy.parse().unwrap()),
        ..open()
    }
}

fn with_auth(egress: Egress) -> Egress {
    let proxy_auth = ProxyAuth {
        username: "switch".into(),
        password: Secret::new(SECRET),
    };
    Egress {
        proxy_auth: Some(proxy_auth),
        ..egress
    }
}

/// A proxy that sends `bytes` to each request.
async fn proxy_sending(bytes: Vec<u8>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let bytes = bytes.clone();
            tokio::spawn(async move {
                read_request(&mut stream).await;
                let _ = stream.write_all(&bytes).await;
                let _ = stream.shutdown().await;
                let _ = stream.read(&mut [0; 16]).await;
            });
        }
    });
    address
}

/// A proxy that opens a tunnel to `target`, whatever is asked for. Requests come to the receiver.
async fn tunnel_to(target: SocketAddr) -> (SocketAddr, mpsc::UnboundedReceiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (report, requests) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let request = read_request(&mut stream).await;
        report.send(request).unwrap();
        let mut webhook = TcpStream::connect(target).await.unwrap();
        let established = b"HTTP/1.1 200 Connection established\r\n\r\n";
        stream.write_all(established).await.unwrap();
        let _ = copy_bidirectional(&mut stream, &mut webhook).await;
    });
    (address, requests)
}

async fn ask(egress: Egress, url: &str) -> Outcome {
    send_with(egress, options(url.to_owned(), PATIENT)).await
}

const SECURE: &str = "https://crm.example:8443/callers";
const PLAIN: &str = "http://crm.example/callers";

#[tokio::test]
async fn a_proxy_gets_our_credentials_and_opens_a_tunnel() {
    let authority = Authority::new();
    let webhook = Setup::of(authority.issue("crm.example", 2200))
        .serve()
        .await;
    let (proxy, mut requests) = tunnel_to(webhook).await;
    let options = WebhookOptions {
        tls: trusting_ca(&authority),
        ..options(SECURE.into(), PATIENT)
    };
    let egress = with_auth(through(&format!("http://{proxy}")));
    assert!(!format!("{egress:?}").contains(SECRET));
    let outcome = send_with(egress, options).await;
    assert!(outcome.verdict.is_ok(), "{:?}", outcome.verdict);
    let request = requests.recv().await.unwrap().to_ascii_lowercase();
    for words in [
        "connect crm.example:8443 http/1.1\r\n",
        "proxy-authorization: basic c3dpdgnoomnvcnjly3qtag9yc2u=\r\n",
    ] {
        assert!(request.contains(words), "{request}");
    }
}

#[tokio::test]
async fn a_fault_of_the_proxy_names_the_proxy() {
    let refused = |status: &str| answer(status, "", "<html>");
    for (bytes, auth, url, words) in [
        (
            refused("407 Proxy Authentication Required"),
            false,
            SECURE,
            "wants credentials (407); set [egress] proxy_auth",
        ),
        (
            refused("407 Proxy Authentication Required"),
            true,
            SECURE,
            "does not accept our credentials (407)",
        ),
        (
            refused("407 Proxy Authentication Required"),
            false,
            PLAIN,
            "wants credentials (407)",
        ),
        (
            refused("407 Proxy Authentication Required"),
            true,
            PLAIN,
            "does not accept our credentials (407)",
        ),
        (
            refused("403 Forbidden"),
            false,
            SECURE,
            "refuses to connect to the webhook (403 Forbidden)",
        ),
        (
            refused("503 Service Unavailable"),
            true,
            SECURE,
            "(503 Service Unavailable); see its rules",
        ),
        (
            b"SSH-2.0-OpenSSH_9.2\r\n".to_vec(),
            false,
            SECURE,
            "refuses to connect to the webhook (no status)",
        ),
        (Vec::new(), false, SECURE, "it closed the connection"),
        (
            answer(
                "503 Service Unavailable",
                "x-squid-error: ERR_DNS_FAIL 0\r\n",
                "",
            ),
            false,
            PLAIN,
            "answered 503 Service Unavailable in place of crm.example:80",
        ),
        (
            answer(
                "502 Bad Gateway",
                "proxy-status: edge; error=connection_refused\r\n",
                "",
            ),
            false,
            PLAIN,
            "answered 502 Bad Gateway",
        ),
        (
            answer("500 Unable to connect", "server: tinyproxy/1.11.1\r\n", ""),
            false,
            PLAIN,
            "answered 500 Internal Server Error",
        ),
    ] {
        let proxy = proxy_sending(bytes).await;
        let egress = through(&format!("http://{proxy}"));
        let egress = if auth { with_auth(egress) } else { egress };
        let outcome = ask(egress, url).await;
        failed(
            &outcome,
            Reason::ConnectionFailure,
            &format!("the proxy {proxy} failed: "),
        );
        failed(&outcome, Reason::ConnectionFailure, words);
        assert_eq!(outcome.status, None, "no answer of the webhook");
    }
}

#[tokio::test]
async fn a_proxy_that_is_not_there_is_named() {
    let nobody = test_support::ports::unused();
    // Too long for a label, so no name server is queried.
    let unknown = format!("{}.example", "a".repeat(64));
    for url in [SECURE, PLAIN] {
        let outcome = ask(through(&format!("http://{nobody}")), url).await;
        let words = format!("the proxy {nobody} failed: connection refused");
        failed(&outcome, Reason::ConnectionFailure, &words);
        let outcome = ask(through(&format!("http://{unknown}:3128")), url).await;
        let words = format!("the proxy {unknown}:3128 failed: no address found");
        failed(&outcome, Reason::ConnectionFailure, &words);
    }
}

#[tokio::test]
async fn a_proxy_that_does_not_answer_is_named_when_time_is_over() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let proxy = silent.local_addr().unwrap();
    let egress = through(&format!("http://{proxy}"));
    let outcome = send_with(egress, options(SECURE.into(), SHORT)).await;
    let words =
        format!("could not connect to crm.example:8443 within 0.3 s, through the proxy {proxy}");
    failed(&outcome, Reason::Timeout, &words);
}

#[tokio::test]
async fn a_fault_of_the_webhook_behind_a_proxy_is_the_webhook_s() {
    let proxy = proxy_sending(answer("503 Service Unavailable", "", "")).await;
    let outcome = ask(through(&format!("http://{proxy}")), PLAIN).await;
    failed(&outcome, Reason::HttpStatus, "crm.example:80 answered 503");
    let authority = Authority::new();
    let webhook = Setup::of(authority.issue("elsewhere.example", 2200))
        .serve()
        .await;
    let (proxy, _requests) = tunnel_to(webhook).await;
    let options = WebhookOptions {
        tls: trusting_ca(&authority),
        ..options(SECURE.into(), PATIENT)
    };
    let outcome = send_with(through(&format!("http://{proxy}")), options).await;
    let words = "no TLS with crm.example:8443: its certificate is for elsewhere.example";
    failed(&outcome, Reason::ConnectionFailure, words);
}
