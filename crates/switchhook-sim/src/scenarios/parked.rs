//! Defines calls that the dialplan parks.
//!
//! Their outcome equals that of the corresponding call on a socket, except when the service is
//! absent.

use std::time::Duration;

use super::routed::routed;
use super::{ExpectedAudio, FAILED, Is, PARK_SERVICE, Requests, Scenario, variable};
use crate::switch::{Caller, Fetch, Left, Parked};

/// Names of parked scenarios, each with its socket scenario.
const SAME: [(&str, &str); 27] = [
    ("parked_success_json", "success_json"),
    ("parked_success_empty", "success_empty"),
    ("parked_background", "background"),
    ("parked_large_response_raw", "large_response_raw"),
    ("parked_slow_with_music", "slow_with_music"),
    ("parked_a_file_repeats", "a_file_repeats"),
    ("parked_slow_without_music", "slow_without_music"),
    ("parked_early_media", "unanswered_early_media"),
    ("parked_silence", "unanswered_silence"),
    ("parked_answer", "unanswered_answer"),
    ("parked_unanswered_at_once", "unanswered_at_once"),
    ("parked_authentication_failure", "authentication_failure"),
    ("parked_http_status_500", "http_status_500"),
    ("parked_timeout", "timeout"),
    ("parked_missing_variable_in_url", "missing_variable_in_url"),
    ("parked_unknown_webhook", "unknown_webhook"),
    ("parked_blocked_address", "blocked_address"),
    ("parked_rubbish", "rubbish"),
    ("parked_missing_required_path", "missing_required_path"),
    ("parked_refused", "refused"),
    ("parked_hangs_up_on_hold", "hangs_up_on_hold"),
    ("parked_fetched_from_hold", "fetched_from_hold"),
    ("parked_and_taken_by_an_agent", "an_agent_takes_the_caller"),
    (
        "parked_and_parked_by_an_operator",
        "an_operator_parks_the_caller",
    ),
    ("parked_hostile_answer", "hostile_answer"),
    ("parked_percent_exact", "percent_exact"),
    ("parked_recording", "recording"),
];

/// How long a call that no service takes waits in the lab; the shipped hook says 3 s.
const UNTAKEN: Duration = Duration::from_secs(3);

pub(super) fn all(sockets: &[Scenario]) -> Vec<Scenario> {
    let same = SAME.iter().filter_map(|(name, socket)| {
        let socket = sockets.iter().find(|scenario| scenario.name == *socket)?;
        Some(parked(name, socket))
    });
    let routed = parked("parked_routed", &routed("parked_routed", "912249000003"));
    same.chain([
        untaken(),
        unknown_service(),
        parked_at_the_release(),
        routed,
    ])
    .collect()
}

/// Returns the parked variant of a socket scenario.
pub(super) fn parked(name: &'static str, socket: &Scenario) -> Scenario {
    let mut scenario = socket.clone();
    scenario.name = name;
    if scenario.routed.is_none() {
        scenario.call.path = name.to_owned();
    }
    scenario.call.parked = Some(Parked {
        service: PARK_SERVICE.to_owned(),
        untaken: UNTAKEN,
    });
    if scenario.unknown {
        scenario = scenario.expecting("error_detail", Is::Sentence("parked_unknown_webhook"));
    }
    scenario
}

/// Returns a call that an operator parks elsewhere as the service is about to release it. The hook's
/// schedule comes due afterwards.
fn parked_at_the_release() -> Scenario {
    let released = Scenario::success("parked_at_the_release", "/slow/700");
    let mut scenario = parked("parked_at_the_release", &released)
        .heard(ExpectedAudio::Music("local_stream://moh", 0.2));
    scenario.call.behaviour = Caller::IsFetched(Duration::ZERO, Fetch::ParkedAtTheRelease);
    scenario.call.hand_over.way_out = Some(Duration::from_secs(2));
    scenario.call.talks = Duration::from_secs(3);
    scenario.left = Left::Fetched;
    scenario.line = None;
    scenario.variables = vec![];
    scenario
}

/// Returns a call that no service takes. The variables that the hook sets must remain.
fn untaken() -> Scenario {
    let mut scenario = parked("parked_for_nobody", &absent("parked_for_nobody"));
    if let Some(parked) = &mut scenario.call.parked {
        parked.service = "nobody".into();
        parked.untaken = Duration::from_secs(1);
    }
    scenario
}

/// Returns a call whose way out the service could not cancel. The service leaves the call to that
/// way out.
fn unknown_service() -> Scenario {
    let mut scenario = parked("parked_without_way_out", &absent("parked_without_way_out"));
    scenario.call.hand_over.way_out = None;
    if let Some(parked) = &mut scenario.call.parked {
        parked.untaken = Duration::from_secs(1);
    }
    scenario
}

/// Returns a call that reaches line 1 by the hook's own schedule, with the variables that the hook
/// set.
pub(super) fn absent(name: &'static str) -> Scenario {
    let mut scenario = Scenario::success(name, "/ok")
        .requests(Requests::None)
        .heard(ExpectedAudio::NoMusic);
    scenario.line = Some(1);
    scenario.left = Left::Rescued;
    let preset = FAILED
        .iter()
        .map(|(name, value)| variable(name, Is::exactly(value)));
    let reason = variable("error_reason", Is::exactly("CONNECTION_FAILURE"));
    scenario.variables = preset.chain([reason]).collect();
    scenario
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_call_on_a_socket_that_is_to_be_parked_is_there() {
        let count = super::super::all()
            .iter()
            .filter(|scenario| scenario.call.parked.is_some())
            .count();
        assert_eq!(count, SAME.len() + 4);
    }
}
