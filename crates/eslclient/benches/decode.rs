//! Decodes captured events with this crate and with others: `cargo bench --bench decode`.
//! Other crates are measured only if they decode correctly; see `check_others`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a bench that cannot go on fails"
)]

use test_support::work;

use std::io::{self, Cursor, Read, Write};

use divan::counter::{BytesCount, ItemsCount};
use divan::{AllocProfiler, Bencher, black_box};
use eslclient::{Connection, Incoming, Limits};
use freeswitch_esl_rs::{Client, Connection as Blocking, Connectioner};
use freeswitch_esl_tokio::EslClient;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;

#[global_allocator]
static ALLOC: AllocProfiler = AllocProfiler::system();

/// The number of events that arrive in one piece over a socket.
const BURST: usize = 200;

fn main() {
    println!("{}", work::sizes());
    check_others();
    divan::main();
}

/// Checks that the other crate decodes the same values.
fn check_others() {
    let bytes = work::hangup(false);
    let theirs = blocking(&bytes, 1);
    let ours = work::decode(&bytes);
    for (name, value) in ours.iter() {
        let found = theirs[0].get(&name).map(String::as_str);
        assert_eq!(found, Some(&*value), "freeswitch-esl-rs: {name}");
    }
}

/// A connection of freeswitch-esl-rs over bytes in memory.
struct Wire(Cursor<Vec<u8>>);

impl Read for Wire {
    fn read(&mut self, space: &mut [u8]) -> io::Result<usize> {
        self.0.read(space)
    }
}

impl Write for Wire {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Connectioner for Wire {}

fn blocking(bytes: &[u8], times: usize) -> Vec<freeswitch_esl_rs::Event> {
    let mut client = Client::new(Blocking::new(Wire(Cursor::new(bytes.repeat(times)))));
    (0..times).map(|_| client.pull_event().unwrap()).collect()
}

#[divan::bench(args = ["plain", "json"])]
fn one_event_eslclient(bencher: Bencher<'_, '_>, format: &str) {
    let bytes = work::hangup(format == "json");
    bencher
        .counter(BytesCount::of_slice(&bytes))
        .bench(|| work::decode(black_box(&bytes)));
}

#[divan::bench(args = ["plain", "json"])]
fn one_event_eslclient_every_value_read(bencher: Bencher<'_, '_>, format: &str) {
    let bytes = work::hangup(format == "json");
    bencher
        .counter(BytesCount::of_slice(&bytes))
        .bench(|| work::decode_and_read(black_box(&bytes)));
}

/// eslrs and freeswitch-esl return a JSON event as a `serde_json::Value`.
#[divan::bench]
fn one_json_event_serde_json(bencher: Bencher<'_, '_>) {
    let bytes = work::hangup(true);
    bencher
        .counter(BytesCount::of_slice(&bytes))
        .bench(|| work::serde_json_of(black_box(&bytes)));
}

/// A burst, because the client starts with a queue for 100,000 events.
#[divan::bench]
fn burst_of_plain_events_freeswitch_esl_rs(bencher: Bencher<'_, '_>) {
    let bytes = work::hangup(false);
    bencher
        .counter(ItemsCount::new(BURST))
        .bench(|| blocking(black_box(&bytes), BURST));
}

#[divan::bench]
fn burst_of_plain_events_eslclient(bencher: Bencher<'_, '_>) {
    let bytes = work::hangup(false);
    bencher.counter(ItemsCount::new(BURST)).bench(|| {
        let again = || work::decode_and_read(black_box(&bytes));
        std::iter::repeat_with(again).take(BURST).sum::<usize>()
    });
}

/// A socket on which a burst of events arrives.
async fn burst(bytes: Vec<u8>) -> TcpStream {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (near, far) = tokio::join!(TcpStream::connect(address), listener.accept());
    let mut switch = far.unwrap().0;
    tokio::spawn(async move { switch.write_all(&bytes).await });
    near.unwrap()
}

#[divan::bench(args = ["plain", "json"])]
fn over_a_socket_eslclient(bencher: Bencher<'_, '_>, format: &str) {
    let (bytes, runtime) = (
        work::hangup(format == "json").repeat(BURST),
        Runtime::new().unwrap(),
    );
    bencher.counter(ItemsCount::new(BURST)).bench(|| {
        runtime.block_on(async {
            let mut connection = Connection::new(burst(bytes.clone()).await, Limits::default());
            for _ in 0..BURST {
                let Ok(Incoming::Event(event)) = connection.next().await else {
                    panic!("no event");
                };
                black_box(event.iter().count());
            }
        });
    });
}

#[divan::bench(args = ["plain", "json"])]
fn over_a_socket_freeswitch_esl_tokio(bencher: Bencher<'_, '_>, format: &str) {
    let (bytes, runtime) = (
        work::hangup(format == "json").repeat(BURST),
        Runtime::new().unwrap(),
    );
    bencher.counter(ItemsCount::new(BURST)).bench(|| {
        runtime.block_on(async {
            let (_client, mut events) =
                EslClient::accept_outbound_stream(burst(bytes.clone()).await);
            for _ in 0..BURST {
                black_box(events.recv().await.unwrap().unwrap());
            }
        });
    });
}
