//! What the log says: why a caller took line 1 reads as everywhere else, a limit that was hit
//! is named.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "what is not as it must be fails the test"
)]

#[path = "sentence/limits.rs"]
mod limits;
#[path = "support/log.rs"]
mod log;
#[path = "support/peer.rs"]
mod peer;
#[path = "support/receiver.rs"]
mod receiver;
#[path = "support/running.rs"]
mod running;
#[path = "support/switch.rs"]
mod switch;

use log::Log;
use peer::{Channel, Peer};
use running::Running;

#[tokio::test(flavor = "multi_thread")]
async fn the_sentence_is_the_same_on_the_channel_and_in_the_one_line_of_the_log() {
    let log = Log::of_this_process();
    let lookup = "[webhooks.lookup]\nurl = \"{receiver}/x\"\nbefore_answer = \"silence\"\n";
    let running = Running::start(lookup).await;
    let mut peer = Peer::call(running.esl(), Channel::to("lookup")).await;
    running.receiver.next().await.answer(503, "{}").await;
    peer.until_exit().await;
    let uuid = peer.channel.uuid.clone();
    let reason = peer
        .channel
        .get("flow.key.error_reason")
        .unwrap()
        .to_owned();
    let sentence = peer
        .channel
        .get("flow.key.error_detail")
        .unwrap()
        .to_owned();
    assert_eq!(reason, "HTTP_STATUS");
    drop(peer);
    running.service.stop().await;
    let lines = log.lines_with(&uuid);
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert_eq!(lines[0]["level"], "INFO");
    assert_eq!(lines[0]["fields"]["reason"], reason.as_str());
    assert_eq!(lines[0]["fields"]["detail"], sentence.as_str());
}
