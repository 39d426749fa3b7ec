//! Redacts secrets in a recording. Each secret, in every form in which it may be sent, becomes as
//! many stars as it has bytes. So a mapped value still equals its part of the redacted response.

mod replacements;

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use url::Url;
use zeroize::Zeroizing;

use super::format::{Header, Line, RecordedEvent};
use switchhook_webhook::redact::{is_secret_name, is_secret_param};

use replacements::Replacements;

/// Secrets of earlier configurations that are still redacted.
const MAX_FORMER: usize = 1_000;
/// Shortest secret of the configuration that is redacted, in bytes.
const MIN_BYTES: usize = 4;
/// Shortest value that is redacted because of its name: `auth: yes` is no secret.
const MIN_NAMED_BYTES: usize = 6;

/// The secrets of the configuration.
#[derive(Clone, Default)]
pub struct Secrets(Vec<Zeroizing<String>>);

/// Shows only the number of secrets.
impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} secrets", self.0.len())
    }
}

impl<S: AsRef<str>> FromIterator<S> for Secrets {
    fn from_iter<I: IntoIterator<Item = S>>(secrets: I) -> Self {
        let all = secrets.into_iter();
        let long = all.filter(|secret| secret.as_ref().len() >= MIN_BYTES);
        Self(
            long.map(|secret| Zeroizing::new(secret.as_ref().to_owned()))
                .collect(),
        )
    }
}

/// A call without its secrets.
pub(super) struct RedactedCall {
    pub header: Header,
    pub lines: Vec<Line>,
}

impl Secrets {
    /// Returns these secrets with `more` at the end; of the earlier ones, the last [`MAX_FORMER`]
    /// stay.
    pub(super) fn merged_with(&self, more: &Self) -> Self {
        let former = self.0.iter().filter(|one| !more.0.contains(*one));
        let former: Vec<_> = former.cloned().collect();
        let kept = former.len().saturating_sub(MAX_FORMER);
        Self(former[kept..].iter().chain(&more.0).cloned().collect())
    }

    /// Redacts these secrets, and the values in the call whose name sounds like a secret.
    pub(super) fn redact(&self, header: &Header, lines: Vec<Line>) -> RedactedCall {
        let mut found: BTreeSet<String> = self.0.iter().map(|one| one.to_string()).collect();
        for line in &lines {
            collect_named(&line.what, &mut found);
        }
        let mut replacements = Replacements::default();
        for secret in &found {
            replacements.add(secret);
        }
        // A value that was made inert is also sent as base64 of the whole text.
        let texts: Vec<Vec<u8>> = lines
            .iter()
            .flat_map(|line| base64_candidates(&line.what))
            .collect();
        for text in texts {
            let redacted = replacements.bytes(&text);
            if redacted != text {
                replacements.push(STANDARD.encode(&text), STANDARD.encode(redacted));
            }
        }
        replacements.sort();
        let header = Header {
            config: replacements.text(&header.config),
            ..header.clone()
        };
        let lines = lines.into_iter().map(|line| Line {
            what: replacements.redact(line.what),
            ..line
        });
        RedactedCall {
            lines: lines.collect(),
            header,
        }
    }
}

/// Returns the texts that may also be sent as base64.
fn base64_candidates(what: &RecordedEvent) -> Vec<Vec<u8>> {
    match what {
        RecordedEvent::Outcome { body, mapped, .. } => {
            let mapped = mapped.iter().map(|(_, text)| text.clone().into_bytes());
            mapped.chain([body.0.clone()]).collect()
        }
        RecordedEvent::Switch(_)
        | RecordedEvent::Event(_)
        | RecordedEvent::Us(_)
        | RecordedEvent::Closed
        | RecordedEvent::Request { .. }
        | RecordedEvent::Question(_)
        | RecordedEvent::Watched
        | RecordedEvent::Waited
        | RecordedEvent::Stopping
        | RecordedEvent::Cut
        | RecordedEvent::End { .. } => Vec::new(),
    }
}

/// Collects values whose name sounds like a secret.
fn collect_named(what: &RecordedEvent, found: &mut BTreeSet<String>) {
    match what {
        RecordedEvent::Switch(text) => collect_from_event(&text.0, found),
        RecordedEvent::Event(json) => collect_from_json_event(&json.0, found),
        RecordedEvent::Question(json) => collect_from_body(&json.0, found),
        RecordedEvent::Request {
            url, headers, body, ..
        } => {
            if let Ok(url) = Url::parse(url) {
                let pairs = url.query_pairs();
                pairs
                    .filter(|(name, _)| is_secret_param(name))
                    .for_each(|(_, value)| insert(&value, found));
            }
            headers
                .iter()
                .for_each(|(name, value)| insert_named(name, value, found));
            collect_from_body(&body.0, found);
        }
        RecordedEvent::Outcome { body, mapped, .. } => {
            collect_from_body(&body.0, found);
            mapped
                .iter()
                .for_each(|(name, text)| insert_named(name, text, found));
        }
        RecordedEvent::Us(_)
        | RecordedEvent::Closed
        | RecordedEvent::Watched
        | RecordedEvent::Waited
        | RecordedEvent::Stopping
        | RecordedEvent::Cut
        | RecordedEvent::End { .. } => {}
    }
}

/// Reads variables and headers of a plain event.
fn collect_from_event(text: &[u8], found: &mut BTreeSet<String>) {
    for line in String::from_utf8_lossy(text).lines() {
        let Some((name, value)) = line.split_once(": ") else {
            continue;
        };
        let value = percent_encoding::percent_decode_str(value).decode_utf8_lossy();
        insert_named(bare_name(name), &value, found);
    }
}

fn collect_from_json_event(json: &[u8], found: &mut BTreeSet<String>) {
    let fields = serde_json::from_slice::<serde_json::Map<String, Value>>(json);
    for (name, value) in fields.unwrap_or_default() {
        collect_from_json(bare_name(&name), &value, found);
    }
}

/// Returns a variable's name without the prefixes it has in an event.
fn bare_name(name: &str) -> &str {
    let name = name.strip_prefix("variable_").unwrap_or(name);
    name.strip_prefix("flow.key.").unwrap_or(name)
}

/// Reads JSON or a form; other bodies have no names.
fn collect_from_body(body: &[u8], found: &mut BTreeSet<String>) {
    if let Ok(json) = serde_json::from_slice(body) {
        return collect_from_json("", &json, found);
    }
    for (name, value) in url::form_urlencoded::parse(body) {
        insert_named(&name, &value, found);
    }
}

fn collect_from_json(name: &str, json: &Value, found: &mut BTreeSet<String>) {
    match json {
        Value::String(text) => insert_named(name, text, found),
        Value::Array(list) => list
            .iter()
            .for_each(|one| collect_from_json("", one, found)),
        Value::Object(fields) => fields
            .iter()
            .for_each(|(name, one)| collect_from_json(name, one, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn insert_named(name: &str, value: &str, found: &mut BTreeSet<String>) {
    if is_secret_name(name) {
        insert(value, found);
    }
}

fn insert(value: &str, found: &mut BTreeSet<String>) {
    if value.len() >= MIN_NAMED_BYTES {
        found.insert(value.to_owned());
        // "Bearer abc" in one field may be "abc" in another.
        let last = value.rsplit(' ').next().unwrap_or_default();
        if last.len() >= MIN_NAMED_BYTES {
            found.insert(last.to_owned());
        }
    }
}
