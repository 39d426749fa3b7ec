//! What happens in calls is posted while they live.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use switchhook_service::service::Service;
use test_support::prerequisites::CLOUDEVENTS;

use crate::follow::anew::anew;
use crate::follow::events::bodies;
use crate::follow::inbox::{Answer, Inbox, Post};
use crate::follow::link::uuid;
use crate::follow::made::Made;
use crate::follow::port8021::Port8021;
use crate::follow::settings;
use crate::follow::stage::{Stage, start};

const TRANSFER: &str = "inbound-attended-transfer-with-transfer-events";
const SIMPLE: &str = "inbound-caller-hangs-up";

/// The settings of a flow with all events.
const ALL: &str = r#"
[account]
default_webhook = "crm"
time_zone = "Asia/Kolkata"
[flows.inbound]
webhook = true
events = ["started", "ringing", "answered", "bridged", "held", "resumed", "transferred",
    "agent_joined", "agent_left", "recording_started", "recording_stopped", "lookup", "ended"]
events_wait = "60s"
[webhooks.crm]
url = "INBOX/crm"
"#;

/// Returns the events among some posts, by their call.
fn events(posts: &[Post]) -> BTreeMap<String, Vec<Value>> {
    let mut calls: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for post in posts {
        let event = post.json();
        if event.get("type").is_some() {
            let call = event["phonon-uuid"].as_str().unwrap().to_owned();
            calls.entry(call).or_default().push(event);
        }
    }
    calls
}

/// Returns the types of some events, without `call.`.
fn kinds(events: &[Value]) -> Vec<String> {
    let kind = |event: &Value| event["type"].as_str().unwrap()["call.".len()..].to_owned();
    events.iter().map(kind).collect()
}

/// Fails unless the events are numbered 1, 2, …
fn assert_numbered(events: &[Value], why: &str) {
    let numbers = events.iter().map(|event| event["sequence"].clone());
    let numbers: Vec<Value> = numbers.collect();
    let all: Vec<Value> = (1..=events.len()).map(Value::from).collect();
    assert_eq!(numbers, all, "{why}");
}

fn ended(posts: &[Post], calls: usize) -> bool {
    let is_end = |post: &&Post| post.json()["type"] == "call.ended";
    posts.iter().filter(is_end).count() >= calls
}

#[tokio::test]
async fn every_event_is_posted_in_order_and_names_who_ends_up_with_the_caller() {
    let stage = Stage::new().await;
    // The agent's question to the second one names no flow.
    let default = "[flows.default]\nevents = [\"started\", \"bridged\", \"ended\"]\n";
    let settings = stage.own_settings(&format!("{ALL}{default}"));
    let service = stage.serve(&settings).await;
    let (call, _) = anew(&bodies(TRANSFER));
    stage.switch.play(&call);
    let posts = stage.inbox.wait_for(|posts| ended(posts, 2)).await;
    let calls = events(&posts);
    assert_eq!(
        calls.len(),
        2,
        "the customer's call, and the agent's question"
    );
    for events in calls.values() {
        assert_numbered(events, "in order, none left out");
    }
    let ids: BTreeSet<&str> = posts.iter().map(Post::id).collect();
    assert_eq!(ids.len(), posts.len(), "each once");
    let shortest = calls.values().min_by_key(|events| events.len()).unwrap();
    assert_eq!(kinds(shortest), ["started", "bridged", "ended"]);
    let joined = shortest[2]["joined"].as_str().unwrap();
    assert!(calls.contains_key(joined), "the call that took it up");
    let all = calls.values().flatten();
    let mut transfers = all.filter(|event| event["type"] == "call.transferred");
    let transfer = transfers.next().unwrap();
    assert_eq!(transfer["leg"]["calleeNumber"], "919879072567");
    assert_eq!(transfer["other"]["calleeNumber"], "agent2");
    assert_eq!(transfer["from"]["calleeNumber"], "agent1");
    assert_eq!(transfer["flow"], "inbound");
    assert!(transfer["time"].as_str().unwrap().ends_with("+05:30"));
    assert!(transfers.next().is_none());
    let url = format!("http://{}/calls/{joined}", service.http);
    let page = test_support::http::get(url).await.unwrap();
    let page = page.text().await.unwrap();
    let shown = ["1. started", "transferred", "ended"].map(|text| page.contains(text));
    assert_eq!(shown, [true; 3], "{page}");
    service.stop().await;
}

