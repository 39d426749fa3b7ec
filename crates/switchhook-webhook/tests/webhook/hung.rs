//! HTTP/2 connections that hang, end or are refused.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use h2::server::{Connection, SendResponse};
use switchhook_core::outcome::{Outcome, Reason};
use switchhook_webhook::options::{ConnectionOptions, HttpVersion, WebhookOptions};
use switchhook_webhook::{Client, Webhook};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::server::TlsStream;

use crate::secure::{Authority, Setup, trusting_ca};
use crate::support::*;

const GOOD: &[u8] = b"{\"queue\":\"a\"}";

/// What the first connection does with its second request; all else is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Second {
    /// Nothing any more: the process is stopped, its kernel acknowledges.
    Hang,
    /// Nothing, while the connection answers pings.
    Wait,
    /// The server shuts down gracefully.
    GoAway,
    /// The connection is closed.
    Close,
    /// The stream is refused.
    Refuse,
    /// HTTP/1.1 is wanted.
    Http1,
}

struct Server {
    authority: Authority,
    address: SocketAddr,
    connections: Arc<AtomicUsize>,
}

impl Server {
    async fn start(second: Second) -> Self {
        let authority = Authority::new();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (connections, count) = (Arc::new(AtomicUsize::new(0)), AtomicUsize::new(0));
        let made = Arc::clone(&connections);
        let setup = Setup::of(authority.issue("localhost", 2200));
        let acceptor = setup.acceptor_of(&["h2", "http/1.1"]);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                made.fetch_add(1, Ordering::SeqCst);
                let first = count.fetch_add(1, Ordering::SeqCst) == 0;
                let acceptor = acceptor.clone();
                tokio::spawn(async move {
                    if let Ok(stream) = acceptor.accept(stream).await {
                        serve(stream, first.then_some(second)).await;
                    }
                });
            }
        });
        Self {
            authority,
            address,
            connections,
        }
    }

    fn webhook(&self, version: HttpVersion, timeout: Duration) -> Webhook {
        let options = WebhookOptions {
            tls: trusting_ca(&self.authority),
            connection: ConnectionOptions {
                version,
                ..ConnectionOptions::default()
            },
            ..options(
                format!("https://localhost:{}/callers", self.address.port()),
                timeout,
            )
        };
        Webhook::compile("lookup", options).unwrap()
    }

    fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

async fn serve(mut stream: TlsStream<TcpStream>, second: Option<Second>) {
    if stream.get_ref().1.alpn_protocol() != Some(b"h2") {
        let _ = stream.read(&mut [0; 8192]).await;
        let _ = stream.write_all(&answer("200 OK", "", GOOD)).await;
        let _ = stream.read(&mut [0; 16]).await;
        return;
    }
    let mut connection = h2::server::handshake(stream).await.unwrap();
    let mut held = Vec::new();
    for number in 0.. {
        let Some(Ok((_, mut respond))) = connection.accept().await else {
            return;
        };
        match second.filter(|_| number > 0) {
            None => respond_good(&mut respond),
            Some(Second::Hang) => return hang(connection).await,
            Some(Second::Wait) => held.push(respond),
            Some(Second::GoAway) => {
                connection.graceful_shutdown();
                respond.send_reset(h2::Reason::REFUSED_STREAM);
            }
            Some(Second::Close) => return,
            Some(Second::Refuse) => respond.send_reset(h2::Reason::REFUSED_STREAM),
            Some(Second::Http1) => respond.send_reset(h2::Reason::HTTP_1_1_REQUIRED),
        }
    }
}

async fn hang(connection: Connection<TlsStream<TcpStream>, Bytes>) {
    let _kept = connection;
    std::future::pending::<()>().await;
}

fn respond_good(respond: &mut SendResponse<Bytes>) {
    let mut body = respond
        .send_response(http::Response::new(()), false)
        .unwrap();
    let _ = body.send_data(Bytes::from_static(GOOD), true);
}

async fn ask(client: &Client, webhook: &Webhook) -> Outcome {
    client.send(webhook, prepare(webhook)).await
}

fn good(outcome: &Outcome) {
    assert!(outcome.verdict.is_ok(), "{outcome:?}");
}

#[tokio::test]
async fn a_request_that_was_not_processed_is_sent_once_more() {
    for second in [Second::GoAway, Second::Close, Second::Refuse, Second::Http1] {
        let server = Server::start(second).await;
        let webhook = server.webhook(HttpVersion::Auto, PATIENT);
        let client = Client::new(open()).unwrap();
        for _ in 0..2 {
            good(&ask(&client, &webhook).await);
        }
        assert_eq!(server.connections(), 2, "{second:?}");
        good(&ask(&client, &webhook).await);
    }
}

#[tokio::test]
async fn a_version_that_was_chosen_is_kept_to() {
    for (version, words) in [
        (HttpVersion::Http1, None),
        (HttpVersion::Http2, Some("(HTTP_1_1_REQUIRED)")),
    ] {
        let server = Server::start(Second::Http1).await;
        let webhook = server.webhook(version, PATIENT);
        let client = Client::new(open()).unwrap();
        good(&ask(&client, &webhook).await);
        let second = ask(&client, &webhook).await;
        match words {
            None => good(&second),
            Some(words) => failed(&second, Reason::ConnectionFailure, words),
        }
    }
}

#[tokio::test]
async fn after_a_request_timed_out_the_next_opens_another_connection() {
    for second in [Second::Hang, Second::Wait] {
        let server = Server::start(second).await;
        let webhook = server.webhook(HttpVersion::Auto, SHORT);
        let patient = server.webhook(HttpVersion::Auto, PATIENT);
        let client = Client::new(open()).unwrap();
        good(&ask(&client, &patient).await);
        let late = ask(&client, &webhook).await;
        failed(&late, Reason::Timeout, "no answer from localhost");
        for _ in 0..3 {
            good(&ask(&client, &patient).await);
        }
        assert_eq!(server.connections(), 2, "{second:?}");
    }
}

#[tokio::test]
async fn a_connection_that_answers_no_ping_is_left_before_the_deadline() {
    let server = Server::start(Second::Hang).await;
    let webhook = server.webhook(HttpVersion::Auto, PATIENT);
    let client = Client::new(open()).unwrap();
    for _ in 0..2 {
        good(&ask(&client, &webhook).await);
    }
    assert_eq!(server.connections(), 2);
}
