//! The ways in which agents' legs outlive their customers, and in which agents come to a call without
//! the switch saying so: one document for what one customer went through.

use std::time::Duration;

use serde_json::{Value, json};

use super::call::Exchange;
use super::extensions;
use super::fetched::passes;
use super::phones::{Phones, hang_up, partner};
use super::receiver::Receiver;
use super::service::Service;
use super::standing::{bridge, uuids};

/// Agents' own calls are posted to nobody.
const SHIFT: &str = "[flows.shift]\nwebhook = false\n";

/// Checks the document of one customer of an agent who stays.
fn is_served(document: &Value, customer: &str, agent: &str, lead: &str) {
    assert_eq!(document["phonon-uuid"], customer, "{document:#}");
    let legs = [(customer.to_owned(), false), (agent.to_owned(), true)];
    assert_eq!(uuids(document), legs, "{document:#}");
    let keys = document["keys"].to_string();
    assert!(keys.contains(lead), "{document:#}");
    assert_eq!(keys.matches("lead-").count(), 1, "{document:#}");
    assert_eq!(document.get("incomplete"), None, "{document:#}");
}

/// Sends customers one after another to the queue, which gives them to the agent.
async fn customers_in_turn(
    exchange: &Exchange,
    phones: &Phones,
    receiver: &Receiver,
    agent: &str,
    queue: &str,
) {
    for turn in 1..=3 {
        let lead = format!("lead-{turn}");
        let variables = format!("flow.name=outbound,flow.key.leadid={lead}");
        let then = format!("{queue} XML phones");
        let customer = phones.call(exchange, "customer", &variables, &then).await;
        assert_eq!(partner(exchange, &customer, &[]).await, agent);
        hang_up(exchange, &customer).await;
        let document = receiver.documents(turn).await.pop().expect("a document");
        is_served(&document, &customer, agent, &lead);
        let lives = exchange.control.api(&format!("uuid_exists {agent}")).await;
        assert_eq!(lives, "true", "the document did not wait for the agent");
    }
}

#[tokio::test]
#[ignore = "needs a FreeSWITCH and sipp"]
async fn each_customer_of_an_agent_who_waits_in_a_fifo_has_a_document() {
    let exchange = Exchange::acquire().await;
    let (switch, control) = (exchange.switch, &exchange.control);
    extensions::add(switch, control).await;
    extensions::load(switch, control, &["mod_fifo"]).await;
    let phones = Phones::start(&exchange).await;
    let receiver = Receiver::start().await;
    let _service = Service::following(switch, &receiver, SHIFT).await;
    let waits = "'fifo:shift out wait' inline";
    let agent = phones
        .call(&exchange, "agent", "flow.name=shift", waits)
        .await;
    customers_in_turn(&exchange, &phones, &receiver, &agent, "queue-fifo").await;
    hang_up(&exchange, &agent).await;
}

#[tokio::test]
#[ignore = "needs a FreeSWITCH and sipp"]
async fn each_customer_of_an_agent_on_standby_for_callcenter_has_a_document() {
    let exchange = Exchange::acquire().await;
    let (switch, control) = (exchange.switch, &exchange.control);
    extensions::add(switch, control).await;
    extensions::load(switch, control, &["mod_callcenter"]).await;
    let phones = Phones::start(&exchange).await;
    let receiver = Receiver::start().await;
    let _service = Service::following(switch, &receiver, SHIFT).await;
    let stays = "flow.name=shift,park_after_bridge=true";
    let agent = phones.call(&exchange, "agent", stays, "&park").await;
    for command in [
        "agent add agent1@default uuid-standby".to_owned(),
        format!("agent set uuid agent1@default {agent}"),
        "agent set status agent1@default 'Available'".to_owned(),
        "agent set state agent1@default Waiting".to_owned(),
        "tier add support@default agent1@default 1 1".to_owned(),
    ] {
        let answer = control.api(&format!("callcenter_config {command}")).await;
        assert!(answer.starts_with("+OK"), "{command}: {answer}");
    }
    customers_in_turn(&exchange, &phones, &receiver, &agent, "queue-callcenter").await;
    control
        .api("callcenter_config tier del support@default agent1@default")
        .await;
    control
        .api("callcenter_config agent del agent1@default")
        .await;
    hang_up(&exchange, &agent).await;
}

