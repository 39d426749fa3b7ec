//! Fires a channel's events, with their headers in a real switch's order.

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use chrono::{DateTime, Utc};

use super::Switch;
use super::channel::{Channel, micros};
use super::event::{Event, Text};
use super::template::{CALLER_PROFILE, CHANNEL, CHANNEL_PROFILE};

/// An event's name and the place in the switch's source that fires it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct EventSource {
    pub name: &'static str,
    file: &'static str,
    function: &'static str,
    line: &'static str,
}

const fn kind(
    name: &'static str,
    file: &'static str,
    function: &'static str,
    line: &'static str,
) -> EventSource {
    EventSource {
        name,
        file,
        function,
        line,
    }
}

pub(super) const DATA: EventSource = kind(
    "CHANNEL_DATA",
    "mod_event_socket.c",
    "parse_command",
    "2029",
);
pub(super) const DUMP: EventSource = kind(
    "CHANNEL_DATA",
    "mod_commands.c",
    "uuid_dump_function",
    "6495",
);
pub(super) const CREATE: EventSource = kind(
    "CHANNEL_CREATE",
    "switch_core_state_machine.c",
    "switch_core_session_run",
    "626",
);
pub(super) const ANSWER: EventSource = kind(
    "CHANNEL_ANSWER",
    "switch_channel.c",
    "switch_channel_perform_mark_answered",
    "3848",
);
pub(super) const EARLY_MEDIA: EventSource = kind(
    "CHANNEL_PROGRESS_MEDIA",
    "switch_channel.c",
    "switch_channel_perform_mark_pre_answered",
    "3558",
);
pub(super) const RINGS: EventSource = kind(
    "CHANNEL_PROGRESS",
    "switch_channel.c",
    "switch_channel_perform_mark_ring_ready_value",
    "3507",
);
pub(super) const HOLD: EventSource = kind(
    "CHANNEL_HOLD",
    "switch_channel.c",
    "switch_channel_mark_hold",
    "876",
);
pub(super) const UNHOLD: EventSource = kind(
    "CHANNEL_UNHOLD",
    "switch_channel.c",
    "switch_channel_mark_hold",
    "876",
);
pub(super) const EXECUTE: EventSource = kind(
    "CHANNEL_EXECUTE",
    "switch_core_session.c",
    "switch_core_session_exec",
    "2949",
);
pub(super) const EXECUTE_COMPLETE: EventSource = kind(
    "CHANNEL_EXECUTE_COMPLETE",
    "switch_core_session.c",
    "switch_core_session_exec",
    "2972",
);
pub(super) const ORIGINATE: EventSource = kind(
    "CHANNEL_ORIGINATE",
    "switch_core_state_machine.c",
    "switch_core_session_run",
    "632",
);
pub(super) const BRIDGE: EventSource = kind(
    "CHANNEL_BRIDGE",
    "switch_ivr_bridge.c",
    "switch_ivr_multi_threaded_bridge",
    "1689",
);
pub(super) const UNBRIDGE: EventSource = kind(
    "CHANNEL_UNBRIDGE",
    "switch_ivr_bridge.c",
    "switch_ivr_multi_threaded_bridge",
    "1879",
);
pub(super) const RECORD_START: EventSource = kind(
    "RECORD_START",
    "switch_ivr_async.c",
    "record_callback",
    "1482",
);
pub(super) const RECORD_STOP: EventSource = kind(
    "RECORD_STOP",
    "switch_ivr_async.c",
    "send_record_stop_event",
    "1241",
);
pub(super) const PARK: EventSource =
    kind("CHANNEL_PARK", "switch_ivr.c", "switch_ivr_park", "1003");
pub(super) const UNPARK: EventSource =
    kind("CHANNEL_UNPARK", "switch_ivr.c", "switch_ivr_park", "1213");
pub(super) const HANGUP: EventSource = kind(
    "CHANNEL_HANGUP",
    "switch_channel.c",
    "switch_channel_perform_hangup",
    "3447",
);
pub(super) const STATE: EventSource = kind(
    "CHANNEL_STATE",
    "switch_channel.c",
    "switch_channel_perform_set_running_state",
    "2409",
);
pub(super) const HANGUP_COMPLETE: EventSource = kind(
    "CHANNEL_HANGUP_COMPLETE",
    "switch_core_state_machine.c",
    "switch_core_session_reporting_state",
    "943",
);
pub(super) const DESTROY: EventSource = kind(
    "CHANNEL_DESTROY",
    "switch_core_session.c",
    "switch_core_session_perform_destroy",
    "1588",
);
pub(super) const JOB: EventSource =
    kind("BACKGROUND_JOB", "mod_event_socket.c", "api_exec", "1572");

