//! The connection to the switch.

use std::sync::Arc;
use std::time::Duration;

use eslclient::Limits;
use switchhook_core::finished_call::FinishedCall;
use switchhook_core::secret::Secret;
use switchhook_service::follow::{FinishCall, FollowOptions, Follower};
use switchhook_service::service::Service;
use switchhook_store::{self as store, FinishedCallRecord, Role, Store};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::follow::events::bodies;
use crate::follow::golden;
use crate::follow::inbox::Post;
use crate::follow::port8021::Port8021;
use crate::follow::stage::{Stage, check, start, until};

const CALL: &str = "inbound-caller-hangs-up";

#[tokio::test]
async fn the_service_starts_without_a_switch_and_says_so() {
    let mut stage = Stage::new().await;
    // A port that no program listens on yet.
    let port = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = port.local_addr().unwrap();
    let settings = stage
        .settings("")
        .replace(&stage.switch.address.to_string(), &address.to_string());
    drop(port);
    let service = start(&settings).await;
    let (status, switch) = until(&service, "switch", false).await;
    assert_eq!(status, 200, "calls on hold are served");
    let detail = switch["detail"].as_str().unwrap();
    assert!(detail.contains(&address.to_string()), "{detail}");

    stage.switch = Port8021::on(TcpListener::bind(address).await.unwrap());
    stage.switch.followed(1).await;
    until(&service, "switch", true).await;
    stage.switch.play(&bodies(CALL));
    let posts = stage.inbox.wait(1).await;
    assert_eq!(posts[0].json(), golden::documents(CALL)[0]);
    service.stop().await;
}

#[tokio::test]
async fn a_connection_that_is_cut_is_made_again_and_the_call_goes_on() {
    for in_mid_frame in [false, true] {
        let stage = Stage::new().await;
        let service = stage.serve(&stage.settings("")).await;
        let bodies = bodies(CALL);
        let (before, after) = bodies.split_at(2);
        stage.switch.alive(&[&uuid(&bodies[0])]);
        stage.switch.play(before);
        if in_mid_frame {
            stage.switch.cut_within(&after[0]);
        } else {
            stage.switch.cut();
        }
        stage.switch.followed(2).await;
        stage.switch.play(after);
        let posts = stage.inbox.wait(1).await;
        assert_eq!(posts[0].json(), golden::documents(CALL)[0]);
        service.stop().await;
    }
}

