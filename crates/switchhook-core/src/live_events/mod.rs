//! What happens in a call while it lives: the difference between what was told of the call and what
//! is.
//!
//! Pure: a call and what was told of it go in; occurrences come out, each with the switch's own time.
//! A difference that is computed twice is the same, so every repetition of an event, every restart
//! and every further instance tells the same; what happened while nobody followed is not made up.

mod changes;
mod kind;
mod last;
mod legs;
mod present;
mod talks;
mod told;

use std::collections::BTreeSet;

use super::finished_call::FinishedCall;
use super::leg::LiveLookup;
use super::recording::Recording;

pub(crate) use changes::{Change, advance};
pub use kind::{EventChoices, EventKind};
pub(crate) use last::joined_end;
pub use last::last;
pub(crate) use told::gathered;

/// A call as it is while it lives.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct LiveCall {
    /// Its legs, and the legs that take part in it.
    pub call: FinishedCall,
    /// The talks with the legs that take part.
    pub parts: Vec<LivePart>,
    /// Paths of recordings that other calls have.
    pub given: BTreeSet<String>,
}

/// A leg of another call takes part, or took part.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct LivePart {
    /// Unique-ID of the leg.
    pub uuid: String,
    /// The call's leg that it talks with.
    pub with: String,
    /// The beginning of the talk, µs since 1970.
    pub from_us: i64,
    /// Its end; `None` while they talk.
    pub until_us: Option<i64>,
    /// It is an agent's.
    pub is_agents: bool,
    /// Its far end gave the call away.
    pub referred: bool,
    /// Its far end hung up.
    pub hung_up: bool,
    /// How the switch last transferred it.
    pub transfer: Option<String>,
    /// Its recordings that are the call's.
    pub recordings: Vec<Recording>,
}

/// What was told of a call, and has happened since.
#[derive(Debug, Clone, PartialEq)]
pub struct LiveEvents {
    /// The call as it is now.
    pub call: FinishedCall,
    /// Unique-ID of the call in its events.
    pub id: String,
    /// Creation of its first leg, µs since 1970; with `id` it names the call.
    pub created_us: i64,
    /// What happened, in the order of its time.
    pub events: Vec<Occurrence>,
}

/// One thing that happened.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Occurrence {
    /// What happened.
    pub kind: EventKind,
    /// When, by the switch, µs since 1970.
    pub at_us: i64,
    /// Unique-ID of the leg that it happened to.
    pub leg: String,
    /// The leg that it talks with now.
    pub other: Option<String>,
    /// The leg that it was transferred from.
    pub from: Option<String>,
    /// The path of the recording.
    pub recording: Option<String>,
    /// The lookup.
    pub lookup: Option<LiveLookup>,
    /// The call in whose document these legs are, if that is another one.
    pub joined: Option<String>,
    /// Names of the keys, without `flow.key.`, that changed since the last event.
    pub keys: Vec<String>,
    /// Who talks with whom, of [`EventKind::Resynced`].
    pub talks: Vec<(String, String)>,
    /// Names the occurrence in its call: equal for each instance that sees it.
    pub fact: String,
    /// Facts of [`EventKind::Resynced`]: another instance that told them saw everything.
    pub instead_of: Option<Vec<String>>,
}
