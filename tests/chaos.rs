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
mod outbox_bench;
#[path = "support/port8021.rs"]
mod port8021;
#[path = "support/settings.rs"]
mod settings;
mod store_suite;

#[path = "chaos/callers.rs"]
mod callers;
#[path = "chaos/calls.rs"]
mod calls;
#[path = "chaos/day.rs"]
mod day;
#[path = "chaos/dice.rs"]
mod dice;
#[path = "chaos/kills.rs"]
mod kills;
#[path = "chaos/leases.rs"]
mod leases;
#[path = "chaos/power/mod.rs"]
mod power;
#[path = "chaos/program.rs"]
mod program;
#[path = "chaos/receivers.rs"]
mod receivers;
#[path = "chaos/table.rs"]
mod table;
#[path = "chaos/town.rs"]
mod town;
#[path = "chaos/troubles.rs"]
mod troubles;
#[path = "chaos/ways.rs"]
mod ways;

use std::process::ExitCode;
use std::sync::Arc;

use libtest_mimic::{Arguments, Trial};
use tokio::runtime::Builder;

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
        row(
            &table,
            "a_worker_is_stopped_beyond_its_lease",
            leases::on_sqlite(),
        ),
        row(&table, "receivers_fail", receivers::fail()),
        paused(&table, "a_receiver_is_down_for_a_day", day::down()),
        row(&table, "killed_with_callers_on_hold", callers::killed()),
        row(&table, "every_delivery_hangs", callers::deliveries_hang()),
        row(&table, "the_disk_is_full", troubles::disk_full()),
        row(&table, "the_disk_fails_to_sync", troubles::sync_fails()),
        row(
            &table,
            "another_program_locks_the_store",
            troubles::locked(),
        ),
        row(&table, "the_clock_is_stepped", troubles::clock_stepped()),
    ];
    let conclusion = libtest_mimic::run(&arguments, trials);
    print!("{table}");
    conclusion.exit_code()
}

/// This program, run once more by one of the trials.
fn child(name: &str) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    match name {
        "leases" => runtime.block_on(leases::child()),
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
    let mut runtime = Builder::new_multi_thread();
    runtime.worker_threads(2);
    on(runtime, table, name, run)
}

/// The same in time that passes when there is nothing else to do.
fn paused(
    table: &Arc<Table>,
    name: &'static str,
    run: impl Future<Output = Row> + Send + 'static,
) -> Trial {
    let mut runtime = Builder::new_current_thread();
    runtime.start_paused(true);
    on(runtime, table, name, run)
}

fn on(
    mut runtime: Builder,
    table: &Arc<Table>,
    name: &'static str,
    run: impl Future<Output = Row> + Send + 'static,
) -> Trial {
    let table = Arc::clone(table);
    Trial::test(name, move || {
        let row = runtime.enable_all().build()?.block_on(run);
        table.add(name, row);
        Ok(())
    })
}
