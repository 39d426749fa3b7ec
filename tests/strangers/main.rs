//! Two thousand strangers on all three ports, while honest calls go through. The table is in
//! `docs/reliability.md`. A program of its own: its strangers need the processor, and thousands of files.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "what is not as it must be fails the test"
)]
#![cfg(target_os = "linux")]

mod service;
mod stranger;

use std::collections::HashSet;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde_json::Value;
use sqlx::ConnectOptions as _;
use sqlx::sqlite::SqliteConnectOptions;
use test_support::peer::{Channel, Peer, dump};
use test_support::port8021::{PASSWORD, Port8021};
use test_support::receiver::Receiver;
use tokio::task::{JoinSet, block_in_place};
use tokio::time::{interval, sleep, timeout};
use tokio_util::sync::CancellationToken;

use service::Service;
use stranger::{Kind, Ports, stranger};

const STRANGERS: usize = 2_000;
/// Honest calls, and how many of them begin in a second.
const CALLS: usize = 1_000;
const PER_SECOND: u32 = 50;
/// The time for a call; one that reaches it has not taken line 0.
const PATIENT: Duration = Duration::from_secs(60);
/// The most memory of the process, in KiB.
const MEMORY_KIB: u64 = 300 * 1024;
/// The longest log, in bytes.
const LOG_BYTES: usize = 1_000_000;
/// Calls that no switch confirmed in time, and that were served.
const UNCONFIRMED: &str = "switchhook_unconfirmed_calls_total{outcome=\"served\"}";
/// The time after which all is as before.
const AS_BEFORE: Duration = Duration::from_secs(60);

/// Writes the configuration.
fn configure(folder: &Path, switch: SocketAddr, receiver: SocketAddr, recordings: SocketAddr) {
    let text = format!(
        "[listen]\nesl = \"127.0.0.1:0\"\nhttp = \"127.0.0.1:0\"\nhttp_token = \"a token, long enough\"\n\
         [[freeswitch]]\naddress = \"{switch}\"\npassword = \"{PASSWORD}\"\nname = \"fs1\"\n\
         json_cdr_post = true\njson_cdr_auth = {{ username = \"fs1\", password = \"right\" }}\n\
         [egress]\nallow_plain_http = true\nallow_addresses = [\"127.0.0.0/8\"]\n\
         [recordings]\nserve = {{ folder = \"{}\", url = \"https://rec.example\", \
         secret = \"at least 16 characters\", listen = \"{recordings}\" }}\n\
         [webhooks.lookup]\nurl = \"http://{receiver}/\"\nbefore_answer = \"silence\"\n\
         timeout = \"30s\"\n",
        folder.display()
    );
    fs::write(folder.join("switchhook.toml"), text).unwrap();
}

/// Returns the event of a call's creation, which the switch sends before it connects.
fn creation(uuid: &str) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let mut event: Value = serde_json::from_str(&dump(uuid)).unwrap();
    for (name, value) in [
        ("Event-Name", "CHANNEL_CREATE"),
        ("Call-Direction", "inbound"),
        ("FreeSWITCH-Switchname", "fs1"),
        ("Channel-Call-UUID", uuid),
        ("Caller-Channel-Created-Time", &now.as_micros().to_string()),
        ("Event-Date-Timestamp", &now.as_micros().to_string()),
    ] {
        event[name] = value.into();
    }
    event.to_string()
}

/// Gives the switch its calls. The service hears of one half from events, as it usually does; for
/// the other half it has to ask.
async fn announce(switch: &Port8021, folder: &Path) -> Vec<String> {
    let uuids: Vec<String> = (0..CALLS)
        .map(|_| uuid::Uuid::new_v4().to_string())
        .collect();
    let known: Vec<&str> = uuids.iter().map(String::as_str).collect();
    let (by_event, by_question) = known.split_at(CALLS / 2);
    switch.unlisted(by_question);
    switch.has_peers(&known);
    for uuid in by_event {
        assert!(switch.send(&creation(uuid)), "nobody follows");
    }
    // An event has been read once the store has its leg.
    let options = SqliteConnectOptions::new()
        .filename(folder.join("switchhook.db"))
        .read_only(true);
    let mut store = options.connect().await.unwrap();
    let begun = Instant::now();
    loop {
        let legs = sqlx::query_as("SELECT count(*) FROM leg");
        let (legs,): (i64,) = legs.fetch_one(&mut store).await.unwrap();
        if usize::try_from(legs).unwrap() == by_event.len() {
            break;
        }
        assert!(begun.elapsed() < PATIENT, "only {legs} calls are known");
        sleep(Duration::from_millis(50)).await;
    }
    uuids
}

/// Places the honest calls, fifty a second. Returns how long each took; and what happened to those
/// that did not take line 0.
async fn honest_calls(esl: SocketAddr, uuids: &[String]) -> (Vec<Duration>, Vec<String>) {
    let mut calls = JoinSet::new();
    let mut tick = interval(Duration::from_secs(1) / PER_SECOND);
    // Those of which events told, and those of which none did, by turns.
    let (by_event, by_question) = uuids.split_at(CALLS / 2);
    let turns = by_event.iter().zip(by_question);
    for uuid in turns.flat_map(|(one, other)| [one, other]) {
        tick.tick().await;
        let mut channel = Channel::to("lookup");
        channel.uuid.clone_from(uuid);
        calls.spawn(timeout(PATIENT, async move {
            let began = Instant::now();
            let mut peer = Peer::call(esl, channel).await;
            peer.until_exit().await;
            match peer.channel.get("flow.line") {
                Some("0") => Ok(began.elapsed()),
                _ => Err(format!("{:?}", peer.channel.get("flow.key.error_detail"))),
            }
        }));
    }
    let (mut took, mut lost) = (Vec::new(), Vec::new());
    for call in calls.join_all().await {
        match call.unwrap_or_else(|late| Err(late.to_string())) {
            Ok(time) => took.push(time),
            Err(detail) => lost.push(detail),
        }
    }
    took.sort();
    (took, lost)
}