#[tokio::test]
async fn a_flow_is_told_of_what_it_chose_and_its_own_body_has_the_same_names() {
    let stage = Stage::new().await;
    let settings = r#"
[flows.support]
events = ["answered", "ended"]
events_webhook = "desk"
[flows.quiet]
after = ["desk"]
[webhooks.desk]
url = "INBOX/desk/{{ flow.key.leadid }}"
body.json = '{"what": {{ type | tojson }}, "n": {{ sequence }}, "who": {{ leg.calleeNumber | tojson }}, "to": {{ other.calleeNumber | tojson }}, "by": {{ lookup.webhook | tojson }}, "all": {{ document | tojson }}}'
"#;
    let settings = stage.own_settings(settings);
    let service = stage.serve(&settings).await;
    for (uuid, flow) in [
        ("call-1", "support"),
        ("call-2", "quiet"),
        ("call-3", "unknown"),
    ] {
        let variables = [
            ("Event-Date-Timestamp", "1795435200000000"),
            ("variable_flow.name", flow),
            ("variable_flow.key.leadid", "HFC123"),
        ];
        let leg = Made::inbound_call(uuid, &variables);
        let events = [leg.create(), leg.answer(), leg.complete()];
        stage.switch.play(&events.map(|event| event.json()));
    }
    let posts = stage.inbox.wait(3).await;
    let of = |uuid: &str| {
        let posts = posts.iter().map(Post::json);
        let its = posts.filter(|body| body["all"]["phonon-uuid"] == *uuid);
        its.map(|body| json!([body["what"], body["n"], body["who"]]))
            .collect::<Vec<_>>()
    };
    assert_eq!(
        of("call-1"),
        [
            json!(["call.answered", 1, "919879072567"]),
            json!(["call.ended", 2, "919879072567"])
        ]
    );
    let answered = posts
        .iter()
        .map(Post::json)
        .find(|body| body["n"] == 1)
        .unwrap();
    assert_eq!(
        answered["all"]["keys"],
        json!([{"name": "$flow.key.leadid", "value": "HFC123"}])
    );
    let ended = posts
        .iter()
        .map(Post::json)
        .find(|body| body["n"] == 2)
        .unwrap();
    assert_eq!(ended["all"]["keys"], json!([]), "none changed");
    assert!(ended["to"].is_null() && ended["by"].is_null(), "{ended}");
    assert_eq!(ended["all"]["leg"]["duration"], "2000");
    assert!(
        of("call-2").iter().all(|body| body[0].is_null()),
        "a document"
    );
    assert!(of("call-3").is_empty());
    assert!(posts.iter().all(|post| post.path == "/desk/HFC123"));
    service.stop().await;
}

/// Returns the place of the last event of the call's second leg's answer.
fn until_answered(call: &[String]) -> usize {
    let answers = call.iter().enumerate();
    let answers = answers.filter(|(_, event)| event.contains("\"Event-Name\":\"CHANNEL_ANSWER\""));
    answers.map(|(at, _)| at).nth(1).unwrap() + 1
}

#[tokio::test]
async fn after_a_restart_the_state_is_told_once_and_no_middle_step() {
    let stage = Stage::new().await;
    let settings = stage.own_settings(ALL);
    let service = stage.serve(&settings).await;
    let (call, _) = anew(&bodies("inbound-recorded-on-agent-leg"));
    let (before, after) = call.split_at(until_answered(&call));
    stage.switch.play(before);
    stage.inbox.wait_for(|posts| answered(posts) == 2).await;
    alive(&stage.switch, before);
    service.stop().await;
    let service = stage.serve(&settings).await;
    let resynced = |posts: &[Post]| {
        posts
            .iter()
            .any(|post| post.json()["type"] == "call.resynced")
    };
    stage.inbox.wait_for(resynced).await;
    stage.switch.play(after);
    let posts = stage.inbox.wait_for(|posts| ended(posts, 1)).await;
    let calls = events(&posts);
    let events = calls.values().next().unwrap();
    assert_eq!(calls.len(), 1);
    let told = kinds(events);
    assert_eq!(
        told.iter().filter(|kind| *kind == "resynced").count(),
        1,
        "{told:?}"
    );
    let gap = events
        .iter()
        .find(|event| event["type"] == "call.resynced")
        .unwrap();
    assert_eq!(gap["legs"].as_array().unwrap().len(), 2, "{gap}");
    for kind in ["started", "ringing", "bridged", "ended"] {
        assert_eq!(
            told.iter().filter(|one| *one == kind).count(),
            1,
            "{kind} in {told:?}"
        );
    }
    assert_numbered(events, "the numbers go on");
    service.stop().await;
}

