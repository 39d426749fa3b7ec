//! The documents of a call: for the default webhook, and for the flow's further webhooks.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use standardwebhooks::Webhook;
use switchhook_service::config::Config;

use crate::follow::events::{bodies, names};
use crate::follow::golden;
use crate::follow::inbox::Post;
use crate::follow::stage::{Stage, start};

const RECORDED: &str = "outbound-customer-then-agent-recorded";
const HOOK: &str = "inbound-7000-through-hook-and-transfer";
const RANG: &str = "outbound-multicast-one-of-three-agents-answers";

fn documents(posts: &[Post]) -> Vec<Value> {
    golden::sorted(posts.iter().map(Post::json).collect())
}

fn at<'a>(posts: &'a [Post], path: &str) -> Vec<&'a Post> {
    posts.iter().filter(|post| post.path == path).collect()
}

#[tokio::test]
async fn every_capture_becomes_the_golden_documents_at_the_default_webhook() {
    let stage = Stage::new().await;
    let service = stage.serve(&stage.settings("")).await;
    let mut golden = Vec::new();
    for name in names() {
        stage.switch.play(&bodies(&name));
        golden.extend(golden::documents(&name));
    }
    let posts = stage.inbox.wait(golden.len()).await;
    assert_eq!(documents(&posts), golden::sorted(golden));
    for post in &posts {
        assert_eq!(post.header("content-type"), "application/json");
        assert!(post.id().starts_with("msg_"), "{}", post.id());
    }
    service.stop().await;
}

#[tokio::test]
async fn webhooks_after_a_flow_see_the_whole_document_in_their_templates() {
    let stage = Stage::new().await;
    let settings = stage.own_settings(
        r#"
[account]
time_zone = "Asia/Kolkata"
[flows.outbound]
after = ["crm", "sheet"]
[webhooks.crm]
method = "PUT"
url = "INBOX/crm/{{ flow.key.leadid }}"
query = [{ name = "cause", value = "{{ call.hangup_cause_name }}" }]
headers = { X-Legs = "{{ call.legs }}" }
body.json = '''{"lead": {{ flow.key.leadid | tojson }}, "talk_ms": {{ call.talk_ms }},
  "agent": {{ callDetails[1].calleeNumber | tojson }}, "first": {{ callDetails[0] | tojson }},
  "keys": {{ keys | tojson }}, "file": {{ recordingUrls[0].recordedFileName | tojson }}}'''
[webhooks.sheet]
url = "INBOX/sheet"
body.text = "{{ call.uuid }};{{ call.caller_number }};{{ call.flow }}"
"#,
    );
    let service = stage.serve(&settings).await;
    stage.switch.play(&bodies(RECORDED));
    let posts = stage.inbox.wait(2).await;
    let whole = &golden::documents(RECORDED)[0];
    let crm = at(&posts, "/crm/HFC123?cause=NORMAL_CLEARING")[0];
    assert_eq!(crm.header("x-legs"), "2");
    assert_eq!(
        crm.json(),
        json!({
            "lead": "HFC123", "talk_ms": 2980, "agent": "919822003887",
            "first": whole["callDetails"][0], "keys": whole["keys"],
            "file": "919879072567-20261123.wav",
        })
    );
    let sheet = at(&posts, "/sheet")[0];
    let id = whole["phonon-uuid"].as_str().unwrap();
    assert_eq!(sheet.body, format!("{id};912243690284;outbound"));
    service.stop().await;
}

/// Plays a call of a flow that posts nothing, then one of a flow that posts.
async fn posts_only_the_second(rest: &str) -> Vec<Post> {
    let stage = Stage::new().await;
    let service = stage.serve(&stage.own_settings(rest)).await;
    stage.switch.play(&bodies(RECORDED));
    stage.switch.play(&bodies(RECORDED));
    stage.switch.play(&bodies("inbound-caller-hangs-up"));
    stage.inbox.wait(1).await;
    // Everything that is due is posted before the service ends.
    service.stop().await;
    stage.inbox.posts()
}

const DEFAULT_ON: &str = r#"
[account]
default_webhook = "completed"
[flows.default]
webhook = true
[flows.inbound]
webhook = true
[webhooks.completed]
url = "INBOX/completed"
"#;

#[tokio::test]
async fn a_flow_that_is_off_posts_nothing() {
    let posts = posts_only_the_second(&format!("{DEFAULT_ON}[flows.outbound]\n")).await;
    assert_eq!(posts.len(), 1);
    assert_eq!(posts[0].json()["callDetails"][0]["incoming"], true);
}

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(text);
        Ok(text.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn a_flow_that_nobody_knows_posts_nothing_and_is_said_once() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_writer(move || writer.clone())
        .finish();
    // A test's runtime has one thread, so this captures the log of the whole service.
    let guard = tracing::subscriber::set_default(subscriber);
    let posts = posts_only_the_second(DEFAULT_ON).await;
    drop(guard);
    assert_eq!(posts.len(), 1);
    let text = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    let said = text
        .lines()
        .filter(|line| line.contains("calls name a flow"));
    let said: Vec<&str> = said.collect();
    assert_eq!(said.len(), 1, "{text}");
    assert!(said[0].contains("outbound"), "{}", said[0]);
}

#[test]
fn a_flow_cannot_be_enabled_while_the_webhook_for_the_account_is_not_configured() {
    let text = "[listen]\n[flows.outbound]\nwebhook = true\n";
    let faults = Config::parse(text, "test.toml").unwrap_err().to_string();
    assert!(faults.contains("Not Configured"), "{faults}");
}

