//! The predefined document of a call: `callDetails`, `keys`, the call's UUID, `recordingUrls`.
//!
//! Objects are filled in alphabetical order, so that a document reads the same whether or not
//! JSON objects keep the order of insertion. Beyond the shape that the contract shows, a document
//! of which something could not be learnt has `"incomplete": true` and `"missing"`, a list of what
//! it lacks or cannot vouch for: a path into itself (`callDetails[1].endTime`, `keys`,
//! `recordingUrls`) or `leg UUID` for a leg that is known only by name.

mod entry;
mod missing;
mod values;

use chrono_tz::Tz;
use serde_json::{Map, Value, json};

use super::finished_call::FinishedCall;
use super::flow_vars;
use super::headers::Headers;
use super::leg::{Leg, Limits};
use super::recording::Recording;

pub use values::{call_values, call_values_so_far, flow_keys, flow_keys_so_far};

use entry::Entry;
use missing::Missing;

/// Which legs a document lists.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Legs {
    /// Every leg, an agent who never answered included.
    #[default]
    All,
    /// The first leg and those that answered.
    Connected,
}

/// What `duration` counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum DurationUnit {
    /// Milliseconds.
    #[default]
    Milliseconds,
    /// Whole seconds, what has begun not counted.
    Seconds,
}

/// How a flow wants its documents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Format {
    /// Which legs are listed.
    pub legs: Legs,
    /// What `duration` counts.
    pub duration_unit: DurationUnit,
    /// Name of the key that holds the call's UUID.
    pub uuid_key: String,
    /// `keys` has the raw responses.
    pub keys_raw: bool,
    /// Names (without `flow.key.`) of the raw responses.
    pub raw_names: Vec<String>,
    /// The account's time zone.
    pub time_zone: Tz,
    /// Name of the key that says how the call was learnt; `None` for none.
    pub learnt_key: Option<String>,
}

impl Default for Format {
    fn default() -> Self {
        Self {
            legs: Legs::All,
            duration_unit: DurationUnit::Milliseconds,
            uuid_key: "phonon-uuid".into(),
            keys_raw: false,
            raw_names: vec!["response_raw".into()],
            time_zone: Tz::UTC,
            learnt_key: None,
        }
    }
}

impl Format {
    fn hidden(&self) -> &[String] {
        if self.keys_raw { &[] } else { &self.raw_names }
    }
}

/// The public URL of a recording; `None` when the operator gave no template for it.
pub type UrlOf<'a> = &'a dyn Fn(&Recording) -> Option<String>;

/// The document of a call that is over.
#[must_use]
pub fn document(call: &FinishedCall, format: &Format, url_of: UrlOf<'_>) -> Value {
    let mut missing = Missing::default();
    let details = details(call, format, &mut missing);
    missing.of_call(call);
    let mut document = Vec::from([
        ("callDetails".to_owned(), Value::Array(details)),
        ("keys".to_owned(), keys(call, format)),
        (format.uuid_key.clone(), json!(call.id)),
    ]);
    let urls = recordings(call, url_of);
    if !urls.is_empty() {
        document.push(("recordingUrls".to_owned(), Value::Array(urls)));
    }
    let names = missing.names();
    if let Some(key) = &format.learnt_key {
        document.push((key.clone(), json!(learnt(call, names.is_none()))));
    }
    if let Some(names) = names {
        document.push(("incomplete".to_owned(), json!(true)));
        document.push(("missing".to_owned(), names));
    }
    sorted(document)
}

/// How a call was learnt, as its document says it: `full`, from the events of every leg from its
/// beginning to its end; `reconciled`, some of it from CDRs, the list of channels or later events,
/// and nothing is missing; `partial`, something is.
fn learnt(call: &FinishedCall, whole: bool) -> &'static str {
    match (whole, call.is_witnessed()) {
        (false, _) => "partial",
        (true, false) => "reconciled",
        (true, true) => "full",
    }
}

