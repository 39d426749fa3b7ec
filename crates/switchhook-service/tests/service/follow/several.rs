//! Several instances on one PostgreSQL database, each with its own connection to the switch: one
//! may read events that another misses.

use std::collections::HashSet;
use std::time::Duration;

use serde_json::Value;
use sqlx::Executor as _;
use switchhook_service::service::Service;
use switchhook_store::{FinishedCallRecord, FinishedChannel, Role, Store, StoreOptions};

use crate::follow::anew::{anew, renewed};
use crate::follow::events::{bodies, names};
use crate::follow::golden;
use crate::follow::inbox::{Inbox, Post};
use crate::follow::link::uuid;
use crate::follow::port8021::Port8021;
use crate::follow::postgres::{self, Database};
use crate::follow::s3::{KEY_ID, S3};
use crate::follow::settings;
use crate::follow::stage::start;

const CALL: &str = "inbound-recorded-on-agent-leg";
const SIMPLE: &str = "inbound-caller-hangs-up";
/// The events that report a leg's end.
const ENDS: [&str; 3] = [
    "CHANNEL_HANGUP",
    "CHANNEL_HANGUP_COMPLETE",
    "CHANNEL_DESTROY",
];

/// The default `[recordings]` section of these tests.
const TEMPLATE: &str = "public_url = \"https://rec.example/{{ file_name }}\"";

/// Instances on one database, each with its own view of the switch.
struct Several {
    database: Database<'static>,
    inbox: Inbox,
    seen: Vec<Port8021>,
    services: Vec<Service>,
}

impl Several {
    /// Starts the instances; `None` without a PostgreSQL server.
    async fn start(instances: usize, more: &str) -> Option<Self> {
        Self::publishing(instances, more, TEMPLATE).await
    }

    /// Starts the instances with this `[recordings]` section.
    async fn publishing(instances: usize, more: &str, recordings: &str) -> Option<Self> {
        let database = postgres::shared()?.database();
        let mut several = Self {
            database,
            inbox: Inbox::start().await,
            seen: Vec::new(),
            services: Vec::new(),
        };
        for _ in 0..instances {
            let switch = Port8021::start().await;
            let folder = tempfile::tempdir().unwrap();
            let text = settings::all_to(folder.path(), switch.address, several.inbox.address);
            let file = format!("sqlite:{}", folder.path().join("store.db").display());
            assert!(text.contains(TEMPLATE));
            let text = text.replace(TEMPLATE, recordings);
            let text = text.replace(&file, &several.database.url()) + more;
            several.services.push(start(&text).await);
            switch.followed(1).await;
            several.seen.push(switch);
        }
        Some(several)
    }

    /// Plays a call of its own to each instance, after everything else: once their documents are
    /// posted, everything before was processed. Stops all, and returns the other documents.
    async fn end(self) -> Vec<Post> {
        let mut last = HashSet::new();
        for switch in &self.seen {
            let (events, new) = anew(&bodies(SIMPLE));
            switch.play(&events);
            last.extend(documents(SIMPLE, &new).iter().map(id));
        }
        let all = |posts: &[Post]| {
            let there: HashSet<String> = posts.iter().map(|post| id(&post.json())).collect();
            last.is_subset(&there)
        };
        self.inbox.wait_for(all).await;
        for service in self.services {
            service.stop().await;
        }
        let mut posts = self.inbox.posts();
        posts.retain(|post| !last.contains(&id(&post.json())));
        posts
    }
}

fn documents(name: &str, new: &std::collections::HashMap<String, String>) -> Vec<Value> {
    serde_json::from_str(&renewed(&golden::text(name), new)).unwrap()
}

fn id(document: &Value) -> String {
    document["phonon-uuid"].as_str().unwrap().to_owned()
}

fn sorted(posts: &[Post]) -> Vec<Value> {
    golden::sorted(posts.iter().map(Post::json).collect())
}

/// Notes in the store that another instance finished these channels of the switch `fs1`.
async fn finished_elsewhere(database: &Database<'static>, channels: Vec<FinishedChannel>) {
    let options = StoreOptions::new(database.url(), Role::Serve);
    let store = Store::open(options).await.unwrap();
    let call = FinishedCallRecord {
        switch: "fs1".into(),
        call_uuid: channels[0].uuid.clone(),
        created_us: 1,
        legs: Vec::new(),
        channels,
        documents: Vec::new(),
        summary: None,
        history: String::new(),
        asked: String::new(),
        unpublished: None,
        events: Vec::new(),
    };
    store.finish_call(call).await.unwrap();
    store.close().await;
}

