//! Each limit when it is reached: it is counted, and the caller goes on, on line 1.

use super::peer::{Channel, Peer};
use super::running::Running;

const LOOKUP: &str = "[webhooks.lookup]\nurl = \"{receiver}/x\"\nbefore_answer = \"silence\"\n";
const PROTOCOL: &str = "switchhook_protocol_errors_total";

async fn with(limits: &str, webhook: &str) -> Running {
    Running::start(&format!("[limits]\n{limits}\n{LOOKUP}{webhook}\n")).await
}

/// Returns the value of a metric; other tests of this process may raise it too.
async fn count(running: &Running, metric: &str) -> f64 {
    let page = running.get("/metrics").await;
    let line = page.lines().find(|line| line.starts_with(metric));
    let number = line.and_then(|line| line.rsplit_once(' ')).unwrap().1;
    number.parse().unwrap()
}

fn limit(name: &str) -> String {
    format!("switchhook_limits_hit_total{{limit=\"{name}\"}}")
}

fn failed(reason: &str) -> String {
    format!("switchhook_lookups_total{{webhook=\"lookup\",reason=\"{reason}\"}}")
}

/// The variables of a hostile or very large channel.
fn laden(variables: usize, bytes: usize) -> Channel {
    (0..variables).fold(Channel::to("lookup"), |channel, number| {
        channel.set(&format!("sip_h_X-{number}"), &"a".repeat(bytes))
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_switchs_message_above_a_limit_ends_that_connection_and_no_other() {
    for (limits, channel) in [
        ("frame_header_bytes = \"16 KiB\"", laden(4, 8_000)),
        ("frame_headers = 200", laden(300, 1)),
    ] {
        let running = with(limits, "").await;
        let before = count(&running, PROTOCOL).await;
        let mut peer = Peer::call(running.esl(), channel).await;
        assert!(peer.until_exit().await.is_empty(), "{limits}");
        // The variables that the hook set before the hand-over stay.
        assert_eq!(peer.channel.get("flow.line"), Some("1"));
        assert_eq!(peer.channel.get("flow.key.response_status"), Some("FAILED"));
        assert!(count(&running, PROTOCOL).await > before, "{limits}");
        let mut next = Peer::call(running.esl(), Channel::to("lookup")).await;
        tokio::join!(running.receiver.answer(200, ""), next.until_exit());
        assert_eq!(next.channel.get("flow.line"), Some("0"), "{limits}");
        running.service.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_above_its_limit_and_silence_end_the_connection() {
    let running = with(
        "frame_body_bytes = \"64 KiB\"\nconnect_deadline = \"300ms\"",
        "",
    )
    .await;
    for said in ["Content-Type: command/reply\nContent-Length: 70000\n\n", ""] {
        let before = count(&running, PROTOCOL).await;
        let stream = tokio::net::TcpStream::connect(running.esl()).await.unwrap();
        let (mut read, mut write) = stream.into_split();
        use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
        write.write_all(said.as_bytes()).await.unwrap();
        let mut heard = Vec::new();
        let _ = read.read_to_end(&mut heard).await;
        assert_eq!(heard, b"connect\n\n");
        assert!(count(&running, PROTOCOL).await > before, "{said:?}");
    }
    running.service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn unfinished_messages_of_all_peers_share_a_budget() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let limits = "frame_memory = \"1 MiB\"\nconnect_deadline = \"25s\"";
    let running = with(limits, "").await;
    let before = count(&running, &limit("frame_memory")).await;
    // Half a MiB of a head each: there is room for two.
    let mut peers = Vec::new();
    for _ in 0..3 {
        let mut stream = tokio::net::TcpStream::connect(running.esl()).await.unwrap();
        let line = format!("X-Long: {}", "x".repeat(512 * 1024));
        let _ = stream.write_all(line.as_bytes()).await;
        peers.push(stream);
    }
    while count(&running, &limit("frame_memory")).await <= before {
        tokio::task::yield_now().await;
    }
    // A usual call needs nothing of it.
    let mut call = Peer::call(running.esl(), Channel::to("lookup")).await;
    tokio::join!(running.receiver.answer(200, ""), call.until_exit());
    assert_eq!(call.channel.get("flow.line"), Some("0"));
    // An announced body is refused before a byte of it has come, although a switch may send as much.
    let before = count(&running, &limit("frame_body_bytes")).await;
    let mut announces = tokio::net::TcpStream::connect(running.esl()).await.unwrap();
    let head = b"Content-Type: command/reply\nContent-Length: 8000000\n\n";
    announces.write_all(head).await.unwrap();
    let mut heard = Vec::new();
    announces.read_to_end(&mut heard).await.unwrap();
    assert_eq!(heard, b"connect\n\n");
    assert!(count(&running, &limit("frame_body_bytes")).await > before);
    drop(peers);
    running.service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_above_its_limits_means_line_1() {
    for (webhook, body, reason) in [
        (
            "response.limit = \"1 KiB\"",
            "x".repeat(2_000),
            "INVALID_RESPONSE",
        ),
        ("timeout = \"200ms\"", String::new(), "TIMEOUT"),
    ] {
        let running = with("", webhook).await;
        let before = count(&running, &failed(reason)).await;
        let mut peer = Peer::call(running.esl(), Channel::to("lookup")).await;
        let answer = async {
            let mut request = running.receiver.next().await;
            if !body.is_empty() {
                request.answer(200, &body).await;
            }
            request
        };
        tokio::join!(answer, peer.until_exit());
        assert_eq!(peer.channel.get("flow.key.error_reason"), Some(reason));
        assert_eq!(peer.channel.get("flow.line"), Some("1"));
        while count(&running, &failed(reason)).await <= before {
            tokio::task::yield_now().await;
        }
        running.service.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_above_the_calls_on_hold_is_counted_and_one_above_the_connections_waits() {
    let running = with("calls_on_hold = 1\nconnections = 2", "").await;
    let (held_before, connections_before) = (
        count(&running, &limit("calls_on_hold")).await,
        count(&running, &limit("connections")).await,
    );
    let mut held = Peer::call(running.esl(), Channel::to("lookup")).await;
    let mut request = running.receiver.next().await;
    // This call is on hold and does not leave by itself.
    let second = tokio::net::TcpStream::connect(running.esl()).await.unwrap();
    while count(&running, &limit("connections")).await <= connections_before {
        tokio::task::yield_now().await;
    }
    let third = tokio::spawn(Peer::call(running.esl(), Channel::to("lookup")));
    drop(second);
    let mut third = third.await.unwrap();
    third.until_exit().await;
    assert_eq!(
        third.channel.get("flow.key.error_reason"),
        Some("OVERLOADED")
    );
    assert_eq!(third.channel.get("flow.line"), Some("1"));
    assert!(count(&running, &limit("calls_on_hold")).await > held_before);
    request.answer(200, "").await;
    held.until_exit().await;
    assert_eq!(held.channel.get("flow.line"), Some("0"));
    running.service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn silent_connections_take_no_place_from_calls() {
    let running = with(
        "calls_on_hold = 2\nconnections = 100\nconnect_deadline = \"25s\"",
        "",
    )
    .await;
    let mut silent = Vec::new();
    for _ in 0..50 {
        silent.push(tokio::net::TcpStream::connect(running.esl()).await.unwrap());
    }
    let mut peer = Peer::call(running.esl(), Channel::to("lookup")).await;
    tokio::join!(running.receiver.answer(200, ""), peer.until_exit());
    assert_eq!(peer.channel.get("flow.line"), Some("0"));
    drop(silent);
    running.service.stop().await;
}
