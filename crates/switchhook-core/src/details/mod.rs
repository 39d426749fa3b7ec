//! The predefined document of a call: `callDetails`, `keys`, the call's UUID, `recordingUrls`.
//!
//! Keys are in alphabetical order, so that a document is the same whether or not JSON objects
//! keep their order of insertion. A document that lacks something has `"incomplete": true` and
//! `"missing"`: a list of paths into itself (`callDetails[1].endTime`, `keys`, `recordingUrls`),
//! and `leg UUID` for a leg known only by name.

mod entry;
mod live;
mod missing;
mod object;
mod took_part;
mod values;

use crate::zone::Zone;
use serde_json::{Value, json};

use super::finished_call::FinishedCall;
use super::flow_vars;
use super::headers::{Headers, sent_us};
use super::leg::{Leg, LegLimits};
use super::part::Part;
use super::recording::Recording;

pub use live::live_event;
pub use values::{call_values, call_values_so_far, flow_keys, flow_keys_so_far};

use entry::Entry;
use missing::Missing;
use object::{Field, Object};

/// Which legs a document lists.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum LegFilter {
    /// Every leg, including agents who never answered.
    #[default]
    All,
    /// The first leg and every answered one.
    Connected,
}

/// The unit of `duration`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum DurationUnit {
    /// Milliseconds.
    #[default]
    Milliseconds,
    /// Whole seconds, rounded down.
    Seconds,
}

/// A flow's settings for its documents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DocumentFormat {
    /// Which legs are listed.
    pub legs: LegFilter,
    /// The unit of `duration`.
    pub duration_unit: DurationUnit,
    /// Name of the key with the call's UUID.
    pub uuid_key: String,
    /// `keys` includes the raw responses.
    pub keys_raw: bool,
    /// Names (without `flow.key.`) of the raw responses.
    pub raw_names: Vec<String>,
    /// The number of a caller who asks for privacy is withheld.
    pub respect_privacy: bool,
    /// The account's time zone.
    pub time_zone: Zone,
    /// Name of the key that says how complete the sources were; `None` for none.
    pub learnt_key: Option<String>,
}

impl Default for DocumentFormat {
    fn default() -> Self {
        Self {
            legs: LegFilter::All,
            duration_unit: DurationUnit::Milliseconds,
            uuid_key: "phonon-uuid".into(),
            keys_raw: false,
            raw_names: vec!["response_raw".into()],
            respect_privacy: true,
            time_zone: Zone::UTC,
            learnt_key: None,
        }
    }
}

impl DocumentFormat {
    fn hidden(&self) -> &[String] {
        if self.keys_raw { &[] } else { &self.raw_names }
    }
}

/// Returns the public URL of a recording; `None` if the operator gave no template.
pub type RecordingUrl<'a> = &'a dyn Fn(&Recording) -> Option<String>;

/// Builds the document of a finished call.
#[must_use]
pub fn document(call: &FinishedCall, format: &DocumentFormat, url_of: RecordingUrl<'_>) -> Value {
    let mut missing = Missing::default();
    let details = details(call, format, &mut missing);
    missing.of_call(call);
    let mut document = Vec::from([
        ("callDetails", Field::Objects(details)),
        ("keys", Field::Objects(keys(call, format))),
        (format.uuid_key.as_str(), Field::Value(json!(call.id))),
    ]);
    let urls = recordings(call, url_of);
    if !urls.is_empty() {
        document.push(("recordingUrls", Field::Value(Value::Array(urls))));
    }
    let names = missing.names();
    if let Some(key) = &format.learnt_key {
        let provenance = provenance(call, names.is_none());
        document.push((key, Field::Value(json!(provenance))));
    }
    if let Some(names) = names {
        document.push(("incomplete", Field::Value(json!(true))));
        document.push(("missing", Field::Value(names)));
    }
    Object::new(document).into()
}

/// Says how a call was learnt: `full` from the events of every leg from start to end;
/// `reconciled` if CDRs, the channel list or later events helped and nothing is missing;
/// `partial` if something is.
fn provenance(call: &FinishedCall, whole: bool) -> &'static str {
    match (whole, call.fully_observed()) {
        (false, _) => "partial",
        (true, false) => "reconciled",
        (true, true) => "full",
    }
}

/// Builds the document of a call in progress from one leg's headers (the `connect` reply): no end
/// and no hangup cause; `duration` until the switch wrote the headers.
#[must_use]
pub fn document_so_far(headers: &dyn Headers, format: &DocumentFormat) -> Value {
    so_far(headers, format).into()
}

/// Builds the document of [`document_so_far`] as JSON text.
#[must_use]
pub fn json_so_far(headers: &dyn Headers, format: &DocumentFormat) -> Vec<u8> {
    // An object of texts as names always has a JSON text.
    serde_json::to_vec(&so_far(headers, format)).unwrap_or_default()
}

fn so_far<'a>(headers: &dyn Headers, format: &'a DocumentFormat) -> Object<'a> {
    let limits = LegLimits {
        respect_privacy: format.respect_privacy,
        ..LegLimits::default()
    };
    let leg = Leg::snapshot(headers, &limits);
    let now_us = sent_us(headers);
    let call = FinishedCall::of_snapshot(leg);
    let entries = call.parties().map(|leg| Entry::of(leg, None));
    let details = entries.map(|entry| entry.in_progress(now_us, format));
    let uuid = json!(own_uuid(&call));
    Object::new(vec![
        ("callDetails", Field::Objects(details.collect())),
        ("keys", Field::Objects(keys(&call, format))),
        (&format.uuid_key, Field::Value(uuid)),
    ])
}

