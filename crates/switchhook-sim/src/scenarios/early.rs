//! Defines calls whose outcome is there before the switch parks them.
//!
//! A busy switch answers `connect` and parks the call later. The end of the socket does not end a
//! park that has not begun (mod_event_socket.c `socket_function`).

use std::time::Duration;

use super::{Is, Scenario};

/// Names of early scenarios, each with its scenario at an idle switch.
const SAME: [(&str, &str); 2] = [
    ("unknown_webhook_before_the_park", "unknown_webhook"),
    ("large_response_before_the_park", "large_response_raw"),
];

/// When the busy switch parks a call: within the time in which the service expects it.
const PARKS_AFTER: Duration = Duration::from_millis(50);

pub(super) fn all(sockets: &[Scenario]) -> Vec<Scenario> {
    let same = SAME.iter().filter_map(|(name, socket)| {
        let socket = sockets.iter().find(|scenario| scenario.name == *socket)?;
        Some(early(name, socket))
    });
    same.collect()
}

fn early(name: &'static str, socket: &Scenario) -> Scenario {
    let mut scenario = socket.clone();
    scenario.name = name;
    scenario.call.path = name.to_owned();
    scenario.call.parks_after = PARKS_AFTER;
    if scenario.unknown {
        return scenario.expecting("error_detail", Is::Sentence(name));
    }
    scenario
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_scenario_that_is_to_be_early_is_there() {
        let idle = crate::switch::Call::default().parks_after;
        let all = super::super::all();
        let early = all.iter().filter(|it| it.call.parks_after != idle);
        assert_eq!(early.count(), SAME.len());
    }
}
