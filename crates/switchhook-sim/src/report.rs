//! What the lab found, for people and for programs.

use std::collections::BTreeMap;

use comfy_table::{Cell, Color, ContentArrangement, LineStyle, Table, TableStyle};
use serde::Serialize;
use serde_json::Value;

use super::scenarios::Scenario;
use super::switch::CallRecord;

/// A line below the headings and none between the rows.
const HEADED: TableStyle =
    TableStyle::new().header_separator(LineStyle::none().fill('─').junction('─'));

/// Letters of a value that the table shows; `--json` has all of it.
const SHOWN: usize = 24;

/// One call of the lab. Its field names are a contract.
#[derive(Debug, Clone, Serialize)]
pub struct CallReport {
    /// The scenario's name.
    pub scenario: String,
    /// What the caller heard, `music 1.2 s` for example.
    pub heard: String,
    /// The line that the dialplan took; `null` when it took none.
    pub line: Option<u8>,
    /// The `flow.` variables that the dialplan saw.
    pub variables: BTreeMap<String, String>,
    /// The sentence of the failure; empty when there was none.
    pub sentence: String,
    /// Everything was as it must be.
    pub passed: bool,
    /// What was not as it must be, in words.
    pub problems: Vec<String>,
    /// Times that the service wrote to the switch.
    pub writes: usize,
    /// Times that it waited for an answer of the switch before it wrote again, and the first.
    pub(crate) round_trips: usize,
    /// Requests that reached the webhook.
    pub requests: usize,
    /// The document that was delivered when the call was over; `null` when none was.
    pub document: Option<Value>,
    /// How often it was delivered.
    pub deliveries: usize,
    /// Unique-IDs of its legs, the caller's first.
    #[serde(skip)]
    pub(super) legs: Vec<String>,
    /// Its document must be delivered more than once.
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
        // Without a line, what stands there is what the dialplan set before it handed over.
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

    /// Adds what was found later.
    pub(super) fn fail(&mut self, problem: Option<String>) {
        self.problems.extend(problem);
        self.passed = self.problems.is_empty();
    }

    /// The document in a few words.
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

/// All calls of one run.
#[derive(Debug, Clone, Serialize)]
pub struct LabReport {
    /// In the order of the table.
    pub calls: Vec<CallReport>,
    /// Every one of them passed, and there was one, and nothing else was wrong.
    pub passed: bool,
    /// What was wrong beside the calls, in words.
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

    /// One JSON object.
    #[must_use]
    pub fn json(&self) -> String {
        serde_json::to_string(self).unwrap_or_else(|error| {
            // Strings and numbers always serialize; say it rather than panic.
            format!(r#"{{"calls":[],"passed":false,"problems":["{error}"]}}"#)
        })
    }

    /// A table, then every problem, then the sum.
    #[must_use]
    pub fn table(&self) -> String {
        let mut table = Table::new();
        table.load_style(HEADED);
        table.set_content_arrangement(ContentArrangement::Dynamic);
        table.set_header([
            "call",
            "heard",
            "line",
            "what the dialplan is told",
            "document",
            "",
        ]);
        for call in &self.calls {
            table.add_row(row(call));
        }
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
            "{table}\n{problems}{right} of {} calls were right.\n",
            self.calls.len()
        )
    }
}

fn row(call: &CallReport) -> Vec<Cell> {
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
    let verdict = match call.passed {
        true => Cell::new("right").fg(Color::Green),
        false => Cell::new("WRONG").fg(Color::Red),
    };
    vec![
        Cell::new(&call.scenario),
        Cell::new(&call.heard),
        Cell::new(line),
        Cell::new(told),
        Cell::new(call.delivered()),
        verdict,
    ]
}

/// The status, and the variables that are not about the request itself.
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