/// Answers every request. Returns the call of each that is not one of these.
async fn answer(
    receiver: Receiver,
    uuids: Arc<HashSet<String>>,
    over: CancellationToken,
) -> Vec<String> {
    let mut forged = Vec::new();
    while let Some(request) = over.run_until_cancelled(receiver.answer(200, "{}")).await {
        let body: Value = serde_json::from_str(&request.body).unwrap();
        let uuid = body["phonon-uuid"].as_str().unwrap_or_default();
        if !uuids.contains(uuid) {
            forged.push(request.body);
        }
    }
    forged
}

/// The sockets that the process has open, and the calls on hold.
fn in_use(service: &Service) -> (usize, u64) {
    (
        service.sockets(),
        service.metric("switchhook_calls_on_hold"),
    )
}

/// What was counted while the strangers were there.
struct Seen {
    came: [usize; Kind::ALL.len()],
    took: Vec<Duration>,
    lost: Vec<String>,
    forged: Vec<String>,
}

/// Lets the strangers come, and places the calls meanwhile.
async fn crowd(
    service: &Service,
    recordings: SocketAddr,
    receiver: Receiver,
    uuids: Vec<String>,
) -> Seen {
    let answered = CancellationToken::new();
    let honest = Arc::new(uuids.iter().cloned().collect());
    let answers = tokio::spawn(answer(receiver, honest, answered.clone()));
    let ports = Arc::new(Ports {
        event_socket: service.esl,
        page: service.http,
        recordings,
        live: uuids.clone(),
        came: std::array::from_fn(|_| AtomicUsize::new(0)),
        over: CancellationToken::new(),
    });
    let mut strangers = JoinSet::new();
    for number in 0..STRANGERS {
        strangers.spawn(stranger(number, Arc::clone(&ports)));
    }
    let (took, lost) = honest_calls(service.esl, &uuids).await;
    ports.over.cancel();
    strangers.join_all().await;
    answered.cancel();
    let came = ports.came.each_ref();
    Seen {
        came: came.map(|came| came.load(Ordering::Relaxed)),
        took,
        lost,
        forged: answers.await.unwrap(),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_thousand_strangers_cost_no_honest_call_its_line() {
    let files = rlimit::increase_nofile_limit(20_000).unwrap();
    assert!(files >= 4_096, "no more than {files} files may be open");
    let (folder, switch) = (tempfile::tempdir().unwrap(), Port8021::start().await);
    let receiver = Receiver::start().await;
    let (socket, recordings) = test_support::ports::bound();
    drop(socket);
    configure(folder.path(), switch.address, receiver.address, recordings);
    let service = Service::start(folder.path());
    switch.followed(1).await;
    let uuids = announce(&switch, folder.path()).await;
    let before = block_in_place(|| in_use(&service));
    let seen = crowd(&service, recordings, receiver, uuids).await;
    let left = Instant::now();
    let mut now = block_in_place(|| in_use(&service));
    while now > before && left.elapsed() < AS_BEFORE {
        sleep(Duration::from_millis(100)).await;
        now = block_in_place(|| in_use(&service));
    }
    let as_before = left.elapsed();
    let (ready, unconfirmed) =
        block_in_place(|| (service.get("/readyz"), service.metric(UNCONFIRMED)));
    let calls = block_in_place(|| service.metrics("switchhook_calls_total{"));
    let (memory, log) = (service.most_memory(), service.log());
    for (kind, came) in Kind::ALL.iter().zip(seen.came) {
        println!("| {} | {came} |", kind.name());
        assert!(came > 0, "{kind:?} never came");
    }
    let Seen {
        took, lost, forged, ..
    } = seen;
    let at = |share: usize| took.get(took.len() * share / 100).or(took.last()).copied();
    println!(
        "{} of {CALLS} honest calls on line 1, {unconfirmed} served unconfirmed, half of them within \
         {:.1?}, 99 % within {:.1?}; memory at most {} MiB; log {} KB; as before after {as_before:.1?}",
        lost.len(),
        at(50).unwrap_or_default(),
        at(99).unwrap_or_default(),
        memory / 1024,
        log.len() / 1000
    );
    assert_eq!(lost, [""; 0]);
    // No stranger is counted as a call.
    for (ending, count) in calls {
        let expected = match ending.split('"').nth(1).unwrap() {
            "line_0" => CALLS as u64,
            // A connection that was no call.
            "protocol_error" => continue,
            _ => 0,
        };
        assert_eq!(count, expected, "{ending}");
    }
    assert_eq!(forged, [""; 0], "asked for strangers");
    assert!(memory < MEMORY_KIB, "{memory} KiB");
    assert!(log.len() < LOG_BYTES, "{} bytes", log.len());
    assert!(
        now <= before,
        "sockets and calls: {before:?}, and then {now:?}"
    );
    assert!(ready.contains("\"ready\":true"), "{ready}");
}
