//! A log that nobody reads, while calls come and go.

#![allow(
    clippy::unwrap_used,
    reason = "what is not as it must be fails the test"
)]
#![allow(
    clippy::await_holding_lock,
    reason = "a thread waits for it, and no task"
)]

use std::net::SocketAddr;

use serde_json::Value;

use super::peer::{Channel, Peer};
use super::secrets::webhook;
use super::support::{Place, Serving};

const LEFT_OUT: &str = "switchhook_log_lines_left_out_total ";

async fn talkative(place: &Place) -> Serving {
    let (address, _) = webhook().await;
    let more = format!("[webhooks.lookup]\nurl = \"http://{address}/\"\n");
    place.configure(&more);
    let mut command = place.command(&["serve", "--json-logs"]);
    command.env("RUST_LOG", "trace");
    Serving::of(command)
}

async fn line_of_a_call(esl: SocketAddr, webhook: &str) -> Option<String> {
    let mut peer = Peer::call(esl, Channel::to(webhook)).await;
    peer.until_exit().await;
    peer.channel.get("flow.line").map(str::to_owned)
}

fn left_out(serving: &Serving) -> u64 {
    let page = serving.get("/metrics");
    let mut lines = page.lines();
    let number = lines.find_map(|line| line.strip_prefix(LEFT_OUT));
    number.unwrap().parse().unwrap()
}

/// Calls, each with a long line in the log, until that has no room.
async fn flood(serving: &Serving) -> u64 {
    let before = left_out(serving);
    let unknown = "x".repeat(50_000);
    loop {
        assert_eq!(
            line_of_a_call(serving.esl, &unknown).await.as_deref(),
            Some("1")
        );
        let now = left_out(serving);
        if now > before {
            return now;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_get_their_line_while_nobody_reads_the_log_which_says_what_it_lacks() {
    let place = Place::new();
    let serving = talkative(&place).await;
    let unread = serving.leave_log_unread();
    let lines = flood(&serving).await;
    for _ in 0..5 {
        assert_eq!(
            line_of_a_call(serving.esl, "lookup").await.as_deref(),
            Some("0")
        );
    }
    drop(unread);
    let told = serving.wait_for_log("lines were dropped from the log here");
    let told: Value = serde_json::from_str(&told).unwrap();
    assert!(told["lines"].as_u64().unwrap() >= lines, "{told}");
    assert!(serving.whole_log().contains("\"message\":\"stopped\""));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_is_never_read_does_not_hold_the_end() {
    let place = Place::new();
    let serving = talkative(&place).await;
    std::mem::forget(serving.leave_log_unread());
    flood(&serving).await;
    assert_eq!(serving.terminate(), Some(0));
}
