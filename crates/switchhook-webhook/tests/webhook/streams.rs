//! More requests at once than one HTTP/2 connection carries: none waits for another.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use switchhook_core::outcome::{Outcome, Reason};
use switchhook_webhook::options::{ConnectionOptions, Tls, WebhookOptions};
use switchhook_webhook::{Client, NameLookup, Webhook};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Barrier;
use tokio::task::JoinSet;
use tokio_rustls::server::TlsStream;

use crate::secure::{Authority, Setup, trusting_ca};
use crate::support::*;

const GOOD: &[u8] = b"{\"queue\":\"a\"}";

/// A server that answers only when a number of requests have arrived.
struct BarrierServer {
    /// `SETTINGS_MAX_CONCURRENT_STREAMS`
    streams: u32,
    send_batch: Barrier,
    /// Requests of each connection that had any.
    carried: Mutex<Vec<usize>>,
    /// Requests that arrived.
    arrived: AtomicUsize,
}

impl BarrierServer {
    fn new(streams: u32, send_batch: usize) -> Arc<Self> {
        Arc::new(Self {
            streams,
            send_batch: Barrier::new(send_batch),
            carried: Mutex::default(),
            arrived: AtomicUsize::new(0),
        })
    }

    async fn serve(self: &Arc<Self>, setup: Setup) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let http2 = setup.alpn == "h2";
        let (acceptor, server) = (setup.acceptor(), Arc::clone(self));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, server) = (acceptor.clone(), Arc::clone(&server));
                tokio::spawn(async move {
                    // A client that finds another connection first closes this one.
                    match acceptor.accept(stream).await {
                        Ok(stream) if http2 => server.two(stream).await,
                        Ok(stream) => server.one(stream).await,
                        Err(_) => {}
                    }
                });
            }
        });
        address
    }

    async fn two(self: Arc<Self>, stream: TlsStream<TcpStream>) {
        let mut builder = h2::server::Builder::new();
        builder.max_concurrent_streams(self.streams);
        let Ok(mut connection) = builder.handshake(stream).await else {
            return;
        };
        let mut place = None;
        while let Some(Ok((_, mut respond))) = connection.accept().await {
            self.carry(&mut place);
            let server = Arc::clone(&self);
            tokio::spawn(async move {
                server.send_batch.wait().await;
                // A cancelled request has reset its stream.
                if let Ok(mut body) = respond.send_response(http::Response::new(()), false) {
                    let _ = body.send_data(Bytes::from_static(GOOD), true);
                }
            });
        }
    }

    async fn one(self: Arc<Self>, mut stream: TlsStream<TcpStream>) {
        let mut place = None;
        let mut buffer = [0; 8192];
        while stream.read(&mut buffer).await.is_ok_and(|read| read > 0) {
            self.carry(&mut place);
            self.send_batch.wait().await;
            let _ = stream.write_all(&answer("200 OK", "", GOOD)).await;
        }
    }

    fn carry(&self, place: &mut Option<usize>) {
        let mut carried = self.carried.lock().unwrap();
        let place = *place.get_or_insert_with(|| {
            carried.push(0);
            carried.len() - 1
        });
        carried[place] += 1;
        self.arrived.fetch_add(1, Ordering::SeqCst);
    }

    fn carried(&self) -> Vec<usize> {
        let mut carried = self.carried.lock().unwrap().clone();
        carried.sort_unstable();
        carried
    }
}

fn webhook(address: SocketAddr, host: &str, tls: Tls, http2_streams: usize) -> Arc<Webhook> {
    let url = format!("https://{host}:{}/callers", address.port());
    let options = WebhookOptions {
        tls,
        http2_streams,
        connection: ConnectionOptions {
            idle: PATIENT,
            ..ConnectionOptions::default()
        },
        ..options(url, PATIENT)
    };
    Arc::new(Webhook::compile("lookup", options).unwrap())
}

fn sending(
    client: &Client,
    webhook: &Arc<Webhook>,
) -> impl Future<Output = Outcome> + Send + use<> {
    let (client, webhook) = (client.clone(), Arc::clone(webhook));
    async move { client.send(&webhook, prepare(&webhook)).await }
}

