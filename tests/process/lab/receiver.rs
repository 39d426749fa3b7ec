//! Tests the lab's webhook receiver with an independent HTTP client.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::io::Read as _;
use std::time::Duration;

use flate2::read::GzDecoder;
use switchhook_sim::receiver::{Receiver, Request, closed_port};

fn client() -> reqwest::Client {
    test_support::http::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .unwrap()
}

#[tokio::test]
async fn it_answers_by_path_and_keeps_what_was_asked() {
    let receiver = Receiver::start().await.unwrap();
    let client = client();
    for (path, status, part) in [
        ("/ok", 200, "Anna"),
        ("/slow/20", 200, "gold"),
        ("/drip/0", 200, "gold"),
        ("/xml", 200, "<queue>"),
        ("/text", 200, "queue=gold"),
        ("/status/401", 401, "401"),
        ("/status/500", 500, "500"),
        ("/status/302", 302, "302"),
        ("/rubbish", 200, "doctype"),
        ("/partial", 200, "queue"),
        ("/hostile", 200, "${strftime"),
        ("/empty", 200, ""),
    ] {
        let reply = client
            .post(receiver.url(path))
            .body("hello")
            .send()
            .await
            .unwrap();
        assert_eq!(reply.status().as_u16(), status, "{path}");
        assert!(reply.text().await.unwrap().contains(part), "{path}");
    }
    let requests = receiver.requests();
    assert_eq!(requests.len(), 12);
    assert!(
        requests
            .iter()
            .all(|request| request.body == b"hello" && request.answered.is_some())
    );
    assert_eq!(requests[0].header("content-length"), Some("5"));
}

#[tokio::test]
async fn a_reset_breaks_the_body_and_a_silent_answer_notes_when_the_client_left() {
    let receiver = Receiver::start().await.unwrap();
    let client = client();
    let reply = client.get(receiver.url("/reset")).send().await.unwrap();
    assert!(reply.bytes().await.is_err());
    let url = receiver.url("/silent");
    let late = client
        .get(url)
        .timeout(Duration::from_millis(50))
        .send()
        .await;
    assert!(late.unwrap_err().is_timeout());
    let left = |request: &Request| request.abandoned.is_some();
    let seen = receiver.wait("/silent", Duration::from_secs(5), left).await;
    assert!(seen.is_some());
}

#[tokio::test]
async fn a_bomb_unpacks_to_far_more_than_was_sent() {
    let receiver = Receiver::start().await.unwrap();
    let reply = client().get(receiver.url("/bomb")).send().await.unwrap();
    assert_eq!(reply.headers()["content-encoding"], "gzip");
    let sent = reply.bytes().await.unwrap();
    let mut unpacked = GzDecoder::new(&sent[..256 * 1024]).take(16 * 1024 * 1024);
    let mut text = Vec::new();
    unpacked.read_to_end(&mut text).unwrap();
    assert_eq!(text.len(), 16 * 1024 * 1024);
    assert!(text.iter().all(|byte| *byte == text[0]));
}

#[tokio::test]
async fn down_refuses_and_up_answers_on_the_same_port() {
    let receiver = Receiver::start().await.unwrap();
    let client = client();
    receiver.down();
    while client.get(receiver.url("/ok")).send().await.is_ok() {}
    receiver.up();
    while client.get(receiver.url("/ok")).send().await.is_err() {
        tokio::task::yield_now().await;
    }
    let port = closed_port().unwrap();
    assert!(
        client
            .get(format!("http://127.0.0.1:{port}/"))
            .send()
            .await
            .unwrap_err()
            .is_connect()
    );
}
