//! The headers of events that most clients read, by name and type.

use std::borrow::Cow;

use super::event::Event;
use crate::channel_state::{AnswerState, CallDirection, CallState, ChannelState};
use crate::event_name::EventName;
use crate::hangup_cause::HangupCause;

/// Common headers.
///
/// Each accessor searches the event's index once. None of them allocates, unless a value
/// has to be decoded or is unknown to this crate.
impl Event {
    /// Returns the event's name, such as `CHANNEL_HANGUP`; empty if it has none.
    ///
    /// Source: `Event-Name`.
    #[must_use]
    pub fn name(&self) -> Cow<'_, str> {
        self.get("Event-Name").unwrap_or_default()
    }

    /// Returns the event's name as a type.
    ///
    /// Source: `Event-Name`.
    #[must_use]
    pub fn kind(&self) -> EventName {
        EventName::from(&*self.name())
    }

    /// Returns the subclass of a `CUSTOM` event, such as `sofia::register`.
    ///
    /// Source: `Event-Subclass`.
    #[must_use]
    pub fn subclass(&self) -> Option<Cow<'_, str>> {
        self.get("Event-Subclass")
    }

    /// Returns the time of the event in microseconds since 1970-01-01 UTC.
    ///
    /// Source: `Event-Date-Timestamp`.
    #[must_use]
    pub fn timestamp_us(&self) -> Option<u64> {
        self.number("Event-Date-Timestamp")
    }

    /// Returns the number of the event, which the switch counts from its start.
    ///
    /// Source: `Event-Sequence`.
    #[must_use]
    pub fn sequence(&self) -> Option<u64> {
        self.number("Event-Sequence")
    }

    /// Returns the UUID of the event's channel.
    ///
    /// Source: `Unique-ID`.
    #[must_use]
    pub fn unique_id(&self) -> Option<Cow<'_, str>> {
        self.get("Unique-ID")
    }

    /// Returns the UUID of the other leg, if the channel has one.
    ///
    /// In a call to several phones at once, the leg of each phone has the caller's UUID here,
    /// whether it is answered or not (measured). Source: `Other-Leg-Unique-ID`.
    #[must_use]
    pub fn other_leg_unique_id(&self) -> Option<Cow<'_, str>> {
        self.get("Other-Leg-Unique-ID")
    }

    /// Returns the direction of the channel as the switch sees it.
    ///
    /// Source: `Call-Direction`.
    #[must_use]
    pub fn call_direction(&self) -> Option<CallDirection> {
        self.get("Call-Direction")
            .as_deref()
            .map(CallDirection::from)
    }

    /// Returns the state of the channel's state machine.
    ///
    /// Source: `Channel-State`.
    #[must_use]
    pub fn channel_state(&self) -> Option<ChannelState> {
        self.get("Channel-State").as_deref().map(ChannelState::from)
    }

    /// Returns the state of the call as a user sees it.
    ///
    /// Source: `Channel-Call-State`.
    #[must_use]
    pub fn call_state(&self) -> Option<CallState> {
        self.get("Channel-Call-State")
            .as_deref()
            .map(CallState::from)
    }

    /// Returns whether the channel rings, has early media, is answered or is hung up.
    ///
    /// Source: `Answer-State`.
    #[must_use]
    pub fn answer_state(&self) -> Option<AnswerState> {
        self.get("Answer-State").as_deref().map(AnswerState::from)
    }

    /// Short for [`hangup_cause`](Self::hangup_cause).
    #[must_use]
    pub fn cause(&self) -> Option<HangupCause> {
        self.hangup_cause()
    }

    /// Returns why the channel was hung up; `None` while it is up.
    ///
    /// Source: `Hangup-Cause`.
    #[must_use]
    pub fn hangup_cause(&self) -> Option<HangupCause> {
        self.get("Hangup-Cause").as_deref().map(HangupCause::from)
    }

    /// Returns the dialplan application that a `CHANNEL_EXECUTE` or
    /// `CHANNEL_EXECUTE_COMPLETE` names.
    ///
    /// Source: `Application`.
    #[must_use]
    pub fn application(&self) -> Option<Cow<'_, str>> {
        self.get("Application")
    }

    /// Returns what an application reports at its end, such as `FILE PLAYED`, in
    /// `CHANNEL_EXECUTE_COMPLETE`.
    ///
    /// Source: `Application-Response`.
    #[must_use]
    pub fn application_response(&self) -> Option<Cow<'_, str>> {
        self.get("Application-Response")
    }

    /// Returns the UUID of one execution of an application, as given in
    /// [`ExecuteOptions::event_uuid`](crate::ExecuteOptions::event_uuid).
    ///
    /// Source: `Application-UUID`.
    #[must_use]
    pub fn application_uuid(&self) -> Option<Cow<'_, str>> {
        self.get("Application-UUID")
    }

    /// Returns the UUID of a background job, in `BACKGROUND_JOB` events.
    ///
    /// Source: `Job-UUID`.
    #[must_use]
    pub fn job_uuid(&self) -> Option<Cow<'_, str>> {
        self.get("Job-UUID")
    }

    fn number(&self, name: &str) -> Option<u64> {
        self.get(name)?.parse().ok()
    }
}
