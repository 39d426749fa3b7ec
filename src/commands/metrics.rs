//! `switchhook metrics`.

use std::process::ExitCode;

use switchhook_admin::monitoring::{ALERTS, DASHBOARD};

use crate::cli::operator::Metrics;

/// The page of the alerts, as the rules name it.
const RUNBOOKS: &str = "docs/alerts.md";

/// Prints the dashboard or the alert rules.
#[must_use]
pub fn metrics(args: &Metrics) -> ExitCode {
    let alerts = args.runbooks.as_ref().map_or_else(
        || ALERTS.to_owned(),
        |page| ALERTS.replace(&format!("\"{RUNBOOKS}#"), &format!("\"{page}#")),
    );
    let file = if args.dashboard { DASHBOARD } else { &alerts };
    super::exit(super::write_stdout(file).map(|()| true))
}
