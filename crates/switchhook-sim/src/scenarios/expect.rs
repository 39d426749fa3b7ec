//! Defines what a call must produce and reports every difference.

use std::collections::BTreeMap;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::Scenario;
use crate::receiver::Request;
use crate::switch::CallRecord;

/// The expected value of a variable.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Is {
    /// Exactly this text, without a `NAME_b64` variable.
    Exactly(String),
    /// This text, or an inert form of it with the exact bytes in `NAME_b64`.
    Text(String),
    /// A number of seconds in this range.
    Seconds(f64, f64),
    /// A sentence for a person that contains these words.
    Sentence(&'static str),
    /// Any value or none, because the contract leaves it open.
    Maybe,
}

impl Is {
    pub(crate) fn exactly(text: &str) -> Self {
        Self::Exactly(text.to_owned())
    }

    fn problem(&self, name: &str, variables: &BTreeMap<String, String>) -> Option<String> {
        let value = variables.get(name).map(String::as_str);
        let right = match self {
            Self::Maybe => true,
            Self::Exactly(text) => {
                value == Some(text) && !variables.contains_key(&format!("{name}_b64"))
            }
            Self::Text(text) => value == Some(text) || has_bytes(name, text, variables),
            Self::Seconds(from, to) => {
                let seconds = value.and_then(|value| value.parse::<f64>().ok());
                seconds.is_some_and(|seconds| (*from..=*to).contains(&seconds))
            }
            Self::Sentence(part) => value.is_some_and(|value| is_sentence(value, part)),
        };
        (!right).then(|| format!("{name} is {}, not {self}", shown(value)))
    }
}

impl std::fmt::Display for Is {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Exactly(text) => write!(f, "{}", shown(Some(text))),
            Self::Text(text) => write!(f, "{} or its inert form with _b64", shown(Some(text))),
            Self::Seconds(from, to) => write!(f, "{from} to {to} seconds"),
            Self::Sentence("") => f.write_str("a sentence"),
            Self::Sentence(part) => write!(f, "a sentence with {part:?}"),
            Self::Maybe => f.write_str("anything"),
        }
    }
}

fn shown(value: Option<&str>) -> String {
    match value {
        None => "unset".into(),
        Some(value) if value.chars().count() > 80 => {
            let start: String = value.chars().take(60).collect();
            format!("{start:?}… ({} bytes)", value.len())
        }
        Some(value) => format!("{value:?}"),
    }
}

/// Returns whether an inert form exists together with the exact bytes.
fn has_bytes(name: &str, text: &str, variables: &BTreeMap<String, String>) -> bool {
    let encoded = variables.get(&format!("{name}_b64"));
    let decoded = encoded.and_then(|encoded| STANDARD.decode(encoded).ok());
    variables.contains_key(name) && decoded.is_some_and(|bytes| bytes == text.as_bytes())
}

fn is_sentence(value: &str, part: &str) -> bool {
    value.contains(part) && value.split_whitespace().count() >= 3 && !value.contains(['\n', '\r'])
}

/// The audio that the caller must get.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum ExpectedAudio {
    /// No music, not even for a moment.
    NoMusic,
    /// Only this file, for at least this many seconds.
    Music(&'static str, f64),
}

impl ExpectedAudio {
    fn problem(&self, record: &CallRecord) -> Option<String> {
        let music = record.heard.music();
        let played: Vec<&str> = record.heard.played().collect();
        match self {
            Self::NoMusic if music > Duration::ZERO => Some(format!(
                "the caller heard {} ms of music, which must not be",
                music.as_millis()
            )),
            Self::Music(file, _) if played.iter().any(|name| name != file) || played.is_empty() => {
                Some(format!("the caller heard {played:?}, not {file:?}"))
            }
            Self::Music(_, seconds) if music.as_secs_f64() < *seconds => Some(format!(
                "the music lasted {:.1} s, less than {seconds} s",
                music.as_secs_f64()
            )),
            Self::NoMusic | Self::Music(..) => None,
        }
    }
}

/// The expected outcome of the webhook's request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Requests {
    /// No request.
    None,
    /// Exactly one request.
    One,
    /// Exactly one request, possibly after the end of the call.
    Eventually,
    /// Exactly one request, which is cancelled as soon as its result is useless.
    Cancelled,
    /// Exactly one request, whose answer is dropped because it is too large.
    Cut,
    /// So many requests of one question, of which the last is answered.
    Tries(usize),
}

/// Time within which a request must be cancelled after its call is lost.
const CANCEL: Duration = Duration::from_millis(200);

impl Requests {
    fn problems(self, record: &CallRecord, requests: &[Request]) -> Vec<String> {
        let wanted = match self {
            Self::None => 0,
            Self::Tries(count) => count,
            Self::One | Self::Eventually | Self::Cancelled | Self::Cut => 1,
        };
        if requests.len() != wanted {
            return vec![format!(
                "{} requests reached the webhook, not {wanted}",
                requests.len()
            )];
        }
        let problem = match (self, requests) {
            (Self::Cancelled | Self::Cut, [request]) if request.abandoned.is_none() => {
                Some("the request was not given up".to_owned())
            }
            (Self::Cancelled, [request]) => late(record, request),
            (Self::Tries(_), requests) => tries(requests),
            (Self::Eventually, [request]) if request.answered.is_none() => {
                Some("the request in the background was given up".to_owned())
            }
            _ => None,
        };
        problem.into_iter().collect()
    }
}

