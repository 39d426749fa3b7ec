//! A busy shift: 300 customers at 30 a second, agents who stay and are connected with one after
//! another, transfers, and legs that hang up at random. Each customer has one document with whom it
//! met, and nobody else.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::Stdio;

use futures_util::future::join_all;
use serde_json::Value;
use tokio::process::Command;

use super::call::Exchange;
use super::control::Event;
use super::desk::{Desk, Met, Plan, Random};
use super::extensions;
use super::phones::Phones;
use super::receiver::Receiver;
use super::service::Service;
use super::switch::Switch;

const CUSTOMERS: usize = 300;
const A_SECOND: usize = 30;
/// Agents who stay at the beginning of the shift.
const AGENTS: usize = 24;
/// Calls that name no flow are posted: so are agents' own calls.
const EVERY_CALL: &str = "[flows.default]\nwebhook = true";
/// Names a seed, to play a shift again.
const SEED: &str = "SWITCHHOOK_SHIFT_SEED";

/// Calls the desk with SIPp. The customers wait there until they are hung up.
fn customers(switch: &Switch) -> tokio::process::Child {
    let numbers = switch.folder.join("customers.csv");
    fs::write(&numbers, "SEQUENTIAL\nwaits;\n").expect("a file");
    let scenario = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/live/call.xml");
    Command::new("sipp")
        .arg(format!("127.0.0.1:{}", switch.sip))
        .arg("-sf")
        .arg(scenario)
        .arg("-inf")
        .arg(numbers)
        .args(["-i", "127.0.0.1", "-nostdin", "-timeout", "150s"])
        .args(["-r", &A_SECOND.to_string(), "-m", &CUSTOMERS.to_string()])
        .current_dir(&switch.folder)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .expect("sipp is installed")
}

/// Waits for the customer who is number `place` in order of arrival.
async fn arrival(exchange: &Exchange, place: usize) -> String {
    let seen = std::cell::Cell::new(0);
    let wanted = |event: &Event| {
        let waits = event.name() == "CHANNEL_EXECUTE"
            && event.get("Application") == "park"
            && event.get("Caller-Destination-Number") == "waits";
        seen.set(seen.get() + usize::from(waits));
        waits && seen.get() > place
    };
    let event = exchange.events.wait("customer", wanted).await;
    event.get("Unique-ID").to_owned()
}

/// Returns the legs of a document: those that are whole, and those that took part, one entry a talk.
fn legs(document: &Value) -> (BTreeSet<String>, BTreeMap<String, usize>) {
    let mut whole = BTreeSet::new();
    let mut parts = BTreeMap::new();
    for entry in document["callDetails"].as_array().expect("legs") {
        let id = entry["cdrId"].as_str().or(document["phonon-uuid"].as_str());
        let leg = id.and_then(|id| id.split("##").next()).expect("an id");
        if entry["tookPart"] == true {
            *parts.entry(leg.to_owned()).or_default() += 1;
        } else {
            assert!(whole.insert(leg.to_owned()), "twice: {document:#}");
        }
    }
    (whole, parts)
}

/// Checks the document of a customer against whom the switch said that this customer met.
fn is_right(document: &Value, customer: &str, met: &Met, plan: &Plan) -> BTreeSet<String> {
    assert_eq!(document.get("incomplete"), None, "{plan:?} {document:#}");
    let (whole, parts) = legs(document);
    let mut expected = met.made.clone();
    expected.insert(customer.to_owned());
    let mut agents = met.agents.clone();
    // An agent whose leg ended with the one talk of its life is whole.
    for agent in whole.difference(&expected) {
        let talks = agents.remove(agent);
        assert_eq!(talks, Some(1), "{agent} {plan:?} {met:?} {document:#}");
        assert!(plan.partner_ends, "{agent} {plan:?} {met:?} {document:#}");
    }
    assert!(expected.is_subset(&whole), "{plan:?} {met:?} {document:#}");
    assert_eq!(parts, agents, "{plan:?} {met:?} {document:#}");
    whole
}

#[tokio::test]
#[ignore = "needs a FreeSWITCH and sipp"]
async fn of_300_customers_at_30_a_second_each_has_one_document_with_whom_it_met() {
    let seed = std::env::var(SEED).ok().and_then(|seed| seed.parse().ok());
    let seed: u64 = seed.unwrap_or_else(|| uuid::Uuid::new_v4().as_u64_pair().0);
    println!("{SEED}={seed}");
    let exchange = Exchange::acquire().await;
    extensions::add(exchange.switch, &exchange.control).await;
    let phones = Phones::start(&exchange).await;
    let receiver = Receiver::start().await;
    let only_customers = EVERY_CALL.replace("true", "false");
    let service = Service::changed(exchange.switch, &receiver, EVERY_CALL, &only_customers).await;
    let desk = Desk::new(&exchange, &phones);
    for _ in 0..AGENTS {
        desk.agent().await;
    }
    let mut random = Random(seed);
    let plans: Vec<Plan> = (0..CUSTOMERS).map(|_| Plan::of(&mut random)).collect();
    let _sipp = customers(exchange.switch);
    let served = plans.iter().enumerate().map(|(place, plan)| {
        let (desk, exchange) = (&desk, &exchange);
        async move {
            let customer = arrival(exchange, place).await;
            let met = desk.serve(&customer, plan).await;
            (customer, met, plan)
        }
    });
    let served = join_all(served).await;
    let documents = receiver.documents(CUSTOMERS).await;
    while service.outbox().trim() != "[]" {
        tokio::task::yield_now().await;
    }
    assert_eq!(receiver.documents(CUSTOMERS).await.len(), CUSTOMERS);
    let mut of: BTreeMap<&str, &Value> = BTreeMap::new();
    for document in &documents {
        let uuid = document["phonon-uuid"].as_str().expect("a UUID");
        of.insert(uuid, document);
    }
    assert_eq!(of.len(), CUSTOMERS, "each customer once");
    let mut everywhere = BTreeSet::new();
    for (customer, met, plan) in &served {
        // An agent who is older and whole in the document is its first leg.
        let document = of
            .get(customer.as_str())
            .copied()
            .or_else(|| documents.iter().find(|one| legs(one).0.contains(customer)));
        let document = document.unwrap_or_else(|| panic!("no document: {customer} {met:?}"));
        for leg in is_right(document, customer, met, plan) {
            assert!(everywhere.insert(leg.clone()), "{leg} is in two documents");
        }
    }
    let talks = |(_, met, _): &(String, Met, &Plan)| met.agents.values().sum::<usize>();
    let made: usize = served.iter().map(|(_, met, _)| met.made.len()).sum();
    let talks: usize = served.iter().map(talks).sum();
    println!("{CUSTOMERS} customers, {talks} talks with agents, {made} transfers: all right");
}