/// Returns whether the Standard Webhooks library accepts the request.
fn verifies(post: &Post, secret: &str) -> bool {
    let verifier = Webhook::new(secret).unwrap();
    verifier.verify(&post.body, &post.headers).is_ok()
}

#[tokio::test]
async fn documents_are_signed_with_every_key() {
    let [old, new, other] = [
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD",
        "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
    ];
    let stage = Stage::new().await;
    let more = format!("signing.secrets = [\"{new}\", \"{old}\"]");
    let service = stage.serve(&stage.settings(&more)).await;
    stage.switch.play(&bodies("inbound-caller-hangs-up"));
    let posts = stage.inbox.wait(1).await;
    let valid = [old, new, other].map(|secret| verifies(&posts[0], secret));
    assert_eq!(valid, [true, true, false]);
    service.stop().await;
}

/// Returns the document of a capture under a flow with these settings.
async fn document_of(name: &str, flow: &str, options: &str) -> Value {
    let stage = Stage::new().await;
    let settings = stage.own_settings(&format!(
        r#"
[account]
default_webhook = "completed"
time_zone = "Asia/Kolkata"
[flows.{flow}]
webhook = true
{options}
[webhooks.completed]
url = "INBOX/completed"
"#
    ));
    let service = stage.serve(&settings).await;
    stage.switch.play(&bodies(name));
    let posts = stage.inbox.wait(1).await;
    service.stop().await;
    posts[0].json()
}

#[tokio::test]
async fn only_connected_legs_are_listed_when_a_flow_says_so() {
    let document = document_of(RANG, "outbound", "legs = \"connected\"").await;
    let golden = &golden::documents(RANG)[0];
    let all = golden["callDetails"].as_array().unwrap();
    let connected = all
        .iter()
        .filter(|entry| entry.get("connectTime").is_some());
    let connected: Vec<&Value> = connected.collect();
    assert_eq!((all.len(), connected.len()), (4, 2));
    assert_eq!(document["callDetails"], json!(connected));
}

#[tokio::test]
async fn durations_are_seconds_and_the_uuid_has_another_key_when_a_flow_says_so() {
    let options = "duration_unit = \"s\"\nuuid_key = \"callId\"";
    let document = document_of(RECORDED, "outbound", options).await;
    let golden = &golden::documents(RECORDED)[0];
    let durations = [0, 1].map(|leg| document["callDetails"][leg]["duration"].clone());
    assert_eq!(durations, ["3", "2"]);
    assert_eq!(document["callId"], golden["phonon-uuid"]);
    assert_eq!(document.get("phonon-uuid"), None);
}

fn keys(document: &Value) -> BTreeMap<String, Value> {
    let keys = document["keys"].as_array().unwrap().iter();
    keys.map(|key| {
        (
            key["name"].as_str().unwrap().to_owned(),
            key["value"].clone(),
        )
    })
    .collect()
}

#[tokio::test]
async fn the_raw_response_is_among_the_keys_only_when_a_flow_says_so() {
    let flow = "inbound";
    let without = keys(&document_of(HOOK, flow, "").await);
    let mut with = keys(&document_of(HOOK, flow, "keys_raw = true").await);
    let raw = with.remove("$flow.key.response_raw").unwrap();
    assert!(raw.as_str().unwrap().contains("customer"), "{raw}");
    assert_eq!(with, without);
}

#[tokio::test]
async fn a_webhook_after_a_flow_can_use_the_raw_response_that_no_document_shows() {
    let stage = Stage::new().await;
    let settings = stage.own_settings(
        r#"
[flows.inbound]
after = ["crm"]
[webhooks.crm]
url = "INBOX/crm"
body.text = "{{ flow.key.response_raw }}"
"#,
    );
    let service = stage.serve(&settings).await;
    stage.switch.play(&bodies(HOOK));
    let posts = stage.inbox.wait(1).await;
    assert!(String::from_utf8_lossy(&posts[0].body).contains("customer"));
    service.stop().await;
}

#[tokio::test]
async fn raw_responses_are_shown_from_the_reload_on() {
    let stage = Stage::new().await;
    let service = stage.serve(&stage.settings("")).await;
    let flow = "[flows.inbound]\nwebhook = true";
    let settings = stage
        .settings("")
        .replace(flow, &format!("{flow}\nkeys_raw = true"));
    service
        .reload(&Config::parse(&settings, "test.toml").unwrap())
        .unwrap();
    stage.switch.play(&bodies(HOOK));
    let posts = stage.inbox.wait(1).await;
    assert!(keys(&posts[0].json()).contains_key("$flow.key.response_raw"));
    service.stop().await;
}

#[tokio::test]
async fn a_template_for_recordings_that_is_none_is_refused_with_its_line() {
    let stage = Stage::new().await;
    let text = stage.settings("").replace("file_name }}", "file }}");
    let config = Config::parse(&text, "test.toml").unwrap();
    let refused = switchhook_service::service::check(&config);
    let service = switchhook_service::service::Service::start(&config).await;
    let faults = service.map(drop).unwrap_err().to_string();
    assert!(faults.contains("recordings.public_url"), "{faults}");
    assert!(refused.is_err(), "`check` says so too");
    // The valid configuration starts.
    start(&stage.settings("")).await.stop().await;
}
