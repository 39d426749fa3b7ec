//! Checks the whole path of a call: hold, webhook, answer, line 0; and what the caller gets meanwhile.

use std::time::{Duration, Instant};

use super::call::{Exchange, is_run};
use super::receiver::Receiver;
use super::service::Service;

/// Longest time from the answer to the branch. Missing music adds none.
const BRANCHED: Duration = Duration::from_millis(500);
const ANNA: &str = r#"{"customer":{"name":"Anna Müller"},"queue":"gold","vip":true}"#;

#[tokio::test]
#[ignore = "needs a FreeSWITCH"]
async fn a_call_is_held_asked_and_goes_on_line_0_with_every_variable_of_the_table() {
    let exchange = Exchange::acquire().await;
    let receiver = Receiver::start().await;
    receiver.set_answer("/lookup", ANNA);
    let service = Service::start(&receiver).await;
    let call = exchange.dial("7001", &service.address).await;
    let line = call.line_of("greet").await;
    assert_eq!(line.number, "0", "{}", service.log());
    assert_eq!(line.variable("flow.line"), Some("0"));
    assert_eq!(line.key("response_status"), Some("SUCCESS"));
    assert_eq!(line.key("response_status_code"), Some("200"));
    assert_eq!(line.key("response_status_type"), None);
    assert_eq!(line.key("response_error"), Some("false"));
    assert_eq!(line.key("response_raw"), Some(ANNA));
    assert_eq!(line.key("error_reason"), None);
    assert_eq!(line.key("error_detail"), None);
    assert_eq!(line.key("customer_name"), Some("Anna Müller"));
    assert_eq!(line.key("queue"), Some("gold"));
    assert_eq!(line.key("vip"), Some("true"));
    let seconds: f64 = line
        .key("response_duration")
        .expect("a duration")
        .parse()
        .expect("a number");
    assert!((0.0..10.0).contains(&seconds));
    let document = receiver.requested("/lookup", 1).await;
    assert!(
        document.contains("919822003887"),
        "the predefined document names the caller: {document}"
    );
}

#[tokio::test]
#[ignore = "needs a FreeSWITCH"]
async fn a_webhook_that_nobody_waits_for_is_asked_and_the_call_is_on_line_0_at_once() {
    let exchange = Exchange::acquire().await;
    let receiver = Receiver::start().await;
    receiver.set_answer("/hold/later", ANNA);
    let later =
        "[webhooks.later]\nurl = \"http://RECEIVER/hold/later\"\nwait_for_response = false\n";
    let service = Service::start_with(&receiver, later).await;
    let call = exchange.dial("ask-later", &service.address).await;
    let line = call.line_of("later").await;
    assert_eq!(
        (line.number.as_str(), line.variable("flow.line")),
        ("0", Some("0"))
    );
    for name in [
        "response_status",
        "response_status_code",
        "response_duration",
        "response_raw",
        "response_error",
        "error_reason",
    ] {
        assert_eq!(line.key(name), None, "{name}");
    }
    assert!(
        !call.had(|event| is_run(event, "playback")
            && event.get("Caller-Destination-Number") == "ask-later")
    );
    receiver.requested("/hold/later", 1).await;
    receiver.release("/hold/later");
}

#[tokio::test]
#[ignore = "needs a FreeSWITCH"]
async fn a_caller_on_hold_hears_the_music_of_the_switch_and_is_not_answered() {
    let exchange = Exchange::acquire().await;
    let receiver = Receiver::start().await;
    receiver.set_answer("/hold/slow", "{}");
    let service = Service::start(&receiver).await;
    let call = exchange.dial("7002", &service.address).await;
    let music = call.runs("playback").await;
    assert!(
        music
            .get("Application-Data")
            .starts_with("tone_stream://v=-22;"),
        "{music:?}"
    );
    receiver.requested("/hold/slow", 1).await;
    assert_eq!(call.now("Answer-State").await, "early");
    receiver.release("/hold/slow");
    assert_eq!(call.line_of("slow").await.number, "0");
}

