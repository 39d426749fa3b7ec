//! Kills a real `serve` process with `kill -9`. If a leg was stored before, the call's document is posted
//! after the restart, and a repeated post is identical.

// A test fails by panicking.
#![allow(clippy::unwrap_used)]

use test_support::{SOUND, events, golden, inbox, port8021, settings};

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;
use switchhook_store::{DocumentFilter, Role, Store, StoreOptions};
use tempfile::TempDir;
use tokio::process::{Child, Command};

use events::bodies;
use inbox::{Answer, Inbox, Post};
use port8021::Port8021;
use test_support::played::{Played, destroyed, each_leg_is_in_one_document, playable};

const CALL: &str = "outbound-customer-then-agent-recorded";

/// How many times the service is killed, unless `SWITCHHOOK_TEST_KILLS` says otherwise.
const MOMENTS: u64 = 30;
/// Longest time from the storing of a leg to the kill, µs.
const LATEST_MICROS: u64 = 15_000;

/// Starts the service as a process that dies with the test.
fn serve(folder: &Path) -> Child {
    let log = std::fs::File::options()
        .create(true)
        .append(true)
        .open(folder.join("log"))
        .unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_switchhook"));
    command
        .arg("serve")
        .arg("--config")
        .arg(folder.join("switchhook.toml"))
        .stderr(log)
        .stdout(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap()
}

/// A switch, a receiver and a folder with the configuration.
struct Harness {
    switch: Port8021,
    inbox: Inbox,
    folder: TempDir,
}

impl Harness {
    async fn new(more: &str) -> Self {
        let (switch, inbox) = (Port8021::start().await, Inbox::start().await);
        let folder = tempfile::tempdir().unwrap();
        let settings = settings::all_to(folder.path(), switch.address, inbox.address) + more;
        std::fs::write(folder.path().join("switchhook.toml"), settings).unwrap();
        Self {
            switch,
            inbox,
            folder,
        }
    }

    /// Starts the service and waits until it follows the switch.
    async fn serve(&self) -> Child {
        let times = self.switch.times();
        let service = serve(self.folder.path());
        self.switch.followed(times + 1).await;
        service
    }

    /// Opens the store as a command beside the service does.
    async fn store(&self) -> Store {
        let file = self.folder.path().join("store.db");
        let options = StoreOptions::new(format!("sqlite:{}", file.display()), Role::Command);
        Store::open(options).await.unwrap()
    }
}

/// Kills the service with SIGKILL.
async fn kill(mut service: Child) {
    service.kill().await.unwrap();
}

/// Waits until a stored leg contains `text`.
async fn stored(store: &Store, text: &str) {
    loop {
        let legs = store.load_legs().await.unwrap();
        if legs.iter().any(|leg| leg.json.contains(text)) {
            return;
        }
        tokio::task::yield_now().await;
    }
}

/// Returns the one document that was posted, and how often. All posts must be identical.
fn same(posts: &[Post]) -> (Value, usize) {
    for post in posts {
        assert_eq!((post.id(), &post.body), (posts[0].id(), &posts[0].body));
    }
    (posts[0].json(), posts.len())
}

#[tokio::test]
async fn killed_between_hangup_and_its_details() {
    let harness = Harness::new("").await;
    let service = harness.serve().await;
    let store = harness.store().await;
    let call = bodies(CALL);
    let complete = "\"Event-Name\":\"CHANNEL_HANGUP_COMPLETE\"";
    let first = call.iter().position(|body| body.contains(complete));
    let (before, after) = call.split_at(first.unwrap());
    harness.switch.play(before);
    stored(&store, "hanging_up").await;
    kill(service).await;
    let service = harness.serve().await;
    harness.switch.play(after);
    let posts = harness.inbox.wait(1).await;
    assert_eq!(same(&posts), (golden::documents(CALL)[0].clone(), 1));
    kill(service).await;
}

#[tokio::test]
async fn killed_between_the_end_of_a_call_and_its_delivery() {
    let harness = Harness::new("").await;
    harness.inbox.answers(Answer::Status(503));
    let service = harness.serve().await;
    let store = harness.store().await;
    harness.switch.play(&bodies(CALL));
    while store
        .documents(&DocumentFilter::default(), 1)
        .await
        .unwrap()
        .is_empty()
    {
        tokio::task::yield_now().await;
    }
    kill(service).await;
    harness.inbox.answers(Answer::Status(200));
    let service = harness.serve().await;
    let posts = harness
        .inbox
        .wait_for(|posts| posts.iter().any(|post| post.taken));
    assert_eq!(same(&posts.await).0, golden::documents(CALL)[0]);
    kill(service).await;
}

/// Kills the service while it waits for the file, and again between the upload and the post.
#[tokio::test]
async fn killed_while_a_recording_is_waited_for_and_when_it_is_uploaded() {
    let harness = Harness::new("").await;
    let folder = |name| harness.folder.path().join(name);
    for name in ["rec", "public"] {
        std::fs::create_dir(folder(name)).unwrap();
    }
    let file = harness.folder.path().join("switchhook.toml");
    let settings = std::fs::read_to_string(&file).unwrap();
    let upload = format!(
        "upload = {{ folder = \"{}\", switch_folder = \"/var/lib/freeswitch/recordings\", \
         to = \"file://{}\", public_url = \"https://rec.example/{{{{ key }}}}\" }}",
        folder("rec").display(),
        folder("public").display()
    );
    let template = "public_url = \"https://rec.example/{{ file_name }}\"";
    assert!(settings.contains(template));
    std::fs::write(&file, settings.replace(template, &upload)).unwrap();
    harness.inbox.answers(Answer::Status(503));

    let service = harness.serve().await;
    let store = harness.store().await;
    harness.switch.play(&bodies(CALL));
    while store.unpublished().await.unwrap() == 0 {
        tokio::task::yield_now().await;
    }
    kill(service).await;
    let service = harness.serve().await;
    assert_eq!(store.unpublished().await.unwrap(), 1);
    let name = "919879072567-20261123.wav";
    std::fs::write(folder("rec").join(name), SOUND).unwrap();
    harness.inbox.wait(1).await;
    kill(service).await;
    harness.inbox.answers(Answer::Status(200));
    let service = harness.serve().await;
    let posts = harness
        .inbox
        .wait_for(|posts| posts.iter().any(|post| post.taken));
    let mut expected = golden::documents(CALL)[0].clone();
    let key = format!("{}/{name}", expected["phonon-uuid"].as_str().unwrap());
    let link = format!("https://rec.example/{key}");
    expected["recordingUrls"][0]["recordedFilePublicPath"] = link.into();
    assert_eq!(same(&posts.await).0, expected);
    let there = std::fs::read(folder("public").join(key)).unwrap();
    assert_eq!(there, SOUND);
    assert_eq!(store.unpublished().await.unwrap(), 0);
    kill(service).await;
}

#[tokio::test]
async fn killed_in_the_middle_of_a_delivery() {
    let harness = Harness::new("").await;
    harness.inbox.answers(Answer::Hold);
    let service = harness.serve().await;
    harness.switch.play(&bodies(CALL));
    harness.inbox.wait(1).await;
    kill(service).await;
    let service = harness.serve().await;
    harness.inbox.wait(2).await;
    harness.inbox.answers(Answer::Status(200));
    let posts = harness
        .inbox
        .wait_for(|posts| posts.iter().any(|post| post.taken));
    assert_eq!(same(&posts.await), (golden::documents(CALL)[0].clone(), 2));
    kill(service).await;
}

#[tokio::test]
async fn a_receiver_that_is_down_at_first_gets_its_documents() {
    let harness = Harness::new("").await;
    harness.inbox.answers(Answer::Status(503));
    let service = harness.serve().await;
    harness.switch.play(&bodies(CALL));
    harness.inbox.wait(1).await;
    harness.inbox.answers(Answer::Status(200));
    let posts = harness
        .inbox
        .wait_for(|posts| posts.iter().any(|post| post.taken));
    assert_eq!(same(&posts.await).0, golden::documents(CALL)[0]);
    kill(service).await;
}

#[tokio::test]
async fn a_second_service_on_the_same_file_is_refused() {
    let harness = Harness::new("").await;
    let service = harness.serve().await;
    let second = Command::new(env!("CARGO_BIN_EXE_switchhook"))
        .args(["serve", "--config"])
        .arg(harness.folder.path().join("switchhook.toml"))
        .kill_on_drop(true)
        .output();
    let second = second.await.unwrap();
    assert!(!second.status.success());
    let text = String::from_utf8_lossy(&second.stderr).into_owned();
    assert!(
        text.contains("in use by another `switchhook serve`"),
        "{text}"
    );
    kill(service).await;
}

/// Waits until the call's first leg or its document is stored.
async fn is_stored(call: &Played, store: &Store) {
    let of_call = |id: &str| id == call.id();
    loop {
        let legs = store.load_legs().await.unwrap();
        let documents = store
            .documents(&DocumentFilter::default(), u32::MAX)
            .await
            .unwrap();
        let leg = legs.iter().any(|leg| of_call(&leg.leg_uuid));
        if leg || documents.iter().any(|row| of_call(&row.call_uuid)) {
            return;
        }
        tokio::task::yield_now().await;
    }
}

/// Plays a part of a call, kills the service a moment later, and starts it again. The rest of the
/// call comes after the restart, or has ended while no service listened.
async fn crash(
    harness: &Harness,
    service: Child,
    store: &Store,
    call: &Played,
    random: &mut fastrand::Rng,
) -> Child {
    let played = random.usize(1..=call.bodies.len());
    let (before, after) = call.bodies.split_at(played);
    let holds = random.bool();
    harness.inbox.answers(if holds {
        Answer::Hold
    } else {
        Answer::Status(200)
    });
    harness.switch.play(before);
    is_stored(call, store).await;
    // A random moment for the kill, not a wait.
    tokio::time::sleep(Duration::from_micros(random.u64(0..LATEST_MICROS))).await;
    kill(service).await;
    harness.inbox.answers(Answer::Status(200));
    let lives = random.bool();
    let uuids = destroyed(after);
    let uuids: Vec<&str> = uuids.iter().map(String::as_str).collect();
    harness.switch.alive(if lives { &uuids } else { &[] });
    let service = harness.serve().await;
    harness.switch.alive(&[]);
    if lives {
        harness.switch.play(after);
    }
    service
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_at_any_moment_every_call_of_which_a_leg_was_stored_is_posted() {
    let seed = std::env::var("SWITCHHOOK_TEST_SEED").ok();
    let seed = seed.map_or_else(|| fastrand::u64(..), |seed| seed.parse().unwrap());
    let moments = std::env::var("SWITCHHOOK_TEST_KILLS").ok();
    let moments = moments.map_or(MOMENTS, |moments| moments.parse().unwrap());
    println!("SWITCHHOOK_TEST_SEED={seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    let harness = Harness::new("[limits]\ndetails_deadline = \"300ms\"").await;
    let mut service = harness.serve().await;
    let store = harness.store().await;
    let names = playable();
    let mut calls = Vec::new();
    for _ in 0..moments {
        let name = random.choice(&names).unwrap();
        let call = Played::new(name);
        println!("{name} {}", call.id());
        service = crash(&harness, service, &store, &call, &mut random).await;
        let of_call = |post: &Post| post.taken && post.json()["phonon-uuid"] == call.id();
        harness
            .inbox
            .wait_for(|posts| posts.iter().any(of_call))
            .await;
        calls.push(call);
    }
    kill(service).await;
    let posts = harness.inbox.posts();
    let (mut repeated, mut whole) = (0, 0);
    for call in &calls {
        let judged = call.judge(&posts);
        repeated += usize::from(judged.times > 1);
        whole += usize::from(judged.is_whole);
    }
    each_leg_is_in_one_document(&posts);
    println!("{moments} kills: {whole} whole documents, {repeated} posted more than once");
}
