//! Builds events of legs that no capture has, as the switch would write them, from a few values.

use chrono::DateTime;

use crate::events::Event;

/// One leg, described by values. Times are RFC 3339, empty for what does not happen.
#[derive(Debug, Clone, Copy, Default)]
pub struct Made<'a> {
    pub uuid: &'a str,
    pub inbound: bool,
    pub caller: &'a str,
    pub destination: &'a str,
    pub created: &'a str,
    pub answered: &'a str,
    pub ended: &'a str,
    pub disposition: &'a str,
    /// Further headers of every event, variables included.
    pub headers: &'a [(&'a str, &'a str)],
}

impl<'a> Made<'a> {
    /// Returns an inbound call of three seconds, answered after one.
    pub fn inbound_call(uuid: &'a str, headers: &'a [(&'a str, &'a str)]) -> Self {
        Self {
            uuid,
            inbound: true,
            caller: "919879072567",
            destination: "7000",
            created: "2026-11-23T12:00:00.000Z",
            answered: "2026-11-23T12:00:01.000Z",
            ended: "2026-11-23T12:00:03.000Z",
            headers,
            ..Self::default()
        }
    }
}

impl Made<'_> {
    /// Returns an event with the values that the leg has at that point.
    pub fn event(&self, name: &str) -> Event {
        let direction = if self.inbound { "inbound" } else { "outbound" };
        let created = micros(self.created);
        let mut event = Event::of(&[
            ("Event-Name", name),
            ("FreeSWITCH-Switchname", "pbx-9"),
            ("Unique-ID", self.uuid),
            ("Call-Direction", direction),
            ("Channel-Name", "sofia/external/made"),
            ("Caller-Caller-ID-Number", self.caller),
            ("Caller-Destination-Number", self.destination),
            ("Caller-Channel-Created-Time", &created),
            ("variable_uuid", self.uuid),
        ]);
        for (header, value) in self.headers {
            event = event.with(header, value);
        }
        event
    }

    /// Returns the `CHANNEL_CREATE` event.
    pub fn create(&self) -> Event {
        self.event("CHANNEL_CREATE")
    }

    /// Returns the `CHANNEL_ANSWER` event.
    pub fn answer(&self) -> Event {
        let event = self.event("CHANNEL_ANSWER");
        event.with("Caller-Channel-Answered-Time", &micros(self.answered))
    }

    /// Returns the `CHANNEL_HANGUP` event.
    pub fn hangup(&self) -> Event {
        let event = self.event("CHANNEL_HANGUP");
        event
            .with("Caller-Channel-Answered-Time", &micros(self.answered))
            .with("Hangup-Cause", "NORMAL_CLEARING")
    }

    /// Returns the `CHANNEL_HANGUP_COMPLETE` event.
    pub fn complete(&self) -> Event {
        let event = self.hangup().with("Event-Name", "CHANNEL_HANGUP_COMPLETE");
        event
            .with("Caller-Channel-Hangup-Time", &micros(self.ended))
            .with("variable_hangup_cause_q850", "16")
            .with("variable_sip_hangup_disposition", self.disposition)
    }

    /// Returns the `RECORD_START` or `RECORD_STOP` event.
    pub fn record(&self, name: &str, path: &str) -> Event {
        self.event(name).with("Record-File-Path", path)
    }
}

fn micros(time: &str) -> String {
    if time.is_empty() {
        return "0".to_owned();
    }
    let moment = DateTime::parse_from_rfc3339(time).unwrap();
    moment.timestamp_micros().to_string()
}