/// Checks that a receiver can tell that several requests are one question.
fn tries(requests: &[Request]) -> Option<String> {
    let keys: Vec<_> = requests
        .iter()
        .map(|request| request.header("idempotency-key"))
        .collect();
    let same = keys.windows(2).all(|pair| pair[0] == pair[1]);
    if !same || keys.contains(&None) {
        return Some(format!("the tries have the keys {keys:?}"));
    }
    let answered = requests.last().is_some_and(|last| last.answered.is_some());
    (!answered).then(|| "the last try was given up".to_owned())
}

fn late(record: &CallRecord, request: &Request) -> Option<String> {
    let after = request.abandoned?.saturating_duration_since(record.ended?);
    (after > CANCEL).then(|| {
        format!(
            "the request was given up only after {} ms",
            after.as_millis()
        )
    })
}

/// Returns whether the dialplan itself set the variable. The service may leave such variables
/// unchanged.
fn is_ours(scenario: &Scenario, name: &str) -> bool {
    let hook = ["flow.service", "flow.lines", "flow.lines_context"];
    let parked = scenario.call.parked.is_some() && (hook.contains(&name) || name == "flow.untaken");
    let socket = scenario.call.parked.is_none() && name == "flow.way_out";
    parked
        || socket
        || name == "flow.name"
        || scenario
            .call
            .variables
            .iter()
            .any(|(given, value)| given == name && value != "Earlier")
}

/// Describes every difference from the scenario.
pub(crate) fn problems(
    scenario: &Scenario,
    record: &CallRecord,
    requests: &[Request],
) -> Vec<String> {
    let mut problems = record.violations.clone();
    if record.left != scenario.left {
        problems.push(format!(
            "the call ended as {:?}, not as {:?}",
            record.left, scenario.left
        ));
    }
    if record.line != scenario.line {
        problems.push(format!(
            "the line is {:?}, not {:?}",
            record.line, scenario.line
        ));
    }
    if record.answered != scenario.answered {
        let what = if record.answered {
            "was answered by accident"
        } else {
            "was not answered"
        };
        problems.push(format!("the caller {what}"));
    }
    problems.extend(scenario.heard.problem(record));
    problems.extend(scenario.requests.problems(record, requests));
    if let (Some(check), Some(request)) = (scenario.request, requests.first()) {
        problems.extend(check(request).err());
    }
    if scenario.line.is_some() {
        problems.extend(variable_problems(scenario, &record.variables));
    }
    problems
}

fn variable_problems(scenario: &Scenario, variables: &BTreeMap<String, String>) -> Vec<String> {
    let expected = |name: &str| scenario.variables.iter().any(|(wanted, _)| wanted == name);
    let beside = |name: &str| name.strip_suffix("_b64").is_some_and(expected);
    let wrong = scenario
        .variables
        .iter()
        .filter_map(|(name, is)| is.problem(name, variables));
    let flow = variables
        .iter()
        .filter(|(name, _)| name.starts_with("flow."));
    let unexpected = flow
        .filter(|(name, _)| !expected(name) && !beside(name) && !is_ours(scenario, name))
        .map(|(name, value)| format!("{name} is {}, not unset", shown(Some(value))));
    let secret = variables
        .iter()
        .filter(|(_, value)| value.contains("lab-secret"))
        .map(|(name, _)| format!("{name} shows a password"));
    wrong.chain(unexpected).chain(secret).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variables(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs
            .iter()
            .map(|(name, value)| ((*name).into(), (*value).into()))
            .collect()
    }

    #[test]
    fn a_text_may_be_inert_only_with_its_bytes_beside_it() {
        let is = Is::Text("${x}".into());
        assert_eq!(
            is.problem("a", &variables(&[("a", "%{x}"), ("a_b64", "JHt4fQ==")])),
            None
        );
        assert!(is.problem("a", &variables(&[("a", "%{x}")])).is_some());
        assert!(
            is.problem("a", &variables(&[("a_b64", "JHt4fQ==")]))
                .is_some()
        );
        let exact = Is::exactly("$100");
        assert_eq!(exact.problem("a", &variables(&[("a", "$100")])), None);
        assert!(
            exact
                .problem("a", &variables(&[("a", "$100"), ("a_b64", "JDEwMA==")]))
                .is_some()
        );
    }

    #[test]
    fn a_sentence_has_words_and_no_line_feed() {
        assert!(is_sentence("Nobody knows the webhook nosuch.", "nosuch"));
        assert!(!is_sentence("ERR", ""));
        assert!(!is_sentence("one two three\nfour", ""));
        assert!(
            Is::Seconds(0.0, 1.0)
                .problem("a", &variables(&[("a", "0.11")]))
                .is_none()
        );
        assert!(
            Is::Seconds(0.0, 1.0)
                .problem("a", &variables(&[("a", "2.0")]))
                .is_some()
        );
    }
}
