//! The egress rule, and the proxy.

use std::net::SocketAddr;
use std::time::Duration;

use switchhook_core::outcome::Reason;
use switchhook_webhook::egress::Egress;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::support::*;

#[tokio::test]
async fn an_address_that_is_not_allowed_is_never_connected_to() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let port = address.port();
    let plain = || Egress {
        allow_plain_http: true,
        ..Egress::default()
    };
    for (egress, url, words) in [
        (
            Egress::default(),
            format!("http://{address}/"),
            "allow_plain_http",
        ),
        (
            Egress::default(),
            format!("https://{address}/"),
            "[egress] allow_addresses",
        ),
        (
            plain(),
            format!("http://{address}/"),
            "[egress] allow_addresses",
        ),
        (plain(), format!("http://0x7f000001:{port}/"), "127.0.0.1"),
        (
            plain(),
            format!("http://localhost:{port}/"),
            "localhost is at",
        ),
        (open(), format!("http://169.254.169.254:{port}/"), "never"),
    ] {
        let outcome = send_with(egress, options(url, PATIENT)).await;
        failed(&outcome, Reason::BlockedAddress, words);
        assert_eq!((outcome.status, outcome.duration), (None, None));
    }
    // A connection would be waiting here.
    assert!(timeout(Duration::ZERO, listener.accept()).await.is_err());
}

#[tokio::test]
async fn with_a_proxy_it_is_the_proxy_that_is_asked() {
    let through = |proxy: SocketAddr| Egress {
        proxy: Some(format!("http://me:{SECRET}@{proxy}").parse().unwrap()),
        allow_plain_http: true,
        ..Egress::default()
    };
    let (report, received) = oneshot::channel();
    let proxy = server(move |mut stream, request| async move {
        report.send(request).unwrap();
        let bytes = answer("200 OK", "", "{\"queue\":\"a\"}");
        stream.write_all(&bytes).await.unwrap();
    })
    .await;
    let url = "http://crm.example/callers".to_owned();
    let outcome = send_with(through(proxy), options(url, PATIENT)).await;
    assert!(outcome.verdict.is_ok(), "{:?}", outcome.verdict);
    let request = received.await.unwrap();
    assert!(
        request.starts_with("POST http://crm.example/callers"),
        "{request}"
    );
    assert!(!format!("{:?}", through(proxy)).contains(SECRET));

    let url = "http://10.0.0.1/callers".to_owned();
    let outcome = send_with(through(proxy), options(url, PATIENT)).await;
    failed(&outcome, Reason::BlockedAddress, "10.0.0.1");
}
