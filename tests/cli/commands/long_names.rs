//! Names from outside that are longer than any name.
#![allow(clippy::unwrap_used)]

use std::fs;

use crate::commands::peer::{Channel, Peer};
use crate::commands::support::{RunningService, TestReceiver, Workdir};

/// What is kept of a name.
const KEPT: usize = 128;

/// Returns the longest run of `x` in these bytes.
fn longest(bytes: &[u8]) -> usize {
    let runs = bytes.split(|byte| *byte != b'x');
    runs.map(<[u8]>::len).max().unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn long_names_reach_neither_the_log_nor_the_store() {
    let (workdir, receiver) = (Workdir::new(), TestReceiver::start());
    let text = format!(
        "[listen]\nesl = \"127.0.0.1:0\"\nhttp = \"127.0.0.1:0\"\n\
         [egress]\nallow_plain_http = true\nallow_addresses = [\"127.0.0.0/8\"]\n\
         [webhooks.lookup]\nurl = \"http://{0}/\"\nbefore_answer = \"silence\"\n\
         persist_response = true\nbody.text = \"short\"\n\
         [webhooks.later]\nurl = \"http://{0}/\"\nwait_for_response = false\nbody.text = \"short\"\n",
        receiver.address
    );
    fs::write(workdir.folder.path().join("switchhook.toml"), text).unwrap();
    let mut command = workdir.command(&["serve", "--json-logs"]);
    command.env("RUST_LOG", "debug");
    let serving = RunningService::of(command);
    let long = "x".repeat(60_000);
    for webhook in ["lookup", "later", &long] {
        let channel = Channel::to(webhook)
            .set("flow.name", &long)
            .set("flow.account", &long);
        let mut peer = Peer::call(serving.esl, channel).await;
        peer.until_exit().await;
        if webhook != long {
            receiver.next();
        }
    }
    let log = serving.whole_log();
    let worst = log.lines().find(|line| longest(line.as_bytes()) > KEPT);
    let worst = worst.map(|line| (&line[..300.min(line.len())], line.len()));
    assert_eq!(worst, None);
    assert_eq!(longest(log.as_bytes()), KEPT);
    let mut files = 0;
    for name in ["switchhook.db", "switchhook.db-wal"] {
        if let Ok(bytes) = fs::read(workdir.folder.path().join(name)) {
            assert!(longest(&bytes) <= KEPT, "{name}: {}", longest(&bytes));
            files += 1;
        }
    }
    assert!(files > 0);
    let report = workdir.run(&["report", "--format", "json"]);
    assert!(report.out.contains("lookup"), "{report:?}");
}
