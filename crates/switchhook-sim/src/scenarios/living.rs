//! Defines the calls whose events are told while they live.

use std::time::Duration;

use super::Scenario;
use super::agents::talks;
use super::success::mapped;
use crate::receiver::OK;
use crate::switch::{Dial, End, Talk};

/// A call, and its events in their order: `transferred 0 with 2 from 1` tells of the call's first
/// leg that it talks with the third and came from the second.
#[derive(Debug, Clone)]
pub(crate) struct LivingCall {
    pub(crate) scenario: Scenario,
    pub(crate) events: Vec<&'static str>,
}

/// The calls whose events are checked.
#[derive(Debug, Clone)]
pub(crate) struct Living {
    /// Calls for a receiver that answers.
    pub(crate) told: Vec<LivingCall>,
    /// A call for a receiver that does not answer while the call's document is delivered.
    pub(crate) slow: LivingCall,
}

/// A caller talks with an agent.
const PLAIN: [&str; 9] = [
    "started 0",
    "answered 0",
    "lookup 0",
    "ringing 1",
    "answered 1",
    "bridged 0 with 1",
    "agent_joined 1 with 0",
    "agent_left 1 with 0",
    "ended 0",
];

impl Living {
    pub(crate) fn new() -> Self {
        Self {
            told: vec![plain("events_in_order"), both_ring(), held(), given_away()],
            slow: plain("events_to_a_slow_receiver"),
        }
    }

    pub(crate) fn all(&self) -> Vec<&Scenario> {
        let all = self.told.iter().chain([&self.slow]);
        all.map(|call| &call.scenario).collect()
    }
}

impl LivingCall {
    /// Returns a call for a receiver that is down until the events are too old.
    pub(crate) fn expired() -> Self {
        plain("events_expired")
    }
}

fn plain(name: &'static str) -> LivingCall {
    LivingCall {
        scenario: dials(name, &["agent1"], |_| {}),
        events: PLAIN.to_vec(),
    }
}

/// Two agents ring, and the second one answers.
fn both_ring() -> LivingCall {
    let dial = |dial: &mut Dial| {
        dial.answers = 1;
        dial.all_ring = true;
    };
    LivingCall {
        scenario: dials("events_two_ring", &["agent1", "agent2"], dial),
        events: vec![
            "started 0",
            "answered 0",
            "lookup 0",
            "ringing 1",
            "ringing 2",
            "answered 2",
            "bridged 0 with 2",
            "agent_joined 2 with 0",
            "agent_left 1",
            "agent_left 2 with 0",
            "ended 0",
        ],
    }
}

/// The agent's phone holds the call, and takes it up again.
fn held() -> LivingCall {
    let dial = |dial: &mut Dial| dial.talk = Talk::Held(Duration::from_millis(100));
    let mut events = PLAIN.to_vec();
    events.splice(7..7, ["held 1 with 0", "resumed 1 with 0"]);
    LivingCall {
        scenario: dials("events_held_and_resumed", &["agent1"], dial),
        events,
    }
}

/// The agent asks a second agent, and gives the caller away.
fn given_away() -> LivingCall {
    let dial = |dial: &mut Dial| dial.talk = Talk::GivenTo("agent2".into());
    let mut events = PLAIN[..7].to_vec();
    events.extend([
        "ringing 2",
        "answered 2",
        "agent_left 1 with 0",
        "bridged 1 with 2",
        "bridged 0 with 2",
        "agent_joined 2 with 0",
        "transferred 0 with 2 from 1",
        "agent_left 2 with 0",
        "ended 0",
    ]);
    LivingCall {
        scenario: dials("events_attended_transfer", &["agent1"], dial),
        events,
    }
}

fn dials(name: &'static str, agents: &[&str], change: impl Fn(&mut Dial)) -> Scenario {
    let mut scenario = talks(mapped(name, "/ok").raw(OK), agents, End::Agent);
    scenario.call.dial.as_mut().map(change);
    scenario
}
