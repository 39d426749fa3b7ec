//! Checks calls that the dialplan parks, all controlled over one connection to port 8021.

use std::time::{Duration, Instant};

use super::call::{Exchange, is_run};
use super::control::Event;
use super::failures::FAILURES;
use super::receiver::Receiver;
use super::service::Service;

const ANNA: &str = r#"{"customer":{"name":"Anna Müller"},"queue":"gold","vip":true}"#;
/// A hang-up on hold ends the request within this time.
const CANCELLED: Duration = Duration::from_millis(200);
const CALLERS: usize = 100;

fn is_end(event: &Event) -> bool {
    event.name() == "CHANNEL_HANGUP_COMPLETE"
}

#[tokio::test]
#[ignore = "needs a FreeSWITCH"]
async fn a_parked_call_is_asked_and_goes_on_line_0_with_every_variable_of_the_table() {
    let exchange = Exchange::acquire().await;
    let receiver = Receiver::start().await;
    receiver.set_answer("/lookup", ANNA);
    let service = Service::parking(exchange.switch, &receiver, "").await;
    let call = exchange.dial("7006", "").await;
    let line = call.line_of("greet").await;
    assert_eq!(line.number, "0", "{}", service.log());
    assert_eq!(line.variable("flow.line"), Some("0"));
    assert_eq!(line.key("response_status"), Some("SUCCESS"));
    assert_eq!(line.key("response_status_code"), Some("200"));
    assert_eq!(line.key("response_error"), Some("false"));
    assert_eq!(line.key("response_raw"), Some(ANNA));
    assert_eq!(line.key("error_reason"), None);
    assert_eq!(line.key("customer_name"), Some("Anna Müller"));
    assert_eq!(line.key("queue"), Some("gold"));
    assert_eq!(line.variable("flow.webhook"), None);
    assert_eq!(line.variable("flow.way_out"), None);
    let document = receiver.requested("/lookup", 1).await;
    assert!(document.contains("919822003887"), "{document}");
    assert!(!call.had(|event| is_run(event, "socket")));
    // No way out moves a call that has gone on.
    call.park().await;
    exchange
        .control
        .api(&format!("sched_hangup +4 {}", call.uuid))
        .await;
    let end = call.wait("end", is_end).await;
    assert_eq!(end.get("Hangup-Cause"), "ALLOTTED_TIMEOUT");
    assert!(!call.had(|event| event.get("Caller-Context") == "switchhook"));
}

#[tokio::test]
#[ignore = "needs a FreeSWITCH"]
async fn a_parked_caller_hears_the_music_of_the_switch_and_is_not_answered() {
    let exchange = Exchange::acquire().await;
    let receiver = Receiver::start().await;
    receiver.set_answer("/hold/slow", "{}");
    let _service = Service::parking(exchange.switch, &receiver, "").await;
    let call = exchange.dial("7007", "").await;
    let music = call.runs("playback").await;
    let tone = music.get("Application-Data");
    assert!(tone.starts_with("tone_stream://v=-22;"), "{music:?}");
    receiver.requested("/hold/slow", 1).await;
    assert_eq!(call.now("Answer-State").await, "early");
    let released = Instant::now();
    receiver.release("/hold/slow");
    let line = call.line_of("slow").await;
    assert_eq!(line.number, "0");
    println!(
        "on line 0 {:?} after the answer",
        line.at().duration_since(released)
    );
    let sound = |event: &Event| is_run(event, "playback") && event.get("Caller-Context") == "flows";
    let sound = call.wait("the line's own sound", sound).await;
    assert!(sound.get("Application-Data").contains("523"), "{sound:?}");
}

