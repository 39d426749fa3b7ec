//! Agents' legs that outlive their customers, and calls that cross two switches.
//!
//! A second FreeSWITCH plays the phones: its number 0 answers.

use serde_json::{Value, json};

use super::call::Exchange;
use super::control::{Control, Event};
use super::receiver::Receiver;
use super::service::Service;
use super::switch::Switch;

async fn second_switch() -> &'static Switch {
    tokio::task::spawn_blocking(Switch::own)
        .await
        .expect("a second FreeSWITCH")
}

/// Calls a phone from the exchange and parks the leg. Returns its Unique-ID.
async fn call(exchange: &Exchange, phones: &Switch, variables: &str) -> String {
    let uuid = exchange.control.api("create_uuid").await;
    let command = format!(
        "originate {{origination_uuid={uuid},{variables}}}sofia/internal/0@127.0.0.1:{} &park",
        phones.sip
    );
    let reply = exchange.control.api(&command).await;
    assert!(reply.starts_with("+OK"), "{reply}");
    uuid
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
#[ignore = "needs a FreeSWITCH"]
async fn each_customer_of_a_standing_agent_has_a_document_while_the_agent_stays() {
    let exchange = Exchange::acquire().await;
    let phones = second_switch().await;
    let receiver = Receiver::start().await;
    let _service = Service::following(exchange.switch, &receiver, "").await;
    let agent = call(
        &exchange,
        phones,
        "park_after_bridge=true,flow.callee_type=AGENT",
    )
    .await;
    for turn in 1..=3 {
        let variables = format!("flow.name=outbound,flow.key.leadid=lead-{turn}");
        let customer = call(&exchange, phones, &variables).await;
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
#[ignore = "needs a FreeSWITCH"]
async fn an_agent_who_ends_with_the_one_talk_is_whole_in_that_call() {
    let exchange = Exchange::acquire().await;
    let phones = second_switch().await;
    let receiver = Receiver::start().await;
    let _service = Service::following(exchange.switch, &receiver, "").await;
    let agent = call(&exchange, phones, "flow.callee_type=AGENT").await;
    let customer = call(&exchange, phones, "flow.name=outbound").await;
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
#[ignore = "needs a FreeSWITCH"]
async fn a_call_that_crosses_two_switches_is_one_document() {
    let exchange = Exchange::acquire().await;
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
    let command = format!(
        "bgapi originate {{origination_uuid={customer},flow.name=outbound,flow.key.leadid=two}}\
         loopback/0/phones &bridge({{sip_h_X-Flow-Part-Of={customer}}}sofia/internal/0@127.0.0.1:{})",
        second.sip
    );
    exchange.control.send_command(&command).await;
    let bridged = |event: &Event| event.name() == "CHANNEL_BRIDGE";
    exchange.events.wait("bridge", bridged).await;
    exchange.control.api(&format!("uuid_kill {customer}")).await;
    let document = receiver.documents(1).await.remove(0);
    let entries = document["callDetails"].as_array().expect("legs").iter();
    let switches = entries.map(|entry| {
        let id = entry["cdrId"].as_str().expect("an id");
        id.split("##").nth(1).expect("a switch").to_owned()
    });
    let switches: Vec<String> = switches.collect();
    assert_eq!(switches, ["fs1", "fs2"], "{document:#}");
    let keys = json!([{"name": "$flow.key.leadid", "value": "two"}]);
    assert_eq!(document["keys"], keys, "{document:#}");
    assert_eq!(document.get("incomplete"), None, "{document:#}");
}
