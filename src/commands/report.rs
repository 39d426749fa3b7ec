//! `switchhook report`.

use std::io::{self, BufWriter, ErrorKind, Write as _};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use switchhook::report::{self, ReportError, ReportOptions};
use switchhook::store::CallFilter;

use super::desk::Desk;
use crate::cli::operator::Report;

/// Writes the calls and what their webhooks kept to standard output.
///
/// Exit status 1 when the store could not be read, or the output not written.
#[must_use]
pub fn report(path: &Path, args: &Report) -> ExitCode {
    super::exit(super::block_on(async {
        let desk = Desk::open(path).await?;
        let written = write(&desk, args).await;
        desk.store.close().await;
        written.map(|()| true)
    }))
}

async fn write(desk: &Desk, args: &Report) -> Result<(), String> {
    let options = ReportOptions {
        filter: CallFilter {
            flow: args.flow.clone(),
            from_ms: args.since.map(|since| since.ms),
            until_ms: args.until.map(|until| until.ms),
            kept_only: args.persisted_only,
        },
        format: args.format.into(),
        tenants: Arc::clone(&desk.tenants),
        ..ReportOptions::default()
    };
    let mut out = BufWriter::new(io::stdout());
    let written = report::write(&desk.store, &options, &mut out).await;
    let flushed = written.and_then(|calls| Ok(out.flush().map(|()| calls)?));
    match flushed {
        Ok(0) => eprintln!("no calls"),
        Ok(_) => {}
        Err(ReportError::Output(error)) if error.kind() == ErrorKind::BrokenPipe => {}
        Err(error) => return Err(error.to_string()),
    }
    Ok(())
}
