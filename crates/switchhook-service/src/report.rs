//! `switchhook report`: calls and the variables kept for them, as a table, CSV or JSON.
//!
//! Each call is a row. Kept variables are columns named `webhook.variable`; if a webhook ran twice,
//! the last response wins (JSON has all). Rows are read page by page, so CSV and JSON of any length
//! need little memory. A table is for reading and ends at [`ReportOptions::table_rows`].

use std::collections::HashMap;
use std::io::Write;
use std::sync::Arc;

use serde_json::{Value, json};

use crate::listing::{self, Column, Layout, Listing, UnknownColumn};
use switchhook_core::tenants::Tenants;
use switchhook_core::timestamp::rfc3339_ms;
use switchhook_store::{
    CallFilter, PersistedResponse, ReportCursor, ReportedCall, Store, StoreError,
};

/// The output format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    /// A table for a person.
    #[default]
    Table,
    /// RFC 4180 with a header line.
    Csv,
    /// One array of objects.
    Json,
}

/// Which calls are reported, and how.
#[derive(Debug, Clone)]
pub struct ReportOptions {
    /// Selects the calls.
    pub filter: CallFilter,
    /// The output format.
    pub format: Format,
    /// The accounts, for the time zone of each call.
    pub tenants: Arc<Tenants>,
    /// Most rows of a table.
    pub table_rows: usize,
    /// The layout of a table. Its columns are those of CSV, too.
    pub layout: Layout,
    /// Writes values to CSV as they are, also those that a spreadsheet would calculate.
    pub raw: bool,
}

impl Default for ReportOptions {
    fn default() -> Self {
        Self {
            filter: CallFilter::default(),
            format: Format::Table,
            tenants: Arc::default(),
            table_rows: 1_000,
            layout: Layout::default(),
            raw: false,
        }
    }
}

/// Why the report failed.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// The store could not be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A column was asked for that there is not.
    #[error(transparent)]
    Column(#[from] UnknownColumn),
    /// The report could not be written.
    #[error("the report cannot be written ({0}); check where its output goes")]
    Output(#[from] std::io::Error),
}

impl From<csv::Error> for ReportError {
    fn from(error: csv::Error) -> Self {
        let text = error.to_string();
        // Kept as it is: a reader that closed the pipe is recognised by the error's kind.
        let csv::ErrorKind::Io(error) = error.into_kind() else {
            return Self::Output(std::io::Error::other(text));
        };
        Self::Output(error)
    }
}

/// The columns of every report, each with its rank for a terminal ([`Column::rank`]).
const COLUMNS: [(&str, usize); 14] = [
    ("call", 0),
    ("flow", 8),
    ("account", 10),
    ("switch", 14),
    ("started", 1),
    ("answered", 13),
    ("ended", 11),
    ("talk_ms", 7),
    ("caller", 2),
    ("called", 3),
    ("legs", 12),
    ("hangup_cause", 6),
    ("incomplete", 9),
    ("over", 15),
];
/// The rank of kept answers.
const KEPT_RANK: usize = 5;

/// What a report has.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReportSummary {
    /// The number of calls.
    pub calls: usize,
    /// The columns that the terminal has no room for.
    pub left_out: Vec<String>,
}

/// Writes the report to `out` and says what it has.
///
/// # Errors
/// Returns [`ReportError`] when the store cannot be read or the output cannot be written.
pub async fn write(
    store: &Store,
    options: &ReportOptions,
    out: &mut (impl Write + Send),
) -> Result<ReportSummary, ReportError> {
    let calls = match options.format {
        Format::Table => return write_table(store, options, out).await,
        Format::Csv => write_csv(store, options, out).await?,
        Format::Json => write_json(store, options, out).await?,
    };
    Ok(ReportSummary {
        calls,
        ..ReportSummary::default()
    })
}

/// Reads calls page by page.
struct Pages<'a> {
    store: &'a Store,
    filter: &'a CallFilter,
    next: Option<ReportCursor>,
}

impl<'a> Pages<'a> {
    fn new(store: &'a Store, options: &'a ReportOptions) -> Self {
        Self {
            store,
            filter: &options.filter,
            next: Some(ReportCursor::default()),
        }
    }

    async fn next(&mut self) -> Result<Option<Vec<ReportedCall>>, StoreError> {
        let Some(cursor) = self.next.take() else {
            return Ok(None);
        };
        let (calls, next) = self.store.report(self.filter, cursor).await?;
        self.next = next;
        Ok(Some(calls))
    }
}

async fn write_table(
    store: &Store,
    options: &ReportOptions,
    out: &mut impl Write,
) -> Result<ReportSummary, ReportError> {
    let names = store.persisted_names(&options.filter).await?;
    let mut listing = Listing::new(columns(&names));
    let (mut pages, mut calls, mut cut) = (Pages::new(store, options), 0, false);
    'pages: while let Some(page) = pages.next().await? {
        for call in page {
            cut = calls == options.table_rows;
            if cut {
                break 'pages;
            }
            listing.push(cells(&call, &names, options));
            calls += 1;
        }
    }
    let listed = listing.laid_out(&options.layout)?;
    write!(out, "{}", listed.text)?;
    if cut {
        writeln!(
            out,
            "Only the first {calls} calls are shown; narrow the time, or choose CSV or JSON."
        )?;
    }
    Ok(ReportSummary {
        calls,
        left_out: listed.left_out,
    })
}

