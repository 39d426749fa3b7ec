//! Reports the lab's results for people and for programs.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use super::scenarios::Scenario;
use super::switch::CallRecord;

/// The columns of the table: what was heard and what the dialplan was told, for each call.
pub const COLUMNS: [&str; 6] = ["call", "heard", "line", "told", "document", "verdict"];

/// Number of characters of a value that the table shows; `--json` has the full value.
const SHOWN: usize = 24;

/// The result of one call of the lab. Its field names are a contract.
#[derive(Debug, Clone, Serialize)]
pub struct CallReport {
    /// The scenario's name.
    pub scenario: String,
    /// The audio that the caller got, for example `music 1.2 s`.
    pub heard: String,
    /// The line that the dialplan took; `null` if it took none.
    pub line: Option<u8>,
    /// The `flow.` variables that the dialplan saw.
    pub variables: BTreeMap<String, String>,
    /// The sentence that describes the failure; empty if there was none.
    pub sentence: String,
    /// Whether everything was as expected.
    pub passed: bool,
    /// Descriptions of everything that was not as expected.
    pub problems: Vec<String>,
    /// Number of times that the service wrote to the switch.
    pub writes: usize,
    /// Number of times that the service waited for an answer of the switch before it wrote again,
    /// plus one for the first write.
    pub(crate) round_trips: usize,
    /// Number of requests that reached the webhook.
    pub requests: usize,
    /// The document that was delivered after the call; `null` if there was none.
    pub document: Option<Value>,
    /// Number of deliveries of the document.
    pub deliveries: usize,
    /// Unique-IDs of the call's legs, the caller's first.
    #[serde(skip)]
    pub(super) legs: Vec<String>,
    /// Whether the document must be delivered more than once.
    #[serde(skip)]
    pub(super) repeats: bool,
}

impl CallReport {
    pub(super) fn new(
        scenario: &Scenario,
        record: CallRecord,
        problems: Vec<String>,
        requests: usize,
        document: Option<Value>,
    ) -> Self {
        let legs = record.legs.iter().map(|leg| leg.uuid.clone()).collect();
        let flow = record
            .variables
            .into_iter()
            .filter(|(name, _)| name.starts_with("flow."));
        let variables: BTreeMap<String, String> = flow.collect();
        // Without a line, the variable still holds the value that the dialplan set before the
        // hand-over.
        let sentence = record.line.and(variables.get("flow.key.error_detail"));
        Self {
            scenario: scenario.name.to_owned(),
            heard: record.heard.to_string(),
            line: record.line,
            sentence: sentence.cloned().unwrap_or_default(),
            variables,
            passed: problems.is_empty(),
            problems,
            writes: record.traffic.writes,
            round_trips: record.traffic.round_trips,
            requests,
            deliveries: usize::from(document.is_some()),
            document,
            legs,
            repeats: scenario.repeats,
        }
    }

    /// Adds a problem that was found later.
    pub(super) fn fail(&mut self, problem: Option<String>) {
        self.problems.extend(problem);
        self.passed = self.problems.is_empty();
    }

    /// Returns a short description of the document.
    fn delivered(&self) -> String {
        let Some(document) = &self.document else {
            return "none".into();
        };
        let legs = document["callDetails"].as_array().map_or(0, Vec::len);
        let mut words = match legs {
            1 => "1 leg".to_owned(),
            legs => format!("{legs} legs"),
        };
        if document.get("recordingUrls").is_some() {
            words.push_str(", recording");
        }
        if self.deliveries > 1 {
            words.push_str(&format!(", delivered {} times", self.deliveries));
        }
        words
    }
}

/// The results of all calls in one run.
#[derive(Debug, Clone, Serialize)]
pub struct LabReport {
    /// Results in the order of the table.
    pub calls: Vec<CallReport>,
    /// Whether there was at least one call, every call passed, and there was no other problem.
    pub passed: bool,
    /// Descriptions of the problems that belong to no call.
    pub problems: Vec<String>,
}

impl LabReport {
    pub(super) fn new(calls: Vec<CallReport>, problems: Vec<String>) -> Self {
        let right = !calls.is_empty() && calls.iter().all(|call| call.passed);
        Self {
            calls,
            passed: right && problems.is_empty(),
            problems,
        }
    }

    /// Returns the report as one JSON object.
    #[must_use]
    pub fn json(&self) -> String {
        serde_json::to_string(self).unwrap_or_else(|error| {
            // Strings and numbers always serialize. An error text is still better than a panic.
            format!(r#"{{"calls":[],"passed":false,"problems":["{error}"]}}"#)
        })
    }

    /// Returns a row for each call, with a value for each of [`COLUMNS`].
    pub fn rows(&self) -> impl Iterator<Item = [String; COLUMNS.len()]> {
        self.calls.iter().map(row)
    }

    /// Returns every problem, then the totals.
    #[must_use]
    pub fn summary(&self) -> String {
        let failed = self.calls.iter().filter(|call| !call.passed);
        let problems: String = failed
            .flat_map(|call| {
                call.problems
                    .iter()
                    .map(move |problem| format!("{}: {problem}\n", call.scenario))
            })
            .collect();
        let problems = self
            .problems
            .iter()
            .fold(problems, |text, problem| format!("{text}{problem}\n"));
        let right = self.calls.iter().filter(|call| call.passed).count();
        format!(
            "{problems}{right} of {} calls were right.\n",
            self.calls.len()
        )
    }
}

fn row(call: &CallReport) -> [String; COLUMNS.len()] {
    let line = call
        .line
        .map_or_else(|| "none".to_owned(), |line| line.to_string());
    let reason = call
        .variables
        .get("flow.key.error_reason")
        .filter(|_| call.line == Some(1));
    let told = match (reason, call.line) {
        (Some(reason), _) => format!("{reason} {}", call.sentence),
        (None, Some(0)) => answered(&call.variables),
        (None, _) => String::new(),
    };
    let verdict = if call.passed { "right" } else { "WRONG" };
    [
        call.scenario.clone(),
        call.heard.clone(),
        line,
        told,
        call.delivered(),
        verdict.to_owned(),
    ]
}

/// Returns the status and the variables that do not describe the request itself.
fn answered(variables: &BTreeMap<String, String>) -> String {
    let status = variables.get("flow.key.response_status").cloned();
    let keys = variables
        .iter()
        .filter_map(|(name, value)| Some((name.strip_prefix("flow.key.")?, value)))
        .filter(|(name, _)| !name.starts_with("response_"))
        .map(|(name, value)| format!("{name}={}", shortened(value)));
    status.into_iter().chain(keys).collect::<Vec<_>>().join(" ")
}

fn shortened(value: &str) -> String {
    let mut letters = value.escape_debug();
    let shown: String = letters.by_ref().take(SHOWN).collect();
    let more = letters.next().map_or("", |_| "…");
    format!("{shown}{more}")
}
