//! A crowd at the Event Socket port that is no switch.

use std::fs;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::commands::peer::{Channel, Peer};
use crate::commands::support::{Place, Receiving, Serving};

/// What each of them says; most say nothing at all.
const SAYINGS: [&str; 5] = [
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
    let place = Place::new();
    let receiver = Receiving::start();
    let text = format!(
        "[listen]\nesl = \"127.0.0.1:0\"\nhttp = \"127.0.0.1:0\"\n\
         [limits]\nconnect_deadline = \"15s\"\n\
         [egress]\nallow_plain_http = true\nallow_addresses = [\"127.0.0.0/8\"]\n\
         [webhooks.lookup]\nurl = \"http://{}/\"\n",
        receiver.address
    );
    fs::write(place.folder.path().join("switchhook.toml"), text).unwrap();
    let serving = Serving::start(&place);
    let mut here = Vec::with_capacity(crowd);
    for number in 0..crowd {
        let mut stream = TcpStream::connect(serving.esl).await.unwrap();
        let saying = SAYINGS[number % SAYINGS.len()];
        stream.write_all(saying.as_bytes()).await.unwrap();
        here.push(stream);
    }
    for _ in 0..3 {
        let mut peer = Peer::call(serving.esl, Channel::to("lookup")).await;
        peer.until_exit().await;
        assert_eq!(peer.channel.get("flow.line"), Some("0"));
        receiver.next();
    }
    // All are shown the door; the log says it in some lines, not in ten thousand.
    let mut leaving = JoinSet::new();
    for mut stream in here {
        leaving.spawn(async move {
            let mut said = Vec::new();
            drop(stream.read_to_end(&mut said).await);
            said
        });
    }
    while let Some(said) = leaving.join_next().await {
        assert_eq!(said.unwrap(), b"connect\n\n");
    }
    let log = serving.whole_log();
    let lines = log.matches("was not a call").count();
    assert!(lines > 0 && lines < crowd / 4, "{lines} lines of {crowd}");
}
