//! What a document and the page say of callers who give up on hold, of recordings, and of variables
//! with several values.

use serde_json::{Value, json};

use super::call::Exchange;
use super::control::Event;
use super::extensions;
use super::phone::Phone;
use super::receiver::Receiver;
use super::service::Service;

const CUSTOMER: &str = "919822003887";

/// Calls a number that plays a tone, waits for the beginning of the tone, and hangs up. Returns the
/// call's document.
async fn short_call(exchange: &Exchange, receiver: &Receiver, number: &str) -> Value {
    extensions::add(exchange.switch, &exchange.control).await;
    let phone = Phone::new(exchange.switch, CUSTOMER).await;
    phone.dial(number).await;
    let (_, dialog) = phone.is_answered().await;
    let id = phone.call_id();
    let plays = |event: &Event| {
        event.get("Application") == "playback" && event.variable("sip_call_id") == Some(&id)
    };
    exchange.events.wait("tone", plays).await;
    // The switch deletes a file in which nothing was written.
    exchange.control.api("msleep 300").await;
    phone.hang_up(&dialog).await;
    let document = receiver.documents(1).await.remove(0);
    assert_eq!(document.get("incomplete"), None, "{document:#}");
    document
}

#[tokio::test]
#[ignore = "needs a FreeSWITCH"]
async fn a_caller_who_gives_up_on_hold_has_no_outcome_and_the_page_says_so() {
    let exchange = Exchange::acquire().await;
    let receiver = Receiver::start().await;
    let service = Service::parking(exchange.switch, &receiver, "").await;
    for (round, number) in ["7002", "7007"].into_iter().enumerate() {
        let call = exchange.dial(number, &service.address).await;
        receiver.requested("/hold/slow", round + 1).await;
        call.runs("playback").await;
        call.hang_up().await;
        let document = receiver.documents(round + 1).await.pop().expect("one");
        let keys = document["keys"].to_string();
        for outcome in ["response_status", "response_error", "error_reason"] {
            assert!(!keys.contains(outcome), "{number}: {document:#}");
        }
        assert!(keys.contains("customernum"), "{number}: {document:#}");
        let page = format!("/calls/{}", call.uuid);
        service.await_page(&page, "The caller hung up after ").await;
        let page = service.page(&page).await;
        assert!(!page.contains("CONNECTION_FAILURE"), "{page}");
    }
}

#[tokio::test]
#[ignore = "needs a FreeSWITCH"]
async fn a_recording_that_could_not_be_opened_is_not_listed_and_log_and_page_say_why() {
    let exchange = Exchange::acquire().await;
    let receiver = Receiver::start().await;
    let service = Service::following(exchange.switch, &receiver, "").await;
    let document = short_call(&exchange, &receiver, "recorded-nowhere").await;
    assert_eq!(document.get("recordingUrls"), None, "{document:#}");
    let uuid = document["phonon-uuid"].as_str().expect("an id");
    let why = "the switch could not open its file";
    service.await_page(&format!("/calls/{uuid}"), why).await;
    let log = service.log();
    let mut lines = log.lines().filter(|line| line.contains(uuid));
    let why = "the switch could not open a recording's file";
    assert!(lines.any(|line| line.contains(why)), "{log}");
}

#[tokio::test]
#[ignore = "needs a FreeSWITCH"]
async fn two_recordings_of_one_name_in_two_folders_have_two_urls() {
    let exchange = Exchange::acquire().await;
    let receiver = Receiver::start().await;
    let _service = Service::following(exchange.switch, &receiver, "").await;
    let document = short_call(&exchange, &receiver, "recorded-twice").await;
    let recordings = ["caller", "callee"].map(|folder| {
        json!({
            "recordedFileName": "talk.wav",
            "recordedFilePublicPath": format!("https://rec.example/{folder}/talk.wav"),
        })
    });
    assert_eq!(document["recordingUrls"], json!(recordings), "{document:#}");
}

#[tokio::test]
#[ignore = "needs a FreeSWITCH"]
async fn a_variable_that_was_set_with_push_is_a_list() {
    let exchange = Exchange::acquire().await;
    let receiver = Receiver::start().await;
    let _service = Service::following(exchange.switch, &receiver, "").await;
    let document = short_call(&exchange, &receiver, "pushed").await;
    let keys = document["keys"].as_array().expect("keys").iter();
    let mut tags = keys.filter(|key| key["name"] == "$flow.key.tags");
    let tags = tags.next().map(|key| &key["value"]);
    assert_eq!(tags, Some(&json!(["red|", "green"])), "{document:#}");
}
