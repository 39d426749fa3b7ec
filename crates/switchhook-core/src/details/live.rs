//! The object of an event of a living call.

use std::time::Duration;

use serde_json::{Map, Value, json};

use super::object::Object;
use super::{DocumentFormat, entries, keys, took_part};
use crate::leg::LiveLookup;
use crate::live_events::{EventKind, LiveEvents, Occurrence};
use crate::part::Part;
use crate::recording;
use crate::timestamp::rfc3339;
use crate::variables::seconds;

/// Returns the object of an event, without its sequence, account and flow: `type`, `time`, the
/// call's UUID, `leg`, and as far as the event has them `other`, `from`, `keys`, `recording`,
/// `lookup`, `joined` and `legs`.
#[must_use]
pub fn live_event(
    of: &LiveEvents,
    event: &Occurrence,
    format: &DocumentFormat,
) -> Map<String, Value> {
    let mut object = Map::new();
    let mut put = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            object.insert(name.to_owned(), value);
        }
    };
    put("type", Some(json!(format!("call.{}", event.kind.as_str()))));
    put(
        "time",
        rfc3339(event.at_us, format.time_zone).map(Value::String),
    );
    let leg = |uuid: &String| leg_object(of, uuid, format);
    put("leg", leg(&event.leg));
    put("other", event.other.as_ref().and_then(leg));
    put("from", event.from.as_ref().and_then(leg));
    put("joined", event.joined.as_ref().map(|joined| json!(joined)));
    put("lookup", event.lookup.as_ref().map(lookup));
    put("recording", event.recording.as_deref().map(recording_of));
    put("legs", legs(of, event, format));
    put("keys", changed_keys(of, event, format));
    put(&format.uuid_key, Some(json!(of.id)));
    object
}

/// Returns a leg as in `callDetails`, as far as it is known. Of a leg that takes part, what is known
/// of its talk.
fn leg_object(of: &LiveEvents, uuid: &str, format: &DocumentFormat) -> Option<Value> {
    let mut own = entries(&of.call).into_iter();
    if let Some(entry) = own.find(|entry| entry.leg.uuid == uuid) {
        return Some(entry.as_now(format).into());
    }
    let mut parts = of.call.parts.iter().rev();
    let part = parts.find(|part| part.uuid == uuid)?;
    Some(part_object(of, part, format))
}

fn part_object(of: &LiveEvents, part: &Part, format: &DocumentFormat) -> Value {
    let object = took_part::object(part, of.call.parties().next(), format);
    let mut object = Value::from(object);
    // The talk goes on, or its end is another event's.
    if let Some(fields) = object.as_object_mut() {
        fields.remove("endTime");
        fields.remove("duration");
    }
    object
}

/// Returns every leg with whom it talks, of an event after a gap.
fn legs(of: &LiveEvents, event: &Occurrence, format: &DocumentFormat) -> Option<Value> {
    if event.kind != EventKind::Resynced {
        return None;
    }
    let own = entries(&of.call).into_iter();
    let own = own.map(|entry| (entry.leg.uuid.clone(), Value::from(entry.as_now(format))));
    let talks = |uuid: &str| {
        let pair = event.talks.iter().find_map(|(one, other)| match uuid {
            _ if one == uuid => Some(other),
            _ if other == uuid => Some(one),
            _ => None,
        });
        pair.and_then(|other| leg_object(of, other, format))
    };
    let all = own.map(|(uuid, mut leg)| {
        let id = talks(&uuid).and_then(|other| other.get("cdrId").cloned());
        if let Some((fields, id)) = leg.as_object_mut().zip(id) {
            fields.insert("talksWith".to_owned(), id);
        }
        leg
    });
    Some(all.collect())
}

fn changed_keys(of: &LiveEvents, event: &Occurrence, format: &DocumentFormat) -> Option<Value> {
    let name = |key: &Value| {
        let name = key.get("name").and_then(Value::as_str).unwrap_or_default();
        name.strip_prefix("$flow.key.").unwrap_or(name).to_owned()
    };
    if event.keys.is_empty() {
        return None;
    }
    let all = keys(&of.call, format).into_iter().map(Value::from);
    let changed: Vec<Value> = all.filter(|key| event.keys.contains(&name(key))).collect();
    (!changed.is_empty()).then(|| json!(changed))
}

fn recording_of(path: &str) -> Value {
    json!({ "recordedFileName": recording::file_name(path) })
}

fn lookup(lookup: &LiveLookup) -> Value {
    let duration = lookup.asked_us.map(|us| {
        let text = seconds(Duration::from_micros(us));
        ("duration", Value::String(text))
    });
    let known = [
        Some(("webhook", json!(lookup.webhook))),
        lookup.line.map(|line| ("line", json!(line))),
        lookup
            .reason
            .as_ref()
            .map(|reason| ("reason", json!(reason))),
        duration,
    ];
    Object::of_values(known.into_iter().flatten().collect()).into()
}
