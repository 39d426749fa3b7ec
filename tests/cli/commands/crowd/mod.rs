//! Two thousand strangers on all three ports, while honest calls go through. The table is in
//! `docs/reliability.md`.
#![allow(clippy::unwrap_used)]

mod stranger;

use std::fs;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use test_support::port8021::{PASSWORD, Port8021};
use test_support::receiver::Receiver;
use tokio::task::{JoinSet, block_in_place};
use tokio::time::{interval, sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::commands::peer::{Channel, Peer};
use crate::commands::support::{RunningService, Workdir};
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
/// The time after which all is as before.
const AS_BEFORE: Duration = Duration::from_secs(60);

fn serve(
    workdir: &Workdir,
    switch: &Port8021,
    receiver: &Receiver,
    recordings: SocketAddr,
) -> RunningService {
    let folder = workdir.folder.path().display();
    let text = format!(
        "[listen]\nesl = \"127.0.0.1:0\"\nhttp = \"127.0.0.1:0\"\nhttp_token = \"a token, long enough\"\n\
         [[freeswitch]]\naddress = \"{}\"\npassword = \"{PASSWORD}\"\nname = \"fs1\"\n\
         json_cdr_post = true\njson_cdr_auth = {{ username = \"fs1\", password = \"right\" }}\n\
         [egress]\nallow_plain_http = true\nallow_addresses = [\"127.0.0.0/8\"]\n\
         [recordings]\nserve = {{ folder = \"{folder}\", url = \"https://rec.example\", \
         secret = \"at least 16 characters\", listen = \"{recordings}\" }}\n\
         [webhooks.lookup]\nurl = \"http://{}/\"\nbefore_answer = \"silence\"\n",
        switch.address, receiver.address
    );
    fs::write(workdir.folder.path().join("switchhook.toml"), text).unwrap();
    RunningService::start(workdir)
}

/// Places the honest calls, fifty a second; returns how many took line 0.
async fn honest_calls(esl: SocketAddr, uuids: Vec<String>) -> usize {
    let mut calls = JoinSet::new();
    let mut tick = interval(Duration::from_secs(1) / PER_SECOND);
    for uuid in uuids {
        tick.tick().await;
        calls.spawn(timeout(PATIENT, async move {
            let mut channel = Channel::to("lookup");
            channel.uuid = uuid;
            let mut peer = Peer::call(esl, channel).await;
            peer.until_exit().await;
            peer.channel.get("flow.line") == Some("0")
        }));
    }
    let lines = calls.join_all().await;
    lines
        .into_iter()
        .filter(|is_line_0| *is_line_0 == Ok(true))
        .count()
}

/// Returns a number of `/proc/PID/status`.
fn status(pid: u32, name: &str) -> u64 {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let mut lines = text.lines();
    let line = lines.find_map(|line| line.strip_prefix(name)).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

fn files(pid: u32) -> usize {
    fs::read_dir(format!("/proc/{pid}/fd")).unwrap().count()
}

/// What the process has open, and the calls on hold.
fn in_use(serving: &RunningService) -> (usize, String) {
    let metrics = serving.get("/metrics");
    let mut lines = metrics.lines();
    let on_hold = lines.find(|line| line.starts_with("switchhook_calls_on_hold "));
    (files(serving.id()), on_hold.unwrap().to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn two_thousand_strangers_cost_no_honest_call_its_line() {
    let files = rlimit::increase_nofile_limit(20_000).unwrap();
    assert!(files >= 4_096, "no more than {files} files may be open");
    let (workdir, switch) = (Workdir::new(), Port8021::start().await);
    let receiver = Receiver::start().await;
    let (socket, recordings) = test_support::ports::bound();
    drop(socket);
    let serving = serve(&workdir, &switch, &receiver, recordings);
    switch.followed(1).await;
    let uuids: Vec<String> = (0..CALLS)
        .map(|_| uuid::Uuid::new_v4().to_string())
        .collect();
    let known: Vec<&str> = uuids.iter().map(String::as_str).collect();
    switch.has_peers(&known);
    let answering = tokio::spawn(async move {
        loop {
            receiver.answer(200, "{}").await;
        }
    });
    let before = block_in_place(|| in_use(&serving));
    let ports = Arc::new(Ports {
        event_socket: serving.esl,
        page: serving.http.parse().unwrap(),
        recordings,
        came: std::array::from_fn(|_| AtomicUsize::new(0)),
        over: CancellationToken::new(),
    });
    let mut strangers = JoinSet::new();
    for number in 0..STRANGERS {
        strangers.spawn(stranger(number, Arc::clone(&ports)));
    }
    let line_0 = honest_calls(serving.esl, uuids).await;
    ports.over.cancel();
    strangers.join_all().await;
    let left = Instant::now();
    let mut now = block_in_place(|| in_use(&serving));
    while (now.0 > before.0 || now.1 != before.1) && left.elapsed() < AS_BEFORE {
        sleep(Duration::from_millis(100)).await;
        now = block_in_place(|| in_use(&serving));
    }
    let as_before = left.elapsed();
    let ready = block_in_place(|| serving.get("/readyz"));
    answering.abort();
    let memory = status(serving.id(), "VmHWM:");
    let log = serving.whole_log().len();
    for (kind, came) in Kind::ALL.iter().zip(&ports.came) {
        println!(
            "{}: {} connections",
            kind.name(),
            came.load(Ordering::Relaxed)
        );
    }
    println!(
        "{line_0} of {CALLS} honest calls on line 0; memory at most {} MiB; log {} KB; as before after \
         {as_before:.0?}: {before:?}, {now:?}",
        memory / 1024,
        log / 1000
    );
    assert_eq!(line_0, CALLS);
    assert!(memory < MEMORY_KIB, "{memory} KiB");
    assert!(log < LOG_BYTES, "{log} bytes");
    assert!(now.0 <= before.0, "files: {} and then {}", before.0, now.0);
    assert_eq!(now.1, before.1);
    assert!(ready.contains("\"ready\":true"), "{ready}");
    for (kind, came) in Kind::ALL.iter().zip(&ports.came) {
        assert!(came.load(Ordering::Relaxed) > 0, "{kind:?} never came");
    }
}
