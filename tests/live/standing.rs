//! Agents' legs that outlive their customers, and calls that cross two switches.
//!
//! The number 0 of a second FreeSWITCH answers.

use serde_json::{Value, json};

use super::call::Exchange;
use super::control::{Control, Event};
use super::phones::Phones;
use super::receiver::Receiver;
use super::service::Service;
use super::switch::Switch;

async fn second_switch() -> &'static Switch {
    tokio::task::spawn_blocking(Switch::own)
        .await
        .expect("a second FreeSWITCH")
}

/// Connects two legs, and waits until they talk.
pub async fn bridge(exchange: &Exchange, one: &str, other: &str) {
    exchange
        .control
        .api(&format!("uuid_bridge {one} {other}"))
        .await;
    let ends = |event: &Event| {
        ["Bridge-A-Unique-ID", "Bridge-B-Unique-ID"].map(|name| event.get(name).to_owned())
    };
    let both = |event: &Event| {
        let ends = ends(event);
        event.name() == "CHANNEL_BRIDGE" && ends.iter().all(|end| end == one || end == other)
    };
    exchange.events.wait("bridge", both).await;
}

/// Returns the Unique-ID of each entry of a document, and whether the leg only took part.
pub fn uuids(document: &Value) -> Vec<(String, bool)> {
    let entries = document["callDetails"].as_array().expect("legs").iter();
    let told = entries.map(|entry| {
        let id = entry["cdrId"].as_str().unwrap_or_default();
        let uuid = id.split("##").next().unwrap_or_default();
        (uuid.to_owned(), entry["tookPart"] == true)
    });
    told.collect()
}

#[tokio::test]
#[ignore = "needs a FreeSWITCH and sipp"]
async fn each_customer_of_a_standing_agent_has_a_document_while_the_agent_stays() {
    let exchange = Exchange::acquire().await;
    let phones = Phones::start(&exchange).await;
    let receiver = Receiver::start().await;
    let _service = Service::following(exchange.switch, &receiver, "").await;
    let stays = "park_after_bridge=true,flow.callee_type=AGENT";
    let agent = phones.call(&exchange, "agent", stays, "&park").await;
    for turn in 1..=3 {
        let variables = format!("flow.name=outbound,flow.key.leadid=lead-{turn}");
        let customer = phones
            .call(&exchange, "customer", &variables, "&park")
            .await;
        bridge(&exchange, &customer, &agent).await;
        exchange.control.api(&format!("uuid_kill {customer}")).await;
        let document = receiver.documents(turn).await.pop().expect("a document");
        assert_eq!(document["phonon-uuid"], customer, "{document:#}");
        let legs = [(customer, false), (agent.clone(), true)];
        assert_eq!(uuids(&document), legs, "{document:#}");
        let keys = json!([{"name": "$flow.key.leadid", "value": format!("lead-{turn}")}]);
        assert_eq!(document["keys"], keys, "{document:#}");
        assert_eq!(document.get("incomplete"), None, "{document:#}");
        let lives = exchange.control.api(&format!("uuid_exists {agent}")).await;
        assert_eq!(lives, "true", "the document did not wait for the agent");
    }
    exchange.control.api(&format!("uuid_kill {agent}")).await;
    let last = receiver.documents(4).await.pop().expect("a document");
    assert_eq!(last["phonon-uuid"], agent, "{last:#}");
    assert_eq!(last["callDetails"].as_array().map(Vec::len), Some(1));
}

#[tokio::test]
#[ignore = "needs a FreeSWITCH and sipp"]
async fn an_agent_who_ends_with_the_one_talk_is_whole_in_that_call() {
    let exchange = Exchange::acquire().await;
    let phones = Phones::start(&exchange).await;
    let receiver = Receiver::start().await;
    let _service = Service::following(exchange.switch, &receiver, "").await;
    let role = "flow.callee_type=AGENT";
    let agent = phones.call(&exchange, "agent", role, "&park").await;
    let flow = "flow.name=outbound";
    let customer = phones.call(&exchange, "customer", flow, "&park").await;
    bridge(&exchange, &customer, &agent).await;
    exchange.control.api(&format!("uuid_kill {agent}")).await;
    exchange.control.api(&format!("uuid_kill {customer}")).await;
    let document = receiver.documents(1).await.remove(0);
    assert_eq!(
        uuids(&document),
        [(agent, false), (customer, false)],
        "{document:#}"
    );
}

#[tokio::test]
#[ignore = "needs a FreeSWITCH and sipp"]
async fn a_call_that_crosses_two_switches_is_one_document() {
    let exchange = Exchange::acquire().await;
    let phones = Phones::start(&exchange).await;
    let second = second_switch().await;
    let context = "<context name=\"phones\">";
    let part_of = format!(
        "{context}<extension name=\"part of a call\" continue=\"true\">\
         <condition field=\"${{sip_h_X-Flow-Part-Of}}\" expression=\"^([0-9a-f-]{{36}})$\">\
         <action application=\"set\" data=\"flow.part_of=$1\"/></condition></extension>"
    );
    second.configure("../dialplan/phones.xml", context, &part_of);
    let control = Control::connect(second).await;
    control.api("reloadxml").await;
    let receiver = Receiver::start().await;
    let _service = Service::following_two([exchange.switch, second], &receiver).await;
    let customer = exchange.control.api("create_uuid").await;
    let variables = "flow.name=outbound,flow.key.leadid=two";
    let then = format!(
        "'&bridge({{sip_h_X-Flow-Part-Of={customer}}}sofia/internal/0@127.0.0.1:{})'",
        second.sip
    );
    phones
        .call_as(&exchange, &customer, "customer", variables, &then)
        .await;
    let bridged = |event: &Event| event.name() == "CHANNEL_BRIDGE";
    exchange.events.wait("bridge", bridged).await;
    exchange.control.api(&format!("uuid_kill {customer}")).await;
    let document = receiver.documents(1).await.remove(0);
    let entries = document["callDetails"].as_array().expect("legs").iter();
    let switches = entries.map(|entry| {
        let id = entry["cdrId"].as_str().expect("an id");
        id.split("##").nth(1).expect("a switch").to_owned()
    });
    let mut switches: Vec<String> = switches.collect();
    switches.sort();
    // The customer's leg, and both ends of the call between the switches.
    assert_eq!(switches, ["fs1", "fs1", "fs2"], "{document:#}");
    let keys = json!([{"name": "$flow.key.leadid", "value": "two"}]);
    assert_eq!(document["keys"], keys, "{document:#}");
    assert_eq!(document.get("incomplete"), None, "{document:#}");
}
