//! Collects what a document lacks or cannot vouch for.

use serde_json::{Value, json};

use super::entry::Entry;
use crate::finished_call::FinishedCall;
use crate::leg::{Direction, Phase};
use crate::recording::Recording;

/// The names of missing values, in the order of the document.
#[derive(Default)]
pub(crate) struct Missing {
    names: Vec<String>,
}

impl Missing {
    /// Adds what the entry at `index` lacks.
    pub(super) fn of_entry(&mut self, index: usize, alone: bool, entry: &Entry<'_>) {
        let leg = entry.leg;
        let unsure = !leg.numbers.is_reliable();
        let outbound = leg.direction == Direction::Outbound;
        // A transfer changes an inbound leg's own number, and an outbound leg's far number.
        // A caller whose From has no user has no number.
        let nameless = leg.direction == Direction::Inbound && !unsure;
        let callee = (entry.callee_number.is_none() && !nameless) || (unsure && outbound);
        // A caller id that its caller withholds is not missing.
        let withheld = outbound && leg.numbers.is_private;
        let did = (entry.did_number.is_none() && !withheld) || (unsure && !outbound);
        let ended = leg.ended_us.is_some();
        let lost = !leg.has_ended();
        let gaps = [
            ("calleeNumber", callee),
            ("connectTime", !entry.answer_known()),
            ("didNumber", did),
            (
                "duration",
                !entry.answer_known() || (entry.answered() && !ended),
            ),
            ("endTime", !ended),
            ("hangupCause", leg.q850.is_none()),
            ("incoming", index == 0 && entry.incoming().is_none()),
            (
                "remoteHangup",
                !alone && lost && leg.remote_hangup().is_none(),
            ),
            ("startTime", leg.created_us.is_none()),
        ];
        for (name, gap) in gaps {
            if gap {
                self.names.push(format!("callDetails[{index}].{name}"));
            }
        }
    }

    /// Adds what the call as a whole lacks.
    pub(super) fn of_call(&mut self, call: &FinishedCall) {
        let unseen = call.unseen.iter().map(|uuid| format!("leg {uuid}"));
        self.names.extend(unseen);
        let any = |gap: fn(&crate::leg::Leg) -> bool| call.legs.iter().any(gap);
        if any(|leg| leg.flow.truncated || leg.phase < Phase::HangingUp) {
            self.names.push("keys".to_owned());
        }
        if any(|leg| leg.agents_unknown) {
            self.names.push("callDetails".to_owned());
        }
        if any(|leg| !leg.recordings_known() || !leg.recordings.iter().all(Recording::is_closed)) {
            self.names.push("recordingUrls".to_owned());
        }
        let kept = super::kept_recordings(call).into_iter().enumerate();
        let unreachable = kept.filter(|(_, recording)| recording.unreachable);
        let path = |index| format!("recordingUrls[{index}].recordedFilePublicPath");
        self.names.extend(unreachable.map(|(index, _)| path(index)));
    }

    /// Returns the list; `None` if nothing is missing.
    pub(super) fn names(self) -> Option<Value> {
        (!self.names.is_empty()).then(|| json!(self.names))
    }
}
