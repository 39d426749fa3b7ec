//! One event in twenty is lost on its way to each service, and connections break in mid-call:
//! every call has one document, and what it does not say that it lacks is true.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{StreamExt as _, stream};
use serde_json::Value;
use switchhook::lab::receiver::{Receiver, closed_port};
use switchhook::lab::switch::{Call, CallRecord, Dial, End, LegRecord, Pace, Switch};
use tempfile::TempDir;
use tokio::process::Child;

use crate::dice;
use crate::inbox::{Inbox, Post};
use crate::program;
use crate::relay::Relay;
use crate::table::Row;
use crate::town::{self, Count};

const CALLS: usize = 150;
const AT_ONCE: usize = 12;

/// One service, and what stands between it and the switch.
struct Instance {
    relay: Relay,
    esl: String,
    folder: TempDir,
    process: Option<Child>,
}

impl Instance {
    async fn start(switch: SocketAddr, number: usize) -> Self {
        Self {
            relay: Relay::start(switch, dice::of("gaps", number)).await,
            esl: format!("127.0.0.1:{}", closed_port().unwrap()),
            folder: tempfile::tempdir().unwrap(),
            process: None,
        }
    }

    /// On the store of `url`, or one of its own.
    fn serve(&mut self, url: Option<&str>, inbox: SocketAddr, widgets: &Receiver) {
        let folder = self.folder.path();
        let own = format!("sqlite:{}", folder.join("store.db").display());
        let settings = crate::settings::all_to(folder, self.relay.address, inbox)
            .replacen("127.0.0.1:0", &self.esl, 1)
            .replace(&own, url.unwrap_or(&own));
        let lookup = widgets.url("/lookup");
        let settings = format!(
            "{settings}[webhooks.lookup]\nurl = \"{lookup}\"\n\
             [limits]\ndetails_deadline = \"1s\"\n"
        );
        std::fs::write(folder.join("switchhook.toml"), settings).unwrap();
        self.process = Some(program::serve(folder, &[]));
    }
}

/// Half of them talk to an agent.
fn call(hosts: &[String], random: &mut fastrand::Rng) -> Call {
    let mut hosts = hosts.to_vec();
    random.shuffle(&mut hosts);
    let dial = Dial {
        agents: vec!["1001".into()],
        answers: 0,
        rings: Duration::from_millis(40),
        end: if random.bool() {
            End::Caller
        } else {
            End::Agent
        },
        record: None,
    };
    Call {
        hosts,
        dial: random.bool().then_some(dial),
        talks: Duration::from_millis(random.u64(0..400)),
        ..Call::default()
    }
}

/// What is not true in a document that does not say that it lacks something.
fn untrue(document: &Value, call: &CallRecord) -> Option<String> {
    let entries = document["callDetails"].as_array().unwrap();
    if !document["incomplete"].is_null() {
        let lacks = document.as_object().unwrap().len() > 3;
        return (!lacks).then(|| format!("it does not say what it lacks: {document}"));
    }
    let told: Vec<_> = entries
        .iter()
        .map(|entry| (entry["hangupCause"].clone(), entry["duration"].clone()))
        .collect();
    let known: Vec<_> = call.legs.iter().map(cause_and_duration).collect();
    (told != known).then(|| format!("{document}, and the switch knows {known:?}"))
}

fn cause_and_duration(leg: &LegRecord) -> (Value, Value) {
    let talked = match leg.answered_us {
        0 => 0,
        answered => (leg.ended_us / 1_000).saturating_sub(answered / 1_000),
    };
    (leg.q850.to_string().into(), talked.to_string().into())
}

fn count(calls: &[CallRecord], posts: &[Post]) -> (Count, usize) {
    let (mut count, mut incomplete) = (Count::default(), 0);
    for call in calls {
        let of_call = |post: &&Post| post.json()["phonon-uuid"] == call.uuid.as_str();
        let posts: Vec<&Post> = posts.iter().filter(of_call).collect();
        for post in &posts {
            assert_eq!((post.id(), &post.body), (posts[0].id(), &posts[0].body));
        }
        if let Some(post) = posts.first() {
            assert_eq!(untrue(&post.json(), call), None);
            incomplete += usize::from(!post.json()["incomplete"].is_null());
        }
        count.calls += 1;
        count.lost += usize::from(!posts.iter().any(|post| post.taken));
        count.repeated += usize::from(posts.len() > 1);
        count.stranded += usize::from(call.line != Some(0));
    }
    (count, incomplete)
}

/// So many services, on the store of `url` or on one that each has.
async fn with(instances: usize, url: Option<&str>, what: &'static str) -> Row {
    let switch = Switch::new("lab", Pace::Ticked);
    let free = SocketAddr::from(([127, 0, 0, 1], 0));
    let port = switch.listen(free, "ClueCon").await.unwrap();
    let (inbox, widgets) = (Inbox::start().await, Receiver::start().await.unwrap());
    let mut services = Vec::new();
    for number in 0..instances {
        let followed = switch.followed();
        let mut service = Instance::start(port.address(), number).await;
        service.serve(url, inbox.address, &widgets);
        wait_for(followed, service.folder.path()).await;
        services.push(service);
    }
    let hosts: Vec<String> = services.iter().map(|service| service.esl.clone()).collect();
    let calls = dice::times(CALLS);
    let mut random = dice::of("calls", 0);
    let placed: Vec<Call> = (0..calls).map(|_| call(&hosts, &mut random)).collect();
    let placed = stream::iter(placed).map(|call| {
        let switch = Arc::clone(&switch);
        async move { switch.place(call).await }
    });
    let calls: Vec<CallRecord> = placed.buffer_unordered(AT_ONCE).collect().await;
    for service in &services {
        service.relay.be_honest();
    }
    let all = |posts: &[Post]| {
        let of = |call: &CallRecord| {
            let mut posts = posts.iter();
            posts.any(|post| post.taken && post.json()["phonon-uuid"] == call.uuid.as_str())
        };
        calls.iter().all(of)
    };
    inbox.wait_for(all).await;
    for service in &mut services {
        service.process.take().unwrap().kill().await.unwrap();
    }
    let (counted, incomplete) = count(&calls, &inbox.posts());
    let faults: usize = services.iter().map(|service| service.relay.faults()).sum();
    println!(
        "{faults} events lost or connections cut; {incomplete} documents say that they lack something"
    );
    town::row(what, faults, counted)
}

async fn wait_for(followed: impl Future<Output = ()>, folder: &Path) {
    let followed = tokio::time::timeout(program::PATIENT, followed).await;
    assert!(followed.is_ok(), "{}", program::said(folder));
}

pub async fn one() -> Row {
    with(
        1,
        None,
        "one event in twenty is lost, connections are cut in mid-call",
    )
    .await
}
