//! Why a caller took line 1 reads the same wherever it is said.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "what is not as it must be fails the test"
)]

#[path = "support/peer.rs"]
mod peer;
#[path = "support/receiver.rs"]
mod receiver;
#[path = "support/running.rs"]
mod running;
#[path = "support/switch.rs"]
mod switch;

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use peer::{Channel, Peer};
use running::Running;
use tracing_subscriber::fmt::MakeWriter;

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn line_of(&self, uuid: &str) -> Vec<serde_json::Value> {
        let text = String::from_utf8(self.0.lock().unwrap().clone()).unwrap();
        let lines = text.lines().filter(|line| line.contains(uuid));
        lines
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sentence_is_the_same_on_the_channel_and_in_the_one_line_of_the_log() {
    let log = Log::default();
    let json = tracing_subscriber::fmt().json().with_writer(log.clone());
    json.init();
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
    let lines = log.line_of(&uuid);
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert_eq!(lines[0]["level"], "INFO");
    assert_eq!(lines[0]["fields"]["reason"], reason.as_str());
    assert_eq!(lines[0]["fields"]["detail"], sentence.as_str());
}