/// Sends a number of requests at once; all succeed.
async fn all_succeed(client: &Client, webhook: &Arc<Webhook>, requests: usize) {
    let mut sent = JoinSet::new();
    for _ in 0..requests {
        sent.spawn(sending(client, webhook));
    }
    while let Some(outcome) = sent.join_next().await {
        let outcome = outcome.unwrap();
        assert!(outcome.verdict.is_ok(), "{:?}", outcome.verdict);
    }
}

#[tokio::test]
async fn requests_beyond_the_streams_of_a_connection_get_another_connection() {
    let authority = Authority::new();
    for (streams, requests, expected) in [
        (100, 310, vec![10, 100, 100, 100]),
        (10, 105, [vec![5], vec![10; 10]].concat()),
    ] {
        let server = BarrierServer::new(streams, requests);
        // With a client certificate, which every connection has to show.
        let setup = Setup {
            clients: Some(authority.roots()),
            alpn: "h2",
            ..Setup::of(authority.issue("localhost", 2200))
        };
        let address = server.serve(setup).await;
        let tls = Tls {
            identity: Some(authority.issue("switch", 2200)),
            ..trusting_ca(&authority)
        };
        let webhook = webhook(address, "localhost", tls, streams as usize);
        let client = Client::new(open()).unwrap();
        all_succeed(&client, &webhook, requests).await;
        assert_eq!(server.carried(), expected);
        // Once more, over the existing connections.
        all_succeed(&client, &webhook, requests).await;
        let twice: Vec<usize> = expected.iter().map(|requests| requests * 2).collect();
        assert_eq!(server.carried(), twice);
    }
}

#[tokio::test]
async fn over_http_1_each_request_has_a_connection_whatever_the_streams() {
    let authority = Authority::new();
    let server = BarrierServer::new(1, 120);
    let setup = Setup::of(authority.issue("localhost", 2200));
    let address = server.serve(setup).await;
    let client = Client::new(open()).unwrap();
    let webhook = webhook(address, "localhost", trusting_ca(&authority), 10);
    all_succeed(&client, &webhook, 120).await;
    assert_eq!(server.carried(), [1; 120]);
}

#[tokio::test]
async fn a_caller_who_hangs_up_leaves_the_place_to_the_next() {
    let authority = Authority::new();
    let server = BarrierServer::new(100, 11);
    let setup = Setup {
        alpn: "h2",
        ..Setup::of(authority.issue("localhost", 2200))
    };
    let address = server.serve(setup).await;
    let client = Client::new(open()).unwrap();
    let webhook = webhook(address, "localhost", trusting_ca(&authority), 1);
    for caller in 1..=10 {
        let call = tokio::spawn(sending(&client, &webhook));
        while server.arrived.load(Ordering::SeqCst) < caller {
            tokio::task::yield_now().await;
        }
        call.abort();
        assert!(call.await.unwrap_err().is_cancelled());
    }
    all_succeed(&client, &webhook, 1).await;
    assert_eq!(server.carried(), [11], "all on one connection");
}

/// The first lookup returns loopback, later ones cloud metadata.
#[derive(Default)]
struct ChangingLookup(AtomicUsize);

impl NameLookup for ChangingLookup {
    fn look_up(&self, _: String) -> BoxFuture<'static, io::Result<Vec<SocketAddr>>> {
        let first = self.0.fetch_add(1, Ordering::SeqCst) == 0;
        let ip = if first {
            "127.0.0.1"
        } else {
            "169.254.169.254"
        };
        let found = SocketAddr::new(ip.parse().unwrap(), 0);
        async move { Ok(vec![found]) }.boxed()
    }
}

#[tokio::test]
async fn the_address_of_every_further_connection_is_checked() {
    let authority = Authority::new();
    let server = BarrierServer::new(1, 2);
    let setup = Setup {
        alpn: "h2",
        ..Setup::of(authority.issue("crm.example", 2200))
    };
    let address = server.serve(setup).await;
    let client = Client::with_names(open(), Arc::new(ChangingLookup::default())).unwrap();
    let webhook = webhook(address, "crm.example", trusting_ca(&authority), 1);
    let waiting = tokio::spawn(sending(&client, &webhook));
    while server.arrived.load(Ordering::SeqCst) == 0 {
        tokio::task::yield_now().await;
    }
    let second = sending(&client, &webhook).await;
    failed(&second, Reason::BlockedAddress, "169.254.169.254");
    waiting.abort();
}
