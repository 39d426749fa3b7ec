//! How a call is released.

use std::time::Duration;

use super::peer::{Channel, Peer, lines};
use super::running::Calls;

const LOOKUP: &str = "[webhooks.lookup]\nurl = \"{receiver}/callers\"\n\
                      response.map = { name = \"$.name\" }\n";

/// Returns the commands of a release without the variables that it writes.
fn beside_variables(all: &[String]) -> Vec<&str> {
    let lines = all.iter().map(String::as_str);
    lines
        .filter(|line| !line.starts_with("api uuid_setvar") && *line != "execute set")
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_at_once_costs_two_round_trips_and_leaves_in_one_write() {
    let calls = Calls::quick(LOOKUP).await;
    let mut peer = Peer::call(calls.esl, Channel::to("lookup")).await;
    calls.receiver.answer(200, "{\"name\": \"Ann\"}").await;
    // No command is answered before the last of them has arrived.
    let leaving = peer.read().await;
    assert_eq!(peer.reads, 2, "connect, and the whole leaving in one read");
    let said = lines(&leaving);
    assert_eq!(
        beside_variables(&said),
        ["api sched_del 6", "resume", "exit"],
        "no music, so that nothing is broken off"
    );
    let uuid = &peer.channel.uuid;
    assert_eq!(
        said[said.len() - 4..],
        [
            format!("api uuid_setvar {uuid} flow.line 0").as_str(),
            "api sched_del 6",
            "resume",
            "exit",
        ],
        "the line comes last of the variables, and a channel that may not be parked yet is reset"
    );
    peer.obey(&leaving).await;
    assert!(peer.until_exit().await.is_empty());
    let flow = peer.channel.flow();
    assert_eq!(flow["flow.key.name"], "Ann");
    assert_eq!(flow["flow.key.response_raw"], "{\"name\": \"Ann\"}");
    assert_eq!(flow["flow.key.response_status"], "SUCCESS");
    assert_eq!(flow["flow.key.response_status_code"], "200");
    assert_eq!(flow["flow.key.response_error"], "false");
    assert!(flow["flow.key.response_duration"].parse::<f64>().is_ok());
    assert_eq!(flow["flow.line"], "0");
    assert_eq!(flow.len(), 7, "{flow:?}");
    calls.idle().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_at_a_switch_that_was_slow_to_answer_may_not_be_parked_yet() {
    // Longer than a switch may take to park a call that it has connected.
    const SLOW: Duration = Duration::from_millis(300);
    let calls = Calls::quick(LOOKUP).await;
    let mut peer = Peer::silent(calls.esl, Channel::to("unknown")).await;
    tokio::time::sleep(SLOW).await;
    peer.connect().await;
    let leaving = lines(&peer.until_exit().await);
    assert_eq!(
        beside_variables(&leaving),
        ["api sched_del 6", "resume", "exit"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn music_is_broken_off_before_large_values_are_queued_and_once_more_behind_them() {
    let calls = Calls::slow(LOOKUP).await;
    let mut peer = Peer::call(calls.esl, Channel::to("lookup")).await;
    let request = calls.receiver.next();
    let (music, mut request) = tokio::join!(peer.read(), request);
    peer.obey(&music).await;
    let body = format!("{{\"name\": \"{}\"}}", "x\\\\y$$5'".repeat(600));
    request.answer(200, &body).await;
    let leaving = peer.read().await;
    assert_eq!(
        peer.reads, 3,
        "connect, music, and the whole leaving in one read"
    );
    let watch = lines(&music);
    let own = format!("filter Unique-ID {}", peer.channel.uuid);
    assert_eq!(
        watch[..2],
        [own.as_str(), "event plain CHANNEL_UNPARK CHANNEL_PARK"]
    );
    let uuid = peer.channel.uuid.clone();
    let leaving_lines = lines(&leaving);
    let mut others = beside_variables(&leaving_lines);
    // Only in the first tenth of a second: the park may not have begun.
    others.retain(|line| *line != "resume");
    assert_eq!(
        others,
        [
            &format!("api uuid_break {uuid} all"),
            "api sched_del 6",
            "execute break",
            &format!("api uuid_getvar {uuid} transfer_source"),
            "exit",
        ]
    );
    assert_eq!(leaving[0].lines, [format!("api uuid_break {uuid} all")]);
    let queued = leaving
        .iter()
        .filter(|one| one.application() == Some("set"));
    assert_eq!(queued.count(), 2, "the mapped value and the body");
    peer.obey(&leaving).await;
    let name = "x\\y$$5'".repeat(600);
    assert_eq!(peer.channel.get("flow.key.name"), Some(name.as_str()));
    assert_eq!(
        peer.channel.get("flow.key.response_raw"),
        Some(body.as_str())
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_way_out_of_the_hook_is_cancelled_and_by_its_number() {
    let calls = Calls::quick(LOOKUP).await;
    let cases = [
        ("17", Some("api sched_del 17")),
        ("", None),
        ("all", None),
        ("-3", None),
        ("0", None),
        ("4294967297", None),
        ("7719334c-156d-4838-8a93-1818536027f8", None),
        ("6\n\nexit", None),
    ];
    for (way_out, expected) in cases {
        let channel = Channel::to("lookup").set("flow.way_out", way_out);
        let channel = match way_out {
            "" => channel.without("flow.way_out"),
            _ => channel,
        };
        let mut peer = Peer::call(calls.esl, channel).await;
        let answer = calls.receiver.answer(200, "{\"name\": \"Ann\"}");
        let (said, _) = tokio::join!(peer.until_exit(), answer);
        let said = lines(&said);
        let cancelled = said.iter().find(|line| line.contains("sched"));
        assert_eq!(cancelled.map(String::as_str), expected, "{way_out}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_failure_takes_line_1_with_its_reason_and_a_sentence() {
    let calls = Calls::quick(LOOKUP).await;
    let cases = [
        (401, "", "AUTHENTICATION_FAILURE", Some("CLIENT_ERROR")),
        (500, "oops", "HTTP_STATUS", Some("SERVER_ERROR")),
        (302, "", "HTTP_STATUS", Some("REDIRECTION")),
        (200, "rubbish", "INVALID_RESPONSE", Some("SUCCESSFUL")),
        (200, "{}", "INVALID_RESPONSE_MAP", Some("SUCCESSFUL")),
    ];
    for (status, body, reason, class) in cases {
        let mut peer = Peer::call(calls.esl, Channel::to("lookup")).await;
        calls.receiver.answer(status, body).await;
        peer.until_exit().await;
        let channel = &peer.channel;
        assert_eq!(channel.get("flow.line"), Some("1"));
        assert_eq!(channel.get("flow.key.error_reason"), Some(reason));
        assert_eq!(channel.get("flow.key.response_status_type"), class);
        let raw = Some(body).filter(|body| !body.is_empty());
        assert_eq!(channel.get("flow.key.response_raw"), raw);
        assert!(channel.get("flow.key.error_detail").is_some());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_webhook_takes_line_1_and_is_named() {
    let calls = Calls::quick(LOOKUP).await;
    // For a call without a webhook and a route, the sentence names the number.
    let cases = [
        ("lokup", "lokup"),
        ("", "7000"),
        ("../lookup", "../lookup"),
        ("${x}", "%{x}"),
    ];
    for (name, named) in cases {
        let mut peer = Peer::call(calls.esl, Channel::to(name)).await;
        peer.until_exit().await;
        let channel = &peer.channel;
        assert_eq!(channel.get("flow.line"), Some("1"));
        assert_eq!(
            channel.get("flow.key.error_reason"),
            Some("INVALID_REQUEST")
        );
        let detail = channel.get("flow.key.error_detail").unwrap();
        assert!(detail.contains(&format!("\"{named}\"")), "{detail}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_channel_whose_name_no_command_can_carry_is_left_to_its_dialplan() {
    let calls = Calls::quick(LOOKUP).await;
    let mut channel = Channel::to("lookup");
    channel.uuid = "odd/name".into();
    let mut peer = Peer::call(calls.esl, channel).await;
    // The connection closes: the call goes on in the dialplan, where the hook has set line 1.
    assert!(peer.until_exit().await.is_empty());
    assert_eq!(peer.channel.get("flow.line"), Some("1"));
}
