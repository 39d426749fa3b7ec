//! `kill -9` of a real `serve` process: whatever leg was stored by then, its call's document
//! is posted after the restart, and when it is posted again it is the same.

// What is not as a test needs it is to fail the test.
#![allow(clippy::unwrap_used)]

use test_support::{anew, events, golden, inbox, port8021, settings};

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;
use switchhook_store::{DocumentFilter, Role, Store, StoreOptions};
use tempfile::TempDir;
use tokio::process::{Child, Command};

use anew::{anew, renewed};
use events::{bodies, names};
use inbox::{Answer, Inbox, Post};
use port8021::Port8021;

const CALL: &str = "outbound-customer-then-agent-recorded";

/// Moments at which the service is killed, unless `SWITCHHOOK_TEST_KILLS` says otherwise.
const MOMENTS: u64 = 30;
/// How long after a leg was stored the kill may come.
const LATEST_MICROS: u64 = 15_000;

/// The service as its own process; it dies with the test.
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
struct Stage {
    switch: Port8021,
    inbox: Inbox,
    folder: TempDir,
}

impl Stage {
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

    /// The service, when it follows the switch.
    async fn serve(&self) -> Child {
        let times = self.switch.times();
        let service = serve(self.folder.path());
        self.switch.followed(times + 1).await;
        service
    }

    /// The store, as a command beside the service opens it.
    async fn store(&self) -> Store {
        let file = self.folder.path().join("store.db");
        let options = StoreOptions::new(format!("sqlite:{}", file.display()), Role::Beside);
        Store::open(options).await.unwrap()
    }
}

/// As `kill -9`.
async fn kill(mut service: Child) {
    service.kill().await.unwrap();
}

/// Waits until a stored leg has this in it.
async fn stored(store: &Store, text: &str) {
    loop {
        let legs = store.load_legs().await.unwrap();
        if legs.iter().any(|leg| leg.json.contains(text)) {
            return;
        }
        tokio::task::yield_now().await;
    }
}

/// The one document that was posted, and how often.
fn same(posts: &[Post]) -> (Value, usize) {
    for post in posts {
        assert_eq!((post.id(), &post.body), (posts[0].id(), &posts[0].body));
    }
    (posts[0].json(), posts.len())
}

#[tokio::test]
async fn killed_between_hangup_and_its_details() {
    let stage = Stage::new("").await;
    let service = stage.serve().await;
    let store = stage.store().await;
    let call = bodies(CALL);
    let complete = "\"Event-Name\":\"CHANNEL_HANGUP_COMPLETE\"";
    let first = call.iter().position(|body| body.contains(complete));
    let (before, after) = call.split_at(first.unwrap());
    stage.switch.play(before);
    stored(&store, "hanging_up").await;
    kill(service).await;
    let service = stage.serve().await;
    stage.switch.play(after);
    let posts = stage.inbox.wait(1).await;
    assert_eq!(same(&posts), (golden::documents(CALL)[0].clone(), 1));
    kill(service).await;
}

#[tokio::test]
async fn killed_between_the_end_of_a_call_and_its_delivery() {
    let stage = Stage::new("").await;
    stage.inbox.answers(Answer::Status(503));
    let service = stage.serve().await;
    let store = stage.store().await;
    stage.switch.play(&bodies(CALL));
    while store
        .documents(&DocumentFilter::default(), 1)
        .await
        .unwrap()
        .is_empty()
    {
        tokio::task::yield_now().await;
    }
    kill(service).await;
    stage.inbox.answers(Answer::Status(200));
    let service = stage.serve().await;
    let posts = stage
        .inbox
        .wait_for(|posts| posts.iter().any(|post| post.taken));
    assert_eq!(same(&posts.await).0, golden::documents(CALL)[0]);
    kill(service).await;
}