#[tokio::test]
#[ignore = "needs a FreeSWITCH"]
async fn before_answer_silence_leaves_the_caller_ringing_and_answer_answers() {
    let exchange = Exchange::acquire().await;
    let receiver = Receiver::start().await;
    receiver.set_answer("/hold/silent", "{}");
    receiver.set_answer("/hold/answering", "{}");
    let service = Service::start(&receiver).await;
    let silent = exchange.dial("ask-silent", &service.address).await;
    let answering = exchange.dial("ask-answering", &service.address).await;
    // The second call's music shows that the first call had time for its own.
    answering.runs("playback").await;
    assert_eq!(answering.now("Answer-State").await, "answered");
    receiver.requested("/hold/silent", 1).await;
    assert_eq!(silent.now("Answer-State").await, "ringing");
    receiver.release("/hold/silent");
    receiver.release("/hold/answering");
    assert_eq!(silent.line_of("silent").await.number, "0");
    assert_eq!(answering.line_of("answering").await.number, "0");
    assert!(
        !silent.had(|event| is_run(event, "playback") && event.get("Caller-Context") == "phones")
    );
}

#[tokio::test]
#[ignore = "needs a FreeSWITCH"]
async fn missing_music_does_not_delay_the_branch() {
    let exchange = Exchange::acquire().await;
    let receiver = Receiver::start().await;
    receiver.set_answer("/hold/no_music", "{}");
    let service = Service::start(&receiver).await;
    let call = exchange.dial("ask-no_music", &service.address).await;
    let music = call.runs("playback").await;
    assert_eq!(music.get("Application-Data"), "/no/such/music.wav");
    receiver.requested("/hold/no_music", 1).await;
    let released = Instant::now();
    receiver.release("/hold/no_music");
    let line = call.line_of("no_music").await;
    assert_eq!(line.number, "0");
    let delay = line.at().duration_since(released);
    assert!(
        delay < BRANCHED,
        "the branch came {delay:?} after the answer"
    );
}

#[tokio::test]
#[ignore = "needs a FreeSWITCH"]
async fn two_webhooks_in_a_row_are_both_asked_and_nothing_of_the_first_survives() {
    let exchange = Exchange::acquire().await;
    let receiver = Receiver::start().await;
    receiver.set_answer("/lookup", ANNA);
    receiver.set_answer("/hold/slow", "");
    let service = Service::start(&receiver).await;
    let call = exchange.dial("7003", &service.address).await;
    assert_eq!(call.line_of("first").await.key("response_raw"), Some(ANNA));
    receiver.requested("/hold/slow", 1).await;
    receiver.release("/hold/slow");
    let line = call.line_of("second").await;
    assert_eq!(line.number, "0");
    assert_eq!(line.key("response_status"), Some("SUCCESS"));
    assert_eq!(line.key("response_raw"), None, "an empty body");
    assert_eq!(
        line.key("customer_name"),
        Some("Anna Müller"),
        "the flow's own variables stay"
    );
}

#[tokio::test]
#[ignore = "needs a FreeSWITCH"]
async fn a_failure_after_a_success_leaves_no_variable_of_the_success() {
    let exchange = Exchange::acquire().await;
    let receiver = Receiver::start().await;
    receiver.set_answer("/lookup", ANNA);
    let service = Service::start(&receiver).await;
    let call = exchange
        .dial("ask-lookup-then-once", &service.address)
        .await;
    assert_eq!(call.line_of("once").await.key("queue"), Some("gold"));
    receiver.set_answer("/lookup", "no JSON");
    let again = format!(
        "uuid_transfer {} ask-lookup-then-again XML switchhook",
        call.uuid
    );
    exchange.control.api(&again).await;
    let line = call.line_of("again").await;
    assert_eq!(
        (line.number.as_str(), line.key("error_reason")),
        ("1", Some("INVALID_RESPONSE"))
    );
    assert_eq!(line.key("response_raw"), Some("no JSON"));
    assert_eq!(
        (
            line.key("queue"),
            line.key("customer_name"),
            line.key("vip")
        ),
        (None, None, None)
    );
}
