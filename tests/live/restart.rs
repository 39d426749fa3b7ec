//! Crashes and restarts the switch while the service runs.

use super::call::{Exchange, is_run};
use super::control::Event;
use super::phone::Phone;
use super::receiver::Receiver;
use super::service::Service;

#[tokio::test]
#[ignore = "needs a FreeSWITCH and sipp"]
async fn after_a_crash_of_the_switch_its_calls_get_documents_and_new_ones_are_served() {
    let exchange = Exchange::with_own_switch().await;
    let switch = exchange.switch;
    let receiver = Receiver::start().await;
    receiver.set_answer("/lookup", r#"{"customer":{"name":"Anna"}}"#);
    let service = Service::following(switch, &receiver, "").await;
    let agent = Phone::registered(switch, "1001").await;
    let talking = Phone::new(switch, "4930111").await;
    talking.dial("7004").await;
    let invite = agent.await_message("INVITE").await;
    agent.answer(&invite).await;
    talking.is_answered().await;
    let bridged = |event: &Event| event.name() == "CHANNEL_BRIDGE";
    exchange.events.wait("bridge", bridged).await;
    let held = Phone::new(switch, "4930222").await;
    held.dial("7002").await;
    receiver.requested("/hold/slow", 1).await;
    // The service has received this call's first event by now. Of a call whose events were never
    // sent, a crash leaves nothing.
    let on_hold = |event: &Event| {
        is_run(event, "playback") && event.variable("sip_call_id") == Some(&held.call_id())
    };
    exchange.events.wait("hold music", on_hold).await;
    let crash = || switch.crash_and_restart();
    tokio::task::spawn_blocking(crash)
        .await
        .expect("it starts again");
    service.await_following(switch).await;
    let phone = Phone::new(switch, "4930333").await;
    phone.dial("7001").await;
    let (_, dialog) = phone.is_answered().await;
    phone.hang_up(&dialog).await;
    let documents = receiver.documents(3).await;
    let of = |number: &str| {
        let ours = documents
            .iter()
            .find(|document| document["callDetails"][0]["calleeNumber"] == number);
        ours.unwrap_or_else(|| panic!("no document of {number}: {documents:#?}"))
    };
    let legs = |number: &str| of(number)["callDetails"].as_array().map(Vec::len);
    assert_eq!(
        (legs("4930111"), legs("4930222"), legs("4930333")),
        (Some(2), Some(1), Some(1))
    );
    for dropped in ["4930111", "4930222"] {
        let document = of(dropped);
        assert_eq!(document["incomplete"], true, "{document:#}");
        println!("{dropped}: {}", document["missing"]);
        assert!(
            document["missing"]
                .as_array()
                .is_some_and(|missing| !missing.is_empty())
        );
    }
    assert!(of("4930333")["incomplete"].is_null());
}
