//! Customers who go from one agent to another: one document with all of them.

use std::time::Duration;

use serde_json::Value;

use super::call::Exchange;
use super::control::Event;
use super::extensions;
use super::fetched::passes;
use super::phone::Phone;
use super::phones::{Phones, hang_up, partner};
use super::receiver::Receiver;
use super::service::Service;
use super::sip::Dialog;
use super::standing::uuids;

/// How long the agents talk before the first hangs up.
const CONSULTATION: Duration = Duration::from_secs(1);
const LEAD: &str = "flow.name=outbound,flow.key.leadid=lead-1";

/// Checks that the document is whole and has these far ends in this order, none as a mere part.
fn lists(document: &Value, numbers: &[&str]) {
    let legs = document["callDetails"].as_array().expect("legs").iter();
    let listed: Vec<_> = legs
        .map(|leg| leg["calleeNumber"].as_str().unwrap_or_default())
        .collect();
    assert_eq!(listed, numbers, "{document:#}");
    assert!(uuids(document).iter().all(|leg| !leg.1), "{document:#}");
    assert_eq!(document.get("incomplete"), None, "{document:#}");
}

/// The same for the call of a customer whom the desk dialled.
fn is_of(document: &Value, customer: &str, numbers: &[&str]) {
    lists(document, numbers);
    assert_eq!(document["phonon-uuid"], customer, "{document:#}");
    let keys = document["keys"].to_string();
    assert_eq!(keys.matches("lead-1").count(), 1, "{document:#}");
}

#[tokio::test]
#[ignore = "needs a FreeSWITCH and sipp"]
async fn agents_who_are_tried_in_turn_are_all_in_the_document() {
    let exchange = Exchange::acquire().await;
    let phones = Phones::start(&exchange).await;
    let receiver = Receiver::start().await;
    let _service = Service::following(exchange.switch, &receiver, "").await;
    // Nobody listens on port 9.
    let then = format!(
        "'&bridge(sofia/internal/agent1@127.0.0.1:9|{})'",
        phones.number("agent2")
    );
    let customer = phones.call(&exchange, "customer", LEAD, &then).await;
    partner(&exchange, &customer, &[]).await;
    hang_up(&exchange, &customer).await;
    let document = receiver.documents(1).await.remove(0);
    is_of(&document, &customer, &["customer", "agent1", "agent2"]);
    let unanswered = &document["callDetails"][1];
    assert_eq!(unanswered.get("connectTime"), None, "{document:#}");
}

#[tokio::test]
#[ignore = "needs a FreeSWITCH and sipp"]
async fn a_blind_transfer_is_in_one_document_with_both_agents() {
    let exchange = Exchange::acquire().await;
    extensions::add(exchange.switch, &exchange.control).await;
    let phones = Phones::start(&exchange).await;
    let receiver = Receiver::start().await;
    let _service = Service::following(exchange.switch, &receiver, "").await;
    let then = format!("'&bridge({})'", phones.number("agent1"));
    let customer = phones.call(&exchange, "customer", LEAD, &then).await;
    let first = partner(&exchange, &customer, &[]).await;
    let transfer = format!(
        "uuid_transfer {customer} to-agent2-{} XML phones",
        phones.port
    );
    exchange.control.api(&transfer).await;
    partner(&exchange, &customer, &[&first]).await;
    hang_up(&exchange, &customer).await;
    let document = receiver.documents(1).await.remove(0);
    is_of(&document, &customer, &["customer", "agent1", "agent2"]);
}

/// The first agent calls the second while the customer is on hold (`att_xfer`), and hangs up. The
/// customer's dialplan goes on for a moment then, and must not be over.
#[tokio::test]
#[ignore = "needs a FreeSWITCH and sipp"]
async fn an_attended_transfer_by_the_switch_is_in_one_document_with_both_agents() {
    let exchange = Exchange::acquire().await;
    let phones = Phones::start(&exchange).await;
    let receiver = Receiver::start().await;
    let _service = Service::following(exchange.switch, &receiver, "").await;
    let then = format!("'m:^:bridge:{}^park' inline", phones.number("agent1"));
    let customer = phones.call(&exchange, "customer", LEAD, &then).await;
    let first = partner(&exchange, &customer, &[]).await;
    let second = phones.number("agent2");
    let consult = format!("uuid_broadcast {first} att_xfer::{second} aleg");
    exchange.control.api(&consult).await;
    let second = partner(&exchange, &first, &[&customer]).await;
    passes(&exchange.control, CONSULTATION).await;
    hang_up(&exchange, &first).await;
    assert_eq!(partner(&exchange, &customer, &[&first]).await, second);
    hang_up(&exchange, &customer).await;
    let document = receiver.documents(1).await.remove(0);
    is_of(&document, &customer, &["customer", "agent1", "agent2"]);
}

/// Waits until so many bridges were made.
async fn bridges(exchange: &Exchange, count: usize) {
    let seen = std::cell::Cell::new(0);
    let wanted = |event: &Event| {
        seen.set(seen.get() + usize::from(event.name() == "CHANNEL_BRIDGE"));
        seen.get() >= count
    };
    exchange.events.wait("bridge", wanted).await;
}

/// An agent's phone calls a second agent and joins the customer with that agent (REFER with Replaces).
async fn joined_by_the_phone(is_ringing: bool) {
    let exchange = Exchange::acquire().await;
    let receiver = Receiver::start().await;
    let _service = Service::following(exchange.switch, &receiver, "").await;
    let customer = Phone::new(exchange.switch, "1000").await;
    let agent = Phone::registered(exchange.switch, "1001").await;
    let second = Phone::registered(exchange.switch, "1002").await;
    customer.dial("1001").await;
    let invite = agent.await_message("INVITE").await;
    let call = agent.answer(&invite).await;
    let (_, talk) = customer.is_answered().await;
    agent.await_message("ACK").await;
    bridges(&exchange, 1).await;
    agent.dial("1002").await;
    let invite = second.await_message("INVITE").await;
    if is_ringing {
        second.ring(&invite).await;
        let ringing = agent.await_message("SIP/2.0 18").await;
        agent
            .join(&call, &Dialog::of_caller(&ringing), "1002")
            .await;
        second.answer(&invite).await;
        second.await_message("ACK").await;
        bridges(&exchange, 2).await;
    } else {
        second.answer(&invite).await;
        second.await_message("ACK").await;
        let (_, consultation) = agent.is_answered().await;
        bridges(&exchange, 2).await;
        agent.join(&call, &consultation, "1002").await;
        bridges(&exchange, 3).await;
    }
    customer.hang_up(&talk).await;
    let document = receiver.documents(1).await.remove(0);
    lists(&document, &["1000", "1001", "1001", "1002"]);
}

#[tokio::test]
#[ignore = "needs a FreeSWITCH and sipp"]
async fn an_attended_transfer_by_a_phone_is_in_one_document_with_the_consultation() {
    joined_by_the_phone(false).await;
}

#[tokio::test]
#[ignore = "needs a FreeSWITCH and sipp"]
async fn a_transfer_by_a_phone_to_an_agent_who_still_rings_is_in_one_document() {
    joined_by_the_phone(true).await;
}
