//! Text from outside on its way to a terminal or the log.
//!
//! Two tests find a way past [`switchhook_core::printable`]. The first reads the sources: only the two
//! files that call it may write to standard output or standard error, or start a log. The second runs
//! the program with control characters, line breaks and direction marks in what comes from outside, and
//! looks at every byte of its output and of its log, in both formats. CSV that goes to a file or a
//! program is data, and exact.
#![allow(clippy::unwrap_used, reason = "a helper that fails fails its test")]

use std::path::{Path, PathBuf};

use regex::Regex;

use crate::commands::peer::{Channel, Peer};
use crate::commands::support::{RunningService, Workdir};

/// The only files that write to a terminal or make the log's lines.
const WRITERS: [&str; 2] = ["src/commands/log/mod.rs", "src/commands/output.rs"];
/// The lab prints what its own simulated switch and receiver did; the comparison of clients is a
/// developer's tool, and prints its own counts.
const OWN: [&str; 3] = [
    "src/commands/lab",
    "crates/switchhook-sim",
    "crates/eslclient/compare",
];

/// Text of a stranger: a forged line, an escape sequence, and marks that turn the order around.
const HOSTILE: &str =
    "a\n2026-01-01T00:00:00Z  INFO forged\u{1b}[31mred\u{202e}turned\u{2066}\u{9b}";

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        if path.is_dir() && !["tests", "benches", "examples"].contains(&name.as_str()) {
            sources(&path, found);
        } else if name.ends_with(".rs") && name != "tests.rs" {
            found.push(path);
        }
    }
}

#[test]
fn nothing_else_writes_to_a_terminal() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    for folder in ["src", "crates"] {
        sources(&root.join(folder), &mut files);
    }
    assert!(files.len() > 200, "{}", files.len());
    let writes = Regex::new(
        r"\b(?:e?print(?:ln)?!|dbg!)|\bstd(?:out|err)\(\)|tracing_subscriber::(?:fmt|registry)",
    )
    .unwrap();
    let mut writers = Vec::new();
    for file in files {
        let name = file
            .strip_prefix(root)
            .unwrap()
            .to_str()
            .unwrap()
            .to_owned();
        if OWN.iter().any(|own| name.starts_with(own)) {
            continue;
        }
        let text = std::fs::read_to_string(&file).unwrap();
        let code = text.split("#[cfg(test)]").next().unwrap();
        let code: String = code
            .lines()
            .filter(|line| !line.trim_start().starts_with("//"))
            .map(|line| format!("{line}\n"))
            .collect();
        if writes.is_match(&code) {
            writers.push(name);
        }
    }
    writers.sort();
    assert_eq!(
        writers, WRITERS,
        "use commands::write_stdout or write_stderr"
    );
}

/// Checks that no character of a text acts on a terminal.
#[track_caller]
fn is_plain(what: &str, text: &str) {
    let acting = text
        .chars()
        .find(|c| switchhook_core::printable::acts(*c) && !matches!(c, '\n' | '\t'));
    assert_eq!(acting, None, "{what}: {text:?}");
    let forged = text
        .lines()
        .find(|line| line.starts_with("2026-01-01T00:00:00Z"));
    assert_eq!(forged, None, "{what}: {text}");
}

/// Returns a webhook that answers with hostile text.
async fn hostile_webhook() -> std::net::SocketAddr {
    let receiver = test_support::receiver::Receiver::start().await;
    let address = receiver.address;
    tokio::spawn(async move {
        loop {
            let body = serde_json::json!({ "name": HOSTILE }).to_string();
            receiver.answer(200, &format!("{body}\n{HOSTILE}")).await;
        }
    });
    address
}

#[tokio::test(flavor = "multi_thread")]
async fn text_from_outside_reaches_no_terminal_and_no_log_as_it_is() {
    let workdir = Workdir::new();
    let address = hostile_webhook().await;
    let text = format!(
        "[listen]\nesl = \"127.0.0.1:0\"\nhttp = \"127.0.0.1:0\"\n\
         [egress]\nallow_plain_http = true\nallow_addresses = [\"127.0.0.0/8\"]\n\
         [webhooks.lookup]\nurl = \"http://{address}/\"\nbefore_answer = \"silence\"\n\
         persist_response = true\nresponse.type = \"text\"\nresponse.map = {{ name = \"(?s)(.*)\" }}\n"
    );
    std::fs::write(workdir.folder.path().join("switchhook.toml"), text).unwrap();
    for json in [false, true] {
        let args: &[&str] = if json {
            &["serve", "--json-logs"]
        } else {
            &["serve"]
        };
        let mut command = workdir.command(args);
        command.env("RUST_LOG", "debug");
        let serving = RunningService::of(command);
        for webhook in ["lookup", HOSTILE] {
            let mut channel = Channel::to(webhook);
            channel = channel
                .set("flow.name", HOSTILE)
                .set("flow.account", HOSTILE);
            let mut peer = Peer::call(serving.esl, channel).await;
            peer.until_exit().await;
        }
        let log = serving.whole_log();
        assert!(log.contains("forged"), "it came to the log: {log}");
        is_plain("the log", &log);
    }
    let var = format!("flow.key.x={HOSTILE}");
    let called = workdir.run(&["call", "lookup", "--var", &var]);
    assert!(called.out.contains("forged"), "{called:?}");
    for args in [
        &["call", HOSTILE][..],
        &["report"],
        &["report", "--format", "json"],
        &["outbox", "list"],
        &["outbox", "show", HOSTILE],
        &["check", HOSTILE],
    ] {
        let ran = workdir.run(args);
        is_plain("standard output", &ran.out);
        is_plain("standard error", &ran.err);
    }
    // The answer is printed as it came, with its line breaks, once.
    let (before, answer) = called.out.split_once("\n2026-01-01").unwrap();
    is_plain("call", before);
    is_plain("call", answer);
}
