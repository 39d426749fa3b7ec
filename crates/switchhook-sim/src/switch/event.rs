//! Models one event of the switch and its two forms on the wire.

use std::borrow::Cow;

use super::text::url_encode;

/// A header's name or value; borrowed, because most are equal in every call.
pub(super) type Text = Cow<'static, str>;

/// The format in which a listener receives its events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Format {
    /// `text/event-plain`, with percent-encoded values.
    #[default]
    Plain,
    /// `text/event-json`.
    Json,
    /// `text/event-xml`. No known client requests it, so the request is noted and events are sent
    /// as plain.
    Xml,
}

impl Format {
    /// Parses the format's word in `event` and `myevents`.
    pub(super) fn parse(word: &str) -> Option<Self> {
        match word.to_ascii_lowercase().as_str() {
            "plain" => Some(Self::Plain),
            "json" => Some(Self::Json),
            "xml" => Some(Self::Xml),
            _ => None,
        }
    }

    /// Returns the format's name in the reply to `event`.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Json => "json",
            Self::Xml => "xml",
        }
    }
}

/// An event: its name and its headers in the order of the wire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Event {
    /// The event's name, for example `CHANNEL_HANGUP`.
    pub name: &'static str,
    /// All headers, `Event-Name` included.
    pub headers: Vec<(Text, Text)>,
    /// The body of an event that has one, such as `BACKGROUND_JOB`.
    pub body: Option<String>,
}

impl Event {
    /// Returns a header's value; the case of its name does not matter.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let header = |(key, _): &&(Text, Text)| key.eq_ignore_ascii_case(name);
        self.headers
            .iter()
            .find(header)
            .map(|(_, value)| value.as_ref())
    }

    /// Encodes the event as `switch_event_serialize` does: header lines, an empty line, the body.
    pub(super) fn plain(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(8 * 1024);
        for (name, value) in &self.headers {
            out.extend_from_slice(name.as_bytes());
            out.extend_from_slice(b": ");
            url_encode(value, &mut out);
            out.push(b'\n');
        }
        if let Some(body) = &self.body {
            out.extend_from_slice(format!("Content-Length: {}\n", body.len()).as_bytes());
        }
        out.push(b'\n');
        out.extend_from_slice(self.body.as_deref().unwrap_or_default().as_bytes());
        out
    }

    /// Encodes the event as `switch_event_serialize_json` does: one object, with the values
    /// unencoded.
    pub(super) fn json(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(8 * 1024);
        out.push(b'{');
        let body = self
            .body
            .as_ref()
            .map(|body| (Cow::Borrowed("_body"), Cow::Owned(body.clone())));
        let length = self.body.as_ref().map(|body| {
            (
                Cow::Borrowed("Content-Length"),
                Cow::Owned(body.len().to_string()),
            )
        });
        let extra = length.into_iter().chain(body);
        for (at, (name, value)) in self.headers.iter().cloned().chain(extra).enumerate() {
            if at > 0 {
                out.push(b',');
            }
            out.extend_from_slice(quoted(&name).as_bytes());
            out.push(b':');
            match value.strip_prefix("ARRAY::") {
                Some(list) => out.extend_from_slice(array(list).as_bytes()),
                None => out.extend_from_slice(quoted(&value).as_bytes()),
            }
        }
        out.push(b'}');
        out
    }

    /// Returns the frame in which a listener gets this event.
    pub(super) fn frame(&self, format: Format) -> Vec<u8> {
        let (kind, payload) = match format {
            Format::Json => ("json", self.json()),
            Format::Plain | Format::Xml => ("plain", self.plain()),
        };
        let head = format!(
            "Content-Length: {}\nContent-Type: text/event-{kind}\n\n",
            payload.len()
        );
        let mut frame = head.into_bytes();
        frame.extend_from_slice(&payload);
        frame
    }
}

/// Encodes a variable that is an array as a JSON array (switch_event.c).
fn array(list: &str) -> String {
    serde_json::Value::from(list.split("|:").collect::<Vec<_>>()).to_string()
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_carry_the_same_headers() {
        let event = Event {
            name: "CHANNEL_DATA",
            headers: vec![
                ("Event-Name".into(), "CHANNEL_DATA".into()),
                ("v".into(), "a: \"é\"".into()),
            ],
            body: None,
        };
        let plain = String::from_utf8(event.plain()).unwrap();
        assert_eq!(
            plain,
            "Event-Name: CHANNEL_DATA\nv: a%3A%20%22%C3%A9%22\n\n"
        );
        let json = String::from_utf8(event.json()).unwrap();
        assert_eq!(json, r#"{"Event-Name":"CHANNEL_DATA","v":"a: \"é\""}"#);
        assert_eq!(event.get("event-name"), Some("CHANNEL_DATA"));
    }
}
