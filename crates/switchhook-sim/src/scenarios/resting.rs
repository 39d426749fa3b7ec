//! Calls for a webhook that does not answer for a while, and has a breaker.

use std::time::Duration;

use super::parked::parked;
use super::{ExpectedAudio, Is, Requests, Scenario};
use crate::receiver::OK;

/// Long enough that both callers come who find it resting.
const PAUSE: Duration = Duration::from_secs(3);

/// Two callers wait in vain, the next two are on line 1 at once; it answers again, and a call
/// that asks it after the pause makes it so for all.
#[derive(Debug, Clone)]
pub(crate) struct Rests {
    pub fails: [Scenario; 2],
    pub rests: [Scenario; 2],
    pub(crate) heals: [Scenario; 2],
}

/// The first call's webhook is everybody's: told apart by a variable in its URL.
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

    /// From when it rests until a call may ask it.
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

/// No music, no request, no time on hold: a sentence that says since when and why.
fn resting(name: &'static str) -> Scenario {
    Scenario::failure(name, "", "CIRCUIT_OPEN")
        .expecting(
            "error_detail",
            Is::Sentence("2 failures in a row (the last: no answer from 127.0.0.1"),
        )
        .requests(Requests::None)
}

/// Of the one webhook, under a path of its own.
fn theirs(mut scenario: Scenario) -> Scenario {
    scenario.unknown = scenario.name != WEBHOOK;
    scenario.url = "http://{receiver}/ok/{{ flow.key.call }}".into();
    scenario.call.path = WEBHOOK.into();
    let call = ("flow.key.call".to_owned(), scenario.name.to_owned());
    scenario.call.variables.push(call);
    scenario
}