/// Killed while it waits for the file, and once more between the upload and the post.
#[tokio::test]
async fn killed_while_a_recording_is_waited_for_and_when_it_is_uploaded() {
    let stage = Stage::new("").await;
    let folder = |name| stage.folder.path().join(name);
    for name in ["rec", "public"] {
        std::fs::create_dir(folder(name)).unwrap();
    }
    let file = stage.folder.path().join("switchhook.toml");
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
    stage.inbox.answers(Answer::Status(503));

    let service = stage.serve().await;
    let store = stage.store().await;
    stage.switch.play(&bodies(CALL));
    while store.unpublished().await.unwrap() == 0 {
        tokio::task::yield_now().await;
    }
    kill(service).await;
    let service = stage.serve().await;
    assert_eq!(store.unpublished().await.unwrap(), 1);
    let name = "919879072567-20261123.wav";
    std::fs::write(folder("rec").join(name), "what was said").unwrap();
    stage.inbox.wait(1).await;
    kill(service).await;
    stage.inbox.answers(Answer::Status(200));
    let service = stage.serve().await;
    let posts = stage
        .inbox
        .wait_for(|posts| posts.iter().any(|post| post.taken));
    let mut expected = golden::documents(CALL)[0].clone();
    let key = format!("{}/{name}", expected["phonon-uuid"].as_str().unwrap());
    let link = format!("https://rec.example/{key}");
    expected["recordingUrls"][0]["recordedFilePublicPath"] = link.into();
    assert_eq!(same(&posts.await).0, expected);
    let there = std::fs::read_to_string(folder("public").join(key)).unwrap();
    assert_eq!(there, "what was said");
    assert_eq!(store.unpublished().await.unwrap(), 0);
    kill(service).await;
}

#[tokio::test]
async fn killed_in_the_middle_of_a_delivery() {
    let stage = Stage::new("").await;
    stage.inbox.answers(Answer::Hold);
    let service = stage.serve().await;
    stage.switch.play(&bodies(CALL));
    stage.inbox.wait(1).await;
    kill(service).await;
    let service = stage.serve().await;
    stage.inbox.wait(2).await;
    stage.inbox.answers(Answer::Status(200));
    let posts = stage
        .inbox
        .wait_for(|posts| posts.iter().any(|post| post.taken));
    assert_eq!(same(&posts.await), (golden::documents(CALL)[0].clone(), 2));
    kill(service).await;
}

#[tokio::test]
async fn a_receiver_that_is_down_at_first_gets_its_documents() {
    let stage = Stage::new("").await;
    stage.inbox.answers(Answer::Status(503));
    let service = stage.serve().await;
    stage.switch.play(&bodies(CALL));
    stage.inbox.wait(1).await;
    stage.inbox.answers(Answer::Status(200));
    let posts = stage
        .inbox
        .wait_for(|posts| posts.iter().any(|post| post.taken));
    assert_eq!(same(&posts.await).0, golden::documents(CALL)[0]);
    kill(service).await;
}

