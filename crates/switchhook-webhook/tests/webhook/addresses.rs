//! Names with several addresses of which some are silent, and silent name servers.

use std::future::pending;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use switchhook_core::outcome::Reason;
use switchhook_webhook::egress::Egress;
use switchhook_webhook::{Client, NameLookup, Webhook};
use test_support::Silent;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpListener;
use tokio::time::Instant;

use crate::support::*;

/// A name server that answers with these addresses, or never.
struct Names(Option<Vec<IpAddr>>);

impl NameLookup for Names {
    fn look_up(&self, _: String) -> BoxFuture<'static, io::Result<Vec<SocketAddr>>> {
        let Some(found) = &self.0 else {
            return pending().boxed();
        };
        let found: Vec<_> = found.iter().map(|ip| SocketAddr::new(*ip, 0)).collect();
        async move { Ok(found) }.boxed()
    }
}

async fn silent(ip: &str, port: u16) -> Silent {
    let address = SocketAddr::new(ip.parse().unwrap(), port);
    Silent::at(address).await.unwrap()
}

/// A server on 127.0.0.1 that answers every request.
async fn answers() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            tokio::spawn(async move {
                while !read_request(&mut stream).await.is_empty() {
                    let _ = stream
                        .write_all(&answer(
                            "200 OK",
                            "connection: close\r\n",
                            "{\"queue\":\"a\"}",
                        ))
                        .await;
                }
            });
        }
    });
    port
}

fn webhook(port: u16, timeout: Duration) -> Webhook {
    let options = options(format!("http://crm.example:{port}/callers"), timeout);
    Webhook::compile("lookup", options).unwrap()
}

fn client(addresses: Option<&[&str]>) -> Client {
    let parse = |all: &[&str]| all.iter().map(|ip| ip.parse().unwrap()).collect();
    Client::with_names(open(), Arc::new(Names(addresses.map(parse)))).unwrap()
}

#[tokio::test]
async fn a_silent_address_costs_one_caller_a_moment_and_the_next_none() {
    let port = answers().await;
    let _silent = silent("127.0.0.2", port).await;
    let client = client(Some(&["127.0.0.2", "127.0.0.1"]));
    let webhook = webhook(port, PATIENT);
    let ask = async || {
        let began = Instant::now();
        let outcome = client.send(&webhook, prepare(&webhook)).await;
        assert!(outcome.verdict.is_ok(), "{outcome:?}");
        began.elapsed()
    };
    let first = ask().await;
    let next = ask().await;
    // The share of an address is at least 0.7 s; the second caller has none of it.
    assert!(next < first, "{next:?} after {first:?}");
}

#[tokio::test]
async fn a_name_whose_addresses_are_given_is_not_looked_up() {
    let port = answers().await;
    let loopback: IpAddr = [127, 0, 0, 1].into();
    let egress = Egress {
        hosts: [("crm.example".to_owned(), vec![loopback])].into(),
        ..open()
    };
    let (silent, webhook) = (Arc::new(Names(None)), webhook(port, PATIENT));
    let client = Client::with_names(egress.clone(), silent.clone()).unwrap();
    let outcome = client.send(&webhook, prepare(&webhook)).await;
    assert!(outcome.verdict.is_ok(), "{outcome:?}");
    // An address that is given must be allowed, too.
    let strict = Egress {
        allow_addresses: Vec::new(),
        ..egress
    };
    let client = Client::with_names(strict, silent).unwrap();
    let outcome = client.send(&webhook, prepare(&webhook)).await;
    let failure = outcome.verdict.unwrap_err();
    assert_eq!(failure.reason, Reason::BlockedAddress);
}

#[tokio::test]
async fn an_address_that_refuses_is_left_for_the_next_at_once() {
    let port = answers().await;
    let client = client(Some(&["127.0.0.3", "127.0.0.1"]));
    let webhook = webhook(port, PATIENT);
    let outcome = client.send(&webhook, prepare(&webhook)).await;
    assert!(outcome.verdict.is_ok(), "{outcome:?}");
}

#[tokio::test]
async fn a_host_whose_addresses_are_all_silent_is_not_connected_to() {
    let port = answers().await;
    let _one = silent("127.0.0.2", port).await;
    let _other = silent("127.0.0.3", port).await;
    let client = client(Some(&["127.0.0.2", "127.0.0.3"]));
    let webhook = webhook(port, Duration::from_secs(3));
    let outcome = client.send(&webhook, prepare(&webhook)).await;
    failed(
        &outcome,
        Reason::Timeout,
        "could not connect to crm.example",
    );
}

#[tokio::test]
async fn a_silent_name_server_is_named() {
    let client = client(None);
    let webhook = webhook(80, SHORT);
    let outcome = client.send(&webhook, prepare(&webhook)).await;
    let words = "no name server answered for crm.example within 0.3 s";
    failed(&outcome, Reason::Timeout, words);
}
