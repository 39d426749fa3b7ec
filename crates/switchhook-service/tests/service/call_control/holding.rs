//! A call while it waits for its webhook.

use std::time::Duration;

use super::peer::{Channel, Peer, lines};
use super::receiver::Request;
use super::running::{Calls, NEVER};

fn lookup(more: &str) -> String {
    format!(
        "[webhooks.lookup]\nurl = \"{{receiver}}/callers\"\nresponse.map = {{ name = \"$.name\" }}\n{more}\n"
    )
}

/// Returns a call on hold: its music has started, and its request is open.
async fn on_hold(calls: &Calls, channel: Channel) -> (Peer, Vec<String>, Request) {
    let mut peer = Peer::call(calls.esl, channel).await;
    let (music, request) = tokio::join!(peer.read(), calls.receiver.next());
    peer.obey(&music).await;
    (peer, lines(&music), request)
}

/// Returns what is executed for a waiting caller, without the variables that are cleared.
async fn heard(more: &str, channel: Channel) -> Vec<String> {
    let calls = Calls::slow(&lookup(more)).await;
    let (mut peer, said, mut request) = on_hold(&calls, channel).await;
    request.answer(200, "{\"name\": \"Ann\"}").await;
    let leaving = lines(&peer.until_exit().await);
    let played = said.iter().any(|line| line.starts_with("execute"));
    let broken_off = leaving.iter().any(|line| line.contains("uuid_break"));
    assert_eq!(
        played, broken_off,
        "what was played is broken off, and only that"
    );
    assert_eq!(peer.channel.get("flow.line"), Some("0"));
    let executed = said.iter().filter(|line| line.starts_with("execute"));
    executed.cloned().collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unanswered_caller_gets_what_before_answer_says() {
    let ringing = || Channel::to("lookup");
    assert_eq!(heard("", ringing()).await, ["execute playback"]);
    let silence = "before_answer = \"silence\"";
    assert!(heard(silence, ringing()).await.is_empty());
    let answer = "before_answer = \"answer\"";
    assert_eq!(
        heard(answer, ringing()).await,
        ["execute answer", "execute playback"]
    );
    let no_music = "hold_music = false";
    assert!(heard(no_music, ringing()).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answered_caller_gets_music_and_is_never_answered_again() {
    for before_answer in ["early_media", "silence", "answer"] {
        let setting = format!("before_answer = \"{before_answer}\"");
        let heard = heard(&setting, Channel::to("lookup").answered()).await;
        assert_eq!(heard, ["execute playback"], "{before_answer}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_music_repeats_and_comes_after_what_an_earlier_widget_left_is_cleared() {
    let calls = Calls::slow(&lookup("hold_music = \"local_stream://moh\"")).await;
    let channel = Channel::to("lookup").set("flow.key.name", "old");
    let mut peer = Peer::call(calls.esl, channel).await;
    let music = peer.read().await;
    let playback = music.last().unwrap();
    assert!(playback.is("execute-app-arg", "local_stream://moh") && playback.is("loops", "-8084"));
    peer.obey(&music).await;
    assert_eq!(peer.channel.get("flow.key.name"), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_who_hangs_up_cancels_the_request_and_takes_no_line() {
    let calls = Calls::slow(&lookup("")).await;
    let (peer, _, request) = on_hold(&calls, Channel::to("lookup")).await;
    // `hang_up` asserts that no further command comes.
    peer.hang_up().await;
    request.cancelled().await;
    calls.idle().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_switch_that_vanishes_cancels_the_request() {
    let calls = Calls::slow(&lookup("")).await;
    let (peer, _, request) = on_hold(&calls, Channel::to("lookup")).await;
    peer.vanish().await;
    request.cancelled().await;
    let (peer, _, request) = on_hold(&calls, Channel::to("lookup")).await;
    peer.reset();
    request.cancelled().await;
    calls.idle().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_that_does_not_answer_in_time_means_line_1() {
    for music_after in [Duration::ZERO, NEVER] {
        let calls = Calls::start(music_after, &lookup("timeout = \"100ms\"")).await;
        let mut peer = Peer::call(calls.esl, Channel::to("lookup")).await;
        let request = calls.receiver.next().await;
        peer.until_exit().await;
        request.cancelled().await;
        assert_eq!(peer.channel.get("flow.line"), Some("1"));
        assert_eq!(peer.channel.get("flow.key.error_reason"), Some("TIMEOUT"));
        assert_eq!(peer.channel.get("flow.key.response_status_code"), None);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_value_with_a_percent_sign_is_read_again_and_exact_in_the_request() {
    let calls = Calls::quick(&lookup(
        "body.json = '{\"lead\": {{ flow.key.leadid | tojson }}, \"city\": {{ flow.key.city | tojson }}}'",
    ))
    .await;
    for lead in ["100%25 sure", "%41%", "50%", "%2541"] {
        let channel = Channel::to("lookup")
            .set("flow.key.leadid", lead)
            .set("flow.key.city", "Pune")
            .set("flow.key.unread", "7%2f");
        let mut peer = Peer::call(calls.esl, channel).await;
        let asked = peer.read().await;
        let expected = format!("api uuid_getvar {} flow.key.leadid", peer.channel.uuid);
        assert_eq!(
            lines(&asked),
            [expected],
            "what is in doubt and was read, only"
        );
        peer.obey(&asked).await;
        let request = calls.receiver.answer(200, "{\"name\": 1}").await;
        let body: serde_json::Value = serde_json::from_str(&request.body).unwrap();
        assert_eq!(body, serde_json::json!({"lead": lead, "city": "Pune"}));
        peer.until_exit().await;
        assert_eq!(peer.channel.get("flow.line"), Some("0"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_request_does_not_rest_on_is_not_read_again() {
    let calls = Calls::quick(&lookup("body.text = \"hello\"")).await;
    let channel = Channel::to("lookup").set("flow.name", "50%25 off");
    let mut peer = Peer::call(calls.esl, channel).await;
    let (said, _) = tokio::join!(
        peer.until_exit(),
        calls.receiver.answer(200, "{\"name\": 1}")
    );
    let said = lines(&said);
    assert!(!said.iter().any(|line| line.contains("getvar")), "{said:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_predefined_document_has_exact_values_too() {
    let calls = Calls::quick(&lookup("")).await;
    let channel = Channel::to("lookup").set("flow.key.leadid", "100%25");
    let mut peer = Peer::call(calls.esl, channel).await;
    let asked = peer.read().await;
    peer.obey(&asked).await;
    let request = calls.receiver.answer(200, "{\"name\": 1}").await;
    let body: serde_json::Value = serde_json::from_str(&request.body).unwrap();
    let lead = serde_json::json!({"name": "$flow.key.leadid", "value": "100%25"});
    assert!(body["keys"].as_array().unwrap().contains(&lead), "{body}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_end_in_a_header_fails_the_request_and_nothing_else() {
    let header = "headers = { X-Lead = \"{{ flow.key.leadid }}\" }";
    let calls = Calls::quick(&lookup(header)).await;
    for lead in ["a\nX-Admin: 1", "a\r\n\r\nGET /", "a\0"] {
        let channel = Channel::to("lookup").set("flow.key.leadid", lead);
        let mut peer = Peer::call(calls.esl, channel).await;
        peer.until_exit().await;
        assert_eq!(
            peer.channel.get("flow.key.error_reason"),
            Some("INVALID_REQUEST")
        );
        assert_eq!(peer.channel.get("flow.line"), Some("1"));
    }
}