#[tokio::test]
async fn a_leg_that_another_instance_finished_as_its_own_call_is_in_no_second_document() {
    let Some(several) = Several::start(1, "").await else {
        return;
    };
    let (events, new) = anew(&bodies(CALL));
    let expected = documents(CALL, &new).remove(0);
    let created = |entry: &Value| {
        let leg = entry["cdrId"].as_str().unwrap().split('#').next().unwrap();
        let event = events.iter().find(|event| uuid(event) == leg).unwrap();
        let event: Value = serde_json::from_str(event).unwrap();
        let created = event["Caller-Channel-Created-Time"].as_str().unwrap();
        FinishedChannel {
            uuid: leg.to_owned(),
            created_us: created.parse().ok(),
        }
    };
    let agent = &expected["callDetails"][1];
    finished_elsewhere(&several.database, vec![created(agent)]).await;
    several.seen[0].play(&events);
    let posts = several.end().await;
    assert_eq!(posts.len(), 1, "{posts:?}");
    let document = posts[0].json();
    assert_eq!(document["phonon-uuid"], expected["phonon-uuid"]);
    let entries = document["callDetails"].as_array().unwrap();
    assert_eq!(entries.len(), 1, "{document}");
    assert_eq!(document["incomplete"], true);
    let missing = document["missing"].as_array().unwrap();
    assert!(missing.contains(&"callDetails".into()), "{document}");
}

#[tokio::test]
async fn three_instances_upload_each_recording_once_and_post_each_call_once() {
    let (s3, folder) = (S3::start().await, tempfile::tempdir().unwrap());
    let upload = format!(
        "upload = {{ folder = \"{}\", switch_folder = \"/var/lib/freeswitch/recordings\", \
         to = \"s3://acme\", endpoint = \"http://{}\", key_id = \"{KEY_ID}\", key = \"secret\", \
         public_url = \"https://rec.example/{{{{ key }}}}\" }}",
        folder.path().display(),
        s3.address
    );
    let Some(several) = Several::publishing(3, "", &upload).await else {
        return;
    };
    let mut expected = Vec::new();
    for _ in 0..5 {
        let (events, new) = anew(&bodies(CALL));
        several.seen.iter().for_each(|switch| switch.play(&events));
        for mut document in documents(CALL, &new) {
            let entry = &document["recordingUrls"][0];
            let name = entry["recordedFileName"].as_str().unwrap();
            std::fs::write(folder.path().join(name), test_support::SOUND).unwrap();
            let key = format!("{}/{name}", id(&document));
            let link = format!("https://rec.example/{key}");
            document["recordingUrls"][0]["recordedFilePublicPath"] = link.into();
            expected.push((format!("acme/{key}"), document));
        }
    }
    several.inbox.wait(expected.len()).await;
    let posts = several.end().await;
    let (mut keys, documents): (Vec<String>, Vec<Value>) = expected.into_iter().unzip();
    assert_eq!(
        sorted(&posts),
        golden::sorted(documents),
        "each once, whole"
    );
    keys.sort();
    assert_eq!(s3.objects(), keys);
    let asked = s3.requests();
    let puts = asked.iter().filter(|asked| asked.starts_with("PUT "));
    assert_eq!(puts.count(), keys.len(), "{asked:?}");
}

#[tokio::test]
async fn three_instances_that_see_the_same_post_each_call_once() {
    let Some(several) = Several::start(3, "").await else {
        return;
    };
    let mut expected = Vec::new();
    for name in names() {
        let (events, new) = anew(&bodies(&name));
        several.seen.iter().for_each(|switch| switch.play(&events));
        expected.extend(documents(&name, &new));
    }
    several.inbox.wait(expected.len()).await;
    let posts = several.end().await;
    assert_eq!(sorted(&posts), golden::sorted(expected), "each once, whole");
}

