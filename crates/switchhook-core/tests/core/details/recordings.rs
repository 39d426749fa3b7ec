//! Whose a recording is that was made on the leg of an agent who stays, or of a conference: a table of
//! histories, with the calls that list it.

use std::collections::BTreeMap;

use super::ways::played;
use crate::details::events::Event;
use crate::details::ledgers::documents;

const START_US: i64 = 1_642_423_000_000_000;

/// What happens, at a second each.
#[derive(Clone, Copy)]
enum Happens {
    /// A customer's leg, of this account (empty: the default one).
    Customer(&'static str, &'static str),
    /// An agent's leg, who stays, of this account.
    Agent(&'static str),
    Talk(&'static str, &'static str),
    Record(&'static str, &'static str),
    Stop(&'static str, &'static str),
    Enter(&'static str),
    RecordRoom,
    StopRoom,
    End(&'static str),
    /// What comes next happens in the same tick as what came before.
    AtOnce,
}

use Happens::{Agent, AtOnce, Customer, End, Enter, Record, RecordRoom, Stop, StopRoom, Talk};

struct History {
    /// Direction and account of each leg, and its creation.
    legs: BTreeMap<&'static str, (&'static str, &'static str, i64)>,
    events: Vec<Event>,
    now_us: i64,
}

impl History {
    fn of(history: &[Happens]) -> Self {
        let mut made = Self {
            legs: BTreeMap::new(),
            events: Vec::new(),
            now_us: START_US,
        };
        for one in history {
            if matches!(one, AtOnce) {
                made.now_us -= 1_000_000;
            } else {
                made.now_us += 1_000_000;
                made.add(*one);
            }
        }
        made
    }

    fn add(&mut self, what: Happens) {
        let now_us = self.now_us;
        match what {
            Customer(leg, account) => {
                self.legs.insert(leg, ("inbound", account, now_us));
                self.push("CHANNEL_CREATE", leg, &[]);
            }
            Agent(account) => {
                self.legs.insert("agent", ("outbound", account, now_us));
                self.push("CHANNEL_CREATE", "agent", &[]);
            }
            Talk(one, other) => {
                let ends = [("Bridge-A-Unique-ID", one), ("Bridge-B-Unique-ID", other)];
                self.push("CHANNEL_BRIDGE", one, &ends);
            }
            Record(leg, path) => self.push("RECORD_START", leg, &[("Record-File-Path", path)]),
            Stop(leg, path) => self.push("RECORD_STOP", leg, &[("Record-File-Path", path)]),
            Enter(leg) => self.room("add-member", Some(leg)),
            AtOnce => {}
            RecordRoom => self.room("start-recording", None),
            StopRoom => self.room("stop-recording", None),
            End(leg) => {
                let at = now_us.to_string();
                let end = [
                    ("Caller-Channel-Hangup-Time", at.as_str()),
                    ("Hangup-Cause", "NORMAL_CLEARING"),
                    ("variable_hangup_cause_q850", "16"),
                ];
                self.push("CHANNEL_HANGUP_COMPLETE", leg, &end);
            }
        }
    }

    fn push(&mut self, name: &str, leg: &'static str, more: &[(&str, &str)]) {
        let (direction, account, created) = self.legs[leg];
        let mut event = Event::of(&[
            ("Event-Name", name),
            ("Event-Date-Timestamp", &self.now_us.to_string()),
            ("Event-Sequence", &(self.events.len() + 1).to_string()),
            ("Unique-ID", leg),
            ("FreeSWITCH-Switchname", "fs1"),
            ("Channel-Name", "sofia/internal/made"),
            ("Call-Direction", direction),
            ("Caller-Caller-ID-Number", leg),
            ("Caller-Destination-Number", "7000"),
            ("Caller-Channel-Created-Time", &created.to_string()),
        ]);
        if leg == "agent" {
            event = event.with("variable_flow.callee_type", "AGENT");
        }
        if !account.is_empty() {
            event = event.with("variable_flow.account", account);
        }
        for (header, value) in more {
            event = event.with(header, value);
        }
        self.events.push(event);
    }

    fn room(&mut self, action: &str, leg: Option<&str>) {
        let entered = self
            .events
            .iter()
            .filter(|event| event.text("Action") == "add-member");
        let size = (entered.count() + 1).to_string();
        let mut event = Event::of(&[
            ("Event-Name", "CUSTOM"),
            ("Event-Subclass", "conference::maintenance"),
            ("Event-Date-Timestamp", &self.now_us.to_string()),
            ("Event-Sequence", &(self.events.len() + 1).to_string()),
            ("Conference-Unique-ID", "room"),
            ("Conference-Size", &size),
            ("Action", action),
        ]);
        event = match leg {
            Some(leg) => event.with("Unique-ID", leg),
            None => event.with("Path", "room.wav"),
        };
        self.events.push(event);
    }

    /// Returns each call with its recordings, then those that no call has.
    fn told(&self) -> String {
        let calls: Vec<_> = played(&self.events)
            .into_iter()
            .map(|(_, call)| call)
            .collect();
        let mut told: Vec<String> = Vec::new();
        let mut withheld: Vec<String> = Vec::new();
        for (call, document) in calls.iter().zip(documents(&calls)) {
            assert_eq!(document.get("incomplete"), None, "{document:#}");
            let listed = document["recordingUrls"].as_array().into_iter().flatten();
            let mut names: Vec<&str> = vec![&call.id];
            names.extend(listed.map(|one| one["recordedFileName"].as_str().unwrap()));
            told.push(names.join(" "));
            withheld.extend(call.withheld.clone());
        }
        told.sort();
        withheld.sort();
        withheld.dedup();
        if !withheld.is_empty() {
            told.push(format!("withheld {}", withheld.join(" ")));
        }
        told.join(", ")
    }
}

#[test]
fn each_customer_has_what_was_recorded_of_its_own_talk() {
    let history = [
        Agent(""),
        Customer("one", "acme"),
        Talk("one", "agent"),
        Record("agent", "1.wav"),
        Stop("agent", "1.wav"),
        End("one"),
        Customer("two", "zenith"),
        Talk("two", "agent"),
        Record("agent", "2.wav"),
        Stop("agent", "2.wav"),
        End("two"),
        End("agent"),
    ];
    assert_eq!(History::of(&history).told(), "agent, one 1.wav, two 2.wav");
}

/// A recording that begins with one customer and ends with another, who may be of other accounts.
#[test]
fn a_recording_of_two_customers_is_in_neither_document() {
    for (first, second, agent, expected) in [
        ("", "", "", "agent x.wav, one, two"),
        ("acme", "acme", "acme", "agent x.wav, one, two"),
        ("acme", "acme", "", "agent, one, two, withheld x.wav"),
        ("acme", "zenith", "", "agent, one, two, withheld x.wav"),
        ("acme", "zenith", "acme", "agent, one, two, withheld x.wav"),
        ("", "zenith", "", "agent, one, two, withheld x.wav"),
    ] {
        // The first customer waits meanwhile, has left before, or outlasts the agent.
        for waits in ["two one agent", "one two agent", "agent two one"] {
            let mut history = vec![
                Agent(agent),
                Customer("one", first),
                Customer("two", second),
                Talk("one", "agent"),
                Record("agent", "x.wav"),
            ];
            let mut ends = waits.split(' ').peekable();
            history.extend(ends.next_if_eq(&"one").map(End));
            history.extend([Talk("two", "agent"), Stop("agent", "x.wav")]);
            history.extend(ends.map(End));
            let told = History::of(&history).told();
            assert_eq!(told, expected, "{first:?} {second:?} {agent:?}: {waits}");
        }
    }
}

#[test]
fn a_recording_of_a_whole_shift_is_the_agents_unless_it_holds_another_account() {
    for (account, expected) in [
        ("", "agent shift.wav, one"),
        ("acme", "agent, one, withheld shift.wav"),
    ] {
        let history = [
            Agent(""),
            Record("agent", "shift.wav"),
            Customer("one", account),
            Talk("one", "agent"),
            End("one"),
            // The agent goes on.
            Customer("two", account),
            Talk("two", "agent"),
            End("two"),
            Stop("agent", "shift.wav"),
            End("agent"),
        ];
        let expected = expected.replace("one", "one, two");
        assert_eq!(History::of(&history).told(), expected, "{account:?}");
    }
}

#[test]
fn a_recording_on_the_leg_of_another_accounts_agent_is_in_no_document() {
    let history = [
        Agent("zenith"),
        Customer("one", "acme"),
        Talk("one", "agent"),
        Record("agent", "1.wav"),
        Stop("agent", "1.wav"),
        End("one"),
        End("agent"),
    ];
    assert_eq!(History::of(&history).told(), "agent, one, withheld 1.wav");
}

#[test]
fn what_was_recorded_on_a_customers_own_leg_stays_with_that_customer() {
    let history = [
        Customer("one", "acme"),
        Customer("two", "zenith"),
        Record("one", "1.wav"),
        Talk("one", "two"),
        Record("two", "2.wav"),
        Stop("one", "1.wav"),
        Stop("two", "2.wav"),
        End("one"),
        End("two"),
    ];
    assert_eq!(History::of(&history).told(), "one 1.wav, two 2.wav");
}

#[test]
fn a_conference_with_two_accounts_has_its_recording_in_no_document() {
    for (second, expected) in [
        ("acme", "one room.wav, two room.wav"),
        ("zenith", "one, two, withheld room.wav"),
        ("", "one, two, withheld room.wav"),
    ] {
        let history = [
            Customer("one", "acme"),
            Enter("one"),
            Customer("two", second),
            Enter("two"),
            RecordRoom,
            End("one"),
            StopRoom,
            End("two"),
        ];
        assert_eq!(History::of(&history).told(), expected, "{second:?}");
    }
}

#[test]
fn a_recording_that_ends_in_the_tick_of_the_next_talk_may_hold_some_of_it() {
    let history = [
        Agent(""),
        Customer("one", "acme"),
        Customer("two", "zenith"),
        Talk("one", "agent"),
        Record("agent", "x.wav"),
        Talk("two", "agent"),
        AtOnce,
        Stop("agent", "x.wav"),
        End("two"),
        End("one"),
        End("agent"),
    ];
    assert_eq!(
        History::of(&history).told(),
        "agent, one, two, withheld x.wav"
    );
}

#[test]
fn a_recording_that_begins_in_the_tick_of_its_talk_is_of_that_talk() {
    let history = [
        Agent(""),
        Customer("one", "acme"),
        Customer("two", "zenith"),
        Talk("one", "agent"),
        End("one"),
        AtOnce,
        Talk("two", "agent"),
        AtOnce,
        Record("agent", "2.wav"),
        Stop("agent", "2.wav"),
        End("two"),
        End("agent"),
    ];
    assert_eq!(History::of(&history).told(), "agent, one, two 2.wav");
}