#[tokio::test]
#[ignore = "needs a FreeSWITCH"]
async fn each_failure_of_a_webhook_takes_a_parked_call_to_line_1_with_its_reason() {
    let exchange = Exchange::acquire().await;
    let receiver = Receiver::start().await;
    receiver.set_answer("/rubbish", "<html>");
    receiver.set_answer("/partial", r#"{"customer":{}}"#);
    let _service = Service::parking(exchange.switch, &receiver, "").await;
    for failure in FAILURES {
        let number = format!("park-{}-then-failed", failure.webhook());
        let call = exchange.dial(&number, "").await;
        failure.check(&call.line_of("failed").await);
        call.hang_up().await;
    }
}

#[tokio::test]
#[ignore = "needs a FreeSWITCH"]
async fn a_parked_call_above_the_limit_takes_line_1_as_overloaded() {
    let exchange = Exchange::acquire().await;
    let receiver = Receiver::start().await;
    receiver.set_answer("/hold/slow", "{}");
    let limits = "[limits]\ncalls_on_hold = 1\n";
    let _service = Service::parking(exchange.switch, &receiver, limits).await;
    let first = exchange.dial("7007", "").await;
    receiver.requested("/hold/slow", 1).await;
    let second = exchange.dial("park-slow-then-failed", "").await;
    let line = second.line_of("failed").await;
    assert_eq!(line.number, "1");
    assert_eq!(line.key("error_reason"), Some("OVERLOADED"));
    receiver.release("/hold/slow");
    assert_eq!(first.line_of("slow").await.number, "0");
}

#[tokio::test]
#[ignore = "needs a FreeSWITCH"]
async fn a_parked_caller_who_hangs_up_takes_the_request_along_and_no_line() {
    let exchange = Exchange::acquire().await;
    let receiver = Receiver::start().await;
    let service = Service::parking(exchange.switch, &receiver, "").await;
    let call = exchange.dial("7007", "").await;
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
    call.wait("end", is_end).await;
    assert!(!call.had(|event| is_run(event, "transfer")), "no line");
    service.await_no_call_on_hold().await;
}

#[tokio::test]
#[ignore = "needs a FreeSWITCH"]
async fn parked_callers_of_a_killed_service_are_on_line_1_by_the_schedule() {
    let exchange = Exchange::acquire().await;
    let receiver = Receiver::start().await;
    let mut service = Service::parking(exchange.switch, &receiver, "").await;
    let mut calls = Vec::with_capacity(CALLERS);
    for _ in 0..CALLERS {
        calls.push(exchange.dial("park-slow-within-8", "").await);
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
    println!("{CALLERS} parked callers were on line 1 at most {slowest:?} after the kill");
}

#[tokio::test]
#[ignore = "needs a FreeSWITCH"]
async fn a_hundred_parked_calls_at_once_are_all_let_go_over_one_connection() {
    let exchange = Exchange::acquire().await;
    let receiver = Receiver::start().await;
    receiver.set_answer("/hold/slow", r#"{"a":1}"#);
    let service = Service::parking(exchange.switch, &receiver, "").await;
    let mut calls = Vec::with_capacity(CALLERS);
    for _ in 0..CALLERS {
        calls.push(exchange.dial("park-slow-within-60", "").await);
    }
    receiver.requested("/hold/slow", CALLERS).await;
    let connections = exchange.control.api("show channels count").await;
    println!("with {CALLERS} on hold: {}", connections.trim());
    let released = Instant::now();
    receiver.release("/hold/slow");
    let mut slowest = Duration::ZERO;
    for call in &calls {
        let line = call.line_of("slow").await;
        assert_eq!(line.number, "0");
        assert_eq!(line.key("response_raw"), Some(r#"{"a":1}"#));
        slowest = slowest.max(line.at().duration_since(released));
    }
    println!("{CALLERS} parked callers were on line 0 at most {slowest:?} after the answers");
    service.await_no_call_on_hold().await;
}

#[tokio::test]
#[ignore = "needs a FreeSWITCH"]
async fn two_parked_calls_at_once_get_each_its_own_answer() {
    let exchange = Exchange::acquire().await;
    let receiver = Receiver::start().await;
    receiver.set_answer("/hold/slow", r#"{"of":"slow"}"#);
    receiver.set_answer("/hold/silent", r#"{"of":"silent"}"#);
    let _service = Service::parking(exchange.switch, &receiver, "").await;
    let slow = exchange.dial("park-slow", "").await;
    let silent = exchange.dial("park-silent", "").await;
    receiver.requested("/hold/slow", 1).await;
    receiver.requested("/hold/silent", 1).await;
    receiver.release("/hold/silent");
    let line = silent.line_of("silent").await;
    assert_eq!(line.key("response_raw"), Some(r#"{"of":"silent"}"#));
    assert!(!slow.had(|event| event.get("Caller-Context") == "flows"));
    receiver.release("/hold/slow");
    let line = slow.line_of("slow").await;
    assert_eq!(line.key("response_raw"), Some(r#"{"of":"slow"}"#));
}

#[tokio::test]
#[ignore = "needs a FreeSWITCH"]
async fn long_values_are_on_a_parked_call_before_its_line_begins() {
    let exchange = Exchange::acquire().await;
    let receiver = Receiver::start().await;
    let long = |letter: &str| letter.repeat(5000);
    let answer = format!(
        r#"{{"customer":{{"name":"{}"}},"queue":"q","vip":"{}"}}"#,
        long("n"),
        long("v")
    );
    receiver.set_answer("/lookup", answer.as_str());
    let _service = Service::parking(exchange.switch, &receiver, "").await;
    let call = exchange.dial("park-lookup-then-kept", "").await;
    let line = call.line_of("kept").await;
    assert_eq!(line.number, "0");
    assert_eq!(line.key("response_raw"), Some(answer.as_str()));
    assert_eq!(line.key("customer_name"), Some(long("n").as_str()));
    assert_eq!(line.key("vip"), Some(long("v").as_str()));
}

#[tokio::test]
#[ignore = "needs a FreeSWITCH"]
async fn a_call_that_nobody_takes_goes_on_line_1_and_a_schedule_of_the_user_stays() {
    let exchange = Exchange::acquire().await;
    let call = exchange.dial("park-lookup-then-kept", "").await;
    let parked = call.runs("park").await;
    let line = call.line_of("kept").await;
    assert_eq!(
        (line.number.as_str(), line.key("error_reason")),
        ("1", Some("CONNECTION_FAILURE"))
    );
    let waited = line.at().duration_since(parked.arrived);
    println!("nobody took it: line 1 after {waited:?}");
    assert_eq!(line.variable("flow.webhook"), None);
    assert_eq!(line.variable("flow.way_out"), None);
    exchange
        .control
        .api(&format!("sched_hangup +3 {}", call.uuid))
        .await;
    call.park().await;
    let end = call.wait("end", is_end).await;
    assert_eq!(end.get("Hangup-Cause"), "ALLOTTED_TIMEOUT");
}

#[tokio::test]
#[ignore = "needs a FreeSWITCH"]
async fn a_service_that_wakes_up_late_does_not_move_a_parked_call_that_was_rescued() {
    let exchange = Exchange::acquire().await;
    let receiver = Receiver::start().await;
    receiver.set_answer("/hold/slow", "{}");
    let service = Service::parking(exchange.switch, &receiver, "").await;
    let call = exchange.dial("park-slow-within-4-then-rescued", "").await;
    receiver.requested("/hold/slow", 1).await;
    call.runs("playback").await;
    service.signal("STOP");
    // A frozen service takes no call.
    let other = exchange.dial("park-slow-then-other", "").await;
    let line = call.line_of("rescued").await;
    assert_eq!(
        (line.number.as_str(), line.key("error_reason")),
        ("1", Some("CONNECTION_FAILURE"))
    );
    assert_eq!(other.line_of("other").await.number, "1");
    for call in [&call, &other] {
        let music = format!(
            "uuid_transfer {} 'endless_playback:tone_stream://%(1000,0,440)' inline",
            call.uuid
        );
        exchange.control.api(&music).await;
        call.runs("endless_playback").await;
    }
    receiver.release("/hold/slow");
    service.signal("CONT");
    // A service that has only just been woken may need longer than a call waits to be taken.
    service.await_parking(exchange.switch).await;
    // The next call shows that the service has received these events.
    let next = exchange.dial("park-slow-then-next", "").await;
    assert_eq!(next.line_of("next").await.number, "0");
    service.await_no_call_on_hold().await;
    for call in [&call, &other] {
        assert_eq!(
            call.now("variable_current_application").await,
            "endless_playback"
        );
    }
}

#[tokio::test]
#[ignore = "needs a FreeSWITCH"]
async fn both_ways_follow_one_another_on_one_call() {
    let exchange = Exchange::acquire().await;
    let receiver = Receiver::start().await;
    receiver.set_answer("/lookup", ANNA);
    let service = Service::parking(exchange.switch, &receiver, "").await;
    let call = exchange.dial("park-lookup-then-a", &service.address).await;
    assert_eq!(call.line_of("a").await.number, "0");
    for (number, name) in [
        ("ask-lookup-then-b", "b"),
        ("park-lookup-then-c", "c"),
        ("park-lookup-then-d", "d"),
    ] {
        let on = format!("uuid_transfer {} {number} XML switchhook", call.uuid);
        exchange.control.api(&on).await;
        let line = call.line_of(name).await;
        assert_eq!(line.number, "0", "{name}: {:?}", line.key("error_detail"));
    }
    receiver.requested("/lookup", 4).await;
    // The service does not take a call that the dialplan parks for itself.
    call.park().await;
    let own = |event: &Event| is_run(event, "park") && event.get("Caller-Dialplan") == "inline";
    call.wait("its own park", own).await;
    assert_eq!(call.now("variable_current_application").await, "park");
    assert_eq!(receiver.count(), 4);
}

#[tokio::test]
#[ignore = "needs a FreeSWITCH"]
async fn the_document_of_a_parked_call_is_that_of_a_call_on_a_socket() {
    let exchange = Exchange::acquire().await;
    let receiver = Receiver::start().await;
    receiver.set_answer("/lookup", ANNA);
    let service = Service::parking(exchange.switch, &receiver, "").await;
    for number in ["ask-lookup", "park-lookup"] {
        let call = exchange.dial(number, &service.address).await;
        assert_eq!(call.line_of("lookup").await.number, "0");
        call.hang_up().await;
        call.wait("end", is_end).await;
    }
    let mut documents = receiver.documents(2).await;
    let number = |document: &serde_json::Value| document["callDetails"][0]["didNumber"].to_string();
    documents.sort_by_key(number);
    let [socket, parked] = documents.as_mut_slice() else {
        panic!("two documents: {documents:#?}");
    };
    assert_eq!(number(socket), "\"ask-lookup\"");
    assert_eq!(number(parked), "\"park-lookup\"");
    for document in [&mut *socket, &mut *parked] {
        assert!(document["incomplete"].is_null(), "{document:#}");
        document["phonon-uuid"].take();
        for name in [
            "didNumber",
            "startTime",
            "connectTime",
            "endTime",
            "duration",
        ] {
            document["callDetails"][0][name].take();
        }
        let keys = document["keys"].as_array_mut().expect("keys");
        keys.retain(|key| key["name"] != "$flow.key.response_duration");
        keys.sort_by_key(|key| key["name"].to_string());
    }
    assert_eq!(socket, parked, "{socket:#}\n{parked:#}");
}
