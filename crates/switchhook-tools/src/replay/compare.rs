//! RecordedEvent was different when a call was played again.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use switchhook_service::recorder::{Payload, RecordedEvent};

use super::{Played, Recording};

/// One thing that was one way and is another now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// RecordedEvent it is.
    pub what: String,
    /// As it was recorded; none when it was not there.
    pub was: Option<String>,
    /// As it is now; none when it is not there.
    pub is: Option<String>,
}

/// Everything that differs: the end, the request, what was said to the switch.
#[must_use]
pub fn compare(recording: &Recording, played: &Played) -> Vec<Difference> {
    let mut all = Vec::new();
    let (was, is) = (recording.end().map(end), end(&played.end));
    for (at, name) in ["ending", "reason", "sentence"].into_iter().enumerate() {
        let was = was.as_ref().and_then(|was| was[at].clone());
        note(&mut all, name, was, is[at].clone());
    }
    let (was, is) = (
        recording.request().map(request).unwrap_or_default(),
        played.request.as_ref().map(request).unwrap_or_default(),
    );
    by_name(&mut all, &was, &is);
    said(&mut all, &recording.said(), &played.said);
    all
}

fn note(all: &mut Vec<Difference>, what: &str, was: Option<String>, is: Option<String>) {
    if was != is {
        all.push(Difference {
            what: what.to_owned(),
            was,
            is,
        });
    }
}

type Named = BTreeMap<String, String>;

/// Names that only one has, and values that differ.
pub(crate) fn by_name(all: &mut Vec<Difference>, was: &Named, is: &Named) {
    for (name, value) in was {
        note(all, name, Some(value.clone()), is.get(name).cloned());
    }
    for (name, value) in is {
        if !was.contains_key(name) {
            note(all, name, None, Some(value.clone()));
        }
    }
}

fn end(what: &RecordedEvent) -> [Option<String>; 3] {
    match what {
        RecordedEvent::End {
            ending,
            reason,
            detail,
        } => [Some(ending.clone()), reason.clone(), detail.clone()],
        RecordedEvent::Switch(_)
        | RecordedEvent::Event(_)
        | RecordedEvent::Us(_)
        | RecordedEvent::Closed
        | RecordedEvent::Request { .. }
        | RecordedEvent::Question(_)
        | RecordedEvent::Outcome { .. }
        | RecordedEvent::Waited
        | RecordedEvent::Stopping
        | RecordedEvent::Cut => [None, None, None],
    }
}

/// The parts of a request, or of a question to Rust code, by name.
#[must_use]
pub(crate) fn request(what: &RecordedEvent) -> Named {
    if let RecordedEvent::Question(json) = what {
        return question(&json.0);
    }
    let RecordedEvent::Request {
        method,
        url,
        headers,
        body,
    } = what
    else {
        return Named::new();
    };
    let text = |payload: &Payload| String::from_utf8_lossy(&payload.0).into_owned();
    let headers = headers.iter();
    let mut parts: Named = headers
        .map(|(name, value)| (format!("request header {name}"), value.clone()))
        .collect();
    parts.insert("request".into(), format!("{method} {url}"));
    parts.insert("request body".into(), text(body));
    parts
}

fn question(json: &[u8]) -> Named {
    let fields: serde_json::Map<String, Value> = serde_json::from_slice(json).unwrap_or_default();
    let fields = fields.into_iter();
    fields
        .map(|(name, value)| (format!("question {name}"), value.to_string()))
        .collect()
}

/// The lines that were said to the switch, in their order.
fn said(all: &mut Vec<Difference>, was: &str, is: &str) {
    let lines = |text: &str| {
        let lines = text
            .lines()
            .filter(|line| !line.is_empty() && !is_time(line));
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    let (was, is) = (lines(was), lines(is));
    if was == is {
        return;
    }
    let count = all.len();
    for line in was.iter().filter(|line| !is.contains(line)) {
        note(all, "said to the switch", Some(line.clone()), None);
    }
    for line in is.iter().filter(|line| !was.contains(line)) {
        note(all, "said to the switch", None, Some(line.clone()));
    }
    if all.len() == count {
        let order = |lines: &[String]| Some(lines.join("; "));
        note(
            all,
            "order of what is said to the switch",
            order(&was),
            order(&is),
        );
    }
}

/// How long a call that got no answer waited is measured, not said by anybody; whether a call
/// was held for so long that its way out may have taken it on, and is asked for, depends on how long our
/// own store took; a text that had a secret in it may have been longer.
fn is_time(line: &str) -> bool {
    line.contains("response_duration")
        || (line.starts_with("api uuid_getvar ") && line.ends_with(" socket_resume"))
        || line.starts_with("content-length: ")
}
