//! Measures how many finished calls a second go from port 8021 into the store, with every commit on
//! disk. Run it with `cargo test --release --test process follow_speed -- --ignored --nocapture`, after
//! `taskset -c 0` for one core.

// A test fails by panicking.
#![allow(clippy::unwrap_used)]

use test_support::{anew, events, port8021, settings};

use std::path::Path;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions as _, Connection as _};

use anew::anew;
use events::bodies;
use port8021::{Port8021, wire};

/// A recorded call with two legs.
const CALL: &str = "outbound-customer-then-agent-recorded";
const CALLS: usize = 3_000;

async fn finished(db: &mut SqliteConnection) -> usize {
    let count: i64 = sqlx::query_scalar("SELECT count(*) FROM call")
        .fetch_one(db)
        .await
        .unwrap();
    usize::try_from(count).unwrap()
}

/// Returns the seconds of processor time that a process has used.
fn processor_s(process: &Child) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", process.id())).unwrap_or_default();
    let fields: Vec<&str> = stat
        .rsplit(") ")
        .next()
        .unwrap_or_default()
        .split(' ')
        .collect();
    let ticks = |at: usize| fields.get(at).and_then(|text| text.parse::<f64>().ok());
    (ticks(11).unwrap_or_default() + ticks(12).unwrap_or_default()) / 100.0
}

/// Starts the program as a process, so that its processor time is measured apart from the test's.
fn serve(folder: &Path, settings: &str) -> Child {
    let file = folder.join("speed.toml");
    std::fs::write(&file, settings).unwrap();
    let log = std::fs::File::create(folder.join("log")).unwrap();
    Command::new(env!("CARGO_BIN_EXE_switchhook"))
        .args(["serve", "--config"])
        .arg(file)
        .stderr(log)
        .spawn()
        .unwrap()
}

/// Returns the events of all calls as sent, with `at_once` calls in progress at a time; then the
/// number of events, and of the steps of one call.
fn traffic(at_once: usize) -> (Vec<Vec<u8>>, usize, usize) {
    let mut chunks = Vec::new();
    let (mut events, mut steps) = (0, 0);
    for _ in 0..CALLS / at_once {
        let calls: Vec<Vec<String>> = (0..at_once).map(|_| anew(&bodies(CALL)).0).collect();
        for step in 0..calls[0].len() {
            let chunk = calls.iter().flat_map(|call| wire(&call[step]));
            chunks.push(chunk.collect());
        }
        steps = calls[0].len();
        events += at_once * steps;
    }
    (chunks, events, steps)
}

async fn measure(folder: &Path, at_once: usize, switches: usize) {
    let mut followed = Vec::new();
    for _ in 0..switches {
        followed.push(Port8021::start().await);
    }
    let nobody: std::net::SocketAddr = "127.0.0.1:9".parse().unwrap();
    let mut settings =
        settings::all_to(folder, followed[0].address, nobody) + "delivery.rate = 1\n";
    for switch in &followed[1..] {
        let section = "[[freeswitch]]\npassword = \"ClueCon\"\naddress = ";
        settings += &format!("{section}\"{}\"\n", switch.address);
    }
    let mut service = serve(folder, &settings);
    for switch in &followed {
        switch.followed(1).await;
    }
    let options = SqliteConnectOptions::new().filename(folder.join("store.db"));
    let mut db = options.connect().await.unwrap();
    let (chunks, events, steps) = traffic(at_once);
    let (began, busy) = (Instant::now(), processor_s(&service));
    for (at, chunk) in chunks.into_iter().enumerate() {
        // All steps of a call go to the same switch.
        followed[at / steps % switches].send_wire(chunk);
    }
    let mut look = tokio::time::interval(Duration::from_millis(20));
    while finished(&mut db).await < CALLS / at_once * at_once {
        look.tick().await;
    }
    let (took, busy) = (began.elapsed().as_secs_f64(), processor_s(&service) - busy);
    let (calls_s, events_s) = (CALLS as f64 / took, events as f64 / took);
    println!(
        "{switches:>3} switches, {at_once:>5} calls at once: {calls_s:.0} finished calls/s, {events_s:.0} events/s, \
         {:.0} events per second of the service's processor time",
        events as f64 / busy
    );
    db.close().await.unwrap();
    service.kill().unwrap();
    service.wait().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "measures; the machine should have nothing else to do"]
async fn finished_calls_a_second() {
    for (at_once, switches) in [(1, 1), (50, 1), (1_000, 1), (10, 100)] {
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        measure(folder.path(), at_once, switches).await;
    }
}
