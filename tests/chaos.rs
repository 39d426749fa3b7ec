//! The chaos suite: breaks the service on purpose and counts what is lost.
//!
//! ```text
//! cargo test --test chaos                       minutes
//! SWITCHHOOK_CHAOS=long cargo test --test chaos hours
//! SWITCHHOOK_CHAOS_SEED=7 cargo test --test chaos killed    the faults of that seed again
//! ```
//!
//! Every fault comes from a seed, which is printed: half of them from one that never changes,
//! half from a fresh one. At the end stands one table; the README's is this one, and the trial
//! `the_readme_says_what_was_shown` holds it to that.
//!
//! The program that is broken is the one that is shipped. What breaks it stands outside: a
//! library that is loaded before it (`tests/chaos/shim`), signals, another connection to its
//! store, the receiver, the switch.

// What is not as it must be fails the trial.
#![allow(clippy::unwrap_used, clippy::expect_used)]
#![cfg(target_os = "linux")]

#[path = "support/anew.rs"]
mod anew;
#[path = "support/events.rs"]
mod events;
#[path = "support/golden.rs"]
mod golden;
#[path = "support/inbox.rs"]
mod inbox;
#[path = "support/port8021.rs"]
mod port8021;
#[path = "support/settings.rs"]
mod settings;
mod store_suite;

#[path = "chaos/calls.rs"]
mod calls;
#[path = "chaos/dice.rs"]
mod dice;
#[path = "chaos/kills.rs"]
mod kills;
#[path = "chaos/power/mod.rs"]
mod power;
#[path = "chaos/program.rs"]
mod program;
#[path = "chaos/table.rs"]
mod table;

use std::process::ExitCode;
use std::sync::Arc;

use libtest_mimic::{Arguments, Trial};

use table::{Row, Table};

/// Most of a trial is waiting for processes.
const AT_ONCE: usize = 3;

fn main() -> ExitCode {
    if let Ok(name) = std::env::var("CHAOS_CHILD") {
        child(&name);
        return ExitCode::SUCCESS;
    }
    let mut arguments = Arguments::from_args();
    arguments.test_threads.get_or_insert(AT_ONCE);
    dice::tell();
    let table = Arc::new(Table::default());
    let trials = vec![
        row(
            &table,
            "killed_at_each_point_of_a_calls_life",
            kills::on_sqlite(),
        ),
        row(&table, "the_power_fails", power::fails()),
    ];
    let conclusion = libtest_mimic::run(&arguments, trials);
    print!("{table}");
    conclusion.exit_code()
}

/// This program, run once more by one of the trials.
fn child(name: &str) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    match name {
        "power" => runtime.block_on(power::child()),
        other => panic!("no child is called {other}"),
    }
}

/// A trial that ends in a row of the table.
fn row(
    table: &Arc<Table>,
    name: &'static str,
    run: impl Future<Output = Row> + Send + 'static,
) -> Trial {
    let table = Arc::clone(table);
    Trial::test(name, move || {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()?;
        table.add(name, runtime.block_on(run));
        Ok(())
    })
}
