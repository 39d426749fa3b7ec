//! `switchhook backtest`.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use switchhook_service::call_control::WebhookTasks;
use switchhook_service::config::Config;
use switchhook_service::service::compile;
use switchhook_store::{CallFilter, CallSearch, ReportCursor, StoreError};
use switchhook_tools::backtest::{Backtest, BacktestReport, ChangedCall, WebhookSummary};
use switchhook_tools::replay::Recording;

use super::counted;
use super::differences::{self, DifferentCall, printable};
use super::store_context::StoreContext;
use crate::cli::operator::Backtest as Args;

/// Calls that one read of the store returns.
const PAGE: u32 = 200;

/// Tests the configuration on past calls, and prints the differences.
///
/// Exits with 0 if there are none, with 1 if there are some or nothing could be tested.
#[must_use]
pub fn backtest(path: &Path, args: &Args) -> ExitCode {
    super::exit(super::block_on(run(path, args)))
}

async fn run(path: &Path, args: &Args) -> Result<bool, String> {
    let config = Config::load_without_secrets(path).map_err(|faults| faults.to_string())?;
    let tasks = compile(&config).map_err(|faults| faults.to_string())?;
    for name in &args.webhooks {
        if !tasks.by_name.contains_key(name) {
            let known: Vec<String> = config.webhooks.into_keys().collect();
            return Err(super::unknown_webhook(name, &known));
        }
    }
    let folder = args.recordings.clone().unwrap_or(config.recorder.folder);
    let recordings = files(&folder, args.recordings.is_some())?;
    let context = StoreContext::open(path).await?;
    let tested = test(&context, &tasks, args, recordings).await;
    context.store.close().await;
    let report = tested?;
    let text = if args.json {
        json(&report)?
    } else {
        text(&report, args.verbose)
    };
    super::write_stdout(&text)?;
    if report.tested.values().all(|tested| tested.total() == 0) {
        return Err(NOTHING.to_owned());
    }
    Ok(report.changes.is_empty())
}

const NOTHING: &str = "nothing is kept to test with: persist_response = true in a webhook keeps its answers, \
                       [recorder] share keeps whole calls";

/// Returns the recordings of a folder. A folder that the command line did not name may be missing.
fn files(folder: &Path, is_named: bool) -> Result<Vec<PathBuf>, String> {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(_) if !is_named => return Ok(Vec::new()),
        Err(error) => return Err(format!("{}: {error}", folder.display())),
    };
    let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    let is_recording = |path: &PathBuf| path.to_string_lossy().ends_with(".call.jsonl");
    let mut files: Vec<PathBuf> = paths.filter(is_recording).collect();
    files.sort();
    Ok(files)
}

async fn test(
    context: &StoreContext,
    tasks: &WebhookTasks,
    args: &Args,
    recordings: Vec<PathBuf>,
) -> Result<BacktestReport, String> {
    let mut test = Backtest::new(tasks, args.webhooks.clone());
    // A played call has virtual time, so it needs a thread without a runtime.
    let played = tokio::task::block_in_place(|| {
        for file in recordings {
            match Recording::read(&file) {
                Ok(recording) => test.recording(&recording),
                Err(error) => super::write_stderr(&format!("switchhook: {error}\n")),
            }
        }
        test
    });
    test = played;
    let kept = answers(context, args, &mut test).await;
    kept.map_err(|error| error.to_string())?;
    let sent = documents(context, args, &mut test).await;
    sent.map_err(|error| error.to_string())?;
    Ok(test.finish())
}

async fn answers(
    context: &StoreContext,
    args: &Args,
    test: &mut Backtest<'_>,
) -> Result<(), StoreError> {
    let (store, zone) = (&context.store, context.times.zone);
    let filter = CallFilter {
        from_ms: args.since.map(|since| since.ms(zone)),
        until_ms: args.until.map(|until| until.ms(zone)),
        with_responses_only: true,
        ..CallFilter::default()
    };
    let mut next = Some(ReportCursor::default());
    while let Some(cursor) = next {
        let (calls, more) = store.report(&filter, cursor).await?;
        let kept = calls.iter().flat_map(|call| &call.responses);
        kept.for_each(|answer| test.answer(answer));
        next = more;
    }
    Ok(())
}

/// Tests the documents of the outbox, those of the latest calls first.
async fn documents(
    context: &StoreContext,
    args: &Args,
    test: &mut Backtest<'_>,
) -> Result<(), StoreError> {
    let (store, zone) = (&context.store, context.times.zone);
    let mut search = CallSearch {
        limit: PAGE,
        ..CallSearch::default()
    };
    let is_selected = |ms: i64| {
        args.since.is_none_or(|since| ms >= since.ms(zone))
            && args.until.is_none_or(|until| ms < until.ms(zone))
    };
    loop {
        let calls = store.calls(&search).await?;
        let Some(last) = calls.last() else {
            return Ok(());
        };
        search.before = Some(last.id);
        for call in calls
            .iter()
            .filter(|call| is_selected(call.summary.started_ms))
        {
            let mut sent = Vec::new();
            for row in store.documents_of(&[&call.call_uuid]).await? {
                let document = store.document(&row.webhook_id).await?;
                sent.push((row.endpoint, document.content));
            }
            test.documents(call, &sent);
        }
    }
}

/// Returns the report as JSON.
fn json(report: &BacktestReport) -> Result<String, String> {
    let report = serde_json::json!({
        "same": report.changes.is_empty(),
        "changes": report.changes,
        "tested": report.tested,
    });
    let text = serde_json::to_string_pretty(&report);
    text.map_or_else(|error| Err(error.to_string()), |text| Ok(text + "\n"))
}

/// Returns the report as text for a person.
fn text(report: &BacktestReport, verbose: bool) -> String {
    let changed: Vec<_> = report.changes.iter().map(different).collect();
    let mut out = differences::text(&changed, verbose);
    for (name, tested) in &report.tested {
        let own = report
            .changes
            .iter()
            .filter(|changed| changed.webhook == *name);
        // Writing to a String cannot fail.
        let _ = summary(&mut out, name, tested, own.count() as u64);
    }
    out
}

fn different(changed: &ChangedCall) -> DifferentCall<'_> {
    let (call, webhook) = (printable(&changed.call), printable(&changed.webhook));
    DifferentCall {
        line: format!("{call}  {webhook}: different"),
        differences: &changed.differences,
    }
}

fn summary(
    out: &mut String,
    name: &str,
    tested: &WebhookSummary,
    changed: u64,
) -> std::fmt::Result {
    let name = printable(name);
    let kinds = [
        (tested.recordings, "recording", "recordings"),
        (tested.answers, "kept answer", "kept answers"),
        (tested.documents, "document", "documents"),
    ];
    let kinds = kinds.into_iter().filter(|(count, ..)| *count > 0);
    let kinds: Vec<String> = kinds
        .map(|(count, one, many)| counted(count, one, many))
        .collect();
    let of = if kinds.is_empty() {
        "nothing".to_owned()
    } else {
        kinds.join(", ")
    };
    writeln!(out, "{name}: {of} tested, {changed} different")?;
    for (why, count) in &tested.not_tested {
        writeln!(out, "  {count} not tested: {}", printable(why))?;
    }
    for path in tested
        .paths
        .iter()
        .filter(|path| path.matched == 0 && tested.answers_read > 0)
    {
        let answers = counted(tested.answers_read, "answer", "answers");
        writeln!(
            out,
            "  never matched in {answers}: {} = {}",
            path.name, path.path
        )?;
    }
    Ok(())
}
