//! Checks hooks whose `socket` has not the mode that the service needs, and what a release rests on.

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::Value;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpListener;

use super::call::{Exchange, is_run};
use super::dialplan::connect;
use super::fetched::{TALK, has, line_of, passes};
use super::receiver::Receiver;
use super::service::Service;

/// Calls through a dialplan of our own, whose hook is wrong.
async fn through(exchange: &Exchange, mode: &str, address: &str) -> Value {
    let uuid = uuid::Uuid::new_v4().to_string();
    let hook = format!(
        "m:^:answer^set:socket_resume=true^set:flow.line=1^sched_transfer:+4 '{TALK}' inline^\
         set:flow.way_out=${{last_sched_id}}^socket:{address}/lookup {mode}^set:reached=after^park"
    );
    let command = format!(
        "originate {{origination_uuid={uuid}}}loopback/m:^:answer^park/x/inline '{hook}' inline"
    );
    exchange.control.api(&command).await;
    loop {
        let dump = exchange
            .control
            .api(&format!("uuid_dump {uuid} json"))
            .await;
        let dump: Value = serde_json::from_str(&dump).expect("a channel");
        if dump["variable_reached"] == "after" {
            return dump;
        }
        assert_ne!(dump["Channel-State"], "CS_RESET", "{mode}: {dump:#}");
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
#[ignore = "needs a FreeSWITCH"]
async fn a_hook_in_a_mode_of_no_use_takes_line_1_and_the_log_says_the_cure() {
    let exchange = Exchange::acquire().await;
    let receiver = Receiver::start().await;
    receiver.set_answer("/lookup", "{}");
    let service = Service::start(&receiver).await;
    for mode in ["full", "async", ""] {
        let channel = through(&exchange, mode, &service.address).await;
        let uuid = channel["Unique-ID"].as_str().expect("a UUID");
        assert_eq!(channel["variable_flow.line"], "1", "{mode}");
        assert_eq!(
            channel["variable_flow.key.error_reason"], "INVALID_REQUEST",
            "{mode}"
        );
        let detail = channel["variable_flow.key.error_detail"].to_string();
        assert!(detail.contains("async full"), "{mode}: {detail}");
        let line = line_of(&service, uuid).await;
        assert!(has(&line, "ending", "line_1"), "{mode}: {line}");
        assert!(line.contains("async full"), "{mode}: {line}");
        // A cancelled task is there until the scheduler's next second.
        passes(&exchange.control, Duration::from_secs(2)).await;
        let task = channel["variable_flow.way_out"].as_str().expect("a number");
        let left = exchange.control.api(&format!("sched_del {task}")).await;
        assert!(
            !left.contains("Deleted: 1"),
            "{mode}: the schedule was left behind"
        );
        exchange.control.api(&format!("uuid_kill {uuid}")).await;
    }
    assert_eq!(receiver.count(), 0);
}

#[tokio::test]
#[ignore = "needs a FreeSWITCH"]
async fn a_call_goes_on_when_its_connected_socket_ends_without_socket_resume() {
    // The fact that a release rests on: this switch behaves as the ones that were measured.
    let exchange = Exchange::acquire().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("its number").to_string();
    let call = exchange
        .dial("ask-lookup-within-60-then-kept", &address)
        .await;
    let (mut stream, _) = listener.accept().await.expect("the switch connects");
    connect(&mut stream).await;
    // The end of a socket ends only a park that has begun.
    call.wait("park", |event| event.name() == "CHANNEL_PARK")
        .await;
    let unset = format!("api uuid_setvar {} socket_resume\n\nexit\n\n", call.uuid);
    let written = stream.write_all(unset.as_bytes()).await;
    written.expect("the switch reads");
    assert_eq!(call.line_of("kept").await.number, "1");
    assert!(call.had(|event| is_run(event, "socket")));
}

#[tokio::test]
#[ignore = "needs a FreeSWITCH"]
async fn callers_whose_outcome_is_there_at_once_all_take_their_line() {
    // The switch parks a call only after it has answered: a release may come before.
    const ROUNDS: usize = 10;
    const CALLERS: usize = 40;
    let exchange = Exchange::acquire().await;
    let receiver = Receiver::start().await;
    let service = Service::start(&receiver).await;
    for round in 0..ROUNDS {
        let calls = (0..CALLERS).map(|_| exchange.dial("ask-nobody_knows_this", &service.address));
        let calls = join_all(calls).await;
        for call in &calls {
            let line = call.line_of("nobody_knows_this").await;
            assert_eq!(line.number, "1", "round {round}");
            assert_eq!(line.key("error_reason"), Some("INVALID_REQUEST"));
        }
        join_all(calls.iter().map(super::call::Call::hang_up)).await;
    }
}