/// A header that an event carries after the channel's own.
pub(super) type Extra = (&'static str, String);

impl Switch {
    /// Fires an event of `channel` to every listener. Returns its time, µs since 1970.
    pub(super) fn fire(&self, channel: &mut Channel, kind: EventSource, extras: &[Extra]) -> u64 {
        let at = micros();
        let watched = self.bus.receiver_count() > 0;
        if !channel.heeded && !watched {
            return at;
        }
        let mut event = self.head(kind, at);
        if kind == HANGUP_COMPLETE {
            event.headers.extend(
                channel
                    .cause
                    .as_ref()
                    .map(|cause| header("Hangup-Cause", &cause.name)),
            );
        }
        if let Some(peer) = channel
            .peer
            .as_ref()
            .filter(|_| kind == BRIDGE || kind == UNBRIDGE)
        {
            event
                .headers
                .push(header("Bridge-A-Unique-ID", &channel.uuid));
            event.headers.push(header("Bridge-B-Unique-ID", &peer.uuid));
        }
        self.describe_profiles(channel, &mut event);
        if kind != STATE {
            event.headers.extend_from_slice(channel.variables());
        }
        event
            .headers
            .extend(extras.iter().map(|(name, value)| header(name, value)));
        if watched {
            // Sending fails if there is no listener any more, which is no fault of the switch.
            let _ = self.bus.send(Arc::new(event.clone()));
        }
        if channel.heeded {
            channel.fired.push(event);
        }
        at
    }

    /// Returns the reply to `connect`: the channel as headers.
    pub(super) fn connect_reply(&self, channel: &Channel) -> Vec<u8> {
        let mut event = self.head(DATA, micros());
        event
            .headers
            .extend(CHANNEL_PROFILE.render(&|field| channel.field(field)));
        self.describe(channel, &mut event);
        let mode = if channel.mode.is_async {
            "async"
        } else {
            "static"
        };
        let control = if channel.mode.is_full {
            "full"
        } else {
            "single-channel"
        };
        for (name, value) in [
            ("Content-Type", "command/reply"),
            ("Reply-Text", "+OK\n"),
            ("Socket-Mode", mode),
            ("Control", control),
        ] {
            event
                .headers
                .push((Cow::Borrowed(name), Cow::Borrowed(value)));
        }
        event.plain()
    }

    /// Returns what `uuid_dump` shows of a channel.
    pub(super) fn dump(&self, channel: &Channel) -> Event {
        let mut event = self.head(DUMP, micros());
        self.describe(channel, &mut event);
        event
    }

    /// Returns the `BACKGROUND_JOB` event with a `bgapi` command's answer.
    pub(super) fn job(&self, id: &str, command: &str, answer: String) -> Event {
        let mut event = self.head(JOB, micros());
        let (name, argument) = command.split_once(' ').unwrap_or((command, ""));
        event.headers.push(header("Job-UUID", id));
        event.headers.push(header("Job-Command", name));
        if !argument.is_empty() {
            event.headers.push(header("Job-Command-Arg", argument));
        }
        event.body = Some(answer);
        event
    }

    fn describe(&self, channel: &Channel, event: &mut Event) {
        self.describe_profiles(channel, event);
        event.headers.extend_from_slice(channel.variables());
    }

    fn describe_profiles(&self, channel: &Channel, event: &mut Event) {
        event
            .headers
            .extend(CHANNEL.render(&|field| channel.field(field)));
        event
            .headers
            .extend(CALLER_PROFILE.render(&|field| channel.field(field)));
        event.headers.extend_from_slice(&channel.other);
    }

    fn head(&self, kind: EventSource, micros: u64) -> Event {
        let time =
            DateTime::<Utc>::from_timestamp_micros(i64::try_from(micros).unwrap_or(i64::MAX))
                .unwrap_or_default();
        let sequence = self.sequence.fetch_add(1, Ordering::Relaxed);
        let mut headers = Vec::with_capacity(192);
        headers.extend([
            (Cow::Borrowed("Event-Name"), Cow::Borrowed(kind.name)),
            header("Core-UUID", &self.core_uuid),
            header("FreeSWITCH-Hostname", &self.name),
            header("FreeSWITCH-Switchname", &self.name),
            (Cow::Borrowed("FreeSWITCH-IPv4"), Cow::Borrowed("127.0.0.1")),
            (Cow::Borrowed("FreeSWITCH-IPv6"), Cow::Borrowed("::1")),
            header(
                "Event-Date-Local",
                &time.format("%Y-%m-%d %H:%M:%S").to_string(),
            ),
            header(
                "Event-Date-GMT",
                &time.format("%a, %d %b %Y %H:%M:%S GMT").to_string(),
            ),
            header("Event-Date-Timestamp", &micros.to_string()),
            (
                Cow::Borrowed("Event-Calling-File"),
                Cow::Borrowed(kind.file),
            ),
            (
                Cow::Borrowed("Event-Calling-Function"),
                Cow::Borrowed(kind.function),
            ),
            (
                Cow::Borrowed("Event-Calling-Line-Number"),
                Cow::Borrowed(kind.line),
            ),
            header("Event-Sequence", &sequence.to_string()),
        ]);
        Event {
            name: kind.name,
            headers,
            body: None,
        }
    }
}

fn header(name: &'static str, value: &str) -> (Text, Text) {
    (Cow::Borrowed(name), Cow::Owned(value.to_owned()))
}
