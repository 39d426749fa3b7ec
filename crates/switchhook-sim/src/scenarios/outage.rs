//! Defines calls during which something that they need is unavailable.

use std::time::Duration;

use super::agents::talks;
use super::parked::parked;
use super::success::mapped;
use super::{ExpectedAudio, FAILED, Is, Requests, Scenario, variable};
use crate::receiver::OK;
use crate::switch::{End, Left};

/// A duration longer than any of these calls, which the lab ends explicitly.
const LONG: Duration = Duration::from_secs(60);

/// Time until the way out of a parked call whose service dies. The call is on hold by then.
const PARKED_WAY_OUT: Duration = Duration::from_secs(6);

/// The calls during an outage of the receiver of documents.
///
/// The receiver is down when the first call ends. It comes back while the second call, which was
/// on hold meanwhile, talks.
#[derive(Debug, Clone)]
pub(crate) struct ReceiverDown {
    pub ends: Scenario,
    pub on_hold: Scenario,
}

impl ReceiverDown {
    pub(crate) fn new() -> Self {
        let mut on_hold = mapped("receiver_down_on_hold", "/slow/800")
            .raw(OK)
            .heard(ExpectedAudio::Music("local_stream://moh", 0.5))
            .expecting("response_duration", Is::Seconds(0.7, 3.0));
        on_hold.call.talks = LONG;
        Self {
            ends: mapped("receiver_down", "/ok").raw(OK),
            on_hold,
        }
    }

    pub(crate) fn all(&self) -> Vec<&Scenario> {
        vec![&self.ends, &self.on_hold]
    }
}

/// The calls during a `kill -9` of the service.
///
/// At that moment one caller talks, two are on hold (one of them parked), and the document of
/// another is on its way.
#[derive(Debug, Clone)]
pub(crate) struct Killed {
    pub talks: Scenario,
    pub on_hold: Scenario,
    pub parked: Scenario,
    pub over: Scenario,
}

impl Killed {
    pub(crate) fn new() -> Self {
        let scenario = mapped("killed_while_talking", "/ok").raw(OK);
        let mut talking = talks(scenario, &["agent1"], End::Caller);
        talking.call.talks = LONG;
        let mut over = mapped("killed_before_delivery", "/ok").raw(OK);
        over.repeats = true;
        Self {
            talks: talking,
            on_hold: on_hold(),
            parked: parked_on_hold(),
            over,
        }
    }

    pub(crate) fn all(&self) -> Vec<&Scenario> {
        vec![&self.talks, &self.on_hold, &self.parked, &self.over]
    }
}

/// Returns a parked call on hold. No service resumes it, so the hook's schedule takes it to line
/// 1.
fn parked_on_hold() -> Scenario {
    let mut scenario = parked("killed_while_parked", &on_hold());
    scenario.call.hand_over.way_out = Some(PARKED_WAY_OUT);
    scenario.left = Left::Rescued;
    scenario
}

/// Returns a call on hold whose service dies. The dialplan's own preset takes the caller to line
/// 1.
fn on_hold() -> Scenario {
    let mut scenario = Scenario::success("killed_on_hold", "/slow/60000")
        .set("timeout = \"60s\"")
        .requests(Requests::One)
        .heard(ExpectedAudio::Music("local_stream://moh", 0.0));
    scenario.call.talks = LONG;
    scenario.call.hand_over.way_out = Some(LONG);
    scenario.call.patience = LONG;
    scenario.line = Some(1);
    let preset = FAILED
        .iter()
        .map(|(name, value)| variable(name, Is::exactly(value)));
    let reason = variable("error_reason", Is::exactly("CONNECTION_FAILURE"));
    scenario.variables = preset.chain([reason]).collect();
    scenario
}
