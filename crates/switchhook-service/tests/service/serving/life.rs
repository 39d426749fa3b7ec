//! The service from its start to its end.

use std::io::ErrorKind;

use switchhook_store::{CallFilter, ReportCursor, ReportedCall, Role, Store, StoreOptions};
use tokio::net::{TcpListener, TcpStream};

use super::peer::{Channel, Peer};
use super::receiver::Receiver;
use super::running::Running;

/// Returns the webhook `lookup`. Ringing callers hear no music, so that a slow machine does not
/// disturb a test.
fn lookup(path: &str) -> String {
    format!(
        "[webhooks.lookup]\nurl = \"{{receiver}}/{path}\"\nbefore_answer = \"silence\"\n\
         response.map = {{ name = \"$.name\" }}\n"
    )
}

const ANN: &str = "{\"name\": \"Ann\"}";

#[tokio::test(flavor = "multi_thread")]
async fn at_the_limit_a_call_is_taken_and_given_back_on_line_1() {
    let limit = "[limits]\ncalls_on_hold = 1\n";
    let running = Running::start(&format!("{limit}{}", lookup("x"))).await;
    let mut first = Peer::call(running.esl(), Channel::to("lookup")).await;
    let mut request = running.receiver.next().await;
    let mut second = Peer::call(running.esl(), Channel::to("lookup")).await;
    second.until_exit().await;
    assert_eq!(
        second.channel.get("flow.key.error_reason"),
        Some("OVERLOADED")
    );
    assert_eq!(second.channel.get("flow.line"), Some("1"));
    request.answer(200, ANN).await;
    first.until_exit().await;
    assert_eq!(first.channel.get("flow.line"), Some("0"), "undisturbed");
    running.service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edit_takes_effect_on_new_calls_and_leaves_those_on_hold_alone() {
    let running = Running::start(&lookup("old")).await;
    let mut held = Peer::call(running.esl(), Channel::to("lookup")).await;
    let mut old = running.receiver.next().await;
    assert!(old.line().contains("/old"));
    let renamed = lookup("new")
        .replace("name =", "who =")
        .replace("$.name", "$.who");
    running.reload(&renamed);
    let mut later = Peer::call(running.esl(), Channel::to("lookup")).await;
    let mut new = running.receiver.next().await;
    assert!(new.line().contains("/new"), "{}", new.line());
    new.answer(200, "{\"who\": \"Bob\"}").await;
    later.until_exit().await;
    assert_eq!(later.channel.get("flow.key.who"), Some("Bob"));
    old.answer(200, ANN).await;
    held.until_exit().await;
    assert_eq!(held.channel.get("flow.key.name"), Some("Ann"));
    running.service.stop().await;
}

/// Calls `lookup`, whose receiver must not be reached. Returns the reason and the sentence.
async fn refused(running: &Running) -> String {
    let mut peer = Peer::call(running.esl(), Channel::to("lookup")).await;
    peer.until_exit().await;
    let key = |name: &str| {
        peer.channel
            .get(&format!("flow.key.{name}"))
            .unwrap_or_default()
    };
    format!("{}: {}", key("error_reason"), key("error_detail"))
}

/// Calls `lookup`, which answers with this body. Returns the line that the call takes.
async fn answered(running: &Running, status: u16) -> Option<String> {
    let mut peer = Peer::call(running.esl(), Channel::to("lookup")).await;
    running.receiver.answer(status, ANN).await;
    peer.until_exit().await;
    peer.channel.get("flow.line").map(str::to_owned)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edit_gives_a_webhook_a_breaker_keeps_its_rest_and_ends_it_when_the_webhook_is_another()
{
    let running = Running::start(&lookup("x")).await;
    for _ in 0..3 {
        assert_eq!(answered(&running, 503).await.as_deref(), Some("1"));
    }
    let breaker = "breaker = { failures = 1, pause = \"1h\" }\n";
    let frail = format!("{}{breaker}", lookup("x"));
    running.reload(&frail);
    assert_eq!(
        answered(&running, 503).await.as_deref(),
        Some("1"),
        "asked: nothing is known yet"
    );
    let first = refused(&running).await;
    assert!(
        first.starts_with("CIRCUIT_OPEN: the circuit of lookup is open since "),
        "{first}"
    );
    assert!(first.contains(", after a failure (127.0.0.1:"), "{first}");
    running.reload(&frail);
    assert_eq!(refused(&running).await, first, "nothing was edited");
    running.reload(&format!("{}{breaker}", lookup("moved")));
    assert_eq!(answered(&running, 200).await.as_deref(), Some("0"));
    running.service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopping_service_refuses_calls_first_and_lets_those_on_hold_end() {
    let running = Running::start(&lookup("x")).await;
    let esl = running.esl();
    let mut held = Peer::call(esl, Channel::to("lookup")).await;
    let mut request = running.receiver.next().await;
    let stopping = tokio::spawn(running.service.stop());
    refuses(esl).await;
    assert!(!stopping.is_finished());
    request.answer(200, ANN).await;
    held.until_exit().await;
    assert_eq!(held.channel.get("flow.key.name"), Some("Ann"));
    assert_eq!(held.channel.get("flow.line"), Some("0"));
    drop(held);
    stopping.await.unwrap();
}

/// Waits until no program listens on the port.
async fn refuses(address: std::net::SocketAddr) {
    loop {
        match TcpStream::connect(address).await {
            Err(error) if error.kind() == ErrorKind::ConnectionRefused => return,
            Ok(_) | Err(_) => tokio::task::yield_now().await,
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_outlasts_the_drain_goes_to_line_1() {
    let drain = "[limits]\ndrain_deadline = \"100ms\"\n";
    let running = Running::start(&format!("{drain}{}", lookup("x"))).await;
    let mut held = Peer::call(running.esl(), Channel::to("lookup")).await;
    let request = running.receiver.next().await;
    let stopping = tokio::spawn(running.service.stop());
    held.until_exit().await;
    assert_eq!(held.channel.get("flow.line"), Some("1"));
    assert_eq!(
        held.channel.get("flow.key.error_reason"),
        Some("CONNECTION_FAILURE")
    );
    request.cancelled().await;
    drop(held);
    stopping.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_in_the_background_outlives_a_receiver_that_is_down() {
    // A port that no program listens on yet.
    let later = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = later.local_addr().unwrap();
    drop(later);
    let running = Running::start(&format!(
        "[webhooks.tell]\nurl = \"http://{address}/tell\"\nwait_for_response = false\nbody.text = \"lead {{{{ flow.key.leadid }}}}\"\n"
    ))
    .await;
    let channel = Channel::to("tell").set("flow.key.leadid", "HFC123");
    let mut peer = Peer::call(running.esl(), channel).await;
    peer.until_exit().await;
    assert_eq!(peer.channel.get("flow.line"), Some("0"));
    refused_once(&running).await;
    let receiver = Receiver::at(address).await;
    let request = receiver.answer(204, "").await;
    assert_eq!(request.body, "lead HFC123");
    running.service.stop().await;
}

/// Waits until the first attempt has failed.
async fn refused_once(running: &Running) {
    let store = running.folder.path().join("store.db");
    let options = StoreOptions::new(format!("sqlite:{}", store.display()), Role::Command);
    let store = Store::open(options).await.unwrap();
    loop {
        let rows = store.documents(&Default::default(), 10).await.unwrap();
        if rows.iter().any(|row| row.attempts > 0) {
            store.close().await;
            return;
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kept_answer_is_in_the_store_for_reports() {
    let kept = format!("{}persist_response = true\n", lookup("x"));
    let running = Running::start(&kept).await;
    let mut peer = Peer::call(running.esl(), Channel::to("lookup")).await;
    let (_, _) = tokio::join!(running.receiver.answer(200, ANN), peer.until_exit());
    drop(peer);
    let Running {
        service, folder, ..
    } = running;
    let url = format!("sqlite:{}", folder.path().join("store.db").display());
    let store = Store::open(StoreOptions::new(url, Role::Command))
        .await
        .unwrap();
    let filter = CallFilter::default();
    let calls = loop {
        let calls = reported(&store, &filter).await;
        if !calls.is_empty() {
            break calls;
        }
        tokio::task::yield_now().await;
    };
    let variables = &calls[0].responses[0].variables;
    assert_eq!(variables["flow.key.name"], "Ann");
    let names = store.persisted_names(&filter).await.unwrap();
    assert!(
        names.contains(&("lookup".into(), "flow.key.name".into())),
        "{names:?}"
    );
    store.close().await;
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn readyz_says_the_release_of_the_time_zones_and_its_place() {
    let running = Running::start("").await;
    let page = running.get("/readyz").await;
    let zones = switchhook_core::zone::database().to_string();
    let said = "\"name\":\"time zones\",\"ok\":true";
    assert!(page.contains(said) && page.contains(&zones), "{page}");
    running.service.stop().await;
}

/// The paths of all pages.
async fn reported(store: &Store, filter: &CallFilter) -> Vec<ReportedCall> {
    let (mut all, mut cursor) = (Vec::new(), Some(ReportCursor::default()));
    while let Some(at) = cursor {
        let (calls, next) = store.report(filter, at).await.unwrap();
        all.extend(calls);
        cursor = next;
    }
    all
}
