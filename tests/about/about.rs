//! Says at the start of `cargo test` what the run skips and how to run it. It has no test harness,
//! because a harness hides what a passing test prints.

use test_support::prerequisites;

/// The variable that chooses how many faults the chaos suite plays.
const CHAOS: &str = "SWITCHHOOK_CHAOS";

/// Tests that run only on request, and the request.
const ON_REQUEST: [(&str, &str); 2] = [
    (
        "a real FreeSWITCH",
        "SWITCHHOOK_FREESWITCH=/usr/bin/freeswitch cargo test --test live -- --ignored --test-threads=1",
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
    println!("\nBeside the tests that need only Rust and a C compiler, this run of cargo test");
    for optional in prerequisites::ALL {
        if optional.is_there() {
            println!("  runs     {}", optional.tests);
        } else {
            println!("  SKIPS    {}: {}", optional.tests, optional.cure);
        }
    }
    if std::env::var_os(CHAOS).is_none_or(|length| length.is_empty()) {
        println!(
            "  SKIPS    four fifths of the faults of the chaos suite: {CHAOS}=full cargo test --test chaos"
        );
    }
    for (tests, command) in ON_REQUEST {
        println!("  SKIPS    {tests}: {command}");
    }
    println!(
        "After the build, it takes five to eight minutes on two idle cores.\n\
         Only .ci/run has formatting, clippy, rustdoc, the book of the manual, the release build with \
         the shipped\nconfigurations and the lab, and cargo deny. It fails where this run skips, but for \
         FreeSWITCH and fuzzing.\n"
    );
}