#[tokio::test]
async fn a_second_service_on_the_same_file_is_refused() {
    let stage = Stage::new("").await;
    let service = stage.serve().await;
    let second = Command::new(env!("CARGO_BIN_EXE_switchhook"))
        .args(["serve", "--config"])
        .arg(stage.folder.path().join("switchhook.toml"))
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

/// One call, on channels of its own.
struct Played {
    bodies: Vec<String>,
    golden: Value,
}

/// Calls whose document is told by the first channel that was created, without loopbacks.
fn playable() -> Vec<String> {
    let fits = |name: &String| {
        let golden = golden::documents(name);
        let bodies = bodies(name);
        let [document] = golden.as_slice() else {
            return false;
        };
        let first: Value = serde_json::from_str(&bodies[0]).unwrap();
        let loopback = bodies.iter().any(|body| body.contains("loopback/"));
        first["Unique-ID"] == document["phonon-uuid"] && !loopback
    };
    names().into_iter().filter(fits).collect()
}

impl Played {
    fn new(name: &str) -> Self {
        let (bodies, new) = anew(&bodies(name));
        let golden: Vec<Value> = serde_json::from_str(&renewed(&golden::text(name), &new)).unwrap();
        Self {
            bodies,
            golden: golden[0].clone(),
        }
    }

    fn id(&self) -> &str {
        self.golden["phonon-uuid"].as_str().unwrap()
    }

    /// Its first leg, or its document, is on the disk.
    async fn is_stored(&self, store: &Store) {
        let of_call = |id: &str| id == self.id();
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
}

/// The channel that this event destroys.
fn destroyed(body: &str) -> Option<String> {
    let event: Value = serde_json::from_str(body).unwrap();
    let uuid = event["Unique-ID"].as_str().unwrap_or_default().to_owned();
    (event["Event-Name"] == "CHANNEL_DESTROY").then_some(uuid)
}

/// Plays a part of a call, kills the service a moment later, and starts it again; the rest
/// of the call comes after that, or ended while nobody listened.
async fn crash(
    stage: &Stage,
    service: Child,
    store: &Store,
    call: &Played,
    random: &mut fastrand::Rng,
) -> Child {
    let played = random.usize(1..=call.bodies.len());
    let (before, after) = call.bodies.split_at(played);
    let held = random.bool();
    stage.inbox.answers(match held {
        true => Answer::Hold,
        false => Answer::Status(200),
    });
    stage.switch.play(before);
    call.is_stored(store).await;
    // Not to wait for anything: the moment of the kill.
    tokio::time::sleep(Duration::from_micros(random.u64(0..LATEST_MICROS))).await;
    kill(service).await;
    stage.inbox.answers(Answer::Status(200));
    let lives = random.bool();
    let uuids: Vec<String> = after.iter().filter_map(|body| destroyed(body)).collect();
    let uuids: Vec<&str> = uuids.iter().map(String::as_str).collect();
    stage.switch.alive(if lives { &uuids } else { &[] });
    let service = stage.serve().await;
    stage.switch.alive(&[]);
    if lives {
        stage.switch.play(after);
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
    let stage = Stage::new("[limits]\ndetails_deadline = \"300ms\"").await;
    let mut service = stage.serve().await;
    let store = stage.store().await;
    let names = playable();
    let mut calls = BTreeMap::new();
    for _ in 0..moments {
        let name = random.choice(&names).unwrap();
        let call = Played::new(name);
        println!("{name} {}", call.id());
        service = crash(&stage, service, &store, &call, &mut random).await;
        let of_call = |post: &Post| post.taken && post.json()["phonon-uuid"] == call.id();
        stage
            .inbox
            .wait_for(|posts| posts.iter().any(of_call))
            .await;
        calls.insert(call.id().to_owned(), call.golden);
    }
    kill(service).await;
    let posts = stage.inbox.posts();
    let (mut repeated, mut whole) = (0, 0);
    for (id, golden) in &calls {
        let of_call = posts
            .iter()
            .filter(|post| post.json()["phonon-uuid"] == **id);
        let (document, times) = same(&of_call.cloned().collect::<Vec<_>>());
        repeated += usize::from(times > 1);
        if document.get("incomplete").is_none() {
            let [document, golden] = [document, golden.clone()].map(by_start);
            assert_eq!(
                document, golden,
                "what does not say that it lacks something"
            );
            whole += 1;
        }
    }
    each_leg_is_in_one_document(&posts);
    println!("{moments} kills: {whole} whole documents, {repeated} posted more than once");
}

/// Legs that began in the same tick of the switch are in the order of their CHANNEL_CREATE;
/// when one of these was lost, in any.
fn by_start(mut document: Value) -> Value {
    let entries = document["callDetails"].as_array_mut().unwrap();
    entries.sort_by_key(|entry| format!("{} {}", entry["startTime"], entry["cdrId"]));
    document
}

/// A call that was still to be joined with another when it was lost has a document of its own;
/// no leg has two.
fn each_leg_is_in_one_document(posts: &[Post]) {
    let mut documents: BTreeMap<String, String> = BTreeMap::new();
    for post in posts {
        let document = post.json();
        let entries = document["callDetails"].as_array().unwrap();
        let cdr_ids = entries.iter().filter_map(|entry| entry["cdrId"].as_str());
        let legs = cdr_ids.map(|id| id.split("##").next().unwrap().to_owned());
        let id = document["phonon-uuid"].as_str().unwrap().to_owned();
        for leg in legs.chain([id]) {
            let first = documents
                .entry(leg.clone())
                .or_insert_with(|| post.id().to_owned());
            assert_eq!(first, post.id(), "two documents have the leg {leg}");
        }
    }
}