/// Returns the UUID of the leg itself, even if another leg dialled it.
fn own_uuid(call: &FinishedCall) -> &str {
    call.parties().next().map_or("", |leg| &leg.uuid)
}

fn details(
    call: &FinishedCall,
    format: &DocumentFormat,
    missing: &mut Missing,
) -> Vec<Object<'static>> {
    let listed = listed(call, format);
    let alone = listed.len() == 1;
    let first = call.parties().next();
    let numbered = listed.iter().enumerate();
    numbered
        .map(|(index, listed)| match listed {
            Listed::Leg(entry) => {
                missing.of_entry(index, alone, entry);
                entry.finished(index, alone, format)
            }
            Listed::Part(part) => took_part::object(part, first, format),
        })
        .collect()
}

/// What an object of `callDetails` shows.
enum Listed<'a> {
    Leg(Entry<'a>),
    Part(&'a Part),
}

/// Returns what a document lists: the legs in order of start, and each leg that took part where its
/// talk began.
fn listed<'a>(call: &'a FinishedCall, format: &DocumentFormat) -> Vec<Listed<'a>> {
    let mut parts = call.parts.iter().peekable();
    let mut listed: Vec<Listed<'a>> = Vec::new();
    for (index, entry) in entries(call).into_iter().enumerate() {
        let start = entry.leg.created_us.unwrap_or(i64::MAX);
        while index > 0
            && let Some(part) = parts.next_if(|part| part.from_us < start)
        {
            listed.push(Listed::Part(part));
        }
        if index == 0 || format.legs == LegFilter::All || entry.answered() {
            listed.push(Listed::Leg(entry));
        }
    }
    listed.extend(parts.map(Listed::Part));
    listed
}

/// Returns the legs of a call with the values they take from each other.
fn entries(call: &FinishedCall) -> Vec<Entry<'_>> {
    let first = call.parties().next().filter(|_| !call.headless);
    let parties = call.parties();
    parties
        .map(|leg| Entry::of(leg, Some((call, first))))
        .collect()
}

fn keys(call: &FinishedCall, format: &DocumentFormat) -> Vec<Object<'static>> {
    let merged = flow_vars::merged(&call.flows(), format.hidden());
    let entries = merged.into_iter().map(|(name, value)| {
        let name = Value::String(["$flow.key.", &name].concat());
        Object::of_values(vec![("name", name), ("value", value)])
    });
    entries.collect()
}

/// Returns every closed recording that the switch kept, each path once, in the order of legs.
#[must_use]
pub fn kept_recordings(call: &FinishedCall) -> Vec<&Recording> {
    let mut kept: Vec<&Recording> = Vec::new();
    let whole = call.legs.iter().flat_map(|leg| &leg.recordings);
    let all = whole.chain(call.parts.iter().flat_map(|part| &part.recordings));
    for recording in all.filter(|one| one.is_closed() && !one.discarded) {
        if !kept.iter().any(|known| known.path == recording.path) {
            kept.push(recording);
        }
    }
    kept
}

/// Returns the last parts of a recording's path: as many as tell it from the call's other
/// recordings, which may have the same file name in another folder.
#[must_use]
pub fn distinct_name(call: &FinishedCall, recording: &Recording) -> String {
    let parts: Vec<&str> = recording.path.split(['/', '\\']).collect();
    let others: Vec<&Recording> = kept_recordings(call)
        .into_iter()
        .filter(|other| other.path != recording.path)
        .collect();
    let suffix = |count: usize| parts[parts.len().saturating_sub(count)..].join("/");
    let clashes = |name: &str| {
        let end = format!("/{name}");
        others
            .iter()
            .any(|other| other.path.replace('\\', "/").ends_with(&end))
    };
    let mut names = (1..=parts.len()).map(suffix);
    names
        .find(|name| !clashes(name))
        .unwrap_or_else(|| recording.file_name().to_owned())
}

fn recordings(call: &FinishedCall, url_of: RecordingUrl<'_>) -> Vec<Value> {
    let entry = |recording: &Recording| {
        let name = json!(recording.file_name());
        let mut url = vec![("recordedFileName", name)];
        if let Some(path) = url_of(recording) {
            url.push(("recordedFilePublicPath", json!(path)));
        }
        Object::of_values(url).into()
    };
    kept_recordings(call).into_iter().map(entry).collect()
}

/// Returns the `missing` list of a document.
#[must_use]
pub fn missing(document: &Value) -> Vec<String> {
    let names = document.get("missing").and_then(Value::as_array);
    let names = names.into_iter().flatten().filter_map(Value::as_str);
    names.map(str::to_owned).collect()
}

/// Returns number and part of each party, in the order of legs: `919879072567`, `VISITOR`.
#[must_use]
pub(crate) fn parts(call: &FinishedCall) -> Vec<(String, String)> {
    let named = entries(call).into_iter().map(|entry| {
        let number = entry.callee_number.unwrap_or_default().to_owned();
        (number, entry.callee_type)
    });
    named.collect()
}

/// Returns the `calleeType` of a leg that took part.
#[must_use]
pub(crate) fn part_type(part: &Part) -> &str {
    took_part::callee_type(part)
}
