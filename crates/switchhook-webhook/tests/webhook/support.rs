//! Servers on loopback that do one thing, and webhooks that send to them.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use switchhook_core::outcome::{Outcome, Reason};
use switchhook_core::secret::Secret;
use switchhook_webhook::egress::Egress;
use switchhook_webhook::options::{
    Auth, Body, Mapping, NamedTemplate, ResponseOptions, ResponseType, ValueKind, WebhookOptions,
};
use switchhook_webhook::{CallContext, Client, Prepared, Webhook};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// In every request; in no sentence.
pub const SECRET: &str = "correct-horse";

/// For responses that come at once: never reached.
pub const PATIENT: Duration = Duration::from_secs(30);

/// For responses that never come.
pub const SHORT: Duration = Duration::from_millis(300);

pub const LIMIT: usize = 1000;

/// A server that takes one connection, reads one request and hands both to `act`.
pub async fn server<F>(act: impl FnOnce(TcpStream, String) -> F + Send + 'static) -> SocketAddr
where
    F: Future<Output = ()> + Send,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        // Closed, so that a second connection is refused.
        drop(listener);
        let request = read_request(&mut stream).await;
        act(stream, request).await;
    });
    address
}

pub async fn read_request(stream: &mut TcpStream) -> String {
    let mut request = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let text = String::from_utf8_lossy(&request).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| {
                let (name, value) = line.split_once(": ")?;
                let is_length = name.eq_ignore_ascii_case("content-length");
                is_length.then(|| value.parse::<usize>().unwrap())
            });
            if body.len() >= length.unwrap_or(0) {
                return text;
            }
        }
        match stream.read(&mut buffer).await {
            Ok(0) | Err(_) => return text,
            Ok(read) => request.extend_from_slice(&buffer[..read]),
        }
    }
}

/// A server that sends `bytes` and closes.
pub async fn server_sending(bytes: impl Into<Vec<u8>>) -> SocketAddr {
    let bytes = bytes.into();
    server(|mut stream, _| async move {
        let _ = stream.write_all(&bytes).await;
        let _ = stream.shutdown().await;
        // Waits for the client, so that the connection is not reset under it.
        let _ = stream.read(&mut [0; 16]).await;
    })
    .await
}

pub fn answer(status: &str, headers: &str, body: impl AsRef<[u8]>) -> Vec<u8> {
    let body = body.as_ref();
    let length = body.len();
    let mut bytes =
        format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\n{headers}\r\n").into_bytes();
    bytes.extend_from_slice(body);
    bytes
}

pub fn options(url: String, timeout: Duration) -> WebhookOptions {
    WebhookOptions {
        url,
        query: vec![NamedTemplate {
            name: "token".into(),
            value: SECRET.into(),
            mandatory: false,
        }],
        auth: Auth::Bearer(Secret::new(SECRET)),
        body: Body::Json(r#"{"caller": "{{ call.caller_number }}"}"#.into()),
        timeout,
        response: ResponseOptions {
            kind: ResponseType::Json,
            map: vec![Mapping {
                name: "queue".into(),
                path: "$.queue".into(),
                kind: ValueKind::Word,
                default: None,
            }],
            limit: LIMIT,
            fault: None,
        },
        ..WebhookOptions::default()
    }
}

pub fn open() -> Egress {
    Egress {
        allow_plain_http: true,
        allow_addresses: vec!["127.0.0.0/8".parse().unwrap(), "::1/128".parse().unwrap()],
        ..Egress::default()
    }
}

pub fn prepare(webhook: &Webhook) -> Prepared {
    let headers = BTreeMap::from([("Caller-Caller-ID-Number".to_owned(), "+4930".to_owned())]);
    let call = CallContext {
        headers: &headers,
        document: None,
        predefined: &Vec::new,
    };
    webhook.prepare(&call).unwrap()
}

pub async fn send_with(egress: Egress, options: WebhookOptions) -> Outcome {
    let webhook = Webhook::compile("lookup", options).unwrap();
    let client = Client::new(egress).unwrap();
    client.send(&webhook, prepare(&webhook)).await
}

pub async fn send(address: SocketAddr) -> Outcome {
    send_with(
        open(),
        options(format!("http://{address}/callers"), PATIENT),
    )
    .await
}

pub async fn send_short(address: SocketAddr) -> Outcome {
    send_with(open(), options(format!("http://{address}/callers"), SHORT)).await
}

/// Checks the reason of the failure and words of its sentence, and that it has no secret.
#[track_caller]
pub fn failed(outcome: &Outcome, reason: Reason, words: &str) {
    let failure = outcome.verdict.as_ref().unwrap_err();
    assert_eq!(failure.reason, reason, "{failure}");
    assert!(failure.detail.contains(words), "{failure}");
    for secret in [SECRET, "token", "?"] {
        assert!(!failure.detail.contains(secret), "{failure}");
    }
    assert!(!failure.detail.contains('\n'), "{failure}");
}
