//! Calls while the reader of the log is blocked.

#![allow(clippy::unwrap_used, reason = "a failed helper fails its test")]
#![allow(
    clippy::await_holding_lock,
    reason = "a thread waits for it, no task does"
)]

use std::net::SocketAddr;

use serde_json::Value;
use tokio::task::JoinSet;

use super::peer::{Channel, Peer};
use super::secrets::webhook;
use super::support::{RunningService, Workdir};

const LEFT_OUT: &str = "switchhook_log_lines_left_out_total ";

async fn start_with_trace(workdir: &Workdir) -> RunningService {
    let (address, _) = webhook().await;
    let more = format!("[webhooks.lookup]\nurl = \"http://{address}/\"\n");
    workdir.configure(&more);
    let mut command = workdir.command(&["serve", "--json-logs"]);
    command.env("RUST_LOG", "trace");
    RunningService::of(command)
}

async fn line_of_a_call(esl: SocketAddr, webhook: &str) -> Option<String> {
    let mut peer = Peer::call(esl, Channel::to(webhook)).await;
    peer.until_exit().await;
    peer.channel.get("flow.line").map(str::to_owned)
}

fn left_out(serving: &RunningService) -> u64 {
    let page = serving.get("/metrics");
    let mut lines = page.lines();
    let number = lines.find_map(|line| line.strip_prefix(LEFT_OUT));
    number.unwrap().parse().unwrap()
}

/// Makes calls, many at once, until lines of the log are lost.
async fn fill_log(serving: &RunningService) -> u64 {
    let before = left_out(serving);
    // A name is cut at this length.
    let unknown = "x".repeat(128);
    loop {
        let mut calls = JoinSet::new();
        for _ in 0..64 {
            let (esl, unknown) = (serving.esl, unknown.clone());
            calls.spawn(async move { line_of_a_call(esl, &unknown).await });
        }
        for line in calls.join_all().await {
            assert_eq!(line.as_deref(), Some("1"));
        }
        let now = left_out(serving);
        if now > before {
            return now;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_get_their_line_while_nobody_reads_the_log_which_says_what_it_lacks() {
    let workdir = Workdir::new();
    let serving = start_with_trace(&workdir).await;
    let blocked_log = serving.block_log();
    let lines = fill_log(&serving).await;
    for _ in 0..5 {
        assert_eq!(
            line_of_a_call(serving.esl, "lookup").await.as_deref(),
            Some("0")
        );
    }
    drop(blocked_log);
    let reported = serving.wait_for_log("lines were dropped from the log here");
    let reported: Value = serde_json::from_str(&reported).unwrap();
    assert!(reported["lines"].as_u64().unwrap() >= lines, "{reported}");
    assert!(serving.whole_log().contains("\"message\":\"stopped\""));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_is_never_read_does_not_hold_the_end() {
    let workdir = Workdir::new();
    let serving = start_with_trace(&workdir).await;
    std::mem::forget(serving.block_log());
    fill_log(&serving).await;
    assert_eq!(serving.terminate(), Some(0));
}
