//! Defines calls with agents' legs that nobody of the call dialled: one that stays for several
//! customers, and one that says of which call it is part.

use std::time::Duration;

use super::success::mapped;
use super::{Requests, Scenario};
use crate::receiver::OK;
use crate::switch::Left;

/// Two customers whom one agent serves, the agent's own leg, and a call of which another agent's leg
/// is part.
#[derive(Debug, Clone)]
pub(crate) struct Shift {
    pub(crate) customers: [Scenario; 2],
    pub(crate) agent: Scenario,
    pub(crate) part_of: Scenario,
}

impl Shift {
    pub(crate) fn new() -> Self {
        Self {
            customers: [
                customer("standing_agent_first", "919822003887", "HFC123"),
                customer("standing_agent_second", "919822003888", "HFC124"),
            ],
            agent: agent(),
            part_of: customer("agent_part_of_a_call", "919822003889", "HFC125"),
        }
    }

    pub(crate) fn all(&self) -> Vec<&Scenario> {
        let others = [&self.agent, &self.part_of];
        self.customers.iter().chain(others).collect()
    }
}

fn customer(name: &'static str, number: &str, lead: &str) -> Scenario {
    let mut scenario = mapped(name, "/ok").raw(OK);
    number.clone_into(&mut scenario.call.caller);
    scenario.call.variables = vec![("flow.key.leadid".into(), lead.into())];
    scenario.call.talks = Duration::from_millis(300);
    scenario
}

/// Returns the agent's leg, which enters no hook.
fn agent() -> Scenario {
    let mut scenario = Scenario::success("standing_agent", "/ok").requests(Requests::None);
    scenario.line = None;
    scenario.left = Left::HungUp;
    scenario.variables = Vec::new();
    scenario
}
