//! `switchhook report`.

use std::io::{ErrorKind, LineWriter, Write as _};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use switchhook_service::report::{self, ReportError, ReportOptions, ReportSummary};
use switchhook_store::CallFilter;

use super::output::Stdout;
use super::store_context::StoreContext;
use crate::cli::operator::Report;
use crate::cli::values::Format;

/// Bytes that are written at a time; whole lines, so that no character is torn.
const PART: usize = 64 * 1024;

/// Writes calls and kept answers to standard output.
///
/// Exits with 1 if the store cannot be read or the output cannot be written.
#[must_use]
pub fn report(path: &Path, args: &Report) -> ExitCode {
    super::exit(super::block_on(async {
        let context = StoreContext::open(path).await?;
        let written = write(&context, args).await;
        context.store.close().await;
        written.map(|()| true)
    }))
}

/// Returns the output of the format: CSV is exact, unless a person sees it.
fn output(args: &Report) -> Stdout {
    let format: report::Format = args.format.into();
    match format {
        report::Format::Csv => Stdout::for_programs(),
        report::Format::Json | report::Format::Table => Stdout::default(),
    }
}

async fn write(context: &StoreContext, args: &Report) -> Result<(), String> {
    if matches!(args.format, Format::Json) && !args.columns.columns.is_empty() {
        return Err("--columns is for tables and CSV; JSON has every field".into());
    }
    let options = ReportOptions {
        filter: CallFilter {
            flow: args.flow.clone(),
            from_ms: args.since.map(|since| since.ms(context.times.zone)),
            until_ms: args.until.map(|until| until.ms(context.times.zone)),
            with_responses_only: args.persisted_only,
        },
        format: args.format.into(),
        tenants: Arc::clone(&context.tenants),
        raw: args.raw,
        layout: super::output::layout(&args.columns),
        ..ReportOptions::default()
    };
    let mut out = LineWriter::with_capacity(PART, output(args));
    let written = report::write(&context.store, &options, &mut out).await;
    let flushed = written.and_then(|summary| Ok(out.flush().map(|()| summary)?));
    match flushed {
        Ok(ReportSummary { calls: 0, .. }) => super::write_stderr("no calls\n"),
        Ok(summary) => super::say_left_out(&summary.left_out),
        Err(ReportError::Output(error)) if error.kind() == ErrorKind::BrokenPipe => {}
        Err(error) => return Err(error.to_string()),
    }
    Ok(())
}
