//! How many instructions each piece of work takes, and a whole call, counted by callgrind:
//! `cargo bench --bench instructions`. Counts do not depend on what else the machine does.
//!
//! `cargo bench --profile dev --bench instructions -- --call target/release/switchhook` counts the
//! calls of a program that is built, and fails above the limit.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a bench that cannot go on fails"
)]

mod whole_call;

use test_support::work;

use std::path::Path;
use std::process::{Command, ExitCode};

/// The most instructions that a whole call of a release build may take: the present count of 448,000,
/// and 5 %. It was 303,000 before the counts over time, which at 24 calls a second have few calls to
/// share each write. The goal is 235,000.
const LIMIT: u64 = 471_000;

/// How often each is done; the difference of two runs leaves out starting and stopping.
const ONCE: u64 = 10;
const OFTEN: u64 = 110;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().collect();
    if let [_, flag, name, times] = args.as_slice()
        && flag == "--do"
    {
        let mut all = work::all();
        let work = all.get_mut(name.as_str()).expect("one of the list");
        (0..times.parse().expect("a number")).for_each(|_: u64| work());
        return ExitCode::SUCCESS;
    }
    if Command::new("valgrind").arg("--version").output().is_err() {
        println!("valgrind is not installed: nothing is counted (apt-get install valgrind)");
        return ExitCode::SUCCESS;
    }
    if let Some(at) = args.iter().position(|arg| arg == "--call") {
        let program = args.get(at + 1).expect("the path of a program");
        return held(whole_call::count(Path::new(program)));
    }
    println!("{}\n", work::sizes());
    for name in work::all().keys() {
        let each = (count(name, OFTEN) - count(name, ONCE)) / (OFTEN - ONCE);
        println!("{each:>9} instructions: {name}");
    }
    let program = Path::new(env!("CARGO_BIN_EXE_switchhook"));
    println!(
        "{:>9} instructions: a whole call",
        whole_call::count(program)
    );
    ExitCode::SUCCESS
}

/// Prints the instructions of a whole call. Fails above the limit.
fn held(each: u64) -> ExitCode {
    println!("{each:>9} instructions: a whole call, of {LIMIT} at most");
    if each > LIMIT {
        println!("that is more than the limit in benches/instructions/main.rs");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

fn count(name: &str, times: u64) -> u64 {
    let own = std::env::current_exe().expect("it runs");
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(own)
        .args(["--do", name, &times.to_string()])
        .output()
        .expect("valgrind runs");
    let said = String::from_utf8_lossy(&output.stderr);
    let collected = said
        .lines()
        .find_map(|line| line.split_once("Collected : "));
    let (_, count) = collected.unwrap_or_else(|| panic!("valgrind said no count: {said}"));
    count.trim().parse().expect("a number")
}
