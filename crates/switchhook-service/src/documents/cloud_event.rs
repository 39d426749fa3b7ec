//! The envelope of an event by CloudEvents 1.0, in structured JSON
//! (github.com/cloudevents/spec, formats/json-format.md and bindings/http-protocol-binding.md).

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Map, Value, json};
use switchhook_store::RequestContent;

/// The media type of the structured mode.
const MEDIA_TYPE: &str = "application/cloudevents+json";
/// What stands for itself in a segment of a URI.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// The call of an event.
pub(super) struct CloudSource {
    /// The switch's name.
    pub(super) switch: String,
    /// The call's Unique-ID.
    pub(super) call: String,
    /// Creation of the call's first leg, µs since 1970.
    pub(super) created_us: i64,
}

impl CloudSource {
    /// Returns the event's envelope as text.
    pub(super) fn envelope(&self, sequence: u64, data: &Map<String, Value>) -> String {
        let (call, created_us) = (&self.call, self.created_us);
        let switch = utf8_percent_encode(&self.switch, SEGMENT);
        json!({
            "specversion": "1.0",
            "id": format!("{call}.{created_us}.{sequence}"),
            "source": format!("/switches/{switch}"),
            "type": data.get("type"),
            "subject": call,
            "time": data.get("time"),
            "datacontenttype": "application/json",
            "data": data,
        })
        .to_string()
    }
}

/// Gives a request the media type of CloudEvents.
pub(super) fn with_media_type(mut content: RequestContent) -> RequestContent {
    let is_type = |name: &str| name.eq_ignore_ascii_case("content-type");
    content.headers.retain(|(name, _)| !is_type(name));
    let header = ("content-type".to_owned(), MEDIA_TYPE.to_owned());
    content.headers.push(header);
    content
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_switch_of_any_name_is_a_source() {
        let source = CloudSource {
            switch: "pbx 1/ä".into(),
            call: "a".into(),
            created_us: 7,
        };
        let data = json!({"type": "call.ended", "time": "2026-11-24T02:04:51.126+05:30"});
        let text = source.envelope(3, data.as_object().unwrap());
        let event: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(event["source"], "/switches/pbx%201%2F%C3%A4");
        assert_eq!(event["id"], "a.7.3");
        assert_eq!(event["data"], data);
    }
}