pub fn uuid(body: &str) -> String {
    let event: serde_json::Value = serde_json::from_str(body).unwrap();
    event["Unique-ID"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_switch_that_refuses_its_events_is_not_called_followed() {
    let stage = Stage::new().await;
    stage.switch.refuse(Some("event json"));
    let service = start(&stage.settings("")).await;
    stage.switch.asked("api show channels as json").await;
    stage.switch.followed(2).await;
    let (_, switch) = check(&service, "switch").await;
    assert_eq!(switch["ok"], false, "{switch}");
    let detail = switch["detail"].as_str().unwrap();
    assert!(detail.contains("-ERR not now"), "{detail}");

    stage.switch.refuse(None);
    until(&service, "switch", true).await;
    service.stop().await;
}

#[tokio::test]
async fn a_switch_that_refuses_its_name_or_its_channels_is_followed_all_the_same() {
    for refused in ["api switchname", "api show channels"] {
        let stage = Stage::new().await;
        stage.switch.refuse(Some(refused));
        let service = stage.serve(&stage.settings("")).await;
        stage.switch.play(&bodies(CALL));
        let posts = stage.inbox.wait(1).await;
        assert_eq!(posts[0].json(), golden::documents(CALL)[0]);
        service.stop().await;
    }
}

#[tokio::test]
async fn a_wrong_password_is_said_without_showing_it() {
    let stage = Stage::new().await;
    let settings = stage.settings("").replace("ClueCon", "Gooseberry");
    let service = start(&settings).await;
    stage.switch.asked("auth Gooseberry").await;
    let detail = loop {
        let (_, switch) = check(&service, "switch").await;
        let detail = switch["detail"].as_str().unwrap().to_owned();
        if detail.contains("password") {
            break detail;
        }
        tokio::task::yield_now().await;
    };
    assert!(!detail.contains("Gooseberry"), "{detail}");
    service.stop().await;
}

/// Builds no document.
struct NoDocuments;

impl FinishCall for NoDocuments {
    fn finish(&self, call: &FinishedCall) -> FinishedCallRecord {
        panic!("no call is over: {}", call.id)
    }

    fn finish_rest(&self, rest: &FinishedCall, _: &FinishedCallRecord) -> FinishedCallRecord {
        self.finish(rest)
    }
}

/// A follower and its store, without the rest of the service.
pub struct Alone {
    pub switch: Port8021,
    pub folder: TempDir,
    pub store: Store,
    pub health: watch::Receiver<switchhook_core::health::Health>,
    stop: CancellationToken,
    running: JoinHandle<()>,
}

impl Alone {
    /// Starts a follower that is connected. Its store gives up on a lock after `busy_timeout`.
    pub async fn new(busy_timeout: Duration) -> Self {
        let switch = Port8021::start().await;
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", folder.path().join("store.db").display());
        let store = Store::open(store::StoreOptions {
            busy_timeout,
            ..store::StoreOptions::new(url, Role::Serve)
        });
        let store = store.await.unwrap();
        let options = FollowOptions {
            address: switch.address.to_string(),
            password: Secret::new("ClueCon"),
            name: None,
            frames: Limits::default(),
            connect_deadline: Duration::from_secs(5),
            patience: Duration::from_secs(60),
            cdrs: None,
        };
        let follower = Follower::new(options, store.clone(), Arc::new(NoDocuments));
        let mut health = follower.health();
        let stop = CancellationToken::new();
        let running = tokio::spawn(follower.run(stop.clone()));
        switch.followed(1).await;
        health.wait_for(|health| health.ok).await.unwrap();
        Self {
            switch,
            folder,
            store,
            health,
            stop,
            running,
        }
    }

    pub async fn stop(self) {
        self.stop.cancel();
        self.running.await.unwrap();
        self.store.close().await;
    }
}

// In these tests the clock is paused: it advances whenever every task waits.

#[tokio::test]
async fn a_switch_that_falls_silent_is_asked_and_then_given_up() {
    let mut alone = Alone::new(Duration::from_secs(5)).await;
    alone.switch.vanish();
    tokio::time::pause();
    let failing = alone.health.wait_for(|health| !health.ok).await;
    let what = failing.unwrap().what.clone();
    tokio::time::resume();
    assert!(what.contains("the switch's answer"), "{what}");
    alone.switch.followed(2).await;
    alone.health.wait_for(|health| health.ok).await.unwrap();
    alone.stop().await;
}

#[tokio::test]
async fn a_switch_that_is_only_quiet_is_kept() {
    let alone = Alone::new(Duration::from_secs(5)).await;
    let asked = alone.switch.questions();
    tokio::time::pause();
    while alone.switch.questions() < asked + 5 {
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    tokio::time::resume();
    assert_eq!(alone.switch.times(), 1);
    alone.stop().await;
}

/// Asserts that every document was posted once.
pub fn ids(posts: &[Post]) -> Vec<String> {
    let mut ids: Vec<String> = posts.iter().map(|post| post.id().to_owned()).collect();
    ids.sort();
    ids.dedup();
    ids
}

/// Returns the metric of the stage's switch.
async fn metric(stage: &Stage, service: &Service, name: &str) -> f64 {
    let url = format!("http://{}/metrics", service.http);
    let page = test_support::http::get(url).await.unwrap();
    let page = page.text().await.unwrap();
    let series = format!("{name}{{switch=\"{}\"}} ", stage.switch.address);
    let found = page.lines().find_map(|line| line.strip_prefix(&series));
    found.unwrap().parse().unwrap()
}

#[tokio::test]
async fn a_switch_whose_clock_is_apart_is_measured_when_it_is_followed() {
    const OFFSET: &str = "switchhook_switch_clock_offset_seconds";
    let stage = Stage::new().await;
    stage.switch.set_clock_ahead(Duration::from_secs(3_600));
    let service = stage.serve(&stage.settings("")).await;
    stage.switch.asked("api strmicroepoch").await;
    while metric(&stage, &service, OFFSET).await == 0.0 {
        tokio::task::yield_now().await;
    }
    let offset = metric(&stage, &service, OFFSET).await;
    // What the question took is not known to be an offset.
    assert!((3_000.0..=3_600.0).contains(&offset), "{offset}");
    service.stop().await;
}
