//! Peers that do not belong on the ports do not disturb calls.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use super::peer::{Channel, Peer};
use super::running::Running;

const LOOKUP: &str = "[webhooks.lookup]\nurl = \"{receiver}/x\"\nbefore_answer = \"silence\"\n\
                      response.map = { name = \"$.name\" }\n";

/// Sends what a peer other than FreeSWITCH may send.
async fn rubbish(to: std::net::SocketAddr, kind: usize) {
    let mut stream = TcpStream::connect(to).await.unwrap();
    let mut random = fastrand::Rng::with_seed(kind as u64);
    match kind % 7 {
        0 => write(&mut stream, b"GET / HTTP/1.1\r\nHost: switch\r\n\r\n").await,
        1 => {
            let bytes: Vec<u8> = std::iter::repeat_with(|| random.u8(..))
                .take(100_000)
                .collect();
            write(&mut stream, &bytes).await;
        }
        2 => while stream.write_all(b"X-Endless: header\n").await.is_ok() {},
        3 => {} // Silence.
        4 => {
            write(
                &mut stream,
                b"Content-Type: command/reply\nContent-Length: 99999999999\n\n",
            )
            .await
        }
        5 => {
            write(
                &mut stream,
                b"Content-Type: command/reply\nReply-Text: +OK\n\n",
            )
            .await
        }
        _ => {
            write(
                &mut stream,
                b"Content-Type: text/disconnect-notice\nContent-Length: 0\n\n",
            )
            .await
        }
    }
    // Until the service closes the connection; it may reset one with unread bytes.
    let mut buffer = [0; 1024];
    while matches!(stream.read(&mut buffer).await, Ok(read) if read > 0) {}
}

async fn write(stream: &mut TcpStream, bytes: &[u8]) {
    let _ = stream.write_all(bytes).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_peers_of_rubbish_do_not_disturb_a_call() {
    let running = Running::start(&format!("[limits]\nconnect_deadline = \"2s\"\n{LOOKUP}")).await;
    let mut held = Peer::call(running.esl(), Channel::to("lookup")).await;
    let mut request = running.receiver.next().await;
    let mut peers = JoinSet::new();
    (0..200).for_each(|kind| {
        peers.spawn(rubbish(running.esl(), kind));
    });
    // One real call among them.
    let mut another = Peer::call(running.esl(), Channel::to("lookup")).await;
    let (_, _) = tokio::join!(
        running.receiver.answer(200, "{\"name\": 2}"),
        another.until_exit()
    );
    assert_eq!(another.channel.get("flow.key.name"), Some("2"));
    // Every one of them is disconnected, also those that send nothing.
    while let Some(ended) = peers.join_next().await {
        ended.unwrap();
    }
    request.answer(200, "{\"name\": 1}").await;
    held.until_exit().await;
    assert_eq!(held.channel.get("flow.key.name"), Some("1"));
    running.service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gigabyte_is_not_read_to_its_end() {
    let running = Running::start(LOOKUP).await;
    for head in ["Content-Length: 1073741824\r\n", "Connection: close\r\n"] {
        let mut peer = Peer::call(running.esl(), Channel::to("lookup")).await;
        let mut request = running.receiver.next().await;
        let head = format!("HTTP/1.1 200 OK\r\n{head}\r\n");
        let (sent, _) = tokio::join!(
            stream_until_cut(&mut request.stream, &head),
            peer.until_exit()
        );
        assert!(sent < 64 << 20, "{sent} bytes were taken");
        assert_eq!(
            peer.channel.get("flow.key.error_reason"),
            Some("INVALID_RESPONSE")
        );
        assert_eq!(
            peer.channel.get("flow.key.response_status_code"),
            Some("200")
        );
        let raw = peer.channel.get("flow.key.response_raw");
        assert_eq!(raw.map(str::len), Some(64 * 1024), "the part that was read");
        assert_eq!(peer.channel.get("flow.line"), Some("1"));
    }
    running.service.stop().await;
}

/// Returns the bytes that were sent before the other side closed; at most a gigabyte.
async fn stream_until_cut(stream: &mut TcpStream, head: &str) -> usize {
    write(stream, head.as_bytes()).await;
    let (piece, mut sent) = (vec![b' '; 64 * 1024], 0);
    while sent < 1 << 30 && stream.write_all(&piece).await.is_ok() {
        sent += piece.len();
    }
    sent
}
