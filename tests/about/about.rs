//! Says at the start of `cargo test` what the run skips and how to run it. It has no test harness,
//! because a harness hides what a passing test prints.

use test_support::prerequisites;

/// Tests that run only on request, and the request.
const ON_REQUEST: [(&str, &str); 3] = [
    (
        "a real FreeSWITCH",
        "SWITCHHOOK_FREESWITCH=/usr/bin/freeswitch cargo test --test live -- --ignored --test-threads=1",
    ),
    (
        "faults on purpose: four fifths of them",
        "SWITCHHOOK_CHAOS=full cargo test --test chaos",
    ),
    (
        "fuzzing",
        "cargo +nightly fuzz run frames (see fuzz/README.md)",
    ),
];

fn main() {
    // A tool that lists tests finds none here.
    if std::env::args().any(|argument| argument == "--list") {
        return;
    }
    println!("\nThis run of the tests, beside those that need only Rust and a C compiler:");
    for optional in prerequisites::ALL {
        if optional.is_there() {
            println!("  runs     {}", optional.tests);
        } else {
            println!("  SKIPPED  {}: {}", optional.tests, optional.cure);
        }
    }
    for (tests, command) in ON_REQUEST {
        println!("  SKIPPED  {tests}: {command}");
    }
    println!(
        "After the build, all tests take about MINUTES minutes on two idle cores.\n\
         Only .ci/run runs: formatting, clippy, rustdoc, the book of the manual, every fault of the \
         chaos suite,\nthe release build with the shipped configurations and the lab, cargo deny.\n"
    );
}
