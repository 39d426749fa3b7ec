//! Many connections to the Event Socket port that are no switch.

use std::fs;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::commands::peer::{Channel, Peer};
use crate::commands::support::{RunningService, TestReceiver, Workdir};

/// What these connections send; some send nothing.
const TEXTS: [&str; 5] = [
    "",
    "Content-Type: command/reply\nReply-T",
    "Content-Type: command/reply\nContent-Length: 50000\n\nhalf",
    "X: y\n",
    "",
];

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_connections_that_are_no_switch_keep_no_call_waiting() {
    // Each side of each connection is an open file, in two processes.
    let files = rlimit::increase_nofile_limit(20_000).unwrap();
    let crowd = usize::try_from(files)
        .unwrap()
        .saturating_sub(1_000)
        .min(10_000);
    assert!(crowd > 500, "no more than {files} files may be open");
    let workdir = Workdir::new();
    let receiver = TestReceiver::start();
    let text = format!(
        "[listen]\nesl = \"127.0.0.1:0\"\nhttp = \"127.0.0.1:0\"\n\
         [limits]\nconnect_deadline = \"15s\"\n\
         [egress]\nallow_plain_http = true\nallow_addresses = [\"127.0.0.0/8\"]\n\
         [webhooks.lookup]\nurl = \"http://{}/\"\n",
        receiver.address
    );
    fs::write(workdir.folder.path().join("switchhook.toml"), text).unwrap();
    let serving = RunningService::start(&workdir);
    let mut here = Vec::with_capacity(crowd);
    for number in 0..crowd {
        let mut stream = TcpStream::connect(serving.esl).await.unwrap();
        let text = TEXTS[number % TEXTS.len()];
        stream.write_all(text.as_bytes()).await.unwrap();
        here.push(stream);
    }
    for _ in 0..3 {
        let mut peer = Peer::call(serving.esl, Channel::to("lookup")).await;
        peer.until_exit().await;
        assert_eq!(peer.channel.get("flow.line"), Some("0"));
        receiver.next();
    }
    // Each connection is closed; the log has some lines about it, not ten thousand.
    let mut leaving = JoinSet::new();
    for mut stream in here {
        leaving.spawn(async move {
            let mut output = Vec::new();
            drop(stream.read_to_end(&mut output).await);
            output
        });
    }
    while let Some(output) = leaving.join_next().await {
        assert_eq!(output.unwrap(), b"connect\n\n");
    }
    let log = serving.whole_log();
    let lines = log.matches("was not a call").count();
    assert!(lines > 0 && lines < crowd / 4, "{lines} lines of {crowd}");
}