/// The document of a call that still goes on, as far as one leg's headers (the `connect` reply)
/// show it: no end, no hangup cause; `duration` until the switch wrote the headers.
#[must_use]
pub fn document_so_far(headers: &dyn Headers, format: &Format) -> Value {
    let leg = Leg::snapshot(headers, &Limits::default());
    let now = headers.get("Event-Date-Timestamp");
    let now_us = now.and_then(|text| text.parse().ok());
    let call = FinishedCall::new(vec![leg]);
    let entries = call.parties().map(|leg| Entry::of(leg, None));
    let details = entries.map(|entry| entry.in_progress(now_us, format));
    sorted(vec![
        ("callDetails".to_owned(), details.collect()),
        ("keys".to_owned(), keys(&call, format)),
        (format.uuid_key.clone(), json!(own_uuid(&call))),
    ])
}

/// The UUID of the leg itself, whoever dialled it.
fn own_uuid(call: &FinishedCall) -> &str {
    call.parties().next().map_or("", |leg| &leg.uuid)
}

fn details(call: &FinishedCall, format: &Format, missing: &mut Missing) -> Vec<Value> {
    let listed: Vec<Entry<'_>> = entries(call)
        .into_iter()
        .enumerate()
        .filter(|(index, entry)| *index == 0 || format.legs == Legs::All || entry.answered())
        .map(|(_, entry)| entry)
        .collect();
    let alone = listed.len() == 1;
    let numbered = listed.iter().enumerate();
    numbered
        .map(|(index, entry)| {
            missing.of_entry(index, alone, entry);
            entry.finished(index, alone, format)
        })
        .collect()
}

/// The legs of a call with what they take from each other.
fn entries(call: &FinishedCall) -> Vec<Entry<'_>> {
    let first = call.parties().next().filter(|_| !call.headless);
    let parties = call.parties();
    parties
        .map(|leg| Entry::of(leg, Some((call, first))))
        .collect()
}

fn keys(call: &FinishedCall, format: &Format) -> Value {
    let merged = flow_vars::merged(&call.flows(), format.hidden());
    let entries = merged.into_iter().map(|(name, value)| {
        sorted(vec![
            ("name".to_owned(), json!(format!("$flow.key.{name}"))),
            ("value".to_owned(), value),
        ])
    });
    entries.collect()
}

/// Every closed recording that the switch kept, once, in the order of legs.
#[must_use]
pub fn kept_recordings(call: &FinishedCall) -> Vec<&Recording> {
    let mut kept: Vec<&Recording> = Vec::new();
    let all = call.legs.iter().flat_map(|leg| &leg.recordings);
    for recording in all.filter(|one| one.is_closed() && !one.discarded) {
        if !kept.iter().any(|known| known.path == recording.path) {
            kept.push(recording);
        }
    }
    kept
}

fn recordings(call: &FinishedCall, url_of: UrlOf<'_>) -> Vec<Value> {
    let entry = |recording: &Recording| {
        let name = json!(recording.file_name());
        let mut url = vec![("recordedFileName".to_owned(), name)];
        if let Some(path) = url_of(recording) {
            url.push(("recordedFilePublicPath".to_owned(), json!(path)));
        }
        sorted(url)
    };
    kept_recordings(call).into_iter().map(entry).collect()
}

/// What is missing of a call, as its document says it.
#[must_use]
pub fn missing(document: &Value) -> Vec<String> {
    let names = document.get("missing").and_then(Value::as_array);
    let names = names.into_iter().flatten().filter_map(Value::as_str);
    names.map(str::to_owned).collect()
}

/// Number and part of each party, in the order of legs: `919879072567`, `VISITOR`.
#[must_use]
pub(crate) fn parts(call: &FinishedCall) -> Vec<(String, String)> {
    let named = entries(call).into_iter().map(|entry| {
        let number = entry.callee_number.unwrap_or_default().to_owned();
        (number, entry.callee_type)
    });
    named.collect()
}

/// An object with its keys in alphabetical order; of two equal ones the later wins.
fn sorted(mut entries: Vec<(String, Value)>) -> Value {
    entries.sort_by(|(one, _), (other, _)| one.cmp(other));
    Value::Object(entries.into_iter().collect::<Map<String, Value>>())
}