#[tokio::test]
async fn a_receiver_of_events_that_hangs_delays_no_document() {
    let stage = Stage::new().await;
    let hanging = Inbox::start().await;
    hanging.answers(Answer::Hold);
    let rest = format!(
        "[account]\ndefault_webhook = \"crm\"\n[limits]\ndeliveries_in_flight = 1\n[flows.default]\nwebhook = true\n\
         events = [\"started\", \"ended\"]\nevents_webhook = \"desk\"\n[webhooks.crm]\nurl = \"INBOX/crm\"\n\
         [webhooks.desk]\nurl = \"{}\"\ntimeout = \"60s\"\n",
        hanging.url("desk")
    );
    let service = stage.serve(&stage.own_settings(&rest)).await;
    for _ in 0..5 {
        stage.switch.play(&anew(&bodies(SIMPLE)).0);
    }
    let posts = stage.inbox.wait(5).await;
    assert!(
        posts
            .iter()
            .all(|post| post.json().get("callDetails").is_some())
    );
    let waiting = hanging.wait(1).await;
    assert_eq!(waiting[0].json()["type"], "call.started");
    hanging.answers(Answer::Status(200));
    hanging.wait(10).await;
    service.stop().await;
}

#[tokio::test]
async fn no_leg_of_another_account_is_told() {
    let stage = Stage::new().await;
    let settings = r#"
[account]
default_webhook = "own"
[accounts.acme]
default_webhook = "acme"
[flows.inbound]
events = ["started", "bridged", "agent_joined", "ended"]
[webhooks.own]
url = "INBOX/own"
[webhooks.acme]
url = "INBOX/acme"
"#;
    let service: Service = stage.serve(&stage.own_settings(settings)).await;
    // Two customers talk; the second one is another account's.
    let way = crate::follow::events::of_capture("ways", "two-customers-bridged-one-goes-on");
    let second = way
        .iter()
        .find(|event| event.text("Caller-Caller-ID-Number") == "919800000002")
        .unwrap()
        .text("Unique-ID")
        .to_owned();
    for event in &way {
        let theirs = event.text("Unique-ID") == second;
        let account = if theirs { "acme" } else { "" };
        let event = if account.is_empty() {
            event.clone()
        } else {
            event.clone().with("variable_flow.account", account)
        };
        stage.switch.play(&[event.json()]);
    }
    let posts = stage.inbox.wait_for(|posts| ended(posts, 2)).await;
    for (path, own, other) in [
        ("/own", "919800000001", "919800000002"),
        ("/acme", "919800000002", "919800000001"),
    ] {
        let theirs = posts.iter().filter(|post| post.path == path);
        let texts: Vec<String> = theirs.map(|post| post.json().to_string()).collect();
        assert!(texts.iter().any(|text| text.contains(own)), "{path}");
        assert!(
            texts.iter().any(|text| text.contains("call.bridged")),
            "{path}"
        );
        assert!(
            texts.iter().all(|text| !text.contains(other)),
            "{path} {texts:#?}"
        );
    }
    service.stop().await;
}

#[tokio::test]
async fn without_events_nothing_more_is_subscribed_or_posted() {
    let stage = Stage::new().await;
    let service = stage.serve(&stage.settings("")).await;
    stage.switch.play(&anew(&bodies(SIMPLE)).0);
    let posts = stage.inbox.wait(1).await;
    assert!(events(&posts).is_empty());
    let commands = stage.switch.commands();
    let live = "CHANNEL_PROGRESS CHANNEL_PROGRESS_MEDIA CHANNEL_HOLD CHANNEL_UNHOLD";
    let events = |command: &&String| command.starts_with("event json ");
    let [own] = commands.iter().filter(events).collect::<Vec<_>>()[..] else {
        panic!("one subscription: {commands:?}");
    };
    assert!(!own.contains(live), "{own}");
    let names = own.trim_start_matches("event json ").to_owned();
    service.stop().await;
    // One subscription, so that no call rings in between. What follows CUSTOM are its subclasses.
    let service = stage.serve(&stage.own_settings(ALL)).await;
    stage
        .switch
        .asked(&format!("event json {live} {names}"))
        .await;
    service.stop().await;
}