#[tokio::test]
#[ignore = "needs a FreeSWITCH and sipp"]
async fn each_customer_whom_one_dialplan_dials_after_another_has_a_document() {
    let exchange = Exchange::acquire().await;
    extensions::add(exchange.switch, &exchange.control).await;
    let phones = Phones::start(&exchange).await;
    let receiver = Receiver::start().await;
    let _service = Service::following(exchange.switch, &receiver, SHIFT).await;
    let then = format!("row-{} XML phones", phones.port);
    let agent = phones
        .call(&exchange, "agent", "flow.name=shift", &then)
        .await;
    let mut served: Vec<String> = Vec::new();
    for turn in 1..=2 {
        let known: Vec<&str> = served.iter().map(String::as_str).collect();
        let customer = partner(&exchange, &agent, &known).await;
        hang_up(&exchange, &customer).await;
        let document = receiver.documents(turn).await.pop().expect("a document");
        is_served(&document, &customer, &agent, &format!("lead-{turn}"));
        served.push(customer);
    }
    hang_up(&exchange, &agent).await;
}

#[tokio::test]
#[ignore = "needs a FreeSWITCH and sipp"]
async fn agents_who_are_dialled_first_are_all_in_the_document_of_the_customer() {
    let exchange = Exchange::acquire().await;
    let phones = Phones::start(&exchange).await;
    let receiver = Receiver::start().await;
    let _service = Service::following(exchange.switch, &receiver, "").await;
    let first = exchange.control.api("create_uuid").await;
    let [one, other, customer] = ["agent1", "agent2", "customer"].map(|name| phones.number(name));
    let command = format!(
        "bgapi originate {{flow.callee_type=AGENT,flow.part_of={first}}}\
         [origination_uuid={first}]{one},{other} \
         &bridge({{flow.callee_type=VISITOR,flow.name=outbound,flow.key.leadid=lead-1}}{customer})"
    );
    exchange.control.send_command(&command).await;
    let bridged = exchange
        .events
        .wait("bridge", |event| event.name() == "CHANNEL_BRIDGE")
        .await;
    hang_up(&exchange, bridged.get("Bridge-B-Unique-ID")).await;
    let document = receiver.documents(1).await.remove(0);
    let entries = document["callDetails"].as_array().expect("legs").iter();
    let mut told: Vec<String> = entries
        .map(|leg| format!("{} {}", leg["calleeType"], leg["calleeNumber"]))
        .collect();
    told.sort();
    let expected = [
        "\"AGENT\" \"agent1\"",
        "\"AGENT\" \"agent2\"",
        "\"VISITOR\" \"customer\"",
    ];
    assert_eq!(told, expected, "{document:#}");
    let keys = json!([{"name": "$flow.key.leadid", "value": "lead-1"}]);
    assert_eq!(document["keys"], keys, "{document:#}");
    assert_eq!(document.get("incomplete"), None, "{document:#}");
}

