//! Compares a replayed call with its recording.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use switchhook_service::recorder::{Payload, RecordedEvent};

use super::{Played, Recording};

/// One difference between the recording and the replay.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// RecordedEvent differs, for example `ending` or `request body`.
    pub what: String,
    /// The recorded value; `None` if there was none.
    pub was: Option<String>,
    /// The value now; `None` if there is none.
    pub is: Option<String>,
}

impl Difference {
    /// The name of a command that only one of them sends to the switch.
    pub const SENT: &str = "sent to the switch";
    const ORDER: &str = "order of what is sent to the switch";

    /// Returns whether it is about commands to the switch.
    #[must_use]
    pub fn is_command(&self) -> bool {
        [Self::SENT, Self::ORDER].contains(&self.what.as_str())
    }
}

/// Returns all differences: the call's end, the request, and the commands to the switch.
#[must_use]
pub fn compare(recording: &Recording, played: &Played) -> Vec<Difference> {
    let mut all = Vec::new();
    let (was, is) = (recording.end().map(end_fields), end_fields(&played.end));
    for (at, name) in ["ending", "reason", "sentence"].into_iter().enumerate() {
        let was = was.as_ref().and_then(|was| was[at].clone());
        add_difference(&mut all, name, was, is[at].clone());
    }
    let (was, is) = (
        recording.request().map(request_parts).unwrap_or_default(),
        played
            .request
            .as_ref()
            .map(request_parts)
            .unwrap_or_default(),
    );
    compare_by_name(&mut all, &was, &is);
    let (was, is) = (recording.sent(), &played.sent);
    compare_by_name(&mut all, &variables(&was), &variables(is));
    compare_sent(&mut all, &was, is);
    all
}

/// Returns the variables of the flow that commands set, as they are written for the switch. A long
/// value is in the body of a message, behind its name.
fn variables(sent: &str) -> NamedParts {
    let set = |line: &str| {
        let (name, value) = match line.strip_prefix("api uuid_setvar ") {
            Some(set) => {
                let (_uuid, set) = set.split_once(' ')?;
                set.split_once(' ').unwrap_or((set, ""))
            }
            None => line.split_once('=')?,
        };
        let is_ours = name.starts_with("flow.") && !varies_between_runs(line);
        is_ours.then(|| (name.to_owned(), value.to_owned()))
    };
    sent.lines().filter_map(set).collect()
}

fn add_difference(all: &mut Vec<Difference>, what: &str, was: Option<String>, is: Option<String>) {
    if was != is {
        all.push(Difference {
            what: what.to_owned(),
            was,
            is,
        });
    }
}

type NamedParts = BTreeMap<String, String>;

/// Adds the names that only one side has, and the values that differ.
pub(crate) fn compare_by_name(all: &mut Vec<Difference>, was: &NamedParts, is: &NamedParts) {
    for (name, value) in was {
        add_difference(all, name, Some(value.clone()), is.get(name).cloned());
    }
    for (name, value) in is {
        if !was.contains_key(name) {
            add_difference(all, name, None, Some(value.clone()));
        }
    }
}

fn end_fields(what: &RecordedEvent) -> [Option<String>; 3] {
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
        | RecordedEvent::Watched
        | RecordedEvent::Waited
        | RecordedEvent::Stopping
        | RecordedEvent::Cut => [None, None, None],
    }
}

/// Returns the parts of a request, or of a question to Rust code, by name.
#[must_use]
pub(crate) fn request_parts(what: &RecordedEvent) -> NamedParts {
    if let RecordedEvent::Question(json) = what {
        return question_parts(&json.0);
    }
    let RecordedEvent::Request {
        method,
        url,
        headers,
        body,
    } = what
    else {
        return NamedParts::new();
    };
    let text = |payload: &Payload| String::from_utf8_lossy(&payload.0).into_owned();
    let headers = headers.iter();
    let mut parts: NamedParts = headers
        .map(|(name, value)| (format!("request header {name}"), value.clone()))
        .collect();
    parts.insert("request".into(), format!("{method} {url}"));
    parts.insert("request body".into(), text(body));
    parts
}

fn question_parts(json: &[u8]) -> NamedParts {
    let fields: serde_json::Map<String, Value> = serde_json::from_slice(json).unwrap_or_default();
    let fields = fields.into_iter();
    fields
        .map(|(name, value)| (format!("question {name}"), value.to_string()))
        .collect()
}

/// Compares the command lines that were sent to the switch, and their order.
fn compare_sent(all: &mut Vec<Difference>, was: &str, is: &str) {
    let lines = |text: &str| {
        let lines = text
            .lines()
            .filter(|line| !line.is_empty() && !varies_between_runs(line));
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    let (was, is) = (lines(was), lines(is));
    if was == is {
        return;
    }
    let count = all.len();
    for line in was.iter().filter(|line| !is.contains(line)) {
        add_difference(all, Difference::SENT, Some(line.clone()), None);
    }
    for line in is.iter().filter(|line| !was.contains(line)) {
        add_difference(all, Difference::SENT, None, Some(line.clone()));
    }
    if all.len() == count {
        let order = |lines: &[String]| Some(lines.join("; "));
        add_difference(all, Difference::ORDER, order(&was), order(&is));
    }
}

/// Tells whether a line may differ between two runs of one call. `response_duration` of a call
/// without an answer is measured. `socket_resume` is read only after a long hold, which depends on
/// the time that the store took. In the first tenth of a second a release says `resume` instead of
/// unsetting `socket_resume`. Lengths change where a secret was redacted.
fn varies_between_runs(line: &str) -> bool {
    line.contains("response_duration")
        || (line.starts_with("api uuid_") && line.ends_with(" socket_resume"))
        || line == "resume"
        || line.starts_with("content-length: ")
}
