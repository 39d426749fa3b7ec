//! Secrets out of a recording. A secret is replaced by as many stars as it has bytes wherever
//! it stands, in every form in which it is sent, so that what was mapped from an answer is still
//! what that answer has.

mod pairs;

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use url::Url;
use zeroize::Zeroizing;

use super::file::{Header, Line, What};
use switchhook_webhook::redact::sounds_secret;

use pairs::Pairs;

/// Secrets of earlier configurations that are still looked for.
const FORMER: usize = 1_000;
/// The shortest secret of the configuration that is looked for.
const LEAST: usize = 4;
/// The same of what only has the name of one: `auth: yes` is none.
const LEAST_NAMED: usize = 6;

/// Those of the configuration.
#[derive(Clone, Default)]
pub struct Secrets(Vec<Zeroizing<String>>);

/// How many.
impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} secrets", self.0.len())
    }
}

impl<S: AsRef<str>> FromIterator<S> for Secrets {
    fn from_iter<I: IntoIterator<Item = S>>(secrets: I) -> Self {
        let all = secrets.into_iter();
        let long = all.filter(|secret| secret.as_ref().len() >= LEAST);
        Self(
            long.map(|secret| Zeroizing::new(secret.as_ref().to_owned()))
                .collect(),
        )
    }
}

/// A call without its secrets.
pub(super) struct Masked {
    pub header: Header,
    pub lines: Vec<Line>,
}

impl Secrets {
    /// These and `more`, which come last; of those that were before, the last [`FORMER`].
    pub(super) fn with(&self, more: &Self) -> Self {
        let former = self.0.iter().filter(|one| !more.0.contains(*one));
        let former: Vec<_> = former.cloned().collect();
        let kept = former.len().saturating_sub(FORMER);
        Self(former[kept..].iter().chain(&more.0).cloned().collect())
    }

    /// Masks these secrets, and what the call says under a name that sounds like one.
    pub(super) fn mask(&self, header: &Header, lines: Vec<Line>) -> Masked {
        let mut found: BTreeSet<String> = self.0.iter().map(|one| one.to_string()).collect();
        for line in &lines {
            named(&line.what, &mut found);
        }
        let mut pairs = Pairs::default();
        for secret in &found {
            pairs.add(secret);
        }
        // What was not inert is sent in base64 too, whole.
        let wholes: Vec<Vec<u8>> = lines.iter().flat_map(|line| wholes(&line.what)).collect();
        for whole in wholes {
            let masked = pairs.bytes(&whole);
            if masked != whole {
                pairs.push(STANDARD.encode(&whole), STANDARD.encode(masked));
            }
        }
        pairs.sort();
        let header = Header {
            config: pairs.text(&header.config),
            ..header.clone()
        };
        let lines = lines.into_iter().map(|line| Line {
            what: pairs.what(line.what),
            ..line
        });
        Masked {
            lines: lines.collect(),
            header,
        }
    }
}

/// Texts of a call that may be sent in base64.
fn wholes(what: &What) -> Vec<Vec<u8>> {
    match what {
        What::Outcome { body, mapped, .. } => {
            let mapped = mapped.iter().map(|(_, text)| text.clone().into_bytes());
            mapped.chain([body.0.clone()]).collect()
        }
        What::Switch(_)
        | What::Event(_)
        | What::Us(_)
        | What::Closed
        | What::Request { .. }
        | What::Question(_)
        | What::Waited
        | What::Stopping
        | What::Cut
        | What::End { .. } => Vec::new(),
    }
}

/// What has the name of a secret.
fn named(what: &What, found: &mut BTreeSet<String>) {
    match what {
        What::Switch(text) => of_event(&text.0, found),
        What::Event(json) => of_json_event(&json.0, found),
        What::Question(json) => of_body(&json.0, found),
        What::Request {
            url, headers, body, ..
        } => {
            if let Ok(url) = Url::parse(url) {
                url.query_pairs()
                    .for_each(|(name, value)| note(&name, &value, found));
            }
            headers
                .iter()
                .for_each(|(name, value)| note(name, value, found));
            of_body(&body.0, found);
        }
        What::Outcome { body, mapped, .. } => {
            of_body(&body.0, found);
            mapped
                .iter()
                .for_each(|(name, text)| note(name, text, found));
        }
        What::Us(_)
        | What::Closed
        | What::Waited
        | What::Stopping
        | What::Cut
        | What::End { .. } => {}
    }
}

/// Variables and headers of the channel.
fn of_event(text: &[u8], found: &mut BTreeSet<String>) {
    for line in String::from_utf8_lossy(text).lines() {
        let Some((name, value)) = line.split_once(": ") else {
            continue;
        };
        let value = percent_encoding::percent_decode_str(value).decode_utf8_lossy();
        note(own_name(name), &value, found);
    }
}

fn of_json_event(json: &[u8], found: &mut BTreeSet<String>) {
    let fields = serde_json::from_slice::<serde_json::Map<String, Value>>(json);
    for (name, value) in fields.unwrap_or_default() {
        of_json(own_name(&name), &value, found);
    }
}

/// A variable's name without what stands before it in an event.
fn own_name(name: &str) -> &str {
    let name = name.strip_prefix("variable_").unwrap_or(name);
    name.strip_prefix("flow.key.").unwrap_or(name)
}

/// JSON or a form; what is neither has no names.
fn of_body(body: &[u8], found: &mut BTreeSet<String>) {
    if let Ok(json) = serde_json::from_slice(body) {
        return of_json("", &json, found);
    }
    for (name, value) in url::form_urlencoded::parse(body) {
        note(&name, &value, found);
    }
}

fn of_json(name: &str, json: &Value, found: &mut BTreeSet<String>) {
    match json {
        Value::String(text) => note(name, text, found),
        Value::Array(list) => list.iter().for_each(|one| of_json("", one, found)),
        Value::Object(fields) => fields
            .iter()
            .for_each(|(name, one)| of_json(name, one, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn note(name: &str, value: &str, found: &mut BTreeSet<String>) {
    if sounds_secret(name) && value.len() >= LEAST_NAMED {
        found.insert(value.to_owned());
        // "Bearer abc" in one place may be "abc" in another.
        let last = value.rsplit(' ').next().unwrap_or_default();
        if last.len() >= LEAST_NAMED {
            found.insert(last.to_owned());
        }
    }
}
