//! The kinds of events that a leg is built from.

use crate::cdr;
use crate::headers::Headers;

/// The kind of a set of headers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChannelEventKind {
    /// `CHANNEL_CREATE`.
    Create,
    /// `CHANNEL_HANGUP`: the leg is going down, its details are not known yet.
    Hangup,
    /// `CHANNEL_HANGUP_COMPLETE`: down, with all details.
    Complete,
    /// `CHANNEL_DESTROY`: down, with all details, and nothing follows.
    Destroy,
    /// `RECORD_START`.
    RecordStart,
    /// `RECORD_STOP`.
    RecordStop,
    /// A CDR; see [`crate::cdr`].
    Cdr,
    /// Any other event of a channel, or its `uuid_dump` or `connect` reply.
    Other,
    /// `CUSTOM`: may be about a known channel, never creates a leg.
    Custom,
}

impl ChannelEventKind {
    /// Returns the kind of an event, by its `Event-Name`.
    #[must_use]
    pub fn of(event: &dyn Headers) -> Self {
        match event.get("Event-Name").as_deref() {
            Some("CHANNEL_CREATE") => Self::Create,
            Some("CHANNEL_HANGUP") => Self::Hangup,
            Some("CHANNEL_HANGUP_COMPLETE") => Self::Complete,
            Some("CHANNEL_DESTROY") => Self::Destroy,
            Some("RECORD_START") => Self::RecordStart,
            Some("RECORD_STOP") => Self::RecordStop,
            Some(cdr::EVENT_NAME) => Self::Cdr,
            Some(name) if name.starts_with("CHANNEL_") => Self::Other,
            Some(_) | None => Self::Custom,
        }
    }
}
