//! Checks what a softphone gets from the shipped configuration.

use std::fs;

use super::call::Exchange;
use super::control::Event;
use super::phone::Phone;
use super::receiver::Receiver;
use super::service::Service;

/// Bytes before the first sample.
const WAV_HEADER: u64 = 44;

#[tokio::test]
#[ignore = "needs a FreeSWITCH"]
async fn a_lookup_greets_by_name_on_the_phone_of_the_caller() {
    let exchange = Exchange::acquire().await;
    let receiver = Receiver::start().await;
    receiver.set_answer("/lookup", r#"{"customer":{"name":"Anna Müller"}}"#);
    let _service = Service::start_on(exchange.switch.service, &receiver).await;
    let phone = Phone::new(exchange.switch, "1000").await;
    phone.dial("7001").await;
    let answer = phone.await_message("SIP/2.0 200").await;
    assert!(
        answer
            .header("Remote-Party-ID")
            .starts_with("\"Anna Müller\""),
        "{answer:?}"
    );
}

#[tokio::test]
#[ignore = "needs a FreeSWITCH"]
async fn a_name_that_would_forge_a_sip_header_is_not_shown() {
    let exchange = Exchange::acquire().await;
    let receiver = Receiver::start().await;
    receiver.set_answer(
        "/lookup",
        r#"{"customer":{"name":"Anna\r\nX-Forged: yes"}}"#,
    );
    let _service = Service::start_on(exchange.switch.service, &receiver).await;
    let phone = Phone::new(exchange.switch, "1000").await;
    phone.dial("7001").await;
    let answer = phone.await_message("SIP/2.0 200").await;
    assert!(
        !answer.header("Remote-Party-ID").contains("Anna"),
        "{answer:?}"
    );
    assert_eq!(answer.header("X-Forged"), "");
}

#[tokio::test]
#[ignore = "needs a FreeSWITCH"]
async fn an_unanswered_caller_gets_early_media_and_no_200_until_the_line() {
    let exchange = Exchange::acquire().await;
    let receiver = Receiver::start().await;
    receiver.set_answer("/hold/slow", "{}");
    let _service = Service::start_on(exchange.switch.service, &receiver).await;
    let phone = Phone::new(exchange.switch, "1000").await;
    phone.dial("7002").await;
    receiver.requested("/hold/slow", 1).await;
    let mut statuses = vec![phone.receive().await.status()];
    while statuses.last() != Some(&183) {
        statuses.push(phone.receive().await.status());
    }
    receiver.release("/hold/slow");
    assert_eq!(statuses, [100, 183]);
    phone.await_message("SIP/2.0 200").await;
}

#[tokio::test]
#[ignore = "needs a FreeSWITCH and sipp"]
async fn a_customer_is_held_and_then_talks_to_the_agent_and_is_recorded() {
    let exchange = Exchange::acquire().await;
    let receiver = Receiver::start().await;
    receiver.set_answer("/lookup", r#"{"customer":{"name":"Anna"}}"#);
    let _service = Service::start_on(exchange.switch.service, &receiver).await;
    let agent = Phone::registered(exchange.switch, "1001").await;
    let customer = Phone::new(exchange.switch, "1000").await;
    customer.dial("7004").await;
    let ringing = agent.await_message("INVITE").await;
    agent.answer(&ringing).await;
    customer.await_message("SIP/2.0 200").await;
    agent.await_message("ACK").await;
    let bridged = exchange
        .events
        .wait("bridge", |event| event.name() == "CHANNEL_BRIDGE")
        .await;
    let uuid = bridged.get("Unique-ID");
    let recording = exchange
        .switch
        .folder
        .join(format!("run/recordings/{uuid}.wav"));
    // The switch deletes a recording without data.
    while fs::metadata(&recording).map_or(0, |file| file.len()) <= WAV_HEADER {
        tokio::task::yield_now().await;
    }
    exchange.control.api("hupall").await;
    let over =
        |event: &Event| event.name() == "CHANNEL_HANGUP_COMPLETE" && event.get("Unique-ID") == uuid;
    let end = exchange.events.wait("end", over).await;
    assert_eq!(end.variable("RECORD_DISCARDED"), None);
    assert!(recording.exists(), "{} is not there", recording.display());
}

#[tokio::test]
#[ignore = "needs a FreeSWITCH and sipp"]
async fn every_agent_rings_and_the_first_who_answers_has_the_call() {
    let exchange = Exchange::acquire().await;
    let receiver = Receiver::start().await;
    receiver.set_answer("/lookup", "{}");
    let _service = Service::start_on(exchange.switch.service, &receiver).await;
    let first = Phone::registered(exchange.switch, "1001").await;
    let second = Phone::registered(exchange.switch, "1002").await;
    let customer = Phone::new(exchange.switch, "1000").await;
    customer.dial("7005").await;
    let other = first.await_message("INVITE").await;
    first.ring(&other).await;
    let ringing = second.await_message("INVITE").await;
    second.answer(&ringing).await;
    second.await_message("ACK").await;
    first.await_message("CANCEL").await;
    customer.await_message("SIP/2.0 200").await;
}
