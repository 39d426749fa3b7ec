//! What happens in a call of a real switch is posted while it lives.

use serde_json::Value;

use super::call::Exchange;
use super::phone::Phone;
use super::receiver::Receiver;
use super::service::Service;

const CUSTOMER: &str = "919822003887";
const ANNA: &str = r#"{"customer":{"name":"Anna Müller"}}"#;
/// The flow comes from a route: the number that the customer dials.
const EVENTS: &str = r#"
[[routes]]
did = "7004"
flow = "live"
[flows.live]
events = ["started", "ringing", "answered", "bridged", "agent_joined", "agent_left",
    "recording_started", "recording_stopped", "lookup", "ended"]
events_webhook = "live"
events_wait = "60s"
[webhooks.live]
url = "http://RECEIVER/live"
"#;

#[tokio::test]
#[ignore = "needs a FreeSWITCH and sipp"]
async fn each_step_of_a_call_is_posted_in_order() {
    let exchange = Exchange::acquire().await;
    let receiver = Receiver::start().await;
    receiver.set_answer("/lookup", ANNA);
    receiver.set_answer("/live", "{}");
    let _service = Service::following(exchange.switch, &receiver, EVENTS).await;
    let agent = Phone::registered(exchange.switch, "1001").await;
    let customer = Phone::new(exchange.switch, CUSTOMER).await;
    customer.dial("7004").await;
    let invite = agent.await_message("INVITE").await;
    agent.ring(&invite).await;
    // The call lives: the agent rings, and nobody has answered there.
    let ringing = receiver.documents_at("/live", 4).await;
    let is_ringing = |event: &Value| event["type"] == "call.ringing";
    assert_eq!(
        ringing.iter().filter(|event| is_ringing(event)).count(),
        1,
        "{ringing:#?}"
    );
    let talk = agent.answer(&invite).await;
    customer.is_answered().await;
    agent.await_message("ACK").await;
    agent.hang_up(&talk).await;
    customer.is_hung_up().await;
    let events = receiver.documents_at("/live", 11).await;
    let told: Vec<String> = events
        .iter()
        .map(|event| {
            let kind = event["type"].as_str().expect("a type");
            format!(
                "{} {}",
                &kind[5..],
                event["leg"]["calleeNumber"].as_str().unwrap_or("-")
            )
        })
        .collect();
    for event in [
        "started 919822003887",
        "lookup 919822003887",
        "ringing 1001",
        "answered 1001",
        "bridged 919822003887",
        "agent_joined 1001",
        "agent_left 1001",
        "ended 919822003887",
    ] {
        assert_eq!(
            told.iter().filter(|one| *one == event).count(),
            1,
            "{event} in {told:#?}"
        );
    }
    let place = |event: &str| told.iter().position(|one| one == event);
    assert!(place("ringing 1001") < place("answered 1001"), "{told:#?}");
    assert_eq!(told.last().map(String::as_str), Some("ended 919822003887"));
    let lookup = events.iter().find(|event| event["type"] == "call.lookup");
    let lookup = &lookup.expect("a lookup")["lookup"];
    assert_eq!(lookup["webhook"], "lookup");
    assert_eq!(lookup["reason"], "SUCCESS");
    assert_eq!(lookup["line"], 0);
}
