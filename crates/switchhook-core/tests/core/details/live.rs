//! What happens in calls while they live, as captures of a real switch show it.

// A helper that lacks its input fails the test.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;
use switchhook_core::details::live_event;
use switchhook_core::ledger::{Effect, Ledger, LedgerOptions};
use switchhook_core::live_events::{EventChoices, EventKind};

use crate::details::events::{Event, captures, of_capture};
use crate::details::ledgers::format;
use test_support::root;

const SECOND: i64 = 1_000_000;

/// Plays events at their times with a tick each second. Returns the events of the calls.
pub(super) fn told(events: &[Event]) -> Vec<Value> {
    let mut ledger = Ledger::new(LedgerOptions::default());
    let flows = ["default", "inbound", "outbound"];
    let flows = flows.map(|flow| (flow, &EventKind::CHOICES[..]));
    ledger.tell_events(Arc::new(EventChoices::new(flows.into_iter())));
    let mut told = Vec::new();
    let mut now: i64 = events[0].text("Event-Date-Timestamp").parse().unwrap();
    let mut collect = |effects: Vec<Effect>| {
        for effect in effects {
            if let Effect::Tell(of) = effect {
                for event in &of.events {
                    told.push(Value::Object(live_event(&of, event, &format())));
                }
            }
        }
    };
    for event in events {
        let at: i64 = event.text("Event-Date-Timestamp").parse().unwrap();
        while now + SECOND < at {
            now += SECOND;
            collect(ledger.expire(now));
        }
        now = now.max(at);
        collect(ledger.apply(event, now));
    }
    for _ in 0..10 {
        now += SECOND;
        collect(ledger.expire(now));
    }
    told
}

/// Each way of a call: its name in the manual, and its capture.
const WAYS: [(&str, &str, &str); 18] = [
    (
        "A caller, and the dialplan",
        "json_events",
        "inbound-caller-hangs-up",
    ),
    (
        "A customer whom we dial, then an agent, recorded",
        "json_events",
        "outbound-customer-then-agent-recorded",
    ),
    (
        "Several agents at once: the second one answers",
        "json_events",
        "outbound-multicast-one-of-three-agents-answers",
    ),
    (
        "Two agents ring at once: the second one answers",
        "live_events",
        "both-agents-ring-one-answers",
    ),
    (
        "Agents in turn: the first one misses",
        "json_events",
        "inbound-hunt-first-does-not-answer",
    ),
    (
        "The caller hangs up while an agent rings",
        "json_events",
        "inbound-caller-cancels-while-agent-rings",
    ),
    (
        "Blind transfer by the agent's phone",
        "json_events",
        "inbound-blind-transfer-with-transfer-events",
    ),
    (
        "Both phones hold the call and take it up again; a blind transfer; the caller hangs up on hold",
        "live_events",
        "held-and-resumed-by-both-phones",
    ),
    (
        "Attended transfer by the agent's phone",
        "json_events",
        "inbound-attended-transfer-with-transfer-events",
    ),
    (
        "The same, given away while the second agent rings",
        "json_events",
        "inbound-attended-transfer-refer-while-ringing",
    ),
    (
        "Attended transfer by the switch (`att_xfer`)",
        "json_events",
        "inbound-attended-transfer-att_xfer",
    ),
    (
        "Pickup: another agent takes the ringing call (`intercept`)",
        "json_events",
        "inbound-pickup-with-intercept",
    ),
    (
        "The switch bridges a leg of another call (`uuid_bridge`)",
        "json_events",
        "inbound-intercept-uuid_bridge-of-two-calls",
    ),
    (
        "Queue: an agent misses, then answers (mod_callcenter)",
        "json_events",
        "inbound-queue-callcenter-agent-misses-then-answers",
    ),
    (
        "Parked in a queue, and fetched by an agent who dials in (mod_fifo)",
        "json_events",
        "inbound-queue-fifo-agent-dials-in",
    ),
    (
        "Conference that dials an agent",
        "ways",
        "conference-dials-agent-part_of",
    ),
    (
        "Standing agent, one customer after another",
        "ways",
        "standing-agent-parked-between-uuid_bridges",
    ),
    (
        "Two customers talk, and one goes on",
        "ways",
        "two-customers-bridged-one-goes-on",
    ),
];

/// Names the parties of a capture: customers by their order, agents by their number.
#[derive(Default)]
struct Names(Vec<String>);

impl Names {
    fn of(&mut self, leg: &Value) -> String {
        let number = leg["calleeNumber"].as_str().unwrap_or("unknown");
        // The accounts of the shipped configuration.
        let account = match number {
            "1000" => "customer1",
            "1001" => "agent1",
            "1002" => "agent2",
            _ => "",
        };
        if !account.is_empty() {
            return account.to_owned();
        }
        if !number.starts_with("91") {
            return number.to_owned();
        }
        if leg["calleeType"] == "AGENT" && leg.get("tookPart").is_none() {
            return "agent".to_owned();
        }
        if !self.0.iter().any(|known| known == number) {
            self.0.push(number.to_owned());
        }
        let place = self.0.iter().position(|known| known == number).unwrap();
        format!("customer{}", place + 1)
    }
}

