//! A leg of another call that took part in a call for a time.

use serde::{Deserialize, Serialize};

use super::direction::Direction;
use super::leg::Leg;
use super::recording::Recording;

/// What a call keeps of a leg that took part in it: the talk, and who it was.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Part {
    /// Unique-ID of the leg.
    pub uuid: String,
    /// Name of its switch.
    pub switch: String,
    /// Its direction.
    pub direction: Direction,
    /// The far end's number; `None` if it is unknown or belongs to another account.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub number: Option<String>,
    /// Our number; `None` if it is unknown or belongs to another account.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub did: Option<String>,
    /// It belongs to another account.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub foreign: bool,
    /// Its `flow.callee_type`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub callee_type: Option<String>,
    /// The beginning of the talk, µs since 1970.
    pub from_us: i64,
    /// The end of the talk, µs since 1970.
    pub until_us: i64,
    /// Its recordings that began within the talk.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub recordings: Vec<Recording>,
}

impl Part {
    /// Returns what a call keeps of `leg`, which talked from `from_us` until `until_us`. Of a leg
    /// of another account (`foreign`) it keeps no number.
    #[must_use]
    pub(crate) fn of(leg: &Leg, from_us: i64, until_us: i64, foreign: bool) -> Self {
        let kept = |number: Option<&str>| number.filter(|_| !foreign).map(str::to_owned);
        Self {
            uuid: leg.uuid.clone(),
            switch: leg.switch.clone(),
            direction: leg.direction,
            number: kept(leg.far_number()),
            did: kept(leg.own_number()),
            foreign,
            callee_type: leg.flow.callee_type.clone(),
            from_us,
            until_us,
            recordings: Vec::new(),
        }
    }
}
