//! Kept connections that end when they are used again: the caller does not notice.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use switchhook_core::outcome::Reason;
use switchhook_webhook::options::{ConnectionOptions, WebhookOptions};
use switchhook_webhook::{Client, Webhook};
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpListener, TcpStream};

use crate::support::*;

const GOOD: &str = "{\"queue\":\"a\"}";

/// What a server does with one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Act {
    /// Answers and keeps the connection.
    Answer,
    /// Answers, and says that it keeps the connection for 1 s.
    AnswerAndKeepShortly,
    /// Closes without an answer.
    Close,
    /// Resets the connection without an answer.
    Reset,
    /// Sends a status and half a body, then closes.
    Half,
}

/// The requests that a server read, with the number of their connection.
type Seen = Arc<Mutex<Vec<(usize, String)>>>;

/// A server that does one thing after another, whatever the connection.
async fn scripted(acts: &'static [Act]) -> (SocketAddr, Seen) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let seen = Seen::default();
    let all = Arc::clone(&seen);
    tokio::spawn(async move {
        for connection in 0.. {
            let (stream, _) = listener.accept().await.unwrap();
            tokio::spawn(serve(stream, connection, acts, Arc::clone(&all)));
        }
    });
    (address, seen)
}

async fn serve(mut stream: TcpStream, connection: usize, acts: &'static [Act], seen: Seen) {
    loop {
        let request = read_request(&mut stream).await;
        if request.is_empty() {
            return;
        }
        let act = {
            let mut seen = seen.lock().unwrap();
            seen.push((connection, request));
            acts[(seen.len() - 1).min(acts.len() - 1)]
        };
        let headers = match act {
            Act::Answer | Act::Half => "",
            Act::AnswerAndKeepShortly => "keep-alive: timeout=1, max=100\r\n",
            Act::Close => return,
            Act::Reset => return reset(stream),
        };
        let bytes = answer("200 OK", headers, GOOD);
        let sent = if act == Act::Half {
            bytes.len() - 4
        } else {
            bytes.len()
        };
        stream.write_all(&bytes[..sent]).await.unwrap();
        if act == Act::Half {
            return;
        }
    }
}

fn reset(stream: TcpStream) {
    stream.set_zero_linger().unwrap();
    drop(stream);
}

fn webhook(address: SocketAddr, method: &str, idle: Duration) -> Webhook {
    let options = WebhookOptions {
        method: method.into(),
        connection: ConnectionOptions {
            idle,
            ..ConnectionOptions::default()
        },
        ..options(format!("http://{address}/callers"), PATIENT)
    };
    Webhook::compile("lookup", options).unwrap()
}

fn connections(seen: &Seen) -> Vec<usize> {
    let seen = seen.lock().unwrap();
    seen.iter().map(|(connection, _)| *connection).collect()
}

fn keys(seen: &Seen) -> Vec<String> {
    let seen = seen.lock().unwrap();
    let key = |text: &str| {
        let mut lines = text.lines();
        let value = lines.find_map(|line| line.strip_prefix("idempotency-key: "));
        value.unwrap().to_owned()
    };
    seen.iter().map(|(_, text)| key(text)).collect()
}

#[tokio::test]
async fn a_request_whose_kept_connection_ends_is_sent_once_more_whatever_its_method() {
    for method in ["POST", "GET", "PATCH", "DELETE"] {
        for (acts, expected) in [
            (&[Act::Answer, Act::Close, Act::Answer] as &[Act], [0, 0, 1]),
            (&[Act::Answer, Act::Reset, Act::Answer], [0, 0, 1]),
        ] {
            let (address, seen) = scripted(acts).await;
            let webhook = webhook(address, method, PATIENT);
            let client = Client::new(open()).unwrap();
            for _ in 0..2 {
                let outcome = client.send(&webhook, prepare(&webhook)).await;
                assert!(outcome.verdict.is_ok(), "{method} {acts:?}: {outcome:?}");
            }
            assert_eq!(connections(&seen), expected);
            let keys = keys(&seen);
            assert_eq!(keys[1], keys[2], "one question");
            assert_ne!(keys[0], keys[1], "another question");
        }
    }
}

#[tokio::test]
async fn a_delivery_is_sent_once_more_under_its_id() {
    let (address, seen) = scripted(&[Act::Answer, Act::Close, Act::Answer]).await;
    let webhook = webhook(address, "POST", PATIENT);
    let client = Client::new(open()).unwrap();
    for id in ["one", "two"] {
        let mut request = prepare(&webhook);
        let headers = &mut request.headers;
        headers.insert("webhook-id", id.parse().unwrap());
        let delivered = client
            .deliver(&webhook, request, PATIENT, None)
            .await
            .unwrap();
        assert_eq!(delivered.status, 200);
    }
    assert_eq!(connections(&seen), [0, 0, 1]);
    assert_eq!(keys(&seen), ["one", "two", "two"]);
}

#[tokio::test]
async fn what_may_have_been_processed_or_fails_again_is_not_sent_again() {
    let table: [(&[Act], &[usize], &str); 4] = [
        // The connection was made for this request.
        (&[Act::Close], &[0], "closed before"),
        (&[Act::Reset], &[0], "reset"),
        // Its answer had begun.
        (&[Act::Answer, Act::Half], &[0, 0], "closed before"),
        // Once is enough.
        (
            &[Act::Answer, Act::Close, Act::Close],
            &[0, 0, 1],
            "closed before",
        ),
    ];
    for (acts, expected, words) in table {
        let (address, seen) = scripted(acts).await;
        let webhook = webhook(address, "POST", PATIENT);
        let client = Client::new(open()).unwrap();
        if acts[0] == Act::Answer {
            let first = client.send(&webhook, prepare(&webhook)).await;
            assert!(first.verdict.is_ok());
        }
        let outcome = client.send(&webhook, prepare(&webhook)).await;
        failed(&outcome, Reason::ConnectionFailure, words);
        assert_eq!(connections(&seen), expected, "{acts:?}");
    }
}

#[tokio::test]
async fn a_connection_is_kept_as_long_as_both_sides_keep_it() {
    for (acts, idle, expected) in [
        (&[Act::Answer] as &[Act], PATIENT, [0, 0, 0]),
        (&[Act::Answer], Duration::ZERO, [0, 1, 2]),
        // A second before it is closed, it is no longer used.
        (&[Act::AnswerAndKeepShortly], PATIENT, [0, 1, 2]),
    ] {
        let (address, seen) = scripted(acts).await;
        let webhook = webhook(address, "POST", idle);
        let client = Client::new(open()).unwrap();
        for _ in 0..3 {
            let outcome = client.send(&webhook, prepare(&webhook)).await;
            assert!(outcome.verdict.is_ok(), "{outcome:?}");
        }
        assert_eq!(connections(&seen), expected, "{acts:?} {idle:?}");
    }
}

#[tokio::test]
async fn a_webhook_may_name_the_key_itself() {
    let (address, seen) = scripted(&[Act::Answer]).await;
    let webhook = webhook(address, "POST", PATIENT);
    let mut request = prepare(&webhook);
    let headers = &mut request.headers;
    headers.insert("idempotency-key", "mine".parse().unwrap());
    let client = Client::new(open()).unwrap();
    assert!(client.send(&webhook, request).await.verdict.is_ok());
    assert_eq!(keys(&seen), ["mine"]);
}
