//! One leg as an object of `callDetails`.

use serde_json::{Value, json};

use super::object::Object;
use super::{DocumentFormat, DurationUnit};
use crate::finished_call::FinishedCall;
use crate::leg::{Direction, Leg, Phase};
use crate::timestamp::{millis_between, rfc3339};

/// A leg with the values it takes from its call.
pub(crate) struct Entry<'a> {
    /// The leg.
    pub leg: &'a Leg,
    /// `VISITOR`, `AGENT`, or what `flow.callee_type` says.
    pub callee_type: String,
    /// The far end's number.
    pub callee_number: Option<&'a str>,
    /// Our number.
    pub did_number: Option<&'a str>,
    /// It is the call's first leg.
    pub first: bool,
}

impl<'a> Entry<'a> {
    /// Builds the entry of `leg`: within its call, whose first leg is `None` if it was not seen,
    /// or alone.
    pub(super) fn of(leg: &'a Leg, within: Option<(&'a FinishedCall, Option<&'a Leg>)>) -> Self {
        let head = within.map_or(Some(leg), |(_, first)| first);
        let first = head.is_some_and(|head| head.uuid == leg.uuid);
        let own_type = within.map_or_else(
            || leg.flow.callee_type.as_deref(),
            |(call, _)| callee_type(leg, call),
        );
        let callee_type = own_type.unwrap_or(if first { "VISITOR" } else { "AGENT" });
        // An inbound leg dialled its own number; a called agent serves the first leg's.
        let inherits = callee_type == "AGENT" && leg.direction == Direction::Outbound;
        let did_of = if inherits { head } else { Some(leg) };
        Self {
            leg,
            callee_type: callee_type.to_owned(),
            callee_number: leg.far_number(),
            did_number: did_of.and_then(Leg::own_number),
            first,
        }
    }

    /// Returns whether it was answered, as far as is known.
    pub(super) fn answered(&self) -> bool {
        self.leg.answered_us.is_some()
    }

    /// Returns whether "not answered" is a fact and not a gap.
    pub(super) fn answer_known(&self) -> bool {
        self.answered() || self.leg.phase >= Phase::HangingUp
    }

    /// Returns the object of a leg that is over.
    pub(super) fn finished(
        &self,
        index: usize,
        alone: bool,
        format: &DocumentFormat,
    ) -> Object<'static> {
        let leg = self.leg;
        let mut entry = self.common(format);
        let mut put = |name: &'static str, value: Value| entry.push((name, value));
        if !alone {
            put("calleeType", json!(self.callee_type));
            put("cdrId", json!(format!("{}##{}", leg.uuid, leg.switch)));
            if let Some(remote) = leg.remote_hangup() {
                put("remoteHangup", json!(remote));
            }
        }
        if let Some((from, _)) = leg.redirection() {
            put("redirectedFrom", json!(from));
        }
        if let Some(incoming) = self.incoming().filter(|_| index == 0) {
            put("incoming", json!(incoming));
        }
        if let Some(duration) = self.duration(leg.ended_us, format) {
            put("duration", json!(duration));
        }
        if let Some(end) = leg.ended_us.and_then(|us| rfc3339(us, format.time_zone)) {
            put("endTime", json!(end));
        }
        if let Some(number) = leg.q850 {
            put("hangupCause", json!(number.to_string()));
        }
        Object::of_values(entry)
    }

    /// Returns the object of a leg that is still up at `now_us`.
    pub(super) fn in_progress(
        &self,
        now_us: Option<i64>,
        format: &DocumentFormat,
    ) -> Object<'static> {
        let mut entry = self.common(format);
        let mut put = |name: &'static str, value: Value| entry.push((name, value));
        if let Some(incoming) = self.incoming() {
            put("incoming", json!(incoming));
        }
        let answered = self.leg.answered_us;
        let so_far = answered.zip(now_us);
        let millis = so_far.map_or(0, |(answered, now)| millis_between(answered, now));
        put("duration", Value::String(in_unit(millis, format)));
        Object::of_values(entry)
    }

    /// Returns the object of a leg as far as it is known: of one that lives without end and
    /// duration.
    pub(super) fn as_now(&self, format: &DocumentFormat) -> Object<'static> {
        if self.leg.has_ended() {
            return self.finished(usize::from(!self.first), false, format);
        }
        let mut entry = self.common(format);
        let id = format!("{}##{}", self.leg.uuid, self.leg.switch);
        entry.push(("calleeType", json!(self.callee_type)));
        entry.push(("cdrId", json!(id)));
        entry.extend(
            self.incoming()
                .map(|incoming| ("incoming", json!(incoming))),
        );
        Object::of_values(entry)
    }

    fn common(&self, format: &DocumentFormat) -> Vec<(&'static str, Value)> {
        let time = |us: Option<i64>| us.and_then(|us| rfc3339(us, format.time_zone));
        let texts = [
            ("calleeNumber", self.callee_number.map(str::to_owned)),
            ("connectTime", time(self.leg.answered_us)),
            ("didNumber", self.did_number.map(str::to_owned)),
            ("startTime", time(self.leg.created_us)),
        ];
        let known = texts.into_iter();
        known
            .filter_map(|(name, text)| Some((name, Value::String(text?))))
            .collect()
    }

    /// Returns the time from answer to end in the format's unit; `"0"` if there was no answer;
    /// `None` if unknown.
    pub(super) fn duration(&self, end_us: Option<i64>, format: &DocumentFormat) -> Option<String> {
        match (self.leg.answered_us, end_us) {
            (None, _) => self.answer_known().then(|| "0".to_owned()),
            (Some(answered), Some(end)) => Some(in_unit(millis_between(answered, end), format)),
            (Some(_), None) => None,
        }
    }

    /// Returns whether the call came in; `None` on other legs than the first, and if unknown.
    pub(super) fn incoming(&self) -> Option<bool> {
        match self.leg.direction {
            Direction::Inbound if self.first => Some(true),
            Direction::Outbound if self.first => Some(false),
            Direction::Inbound | Direction::Outbound | Direction::Unknown => None,
        }
    }
}

/// Returns the leg's own `flow.callee_type`, or that of the loopback pair it stands behind.
fn callee_type<'a>(leg: &'a Leg, call: &'a FinishedCall) -> Option<&'a str> {
    let find = |uuid: &String| call.legs.iter().find(|other| other.uuid == *uuid);
    let dialler = leg.originator.as_ref().and_then(find);
    let near = dialler.filter(|dialler| dialler.is_loopback());
    let far = near
        .and_then(|near| near.loopback_peer.as_ref())
        .and_then(find);
    let mut types = [Some(leg), near, far].into_iter().flatten();
    types.find_map(|leg| leg.flow.callee_type.as_deref())
}

pub(super) fn in_unit(millis: i64, format: &DocumentFormat) -> String {
    match format.duration_unit {
        DurationUnit::Milliseconds => millis.to_string(),
        DurationUnit::Seconds => (millis / 1000).to_string(),
    }
}
