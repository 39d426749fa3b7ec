//! The log names the limit that was reached, and the limit's counter rises.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::log::Log;
use super::peer::{Channel, Peer};
use super::running::Running;

const LOOKUP: &str = "[webhooks.lookup]\nurl = \"{receiver}/x\"\nbefore_answer = \"silence\"\n";

async fn with(limits: &str) -> Running {
    Running::start(&format!("[limits]\n{limits}\n{LOOKUP}")).await
}

/// Waits until the log and the metrics show the limit.
async fn is_reported(running: &Running, limit: &str) {
    Log::of_this_process()
        .says(&format!("[limits] {limit}"))
        .await;
    let none = format!("switchhook_limits_hit_total{{limit=\"{limit}\"}} 0\n");
    let page = running.get("/metrics").await;
    assert!(page.contains(&none[..none.len() - 2]), "{limit}: {page}");
    assert!(!page.contains(&none), "{limit} was not counted");
}

/// A peer that sends these bytes and reads until it is disconnected.
async fn say(running: &Running, text: &str) {
    let mut stream = TcpStream::connect(running.esl()).await.unwrap();
    stream.write_all(text.as_bytes()).await.unwrap();
    let _ = stream.read_to_end(&mut Vec::new()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_too_much_of_a_switch_names_its_limit() {
    Log::of_this_process();
    let few = "frame_header_bytes = \"16 KiB\"\nframe_headers = 200\nframe_body_bytes = \"64 KiB\"\n\
               connect_deadline = \"300ms\"";
    let running = with(few).await;
    let long = format!("Content-Type: command/reply\nX: {}\n\n", "a".repeat(20_000));
    let many = format!("Content-Type: command/reply\n{}\n", "X: 1\n".repeat(300));
    let large = "Content-Type: command/reply\nContent-Length: 70000\n\n";
    for (text, limit) in [
        (long.as_str(), "frame_header_bytes"),
        (&many, "frame_headers"),
        (large, "frame_body_bytes"),
        ("", "connect_deadline"),
    ] {
        say(&running, text).await;
        is_reported(&running, limit).await;
    }
    running.service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn too_many_calls_and_connections_name_their_limits() {
    let log = Log::of_this_process();
    let running = with("calls_on_hold = 1\nconnections = 2").await;
    let mut held = Peer::call(running.esl(), Channel::to("lookup")).await;
    let mut request = running.receiver.next().await;
    let mut refused = Peer::call(running.esl(), Channel::to("lookup")).await;
    is_reported(&running, "connections").await;
    refused.until_exit().await;
    let uuid = refused.channel.uuid.clone();
    drop(refused);
    log.says(&uuid).await;
    let fields = &log.lines_with(&uuid)[0]["fields"];
    assert_eq!(fields["reason"], "OVERLOADED");
    let detail = fields["detail"].as_str().unwrap();
    assert!(detail.contains("calls_on_hold"), "{detail}");
    request.answer(200, "").await;
    held.until_exit().await;
    running.service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drain_that_takes_too_long_names_its_limit() {
    let log = Log::of_this_process();
    let running = with("drain_deadline = \"100ms\"").await;
    let mut held = Peer::call(running.esl(), Channel::to("lookup")).await;
    let _request = running.receiver.next().await;
    let stopping = tokio::spawn(running.service.stop());
    held.until_exit().await;
    drop(held);
    stopping.await.unwrap();
    log.says("[limits] drain_deadline").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_for_a_host_that_is_not_ours_is_reported() {
    let log = Log::of_this_process();
    let running = with("").await;
    let mut stream = TcpStream::connect(running.service.http).await.unwrap();
    let request = "GET /healthz HTTP/1.1\r\nhost: rebound.example\r\nconnection: close\r\n\r\n";
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 421"), "{answer}");
    log.says("rebound.example").await;
    running.service.stop().await;
}
