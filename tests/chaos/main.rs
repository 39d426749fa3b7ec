//! The chaos suite: breaks the service on purpose and counts what is lost.
//!
//! ```text
//! cargo test --test chaos                                    two minutes: a fifth of the faults
//! SWITCHHOOK_CHAOS=full cargo test --test chaos              the counts of docs/reliability.md
//! SWITCHHOOK_CHAOS=long cargo test --test chaos              hours
//! SWITCHHOOK_CHAOS_SEED=7 cargo test --test chaos killed     the faults of that seed again
//! ```
//!
//! Every fault comes from a seed, which is printed: half of them from one that never changes,
//! half from a fresh one. At the end the suite prints one table. A row that differs from the
//! table of docs/reliability.md fails the suite.
//!
//! The program that is broken is the one that is shipped. What breaks it stands outside: a
//! library that is loaded before it (`tests/chaos/shim`), signals, another connection to its
//! store, the receiver, the switch.

// What is not as it must be fails the trial.
#![allow(clippy::unwrap_used, clippy::expect_used)]
#![cfg(target_os = "linux")]

use test_support::{inbox, outbox_bench, played, port8021, ports, postgres, settings, store_suite};

mod callers;
mod day;
mod dice;
mod instances;
mod kills;
mod leases;
mod power;
mod program;
mod receivers;
mod server;
mod table;
mod town;
mod troubles;
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
    let trials: [fn(&Shared) -> Trial; _] = [
        |shared| {
            row(
                shared,
                "killed_at_each_point_of_a_calls_life",
                kills::on_sqlite(),
            )
        },
        |shared| {
            row(
                shared,
                "killed_at_each_point_on_postgresql",
                kills::on_postgres(),
            )
        },
        |shared| row(shared, "the_power_fails", power::fails()),
        |shared| {
            row(
                shared,
                "a_worker_is_stopped_beyond_its_lease",
                leases::on_sqlite(),
            )
        },
        |shared| {
            row(
                shared,
                "a_worker_is_stopped_on_postgresql",
                leases::on_postgres(),
            )
        },
        |shared| row(shared, "receivers_fail", receivers::fail()),
        |shared| paused(shared, "a_receiver_is_down_for_a_day", day::down()),
        |shared| row(shared, "killed_with_callers_on_hold", callers::killed()),
        |shared| row(shared, "every_delivery_hangs", callers::deliveries_hang()),
        |shared| row(shared, "the_disk_is_full", troubles::disk_full()),
        |shared| row(shared, "the_disk_fails_to_sync", troubles::sync_fails()),
        |shared| {
            row(
                shared,
                "another_program_locks_the_store",
                troubles::locked(),
            )
        },
        |shared| row(shared, "the_clock_is_stepped", troubles::clock_stepped()),
        |shared| row(shared, "postgresql_is_restarted", server::restarted()),
        |shared| row(shared, "connections_to_postgresql_are_cut", server::cut()),
        |shared| {
            row(
                shared,
                "three_instances_on_postgresql_miss_events",
                instances::miss_events(),
            )
        },
    ];
    let trials = trials.iter().enumerate();
    let trials = trials.map(|(place, trial)| {
        trial(&Shared {
            table: Arc::clone(&table),
            place,
        })
    });
    let conclusion = libtest_mimic::run(&arguments, trials.collect());
    print!("{table}");
    let unknown = table.not_in_the_manual();
    for line in &unknown {
        println!("docs/reliability.md lacks this row; correct its table, or what broke:\n{line}");
    }
    if unknown.is_empty() {
        conclusion.exit_code()
    } else {
        ExitCode::FAILURE
    }
}

/// The table, and a trial's place in it.
struct Shared {
    table: Arc<Table>,
    place: usize,
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

/// A trial that ends in a row of the table, or in none, where what it needs is not installed.
fn row(
    shared: &Shared,
    name: &'static str,
    run: impl Future<Output = impl Into<Option<Row>>> + Send + 'static,
) -> Trial {
    let mut runtime = Builder::new_multi_thread();
    runtime.worker_threads(2);
    on(runtime, shared, name, run)
}

/// A trial under a paused clock, which advances when there is nothing else to do.
fn paused(
    shared: &Shared,
    name: &'static str,
    run: impl Future<Output = Row> + Send + 'static,
) -> Trial {
    let mut runtime = Builder::new_current_thread();
    runtime.start_paused(true);
    on(runtime, shared, name, run)
}

fn on(
    mut runtime: Builder,
    shared: &Shared,
    name: &'static str,
    run: impl Future<Output = impl Into<Option<Row>>> + Send + 'static,
) -> Trial {
    let (table, place) = (Arc::clone(&shared.table), shared.place);
    Trial::test(name, move || {
        let row = runtime.enable_all().build()?.block_on(run);
        if let Some(row) = row.into() {
            table.add(place, name, row);
        }
        Ok(())
    })
}
