//! Checks callers who hang up and services that die or freeze: no caller stays on hold.

use std::time::{Duration, Instant};

use super::call::{Exchange, is_run};
use super::receiver::Receiver;
use super::service::Service;

/// A hang-up on hold ends the request within this time.
const CANCELLED: Duration = Duration::from_millis(200);
/// Callers of a dead service are on line 1 within this time.
const RESCUED: Duration = Duration::from_secs(2);
const CALLERS: usize = 100;

#[tokio::test]
#[ignore = "needs a FreeSWITCH"]
async fn a_caller_who_hangs_up_on_hold_takes_the_request_along_and_no_line() {
    let exchange = Exchange::acquire().await;
    let receiver = Receiver::start().await;
    let service = Service::start(&receiver).await;
    let call = exchange.dial("7002", &service.address).await;
    receiver.requested("/hold/slow", 1).await;
    call.runs("playback").await;
    let hung_up = Instant::now();
    call.hang_up().await;
    let cancelled = receiver
        .cancelled("/hold/slow")
        .await
        .duration_since(hung_up);
    println!("the request was cancelled after {cancelled:?}");
    assert!(
        cancelled < CANCELLED,
        "the request was cancelled after {cancelled:?}"
    );
    call.wait("end", |event| event.name() == "CHANNEL_HANGUP_COMPLETE")
        .await;
    assert!(
        !call.had(|event| is_run(event, "transfer")),
        "no line is taken"
    );
}

#[tokio::test]
#[ignore = "needs a FreeSWITCH"]
async fn callers_on_hold_are_on_line_1_within_2_seconds_when_the_service_is_killed() {
    let exchange = Exchange::acquire().await;
    let receiver = Receiver::start().await;
    let mut service = Service::start(&receiver).await;
    let mut calls = Vec::with_capacity(CALLERS);
    for _ in 0..CALLERS {
        calls.push(exchange.dial("7002", &service.address).await);
    }
    receiver.requested("/hold/slow", CALLERS).await;
    let killed = service.kill_9();
    let mut slowest = Duration::ZERO;
    for call in &calls {
        let line = call.line_of("slow").await;
        assert_eq!(
            (line.number.as_str(), line.key("error_reason")),
            ("1", Some("CONNECTION_FAILURE"))
        );
        slowest = slowest.max(line.at().duration_since(killed));
    }
    println!("{CALLERS} callers were on line 1 after at most {slowest:?}");
    assert!(
        slowest < RESCUED,
        "the last caller was on line 1 after {slowest:?}"
    );
}

#[tokio::test]
#[ignore = "needs a FreeSWITCH"]
async fn with_two_services_new_calls_go_to_the_other_when_one_is_killed() {
    let exchange = Exchange::acquire().await;
    let receiver = Receiver::start().await;
    receiver.set_answer("/lookup", "{\"customer\":{\"name\":\"Anna\"}}");
    let mut first = Service::start(&receiver).await;
    let second = Service::start(&receiver).await;
    let hosts = format!("{}|{}", first.address, second.address);
    let call = exchange.dial("7001", &hosts).await;
    assert_eq!(call.line_of("greet").await.number, "0");
    first.kill_9();
    let call = exchange.dial("7001", &hosts).await;
    assert_eq!(call.line_of("greet").await.number, "0");
    assert_eq!(
        call.variable("socket_path").await.as_deref(),
        Some("lookup")
    );
}

#[tokio::test]
#[ignore = "needs a FreeSWITCH"]
async fn a_schedule_of_the_user_survives_our_leaving() {
    let exchange = Exchange::acquire().await;
    let receiver = Receiver::start().await;
    receiver.set_answer("/hold/slow", "{}");
    let service = Service::start(&receiver).await;
    let call = exchange.dial("7002", &service.address).await;
    receiver.requested("/hold/slow", 1).await;
    exchange
        .control
        .api(&format!("sched_hangup +3 {}", call.uuid))
        .await;
    receiver.release("/hold/slow");
    assert_eq!(call.line_of("slow").await.number, "0");
    call.park().await;
    let end = call
        .wait("end", |event| event.name() == "CHANNEL_HANGUP_COMPLETE")
        .await;
    assert_eq!(end.get("Hangup-Cause"), "ALLOTTED_TIMEOUT");
}

#[tokio::test]
#[ignore = "needs a FreeSWITCH"]
async fn a_service_that_wakes_up_late_does_not_move_a_call_that_was_rescued() {
    let exchange = Exchange::acquire().await;
    let receiver = Receiver::start().await;
    receiver.set_answer("/hold/slow", "{}");
    let service = Service::start(&receiver).await;
    let call = exchange
        .dial("ask-slow-within-2-then-rescued", &service.address)
        .await;
    receiver.requested("/hold/slow", 1).await;
    call.runs("playback").await;
    service.signal("STOP");
    let line = call.line_of("rescued").await;
    assert_eq!(
        (line.number.as_str(), line.key("error_reason")),
        ("1", Some("CONNECTION_FAILURE"))
    );
    let music = format!(
        "uuid_transfer {} 'endless_playback:tone_stream://%(1000,0,440)' inline",
        call.uuid
    );
    exchange.control.api(&music).await;
    call.runs("endless_playback").await;
    receiver.release("/hold/slow");
    service.signal("CONT");
    service.await_no_call_on_hold().await;
    // In CS_RESET a call moves only by its hang-up.
    assert_eq!(call.now("Channel-State").await, "CS_EXECUTE");
    assert_eq!(
        call.now("variable_current_application").await,
        "endless_playback"
    );
}
