//! The kinds of events, and which of them each flow is told.

use std::collections::{BTreeMap, BTreeSet};

/// What happened in a call.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum EventKind {
    /// The call began.
    #[default]
    Started,
    /// A leg that was dialled rings.
    Ringing,
    /// A leg answered.
    Answered,
    /// Two legs began to talk.
    Bridged,
    /// The far end of a leg holds the call.
    Held,
    /// It no longer holds it.
    Resumed,
    /// A customer was given from one leg to another.
    Transferred,
    /// An agent's leg came to the customer.
    AgentJoined,
    /// An agent's leg left the customer, or ended without an answer.
    AgentLeft,
    /// A recording began.
    RecordingStarted,
    /// A recording ended.
    RecordingStopped,
    /// A webhook answered in the middle of the call.
    Lookup,
    /// Every leg is down.
    Ended,
    /// Events of the switch were missed: the state as it is now.
    Resynced,
}

impl EventKind {
    /// The kinds that a flow can choose.
    pub const CHOICES: [Self; 13] = [
        Self::Started,
        Self::Ringing,
        Self::Answered,
        Self::Bridged,
        Self::Held,
        Self::Resumed,
        Self::Transferred,
        Self::AgentJoined,
        Self::AgentLeft,
        Self::RecordingStarted,
        Self::RecordingStopped,
        Self::Lookup,
        Self::Ended,
    ];

    /// Returns the word of the configuration; with `call.` before it, the event's `type`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Started => "started",
            Self::Ringing => "ringing",
            Self::Answered => "answered",
            Self::Bridged => "bridged",
            Self::Held => "held",
            Self::Resumed => "resumed",
            Self::Transferred => "transferred",
            Self::AgentJoined => "agent_joined",
            Self::AgentLeft => "agent_left",
            Self::RecordingStarted => "recording_started",
            Self::RecordingStopped => "recording_stopped",
            Self::Lookup => "lookup",
            Self::Ended => "ended",
            Self::Resynced => "resynced",
        }
    }
}

/// The kinds of events that each flow is told, by the flow's name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EventChoices(BTreeMap<String, BTreeSet<EventKind>>);

impl EventChoices {
    /// Returns the choices of these flows; those that chose nothing are left out.
    pub fn new<'a>(flows: impl Iterator<Item = (&'a str, &'a [EventKind])>) -> Self {
        let chosen = flows.filter(|(_, kinds)| !kinds.is_empty());
        Self(
            chosen
                .map(|(flow, kinds)| (flow.to_owned(), kinds.iter().copied().collect()))
                .collect(),
        )
    }

    /// Returns whether no flow is told anything.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns what a flow is told; `None` for nothing.
    #[must_use]
    pub fn of(&self, flow: &str) -> Option<&BTreeSet<EventKind>> {
        self.0.get(flow)
    }
}