/// Returns the events without those that report the end of the `nth` leg.
fn without_end_of(nth: usize, events: &[String]) -> Vec<String> {
    let field = |event: &String, name: &str| {
        let event: Value = serde_json::from_str(event).unwrap();
        event[name].as_str().unwrap_or_default().to_owned()
    };
    let mut legs: Vec<String> = Vec::new();
    for event in events {
        let leg = field(event, "Unique-ID");
        if !leg.is_empty() && !legs.contains(&leg) {
            legs.push(leg);
        }
    }
    let is_end = |event: &&String| {
        ENDS.contains(&field(event, "Event-Name").as_str())
            && field(event, "Unique-ID") == legs[nth]
    };
    events
        .iter()
        .filter(|event| !is_end(event))
        .cloned()
        .collect()
}

#[tokio::test]
async fn what_each_of_two_instances_missed_is_made_good_by_the_other() {
    let Some(several) = Several::start(2, "[limits]\ndetails_deadline = \"2s\"").await else {
        return;
    };
    let (events, new) = anew(&bodies(CALL));
    for (nth, switch) in several.seen.iter().enumerate() {
        switch.play(&without_end_of(nth, &events));
        switch.cut();
    }
    let posts = several.inbox.wait(1).await;
    assert_eq!(sorted(&posts), documents(CALL, &new), "whole");
    for switch in &several.seen {
        switch.followed(2).await;
    }
    assert_eq!(several.end().await.len(), 1);
}

#[tokio::test]
async fn a_document_that_is_out_is_not_made_again_by_an_instance_that_saw_less() {
    let Some(several) = Several::start(2, "[limits]\ndetails_deadline = \"500ms\"").await else {
        return;
    };
    let (events, new) = anew(&bodies(CALL));
    several.seen[1].play(&without_first_leg(&events));
    several.seen[0].play(&events);
    several.inbox.wait(1).await;
    // No other instance knows a second such call: once the second instance gives it up, it has given
    // up the first call before.
    let (other, _) = anew(&bodies(CALL));
    several.seen[1].play(&without_first_leg(&other));
    several.inbox.wait(2).await;
    let posts = several.end().await;
    let (lacking, whole): (Vec<Value>, Vec<Value>) = sorted(&posts)
        .into_iter()
        .partition(|document| document["incomplete"] == true);
    assert_eq!(whole, documents(CALL, &new));
    assert_eq!(lacking.len(), 1, "{lacking:?}");
}

/// Returns the events without those of the call's first leg; the rest has another call id.
fn without_first_leg(events: &[String]) -> Vec<String> {
    let own = format!("\"Unique-ID\":\"{}\"", uuid(&events[0]));
    let rest = events.iter().filter(|event| !event.contains(&own));
    rest.cloned().collect()
}

#[tokio::test]
async fn what_lies_unread_while_the_database_is_slow_is_not_missing() {
    let Some(several) = Several::start(1, "[limits]\ndetails_deadline = \"2s\"").await else {
        return;
    };
    let (events, new) = anew(&bodies(CALL));
    let is_hangup = |event: &String| event.contains("\"Event-Name\":\"CHANNEL_HANGUP\"");
    let (down, unread) = events.split_at(events.iter().rposition(is_hangup).unwrap() + 1);
    several.seen[0].play(down);
    let mut slow = several.database.connect().await;
    // Wait until the events are read, or the test proves less.
    tokio::time::sleep(Duration::from_millis(300)).await;
    slow.execute("BEGIN; LOCK TABLE finished_channel IN ACCESS EXCLUSIVE MODE")
        .await
        .unwrap();
    while !waits(&several.database).await {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    several.seen[0].play(unread);
    // Longer than a call waits for its details.
    tokio::time::sleep(Duration::from_millis(2_500)).await;
    slow.execute("ROLLBACK").await.unwrap();
    let posts = several.inbox.wait(1).await;
    assert_eq!(sorted(&posts), documents(CALL, &new), "whole");
    assert_eq!(several.end().await.len(), 1);
}

/// Returns whether the instance waits for a lock that another program holds.
async fn waits(database: &Database<'_>) -> bool {
    let mut db = database.connect().await;
    let waiting = "SELECT FROM pg_stat_activity
         WHERE datname = current_database() AND wait_event_type = 'Lock'";
    let rows = db.fetch_all(waiting).await.unwrap();
    !rows.is_empty()
}
