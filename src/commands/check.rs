//! `switchhook check`.

use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use switchhook_service::config::{self, Config, Diagnostic, Diagnostics, REFERENCE};
use switchhook_service::service;
use switchhook_webhook::context::{TEMPLATE_NAMES, TemplateName};

use super::counted;
use super::output::{self, Stdout};
use crate::cli::Check;

/// Checks the files, or `path` if none is given; or prints the reference or the schema.
///
/// Exits with 1 if a file has an error or the output cannot be written.
#[must_use]
pub fn check(path: &Path, args: &Check) -> ExitCode {
    let mut out = Stdout::default();
    let printed = if args.print_reference {
        out.write_all(REFERENCE.as_bytes()).map(|()| true)
    } else if args.print_schema {
        writeln!(out, "{:#}", config::schema()).map(|()| true)
    } else if args.print_names {
        print_names(&mut out).map(|()| true)
    } else if args.files.is_empty() {
        check_file(path, args.strict, &mut out)
    } else {
        let check = |good, file| Ok(check_file(file, args.strict, &mut out)? && good);
        args.files.iter().map(AsRef::as_ref).try_fold(true, check)
    };
    match printed {
        Ok(true) => ExitCode::SUCCESS,
        // A closed pipe (`check | head`) is an error here: a fault may be among the lost lines.
        Ok(false) | Err(_) => ExitCode::FAILURE,
    }
}

/// Prints the result of one file; `false` if it has an error.
fn check_file(path: &Path, strict: bool, out: &mut impl Write) -> io::Result<bool> {
    let checked = Config::load(path).and_then(|config| {
        let warnings = service::check(&config)?;
        Ok((config, warnings))
    });
    match checked {
        Ok((config, warnings)) if strict && !warnings.is_empty() => {
            print_errors(&config.refuse(warnings)).map(|()| false)
        }
        Ok((config, warnings)) => print_ok(&config, &warnings, out).map(|()| true),
        Err(faults) => print_errors(&faults).map(|()| false),
    }
}

/// Prints the names that templates can use, and when each has a value.
fn print_names(out: &mut impl Write) -> io::Result<()> {
    for TemplateName {
        name,
        waiting,
        after,
        event,
    } in TEMPLATE_NAMES
    {
        let when = match (waiting, after) {
            _ if *event => "in an event of a living call",
            (true, true) => "while the call waits, and after it",
            (true, false) => "while the call waits",
            (false, _) => "after the call",
        };
        writeln!(out, "{name:<26}{when}")?;
    }
    Ok(())
}

fn print_ok(config: &Config, warnings: &[Diagnostic], out: &mut impl Write) -> io::Result<()> {
    let webhooks = counted(config.webhooks.len() as u64, "webhook", "webhooks");
    let flows = counted(config.flows.len() as u64, "flow", "flows");
    let switches = counted(config.freeswitch.len() as u64, "switch", "switches");
    let origin = config.origin();
    writeln!(out, "{origin}: ok: {webhooks}, {flows}, {switches}")?;
    for warning in warnings {
        writeln!(out, "{}", warning.in_file(origin, "warning: "))?;
    }
    Ok(())
}

fn print_errors(faults: &Diagnostics) -> io::Result<()> {
    output::stderr(&format!("{faults}\n"))
}
