//! A server on loopback that does one thing, and a webhook that asks it.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use switchhook_core::outcome::{Outcome, Reason};
use switchhook_core::secret::Secret;
use switchhook_webhook::egress::Egress;
use switchhook_webhook::options::{
    Auth, Body, Entry, Mapping, ResponseOptions, ResponseType, ValueKind, WebhookOptions,
};
use switchhook_webhook::{Call, Client, Prepared, Webhook};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// In every request; in no sentence.
pub const SECRET: &str = "correct-horse";

/// For what is there at once: never reached.
pub const PATIENT: Duration = Duration::from_secs(30);

/// For what never comes.
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
        // Closed: whoever asks again is refused.
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
pub async fn sends(bytes: impl Into<Vec<u8>>) -> SocketAddr {
    let bytes = bytes.into();
    server(|mut stream, _| async move {
        let _ = stream.write_all(&bytes).await;
        let _ = stream.shutdown().await;
        // Until the client is done, so that nothing is reset under it.
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
        query: vec![Entry {
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
        },
        ..WebhookOptions::default()
    }
}

pub fn open() -> Egress {
    Egress {
        allow_plain_http: true,
        allow_addresses: vec!["127.0.0.0/8".parse().unwrap(), "::1/128".parse().unwrap()],
        proxy: None,
    }
}

pub fn prepare(webhook: &Webhook) -> Prepared {
    let headers = BTreeMap::from([("Caller-Caller-ID-Number".to_owned(), "+4930".to_owned())]);
    let call = Call {
        headers: &headers,
        document: None,
        predefined: &Vec::new,
    };
    webhook.prepare(&call).unwrap()
}

pub async fn ask_as(egress: Egress, options: WebhookOptions) -> Outcome {
    let webhook = Webhook::compile("lookup", options).unwrap();
    let client = Client::new(egress).unwrap();
    client.ask(&webhook, prepare(&webhook)).await
}

pub async fn ask(address: SocketAddr) -> Outcome {
    ask_as(
        open(),
        options(format!("http://{address}/callers"), PATIENT),
    )
    .await
}

pub async fn ask_short(address: SocketAddr) -> Outcome {
    ask_as(open(), options(format!("http://{address}/callers"), SHORT)).await
}

/// The failure is of this class, its sentence has these words, and no secret.
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
