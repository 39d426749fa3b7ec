//! Measures this crate and others in one run, against the same server on this machine, and prints
//! the table of README.md: `cargo bench` in this folder.
//!
//! Each crate runs in a process of its own, which this program starts again with `--measure`.
//! Numbers of one run may be compared with each other, not with those of another machine.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a bench that cannot go on fails"
)]

#[expect(dead_code, reason = "written for tests, which read more")]
#[path = "../../../tests/support/src/captures.rs"]
mod captures;
#[path = "compare/clients.rs"]
mod clients;
#[path = "compare/measures.rs"]
mod measures;
#[path = "compare/server.rs"]
mod server;

use std::path::{Path, PathBuf};
use std::process::Command;

/// The crates, in the order of the table.
const CRATES: [&str; 4] = [
    "eslclient",
    "freeswitch-esl-tokio",
    "freeswitch-esl-rs",
    "freeswitch-esl",
];

/// Returns the folder of the captured calls.
fn captures_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/captures")
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let asked = arguments
        .iter()
        .position(|argument| argument == "--measure");
    if let Some(at) = asked {
        let [measure, name, address] = &arguments[at + 1..at + 4] else {
            panic!("--measure MEASURE CRATE ADDRESS");
        };
        let address = address.parse().expect("an address");
        println!("= {}", measures::run(measure, name, address));
        return;
    }
    let address = server::start();
    let titles = CRATES.map(|name| format!("{name} {}", version(name)).trim_end().to_owned());
    println!("| One run | {} |", titles.join(" | "));
    println!("|---|{}", "---|".repeat(CRATES.len()));
    let size = format!("{:.1}", server::hangup(false).len() as f64 / 1000.0);
    for (measure, title) in measures::ALL {
        let title = title.replace("{size}", &size);
        let cells = CRATES.map(|name| measured(measure, name, address));
        println!("| {title} | {} |", cells.join(" | "));
    }
}

/// Returns the version of a crate that Cargo.toml pins; none for this one.
fn version(name: &str) -> &'static str {
    let pinned = format!("{name} = \"=");
    let line = include_str!("Cargo.toml")
        .lines()
        .find_map(|line| line.strip_prefix(&*pinned));
    line.map_or("", |line| line.trim_end_matches('"'))
}

/// Measures one crate in a process of its own.
fn measured(measure: &str, name: &str, address: std::net::SocketAddr) -> String {
    if measure.starts_with("instructions") {
        return instructions(measure, name, address);
    }
    let own = std::env::current_exe().expect("it runs");
    let address = address.to_string();
    let output = Command::new(own)
        .args(["--measure", measure, name, &address])
        .output()
        .expect("it starts");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let result = said.lines().find_map(|line| line.strip_prefix("= "));
    result.unwrap_or("failed").to_owned()
}

/// Counts the instructions of an event: the difference between a short and a long run.
fn instructions(measure: &str, name: &str, address: std::net::SocketAddr) -> String {
    let count = |length: &str| -> Option<u64> {
        let own = std::env::current_exe().ok()?;
        let output = Command::new("valgrind")
            .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
            .arg(own)
            .args(["--measure", &format!("{measure}-{length}"), name])
            .arg(address.to_string())
            .output()
            .ok()?;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        let (_, count) = said
            .lines()
            .find_map(|line| line.split_once("Collected : "))?;
        let done = String::from_utf8_lossy(&output.stdout).contains("= done");
        done.then(|| count.trim().parse().ok())?
    };
    match (count("few"), count("many")) {
        (Some(few), Some(many)) => {
            let each = many.saturating_sub(few) / (measures::MANY - measures::FEW) as u64;
            format!("{each}")
        }
        (_, _) => "—".to_owned(),
    }
}
