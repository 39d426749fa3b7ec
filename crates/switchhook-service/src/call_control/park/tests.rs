//! Signs of life of a switch whose parked calls are taken.
//!
//! The clock is paused: it advances whenever every task waits.

#![allow(clippy::unwrap_used, reason = "a test that panics has failed")]

use arc_swap::ArcSwap;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::*;
use crate::call_control::{BackgroundRequest, CallControlOptions, CallPersistence, KeptAnswer};
use crate::config::Config;
use crate::service::compile;
use eslclient::Connection;
use switchhook_core::secret::Secret;

/// No call leaves anything behind in these tests.
struct Nothing;

impl CallPersistence for Nothing {
    fn send_later(&self, _request: BackgroundRequest) -> BoxFuture<'static, Result<(), String>> {
        async { Ok(()) }.boxed()
    }

    fn keep(&self, _answer: KeptAnswer) -> BoxFuture<'static, Result<(), String>> {
        async { Ok(()) }.boxed()
    }
}

/// A switch, and the listener that is connected to it.
struct Connected {
    switch: DuplexStream,
    health: watch::Receiver<Health>,
    ended: JoinHandle<Result<(), ConnectionError>>,
    stop: CancellationToken,
}

impl Connected {
    /// Connects a listener, and accepts its subscription.
    async fn start() -> Self {
        let listener = listener();
        let health = listener.health();
        let (near, switch) = duplex(1 << 16);
        let stop = CancellationToken::new();
        let stopped = stop.clone();
        let ended = tokio::spawn(async move {
            let connection = Connection::new(near, Limits::default());
            let connected = Client::start_with(connection, client_options());
            let mut wait = FIRST_WAIT;
            listener
                .serve_connection(connected, &stopped, &mut wait)
                .await
        });
        let mut connected = Self {
            switch,
            health,
            ended,
            stop,
        };
        for expected in [
            "filter variable_flow.service one\n\n",
            "event json CHANNEL_PARK CHANNEL_UNPARK CHANNEL_HANGUP\n\n",
        ] {
            assert_eq!(connected.command().await, expected);
            let reply = "Content-Type: command/reply\nReply-Text: +OK\n\n";
            connected.send(reply).await;
        }
        connected.health.wait_for(|health| health.ok).await.unwrap();
        connected
    }

    async fn command(&mut self) -> String {
        let mut command = Vec::new();
        while !command.ends_with(b"\n\n") {
            command.push(self.switch.read_u8().await.unwrap());
        }
        String::from_utf8(command).unwrap()
    }

    async fn send(&mut self, text: &str) {
        self.switch.write_all(text.as_bytes()).await.unwrap();
    }
}

/// Returns an event about the channel `7`, which the hook parked for the webhook `lookup`.
fn event(name: &str, more: &str) -> String {
    let body = format!(
        r#"{{"Event-Name":"{name}","Unique-ID":"7","variable_flow.service":"one","variable_flow.webhook":"lookup","variable_flow.lines":"lookup","variable_flow.lines_context":"flows","variable_flow.way_out":"11","variable_current_application":"park"{more}}}"#
    );
    let length = body.len();
    format!("Content-Length: {length}\nContent-Type: text/event-json\n\n{body}")
}

fn api(text: &str) -> String {
    let length = text.len();
    format!("Content-Type: api/response\nContent-Length: {length}\n\n{text}")
}

fn listener() -> ParkListener {
    let text = "[listen]\nesl = \"127.0.0.1:0\"\nhttp = \"127.0.0.1:0\"\n";
    let config = Config::parse(text, "test.toml").unwrap();
    let control = CallControl::new(
        CallControlOptions::default(),
        compile(&config).unwrap(),
        Arc::new(Nothing),
    );
    let options = ParkOptions {
        address: "the switch".to_owned(),
        password: Arc::new(ArcSwap::from_pointee(Secret::new("ClueCon"))),
        service: "one".to_owned(),
        frames: Limits::default(),
        connect_deadline: Duration::from_secs(5),
    };
    ParkListener::new(Arc::new(control), options)
}

#[tokio::test(start_paused = true)]
async fn a_switch_that_falls_silent_is_asked_and_then_given_up() {
    let mut connected = Connected::start().await;
    let start = Instant::now();
    assert_eq!(connected.command().await, "api switchname\n\n");
    assert_eq!(start.elapsed().as_secs(), KEEP_ALIVE.as_secs());
    let error = connected.ended.await.unwrap().unwrap_err();
    assert_eq!(start.elapsed().as_secs(), 2 * KEEP_ALIVE.as_secs());
    assert!(
        matches!(&error, ConnectionError::Link(eslclient::Error::Silent { within }) if *within == KEEP_ALIVE),
        "{error}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_switch_that_is_only_quiet_is_kept() {
    let mut connected = Connected::start().await;
    for _ in 0..5 {
        assert_eq!(connected.command().await, "api switchname\n\n");
        let sign = "Content-Type: api/response\nContent-Length: 3\n\nfs1";
        connected.send(sign).await;
    }
    assert!(connected.health.borrow().ok);
    connected.stop.cancel();
    connected.ended.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_call_that_an_operator_parks_in_the_moment_of_its_release_is_let_go() {
    let mut connected = Connected::start().await;
    // The configuration has no such webhook: the call is released at once.
    connected.send(&event("CHANNEL_PARK", "")).await;
    assert_eq!(
        connected.command().await,
        "api uuid_getvar 7 transfer_source\n\n"
    );
    let elsewhere = r#","Channel-State-Number":"6","Answer-State":"answered""#;
    connected.send(&event("CHANNEL_UNPARK", elsewhere)).await;
    sleep(Duration::from_millis(20)).await;
    connected.send(&api("_undef_")).await;
    assert_eq!(connected.command().await, "api sched_del 11\n\n");
    connected.send(&api("Deleted: 1\n")).await;
    // Nothing moves the call; the hook's outcome is looked for later.
    assert_eq!(
        connected.command().await,
        "api uuid_getvar 7 flow.way_out\n\n"
    );
}