async fn write_csv(
    store: &Store,
    options: &ReportOptions,
    out: &mut impl Write,
) -> Result<usize, ReportError> {
    let names = store.persisted_names(&options.filter).await?;
    let mut csv = csv::WriterBuilder::new()
        .terminator(csv::Terminator::CRLF)
        .from_writer(out);
    let columns = columns(&names);
    let all = columns.iter().map(|column| column.name.as_str());
    let chosen = listing::chosen(&options.layout.columns, all)?;
    let header = chosen.iter().filter_map(|at| columns.get(*at));
    csv.write_record(header.map(|column| column.name.as_str()))?;
    let (mut pages, mut count) = (Pages::new(store, options), 0);
    while let Some(calls) = pages.next().await? {
        for call in &calls {
            let cells = cells(call, &names, options);
            let cells = chosen.iter().filter_map(|at| cells.get(*at).cloned());
            csv.write_record(cells.map(|cell| if options.raw { cell } else { harmless(cell) }))?;
        }
        count += calls.len();
    }
    csv.flush()?;
    Ok(count)
}

/// Puts an apostrophe before a value that a spreadsheet would take for a formula (OWASP, "CSV
/// Injection"). A plain negative number stays a number.
fn harmless(cell: String) -> String {
    let is_number = || cell[1..].chars().all(|c| c.is_ascii_digit() || c == '.');
    let is_formula = match cell.chars().next() {
        Some('-') => !is_number(),
        Some(first) => matches!(
            first,
            '=' | '+' | '@' | '\t' | '\r' | '＝' | '＋' | '－' | '＠'
        ),
        None => false,
    };
    if is_formula { format!("'{cell}") } else { cell }
}

async fn write_json(
    store: &Store,
    options: &ReportOptions,
    out: &mut impl Write,
) -> Result<usize, ReportError> {
    let (mut pages, mut count) = (Pages::new(store, options), 0);
    write!(out, "[")?;
    while let Some(calls) = pages.next().await? {
        for call in &calls {
            write!(
                out,
                "{}\n{}",
                if count == 0 { "" } else { "," },
                object(call, options)
            )?;
            count += 1;
        }
    }
    writeln!(out, "\n]")?;
    Ok(count)
}

fn columns(names: &[(String, String)]) -> Vec<Column> {
    let column = |name: String, rank| Column {
        whole: name == "call",
        name,
        rank,
    };
    let own = COLUMNS.map(|(name, rank)| column(name.to_owned(), rank));
    let kept = names
        .iter()
        .map(|(webhook, name)| column(format!("{webhook}.{name}"), KEPT_RANK));
    own.into_iter().chain(kept).collect()
}

fn cells(call: &ReportedCall, names: &[(String, String)], options: &ReportOptions) -> Vec<String> {
    let mut cells = vec![call.call_uuid.clone(), call.flow.clone()];
    let time = |ms| time(ms, call, options);
    match &call.finished {
        Some((switch, summary)) => cells.extend([
            summary.account.clone(),
            switch.clone(),
            time(summary.started_ms),
            summary.answered_ms.map(time).unwrap_or_default(),
            time(summary.ended_ms),
            summary.talk_ms.to_string(),
            summary.caller.clone(),
            summary.called.clone(),
            summary.legs.to_string(),
            summary.hangup_cause.clone(),
            summary.incomplete.to_string(),
            true.to_string(),
        ]),
        None => {
            cells.extend(std::iter::repeat_n(String::new(), COLUMNS.len() - 3));
            cells.push(false.to_string());
        }
    }
    let kept = last_values(&call.responses);
    let value = |(webhook, name): &(String, String)| {
        kept.get(&(webhook.as_str(), name.as_str()))
            .map(|value| text(value))
            .unwrap_or_default()
    };
    cells.extend(names.iter().map(value));
    cells
}

fn last_values(responses: &[PersistedResponse]) -> HashMap<(&str, &str), &Value> {
    responses
        .iter()
        .flat_map(|response| {
            let webhook = response.webhook.as_str();
            let variables = response.variables.iter();
            variables.map(move |(name, value)| ((webhook, name.as_str()), value))
        })
        .collect()
}

fn object(call: &ReportedCall, options: &ReportOptions) -> Value {
    let time = |ms| time(ms, call, options);
    let responses: Vec<Value> = call
        .responses
        .iter()
        .map(|response| {
            json!({
                "webhook": response.webhook,
                "at": time(response.at_ms),
                "variables": response.variables,
            })
        })
        .collect();
    let mut object = json!({
        "call": call.call_uuid, "flow": call.flow, "over": call.finished.is_some(),
        "responses": responses,
    });
    if let Some((switch, summary)) = &call.finished {
        object["account"] = json!(summary.account);
        object["switch"] = json!(switch);
        object["started"] = json!(time(summary.started_ms));
        object["answered"] = json!(summary.answered_ms.map(time));
        object["ended"] = json!(time(summary.ended_ms));
        object["talk_ms"] = json!(summary.talk_ms);
        object["caller"] = json!(summary.caller);
        object["called"] = json!(summary.called);
        object["legs"] = json!(summary.legs);
        object["hangup_cause"] = json!(summary.hangup_cause);
        object["incomplete"] = json!(summary.incomplete);
    }
    object
}

/// Formats a time in the zone of the call's account, which is known once the call is over.
fn time(ms: i64, call: &ReportedCall, options: &ReportOptions) -> String {
    let finished = call.finished.as_ref();
    let account = finished.map_or("", |(_, summary)| &summary.account);
    rfc3339_ms(ms, options.tenants.time_zone(account))
}

fn text(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), ToOwned::to_owned)
}
