//! `switchhook metrics`.

use std::process::ExitCode;

use switchhook_admin::monitoring::{ALERTS, DASHBOARD};

use crate::cli::operator::Metrics;

/// Prints the dashboard or the alert rules.
#[must_use]
pub fn metrics(args: &Metrics) -> ExitCode {
    let file = if args.dashboard { DASHBOARD } else { ALERTS };
    super::exit(super::write_stdout(file).map(|()| true))
}