/// Waits until a conference has so many members.
async fn members(exchange: &Exchange, count: usize) {
    let wanted = count.to_string();
    while exchange
        .control
        .api("conference room list count")
        .await
        .trim()
        != wanted
    {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
#[ignore = "needs a FreeSWITCH and sipp"]
async fn everybody_in_a_conference_has_a_document_with_what_was_recorded_meanwhile() {
    let exchange = Exchange::acquire().await;
    let (switch, control) = (exchange.switch, &exchange.control);
    extensions::add(switch, control).await;
    extensions::load(switch, control, &["mod_conference"]).await;
    let phones = Phones::start(&exchange).await;
    let receiver = Receiver::start().await;
    let _service = Service::following(switch, &receiver, "").await;
    let enters = async |number: usize| {
        let variables = format!("flow.name=outbound,flow.key.leadid=lead-{number}");
        let name = format!("customer{number}");
        phones
            .call(&exchange, &name, &variables, "room XML phones")
            .await
    };
    let first = enters(1).await;
    members(&exchange, 1).await;
    let second = enters(2).await;
    members(&exchange, 2).await;
    let file = switch.folder.join("run/recordings/room.wav");
    std::fs::create_dir_all(file.parent().expect("a folder")).expect("a folder");
    let record = format!("conference room record {}", file.display());
    control.api(&record).await;
    while std::fs::metadata(&file).map_or(0, |file| file.len()) < 4_000 {
        tokio::task::yield_now().await;
    }
    // An agent whom the conference dials is part of the first customer's call.
    let dial = format!(
        "conference room bgdial {{flow.part_of={first}}}{} 912243690284 Desk",
        phones.number("agent")
    );
    control.api(&dial).await;
    members(&exchange, 3).await;
    control.api("conference room recording stop all").await;
    let third = enters(3).await;
    members(&exchange, 4).await;
    control.api("conference room hup all").await;
    let documents = receiver.documents(3).await;
    let of = |uuid: &str| {
        let mut found = documents.iter().filter(|one| one["phonon-uuid"] == uuid);
        found
            .next()
            .unwrap_or_else(|| panic!("{uuid}: {documents:#?}"))
    };
    for (uuid, legs, recorded) in [(&first, 2, true), (&second, 1, true), (&third, 1, false)] {
        let document = of(uuid);
        assert_eq!(document.get("incomplete"), None, "{document:#}");
        assert_eq!(uuids(document).len(), legs, "{document:#}");
        let text = document["recordingUrls"].to_string();
        assert_eq!(text.contains("room.wav"), recorded, "{document:#}");
        assert_eq!(document["keys"].to_string().matches("lead-").count(), 1);
    }
    let agent = &of(&first)["callDetails"][1];
    assert_eq!(agent["calleeNumber"], "agent", "{:#}", of(&first));
}

#[tokio::test]
#[ignore = "needs a FreeSWITCH and sipp"]
async fn an_agent_who_was_dialled_for_a_customer_and_goes_on_to_another_takes_part_in_both_calls() {
    let exchange = Exchange::acquire().await;
    let phones = Phones::start(&exchange).await;
    let receiver = Receiver::start().await;
    let _service = Service::following(exchange.switch, &receiver, "").await;
    let then = format!(
        "'&bridge({{park_after_bridge=true}}{})'",
        phones.number("agent")
    );
    let first = phones
        .call(
            &exchange,
            "customer1",
            "flow.name=outbound,flow.key.leadid=lead-1",
            &then,
        )
        .await;
    let agent = partner(&exchange, &first, &[]).await;
    hang_up(&exchange, &first).await;
    // A customer who is hung up as the next talk begins was taken over, and the agent stays in that call.
    passes(&exchange.control, Duration::from_secs(1)).await;
    let second = phones
        .call(
            &exchange,
            "customer2",
            "flow.name=outbound,flow.key.leadid=lead-2",
            "&park",
        )
        .await;
    bridge(&exchange, &second, &agent).await;
    let document = receiver.documents(1).await.remove(0);
    is_served(&document, &first, &agent, "lead-1");
    hang_up(&exchange, &second).await;
    let document = receiver.documents(2).await.remove(1);
    is_served(&document, &second, &agent, "lead-2");
    exchange.control.api(&format!("uuid_kill {agent}")).await;
}

#[tokio::test]
#[ignore = "needs a FreeSWITCH and sipp"]
async fn two_customers_who_wait_and_are_bridged_are_one_call_if_the_talk_ends_both() {
    let exchange = Exchange::acquire().await;
    let phones = Phones::start(&exchange).await;
    let receiver = Receiver::start().await;
    let _service = Service::following(exchange.switch, &receiver, "").await;
    let customer = async |number: usize| {
        let variables = format!("flow.name=outbound,flow.key.leadid=lead-{number}");
        phones
            .call(&exchange, "customer", &variables, "&park")
            .await
    };
    let (older, younger) = (customer(1).await, customer(2).await);
    bridge(&exchange, &younger, &older).await;
    hang_up(&exchange, &younger).await;
    let document = receiver.documents(1).await.remove(0);
    assert_eq!(document["phonon-uuid"], older, "{document:#}");
    assert_eq!(uuids(&document), [(older, false), (younger, false)]);
    assert_eq!(document.get("incomplete"), None, "{document:#}");
}

#[tokio::test]
#[ignore = "needs a FreeSWITCH and sipp"]
async fn an_agent_who_picks_a_waiting_customer_up_is_in_the_document_of_that_customer() {
    let exchange = Exchange::acquire().await;
    let phones = Phones::start(&exchange).await;
    let receiver = Receiver::start().await;
    let _service = Service::following(exchange.switch, &receiver, "").await;
    let variables = "flow.name=outbound,flow.key.leadid=lead-1";
    let customer = phones.call(&exchange, "customer", variables, "&park").await;
    let agent = uuid::Uuid::new_v4().to_string();
    let command = format!(
        "bgapi originate {{origination_uuid={agent},flow.callee_type=AGENT}}{} &intercept({customer})",
        phones.number("agent")
    );
    exchange.control.send_command(&command).await;
    assert_eq!(partner(&exchange, &customer, &[]).await, agent);
    hang_up(&exchange, &customer).await;
    let document = receiver.documents(1).await.remove(0);
    assert_eq!(document["phonon-uuid"], customer, "{document:#}");
    assert_eq!(uuids(&document), [(customer, false), (agent, false)]);
    assert_eq!(document.get("incomplete"), None, "{document:#}");
}