#[tokio::test]
async fn two_instances_post_each_event_once_and_one_that_missed_some_tells_no_gap() {
    let Some(server) = crate::follow::postgres::shared() else {
        return;
    };
    let database = server.database();
    let inbox = Inbox::start().await;
    let (mut seen, mut services) = (Vec::new(), Vec::new());
    let settings = |switch: &Port8021| {
        let folder = tempfile::tempdir().unwrap();
        let head = settings::head(folder.path(), switch.address);
        let file = format!("sqlite:{}", folder.path().join("store.db").display());
        let all = ALL.replace("INBOX", &format!("http://{}", inbox.address));
        head.replace(&file, &database.url()) + &all
    };
    for _ in 0..2 {
        let switch = Port8021::start().await;
        services.push(start(&settings(&switch)).await);
        switch.followed(1).await;
        seen.push(switch);
    }
    let (call, _) = anew(&bodies("inbound-recorded-on-agent-leg"));
    let (before, after) = call.split_at(until_answered(&call));
    seen.iter().for_each(|switch| switch.play(before));
    inbox.wait_for(|posts| answered(posts) == 2).await;
    // The second instance restarts, and the first one sees everything.
    alive(&seen[1], before);
    services.remove(1).stop().await;
    services.push(start(&settings(&seen[1])).await);
    seen[1].followed(2).await;
    seen.iter().for_each(|switch| switch.play(after));
    let posts = inbox.wait_for(|posts| ended(posts, 1)).await;
    let calls = events(&posts);
    let events = calls.values().next().unwrap();
    assert_eq!((calls.len(), services.len()), (1, 2));
    let told = kinds(events);
    let once: BTreeSet<String> = events
        .iter()
        .map(|event| {
            format!(
                "{} {} {}",
                event["type"], event["leg"]["cdrId"], event["time"]
            )
        })
        .collect();
    assert_eq!(once.len(), events.len(), "{told:?}");
    assert!(!told.contains(&"resynced".to_owned()), "{told:?}");
    let numbers: Vec<_> = events
        .iter()
        .map(|event| event["sequence"].clone())
        .collect();
    let all: Vec<Value> = (1..=events.len()).map(Value::from).collect();
    assert_eq!(numbers, all, "each number once");
    for service in services {
        service.stop().await;
    }
}

/// Returns how many answers were told.
fn answered(posts: &[Post]) -> usize {
    let is_one = |post: &&Post| post.json()["type"] == "call.answered";
    posts.iter().filter(is_one).count()
}

/// Lets the channels of these events live.
fn alive(switch: &Port8021, events: &[String]) {
    let uuids: BTreeSet<String> = events.iter().map(|event| uuid(event)).collect();
    let uuids: Vec<&str> = uuids.iter().map(String::as_str).collect();
    switch.alive(&uuids);
    for one in &uuids {
        let last = events.iter().rfind(|event| uuid(event) == *one);
        switch.dumps(one, last.unwrap());
    }
}

/// Reads a CloudEvent by the official library: prints its attributes and its data.
const PARSER: &str = "import json, sys
from cloudevents.http import from_http
event = from_http({'content-type': sys.argv[1]}, sys.stdin.buffer.read())
print(json.dumps({'attributes': dict(event.get_attributes()), 'data': event.data}))";

fn parsed(post: &Post) -> Value {
    let mut python = Command::new("python3");
    let python = python.args(["-c", PARSER, post.header("content-type")]);
    let folder = test_support::prerequisites::cloudevents().unwrap();
    let python = python.env("PYTHONPATH", folder);
    let mut python = python
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    python.stdin.take().unwrap().write_all(&post.body).unwrap();
    let output = python.wait_with_output().unwrap();
    assert!(output.status.success());
    serde_json::from_slice(&output.stdout).unwrap()
}

#[tokio::test]
async fn the_official_parser_reads_each_cloud_event() {
    if !CLOUDEVENTS.is_there() {
        CLOUDEVENTS.skip();
        return;
    }
    let stage = Stage::new().await;
    let settings = format!(
        "{}format = \"cloudevents\"\n",
        ALL.replace("webhook = true", "")
    );
    let service = stage.serve(&stage.own_settings(&settings)).await;
    stage
        .switch
        .play(&anew(&bodies("inbound-recorded-on-agent-leg")).0);
    let is_end = |post: &Post| post.json()["type"] == "call.ended";
    let posts = stage.inbox.wait_for(|posts| posts.iter().any(is_end)).await;
    let mut ids = BTreeSet::new();
    for (post, sequence) in posts.iter().zip(1..) {
        let event = parsed(post);
        let (attributes, data) = (&event["attributes"], &event["data"]);
        assert_eq!(attributes["specversion"], "1.0");
        assert_eq!(attributes["source"], "/switches/fs1");
        assert_eq!(attributes["subject"], data["phonon-uuid"]);
        for name in ["type", "time"] {
            assert_eq!(attributes[name], data[name], "{name}");
        }
        assert_eq!(data["sequence"], sequence);
        assert!(ids.insert(attributes["id"].to_string()), "{ids:?}");
    }
    service.stop().await;
}