/// Returns an event in words of the manual.
fn words(event: &Value, names: &mut Names) -> String {
    let kind = event["type"]
        .as_str()
        .unwrap()
        .strip_prefix("call.")
        .unwrap();
    let mut words = vec![format!("`{kind}` {}", names.of(&event["leg"]))];
    if let Some(other) = event.get("other") {
        words.push(format!("with {}", names.of(other)));
    }
    if let Some(from) = event.get("from") {
        words.push(format!("from {}", names.of(from)));
    }
    if event.get("joined").is_some() {
        words.push("(joined)".into());
    }
    words.join(" ")
}

/// Returns the rows of a way: one for each call, with its events in order.
fn rows((title, folder, name): (&str, &str, &str)) -> Vec<String> {
    let mut names = Names::default();
    let mut calls: Vec<(String, Vec<String>)> = Vec::new();
    for event in told(&of_capture(folder, name)) {
        let call = event["phonon-uuid"].as_str().unwrap().to_owned();
        let words = words(&event, &mut names);
        match calls.iter_mut().find(|(known, _)| *known == call) {
            Some((_, events)) => events.push(words),
            None => calls.push((call, vec![words])),
        }
    }
    let calls = calls.into_iter().enumerate();
    calls
        .map(|(at, (_, events))| {
            let title = if at == 0 { title } else { "" };
            format!("| {title} | {} |", events.join(", "))
        })
        .collect()
}

#[test]
fn the_manual_lists_the_events_that_captures_of_a_real_switch_show() {
    let path = root().join("docs/events.md");
    let text = std::fs::read_to_string(&path).unwrap();
    let table: Vec<String> = WAYS.into_iter().flat_map(rows).collect();
    let table = table.join("\n");
    let head = "| Way | Events, one row for each call |\n|---|---|\n";
    let start = text.find(head).unwrap() + head.len();
    let end = start + text[start..].find("\n\n").unwrap();
    if std::env::var_os("BLESS_GOLDEN").is_some() {
        let blessed = format!("{}{table}{}", &text[..start], &text[end..]);
        std::fs::write(&path, blessed).unwrap();
        return;
    }
    assert_eq!(&text[start..end], table);
}

#[test]
fn an_attended_transfer_names_the_agent_who_ends_up_with_the_caller() {
    for name in [
        "inbound-attended-transfer-with-transfer-events",
        "inbound-attended-transfer-refer-replaces",
        "inbound-attended-transfer-refer-while-ringing",
        "inbound-attended-transfer-att_xfer",
        "inbound-blind-transfer-refer",
        "outbound-blind-transfer-refer",
    ] {
        let events = told(&of_capture("json_events", name));
        let mut transfers = events
            .iter()
            .filter(|event| event["type"] == "call.transferred");
        let transfer = transfers.next().unwrap_or_else(|| panic!("{name}"));
        let who = ["leg", "other", "from"].map(|leg| transfer[leg]["calleeNumber"].clone());
        assert_eq!(who, ["919879072567", "agent2", "agent1"], "{name}");
        assert!(transfers.next().is_none(), "{name}");
    }
}

#[test]
fn nobody_is_transferred_when_an_agent_hangs_up_and_another_comes() {
    for (folder, name) in [
        (
            "json_events",
            "inbound-queue-callcenter-agent-misses-then-answers",
        ),
        ("json_events", "inbound-hunt-first-does-not-answer"),
        ("json_events", "inbound-pickup-with-intercept"),
        ("json_events", "inbound-loopback-that-resigns"),
        ("ways", "standing-agent-fifo-out-wait"),
        ("ways", "standing-agent-callcenter-uuid-standby"),
    ] {
        let events = told(&of_capture(folder, name));
        let mut kinds = events.iter().map(|event| event["type"].as_str().unwrap());
        assert!(kinds.all(|kind| kind != "call.transferred"), "{name}");
    }
}

/// Every call of every capture begins once and ends once, and nothing is told after its end.
#[test]
fn every_call_begins_once_and_ends_once() {
    for folder in ["json_events", "ways", "live_events"] {
        for file in std::fs::read_dir(captures().join(folder)).unwrap() {
            let path = file.unwrap().path();
            let name = path.file_stem().unwrap().to_str().unwrap();
            if name.contains("nobody-listens") || name.contains("percent") {
                continue;
            }
            let events = of_capture(folder, name);
            let mut calls: BTreeMap<String, Vec<String>> = BTreeMap::new();
            for event in told(&events) {
                let call = event["phonon-uuid"].as_str().unwrap().to_owned();
                let kind = event["type"].as_str().unwrap().to_owned();
                calls.entry(call).or_default().push(kind);
            }
            for (call, kinds) in calls {
                let count = |kind: &str| kinds.iter().filter(|one| *one == kind).count();
                assert_eq!(count("call.started"), 1, "{name} {call} {kinds:?}");
                assert_eq!(count("call.ended"), 1, "{name} {call} {kinds:?}");
                assert_eq!(
                    kinds.last().unwrap(),
                    "call.ended",
                    "{name} {call} {kinds:?}"
                );
            }
        }
    }
}
