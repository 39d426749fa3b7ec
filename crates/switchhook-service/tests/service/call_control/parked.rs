//! Parked calls on the simulated switch, all over one connection.

#![allow(
    clippy::unwrap_used,
    reason = "what is not as it must be fails the test"
)]

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use switchhook_sim::switch::{Call, CallRecord, HandOver, Inbound, Left, Pace, Parked, Switch};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::running::Running;

const SECTIONS: &str = r#"
[webhooks.lookup]
url = "{receiver}/lookup"
hold_music = "local_stream://moh"
response.map = { name = "$.name" }
[webhooks.slow]
url = "{receiver}/slow"
timeout = "60s"
"#;

/// A switch, its port 8021, and a service that takes its parked calls.
struct Setup {
    switch: Arc<Switch>,
    port: Option<Inbound>,
    address: SocketAddr,
    running: Running,
}

fn sections(address: SocketAddr, more: &str) -> String {
    format!(
        "{SECTIONS}\n[[freeswitch]]\naddress = \"{address}\"\npassword = \"ClueCon\"\n\
         park_service = \"one\"\n{more}"
    )
}

impl Setup {
    async fn start(more: &str) -> Self {
        let switch = Switch::new("fs1", Pace::Ticked);
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let port = switch.listen(any, "ClueCon").await.unwrap();
        let address = port.address();
        let connected = switch.followed_by(2);
        let running = Running::start(&sections(address, more)).await;
        connected.await;
        Self {
            switch,
            port: Some(port),
            address,
            running,
        }
    }

    fn place(&self, call: Call) -> JoinHandle<CallRecord> {
        let switch = Arc::clone(&self.switch);
        tokio::spawn(async move { switch.place(call).await })
    }
}

fn parked(webhook: &str, service: &str, way_out: u64) -> Call {
    Call {
        path: webhook.to_owned(),
        parked: Some(Parked {
            service: service.to_owned(),
            untaken: Duration::from_secs(2),
        }),
        hand_over: HandOver {
            way_out: Some(Duration::from_secs(way_out)),
            ..HandOver::default()
        },
        patience: Duration::from_secs(60),
        ..Call::default()
    }
}

fn right(record: &CallRecord, line: u8, left: Left) {
    assert_eq!(record.violations, [""; 0], "{record:#?}");
    assert_eq!(
        (record.line, record.left),
        (Some(line), left),
        "{record:#?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_at_once_takes_the_call_on_with_its_variables() {
    let setup = Setup::start("").await;
    for _ in 0..50 {
        let call = setup.place(parked("lookup", "one", 15));
        let mut request = setup.running.receiver.next().await;
        request.answer(200, "{\"name\": \"Ann\"}").await;
        let record = call.await.unwrap();
        right(&record, 0, Left::Released);
        let name = record.variables.get("flow.key.name");
        assert_eq!(name.map(String::as_str), Some("Ann"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_for_another_service_is_left_to_its_schedule() {
    let setup = Setup::start("").await;
    let other = setup.place(parked("lookup", "two", 15)).await.unwrap();
    right(&other, 1, Left::Rescued);
    // This request is the first of all.
    let call = setup.place(parked("slow", "one", 15));
    let mut request = setup.running.receiver.next().await;
    assert!(request.head.contains("/slow"), "{}", request.head);
    request.answer(200, "{}").await;
    right(&call.await.unwrap(), 0, Left::Released);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_connection_cancels_the_request_and_the_schedule_has_the_call() {
    let mut setup = Setup::start("").await;
    let call = setup.place(parked("slow", "one", 3));
    let request = setup.running.receiver.next().await;
    let again = setup.switch.followed_by(2);
    drop(setup.port.take());
    request.cancelled().await;
    right(&call.await.unwrap(), 1, Left::Rescued);
    // The next call is taken again.
    setup.port = Some(setup.switch.listen(setup.address, "ClueCon").await.unwrap());
    again.await;
    let call = setup.place(parked("slow", "one", 15));
    let mut request = setup.running.receiver.next().await;
    request.answer(200, "{}").await;
    right(&call.await.unwrap(), 0, Left::Released);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_stops_lets_its_parked_calls_go_and_takes_no_more() {
    let setup = Setup::start("").await;
    let call = setup.place(parked("slow", "one", 30));
    let mut request = setup.running.receiver.next().await;
    let stopped = CancellationToken::new();
    let (esl, service) = (setup.running.esl(), setup.running.service);
    let stopping = tokio::spawn({
        let stopped = stopped.clone();
        async move {
            service.stop().await;
            stopped.cancel();
        }
    });
    // The port and the parked calls are closed together.
    while tokio::net::TcpStream::connect(esl).await.is_ok() {
        tokio::task::yield_now().await;
    }
    let switch = Arc::clone(&setup.switch);
    let late = switch.place(parked("lookup", "one", 15)).await;
    right(&late, 1, Left::Rescued);
    assert!(!stopped.is_cancelled(), "it waits for the call on hold");
    request.answer(200, "{}").await;
    right(&call.await.unwrap(), 0, Left::Released);
    stopping.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_its_way_out_moved_is_let_alone() {
    let setup = Setup::start("").await;
    // Its way out comes while it is on hold; only the service would have cancelled it. Of `+1` the
    // switch makes 0 to 1 s: that could be before the service has the call.
    let call = setup.place(parked("slow", "one", 2));
    let request = setup.running.receiver.next().await;
    right(&call.await.unwrap(), 1, Left::Rescued);
    request.cancelled().await;
}
