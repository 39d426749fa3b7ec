//! Defines calls that go on to agents: two legs, a multicast ring, a recording.

use std::time::Duration;

use super::Scenario;
use super::success::mapped;
use crate::receiver::OK;
use crate::switch::{Dial, End};

pub(super) fn all() -> Vec<Scenario> {
    let ended = |name, end| talks(mapped(name, "/ok").raw(OK), &["agent1"], end);
    let agents = ["agent1", "agent2", "agent3"];
    let mut multicast = talks(mapped("multicast", "/ok").raw(OK), &agents, End::Caller);
    let mut recorded = ended("recording", End::Agent);
    if let Some(dial) = &mut multicast.call.dial {
        dial.answers = 1;
    }
    if let Some(dial) = &mut recorded.call.dial {
        dial.record = Some("/var/lib/freeswitch/recordings/lab-1.wav".into());
    }
    let mut discarded = recorded.clone();
    discarded.name = "recording_discarded";
    discarded.call.path = discarded.name.to_owned();
    if let Some(dial) = &mut discarded.call.dial {
        dial.discards = true;
    }
    vec![
        ended("two_legs_agent_ends", End::Agent),
        ended("two_legs_customer_ends", End::Caller),
        multicast,
        recorded,
        discarded,
    ]
}

/// Makes line 0 dial agents.
pub(super) fn talks(mut scenario: Scenario, agents: &[&str], end: End) -> Scenario {
    scenario.call.talks = Duration::from_millis(300);
    scenario.call.dial = Some(Dial {
        agents: agents.iter().map(|&agent| agent.to_owned()).collect(),
        rings: Duration::from_millis(200),
        end,
        ..Dial::default()
    });
    scenario
}
