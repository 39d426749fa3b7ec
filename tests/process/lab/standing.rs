//! Compares an agent's leg that stays, and the customers whom it serves, with those of a real switch.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::time::Duration;

use switchhook_sim::receiver::closed_port;
use switchhook_sim::switch::{Call, HandOver};

use crate::lab::port::{Client, EVENTS, Ordered, captured, switch};

type Event = Vec<(String, String)>;

/// Customers of the captured agent.
const CUSTOMERS: usize = 3;

fn get<'e>(event: &'e Event, name: &str) -> &'e str {
    let header = event.iter().find(|(key, _)| key == name);
    header.map_or("", |(_, value)| value)
}

/// Returns a call whose service is absent; a program connects it with the agent on line 0.
fn call(agent: &str) -> Call {
    Call {
        hosts: vec![format!("127.0.0.1:{}", closed_port().unwrap())],
        variables: vec![("flow.line".into(), "0".into())],
        hand_over: HandOver::NONE,
        joins: Some(agent.to_owned()),
        talks: Duration::from_millis(50),
        ..Call::default()
    }
}

/// Returns what each event says of its leg's place in the calls, with legs by their number.
fn places(events: &[Event]) -> Vec<Vec<String>> {
    const LEGS: [&str; 5] = [
        "Unique-ID",
        "Bridge-A-Unique-ID",
        "Bridge-B-Unique-ID",
        "Other-Leg-Unique-ID",
        "Channel-Call-UUID",
    ];
    const TEXTS: [&str; 6] = [
        "Event-Name",
        "Call-Direction",
        "Channel-State",
        "Channel-State-Number",
        "Answer-State",
        "Other-Type",
    ];
    let mut legs: Vec<&str> = Vec::new();
    let mut number = |uuid| {
        if str::is_empty(uuid) {
            return "-".to_owned();
        }
        let known = legs.iter().position(|leg| *leg == uuid);
        let at = known.unwrap_or_else(|| {
            legs.push(uuid);
            legs.len() - 1
        });
        at.to_string()
    };
    let told = events.iter().map(|event| {
        let texts = TEXTS.map(|name| get(event, name).to_owned());
        let legs = LEGS.map(|name| number(get(event, name)));
        texts.into_iter().chain(legs).collect()
    });
    told.collect()
}

#[tokio::test]
async fn a_standing_agent_and_its_customers_look_like_the_captured_ones() {
    let (switch, port) = switch().await;
    let mut client = Client::of(&port).await;
    client.ask("auth ClueCon\n\n").await;
    client.ask(EVENTS).await;
    let agent = switch.dial_agent("agent1", "912243690284", &[("park_after_bridge", "true")]);
    for _ in 0..CUSTOMERS {
        let record = switch.place(call(agent.uuid())).await;
        assert_eq!(record.violations, Vec::<String>::new());
    }
    let agent = agent.hangs_up().uuid;
    let mut ours: Vec<Event> = Vec::new();
    let over = |event: &Event| {
        get(event, "Event-Name") == "CHANNEL_DESTROY" && get(event, "Unique-ID") == agent
    };
    while !ours.last().is_some_and(over) {
        let event: Ordered = serde_json::from_str(&client.frame().await.1).unwrap();
        ours.push(event.0);
    }
    let mut captured = captured("../ways/standing-agent-parked-between-uuid_bridges");
    // The captured agent was recorded in one of the talks.
    captured.retain(|event| !get(event, "Event-Name").starts_with("RECORD_"));
    let (ours, captured) = (places(&ours), places(&captured));
    for (ours, captured) in ours.iter().zip(&captured) {
        assert_eq!(ours, captured);
    }
    assert_eq!(ours.len(), captured.len());
}
