//! A leg of another call that took part in a call for a time.

use serde::{Deserialize, Serialize};

use super::direction::Direction;
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
