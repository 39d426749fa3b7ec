//! Defines calls for a webhook with a breaker that does not answer for a while.

use std::time::Duration;

use super::parked::parked;
use super::{ExpectedAudio, Is, Requests, Scenario};
use crate::receiver::OK;

/// Pause of the breaker, long enough for both calls that find the circuit open.
const PAUSE: Duration = Duration::from_secs(3);

/// The calls before, during and after an open circuit.
///
/// Two callers wait in vain, and the next two are on line 1 at once. The webhook answers again,
/// and a call that reaches it after the pause closes the circuit for all.
#[derive(Debug, Clone)]
pub(crate) struct Rests {
    pub fails: [Scenario; 2],
    pub rests: [Scenario; 2],
    pub(crate) heals: [Scenario; 2],
}

/// Webhook of the first call, which all calls share. A variable in its URL tells them apart.
const WEBHOOK: &str = "breaker_fails";

impl Rests {
    pub(crate) fn new() -> Self {
        let seconds = PAUSE.as_secs();
        let breaker = format!("breaker = {{ failures = 2, pause = \"{seconds}s\" }}");
        let settings = format!("timeout = \"700ms\"\n{breaker}");
        let at_once = resting("breaker_rests");
        Self {
            fails: [fails(WEBHOOK).set(&settings), fails("breaker_fails_again")],
            rests: [parked("parked_breaker_rests", &at_once), at_once].map(theirs),
            heals: ["breaker_probe", "breaker_closed"]
                .map(|name| theirs(Scenario::success(name, "").raw(OK))),
        }
    }

    /// Returns the time from the opening of the circuit until a call may try the webhook.
    pub(crate) fn pause() -> Duration {
        PAUSE
    }

    pub(crate) fn all(&self) -> Vec<&Scenario> {
        let all = [&self.fails, &self.rests, &self.heals];
        all.into_iter().flatten().collect()
    }
}

fn fails(name: &'static str) -> Scenario {
    let scenario = Scenario::failure(name, "", "TIMEOUT")
        .expecting("response_duration", Is::Seconds(0.6, 3.0))
        .heard(ExpectedAudio::Music("local_stream://moh", 0.4))
        .requests(Requests::Cancelled);
    theirs(scenario)
}

/// Returns a call that finds the circuit open: no music, no request, no time on hold. Its sentence
/// states since when and why.
fn resting(name: &'static str) -> Scenario {
    Scenario::failure(name, "", "CIRCUIT_OPEN")
        .expecting(
            "error_detail",
            Is::Sentence("2 failures in a row (the last: no answer from 127.0.0.1"),
        )
        .requests(Requests::None)
}

/// Directs a scenario to the shared webhook, under a path of its own.
fn theirs(mut scenario: Scenario) -> Scenario {
    scenario.unknown = scenario.name != WEBHOOK;
    scenario.url = "http://{receiver}/ok/{{ flow.key.call }}".into();
    scenario.call.path = WEBHOOK.into();
    let call = ("flow.key.call".to_owned(), scenario.name.to_owned());
    scenario.call.variables.push(call);
    scenario
}
