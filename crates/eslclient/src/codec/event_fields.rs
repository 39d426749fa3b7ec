//! The headers of events that most clients read, by name and type.

use std::borrow::Cow;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

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

    /// Returns the time of the event, exact to the microsecond.
    ///
    /// Source: `Event-Date-Timestamp`.
    #[must_use]
    pub fn time(&self) -> Option<SystemTime> {
        self.moment("Event-Date-Timestamp")
    }

    /// Returns when the channel began.
    ///
    /// Source: `Caller-Channel-Created-Time`.
    #[must_use]
    pub fn created_at(&self) -> Option<SystemTime> {
        self.moment("Caller-Channel-Created-Time")
    }

    /// Returns when the channel rang; `None` if it did not.
    ///
    /// Source: `Caller-Channel-Progress-Time`.
    #[must_use]
    pub fn rang_at(&self) -> Option<SystemTime> {
        self.moment("Caller-Channel-Progress-Time")
    }

    /// Returns when the channel was answered; `None` if it was not.
    ///
    /// Source: `Caller-Channel-Answered-Time`.
    #[must_use]
    pub fn answered_at(&self) -> Option<SystemTime> {
        self.moment("Caller-Channel-Answered-Time")
    }

    /// Returns when the channel was bridged the last time; `None` if it was not.
    ///
    /// Source: `Caller-Channel-Bridged-Time`.
    #[must_use]
    pub fn bridged_at(&self) -> Option<SystemTime> {
        self.moment("Caller-Channel-Bridged-Time")
    }

    /// Returns when the channel was hung up; `None` while it is up.
    ///
    /// Source: `Caller-Channel-Hangup-Time`.
    #[must_use]
    pub fn hung_up_at(&self) -> Option<SystemTime> {
        self.moment("Caller-Channel-Hangup-Time")
    }

    /// Returns the time from the channel's beginning to its end, in `CHANNEL_HANGUP_COMPLETE` and
    /// later events.
    ///
    /// Source: `variable_uduration`.
    #[must_use]
    pub fn duration(&self) -> Option<Duration> {
        self.number("variable_uduration").map(Duration::from_micros)
    }

    /// Returns the time from the answer to the channel's end, zero without an answer, in
    /// `CHANNEL_HANGUP_COMPLETE` and later events.
    ///
    /// Source: `variable_billusec`.
    #[must_use]
    pub fn billed(&self) -> Option<Duration> {
        self.number("variable_billusec").map(Duration::from_micros)
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

    /// Returns the caller's number.
    ///
    /// On a leg that the switch called, this is the called number after the answer (captured): keep
    /// the number of its `CHANNEL_CREATE`, or read `Caller-Orig-Caller-ID-Number`.
    /// Source: `Caller-Caller-ID-Number`.
    #[must_use]
    pub fn caller_number(&self) -> Option<Cow<'_, str>> {
        self.get("Caller-Caller-ID-Number")
    }

    /// Returns the caller's name.
    ///
    /// Source: `Caller-Caller-ID-Name`.
    #[must_use]
    pub fn caller_name(&self) -> Option<Cow<'_, str>> {
        self.get("Caller-Caller-ID-Name")
    }

    /// Returns what was dialled, or where a transfer led.
    ///
    /// Source: `Caller-Destination-Number`.
    #[must_use]
    pub fn destination_number(&self) -> Option<Cow<'_, str>> {
        self.get("Caller-Destination-Number")
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

    /// Reads microseconds since 1970-01-01 UTC. The switch writes 0 for what has not happened.
    fn moment(&self, name: &str) -> Option<SystemTime> {
        let since = self.number(name).filter(|since| *since != 0)?;
        UNIX_EPOCH.checked_add(Duration::from_micros(since))
    }

    fn number(&self, name: &str) -> Option<u64> {
        self.get(name)?.parse().ok()
    }
}
