//! The channel variables that the dialplan finds after the release.

use switchhook_core::variables::JSON_KEYS;

use super::peer::{Channel, Peer};
use super::running::{Calls, Left};

const LOOKUPS: &str = r#"
[webhooks.lookup]
url = "{receiver}/lookup"
persist_response = true
response.map = { name = "$.name", vip = "$.vip", note = { path = "$.note", required = false } }
[webhooks.route]
url = "{receiver}/route"
response.map = { queue = { path = "$.queue", as = "word", default = "main" }, score = { path = "$.score", required = false } }
"#;

/// Runs one webhook: takes the channel before, answers the request, returns the channel after.
async fn through(calls: &Calls, channel: Channel, status: u16, body: &str) -> Channel {
    let mut peer = Peer::call(calls.esl, channel).await;
    let (_, commands) = tokio::join!(calls.receiver.answer(status, body), peer.until_exit());
    assert!(!commands.is_empty());
    peer.channel
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_widget_leaves_nothing_of_its_own_success_before() {
    let calls = Calls::quick(LOOKUPS).await;
    let body = r#"{"name": "${x}", "vip": true, "note": "n$"}"#;
    let mut channel = through(&calls, Channel::to("lookup"), 200, body).await;
    for name in [
        "name",
        "name_b64",
        "vip",
        "note",
        "note_b64",
        "response_raw_b64",
    ] {
        assert!(channel.get(&format!("flow.key.{name}")).is_some(), "{name}");
    }
    assert_eq!(channel.get(JSON_KEYS), Some("vip"));
    // Even without a hook that clears variables, nothing is left.
    channel
        .variables
        .insert("socket_path".into(), "lookup".into());
    let channel = through(&calls, channel, 500, "").await;
    let flow = channel.flow();
    let left: Vec<_> = flow.keys().copied().collect();
    assert_eq!(
        left,
        [
            "flow.key.error_detail",
            "flow.key.error_reason",
            "flow.key.response_duration",
            "flow.key.response_error",
            "flow.key.response_status",
            "flow.key.response_status_code",
            "flow.key.response_status_type",
            "flow.line",
        ]
    );
    assert_eq!(flow["flow.key.error_reason"], "HTTP_STATUS");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_widget_leaves_the_first_ones_answer_and_nothing_of_its_outcome() {
    let calls = Calls::quick(LOOKUPS).await;
    let first = r#"{"name": "Ann", "vip": {"a": [1]}, "note": "$ {"}"#;
    let mut channel = through(&calls, Channel::to("lookup"), 200, first).await;
    channel.hook("route");
    let channel = through(&calls, channel, 200, r#"{"score": 7}"#).await;
    assert_eq!(
        channel.get("flow.key.name"),
        Some("Ann"),
        "a flow variable stays"
    );
    assert_eq!(channel.get("flow.key.queue"), Some("main"));
    assert_eq!(channel.get("flow.key.score"), Some("7"));
    assert_eq!(
        channel.get("flow.key.response_raw"),
        Some(r#"{"score": 7}"#)
    );
    assert_eq!(channel.get("flow.key.response_raw_b64"), None);
    assert_eq!(channel.get(JSON_KEYS), Some("vip,score"));
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_answers_are_inert_and_have_their_bytes_beside_them() {
    let calls = Calls::quick(LOOKUPS).await;
    let name = "line\none\r\n\nexit\n\n${uuid} $100 \\$ 'x' \t";
    let note = format!("{}mod_event_socket unload", "\\\\$$'".repeat(700));
    let body = serde_json::json!({"name": name, "vip": "ARRAY::a|:b", "note": note}).to_string();
    let channel = through(&calls, Channel::to("lookup"), 200, &body).await;
    let inert = name.replace("${", "%{");
    assert_eq!(channel.get("flow.key.name"), Some(inert.as_str()));
    assert_eq!(channel.get("flow.key.vip"), Some("ARRAY%::a|:b"));
    assert_eq!(channel.get("flow.key.note"), Some(note.as_str()));
    assert_eq!(channel.get("flow.key.note_b64"), None);
    use base64::Engine as _;
    let exact = base64::engine::general_purpose::STANDARD.encode(name);
    assert_eq!(channel.get("flow.key.name_b64"), Some(exact.as_str()));
    assert_eq!(channel.get("flow.line"), Some("0"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_number_keeps_the_digits_that_came() {
    let calls = Calls::quick(LOOKUPS).await;
    let body = r#"{"name": 1.10, "vip": 1234567890123456789012345}"#;
    let channel = through(&calls, Channel::to("lookup"), 200, body).await;
    assert_eq!(channel.get("flow.key.name"), Some("1.10"));
    assert_eq!(
        channel.get("flow.key.vip"),
        Some("1234567890123456789012345")
    );
    assert_eq!(channel.get(JSON_KEYS), Some("name,vip"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_request_has_the_exact_text_of_the_first_answer_unless_it_was_set_since() {
    let again = format!(
        "{LOOKUPS}\n[webhooks.again]\nurl = \"{{receiver}}/again\"\nbody.text = \"<{{{{ flow.key.name }}}}>\"\n"
    );
    let calls = Calls::quick(&again).await;
    let body = r#"{"name": "${x} 1", "vip": 1}"#;
    let mut channel = through(&calls, Channel::to("lookup"), 200, body).await;
    channel.hook("again");
    for (now, sent) in [("%{x} 1", "<${x} 1>"), ("set since", "<set since>")] {
        channel.variables.insert("flow.key.name".into(), now.into());
        let mut peer = Peer::call(calls.esl, channel.clone()).await;
        let (request, _) = tokio::join!(calls.receiver.answer(200, ""), peer.until_exit());
        assert_eq!(request.body, sent);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kept_answer_has_the_text_as_it_came() {
    let mut calls = Calls::quick(LOOKUPS).await;
    let body = r#"{"name": "${x}", "vip": true}"#;
    let channel = Channel::to("lookup").set("flow.name", "inbound");
    let channel = through(&calls, channel, 200, body).await;
    let Some(Left::KeptAnswer(kept)) = calls.left.recv().await else {
        panic!("nothing was kept");
    };
    assert_eq!((kept.call, kept.webhook), (channel.uuid, "lookup".into()));
    assert_eq!(kept.flow.as_deref(), Some("inbound"));
    let value = |name: &str| {
        let found = kept.variables.iter().find(|(found, _)| found == name);
        found.map(|(_, value)| value.as_str())
    };
    assert_eq!(value("flow.key.name"), Some("${x}"));
    assert_eq!(value("flow.key.vip"), Some("true"));
    assert_eq!(value("flow.key.response_raw"), Some(body));
    assert_eq!(value("flow.line"), Some("0"));
    assert_eq!(value("flow.key.name_b64"), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_in_the_background_takes_line_0_at_once_and_sets_nothing_else() {
    let background = "[webhooks.tell]\nurl = \"{receiver}/tell\"\nwait_for_response = false\n";
    let mut calls = Calls::slow(background).await;
    let mut peer = Peer::call(calls.esl, Channel::to("tell")).await;
    peer.until_exit().await;
    let flow = peer.channel.flow();
    assert_eq!(flow.into_iter().collect::<Vec<_>>(), [("flow.line", "0")]);
    let Some(Left::BackgroundRequest(stored)) = calls.left.recv().await else {
        panic!("nothing was stored");
    };
    assert_eq!(stored.call, peer.channel.uuid);
    assert_eq!(stored.request.url.path(), "/tell");
}
