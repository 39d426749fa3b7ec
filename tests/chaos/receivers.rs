//! Receivers that fail in every way, for callers on hold and for documents.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use futures_util::{StreamExt as _, stream};
use switchhook_sim::switch::{Call, CallRecord, Left};
use switchhook_store::{DocumentFilter, DocumentRow, DocumentState, Role, Store, StoreOptions};
use tokio::time::sleep;

use crate::program::{PATIENT, said};
use crate::store_suite::{all, finished};
use crate::table::Row;
use crate::town::Town;
use crate::ways::{Faulty, WAYS, WELL, Way};

/// The deadline of those who never answer; others have the one that is the default.
const SHORT: &str = "timeout = \"1s\"\n";
/// Callers at once.
const AT_ONCE: usize = 16;
/// Memory that all of them together may cost, in KiB, however much they send.
const MEMORY_KIB: u64 = 96 * 1024;
/// Bytes that one of them may get rid of: what it sends fills the buffers of two sockets, and
/// what is read is a few KiB.
const TAKEN: usize = 16 * 1024 * 1024;

/// Who refuses connections.
const REFUSES: &str = "refuses";
/// Who answers 410.
const GONE: &str = "gone";

struct Case {
    name: String,
    reason: String,
    is_delivered: bool,
    faulty: Faulty,
}

/// The list of ways, and a reset at each byte of an answer.
fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for (name, reason, is_delivered, way) in WAYS {
        cases.push(Case {
            name: name.into(),
            reason: reason.into(),
            is_delivered,
            faulty: Faulty::start(way),
        });
    }
    let head = WELL.find("\r\n\r\n").unwrap() + 4;
    for at in 0..WELL.len() {
        cases.push(Case {
            name: format!("reset_at_{at}"),
            reason: "CONNECTION_FAILURE".into(),
            // The status decides; its body is not read.
            is_delivered: at >= head,
            faulty: Faulty::start(Way::ResetsAt(at)),
        });
    }
    cases
}

fn config(cases: &[Case]) -> String {
    let webhook = |case: &Case| {
        let (name, url) = (&case.name, &case.faulty.url);
        let timeout = if case.reason == "TIMEOUT" { SHORT } else { "" };
        format!("[webhooks.{name}]\nurl = \"{url}\"\n{timeout}")
    };
    cases.iter().map(webhook).collect()
}

/// A caller on hold for each of them.
async fn callers(town: &Town, cases: &[Case]) -> Vec<CallRecord> {
    let place = |case: &Case| {
        let call = Call {
            hosts: vec![town.esl.clone()],
            path: case.name.clone(),
            ..Call::default()
        };
        town.switch.place(call)
    };
    let calls = stream::iter(cases.iter().map(place));
    calls.buffered(AT_ONCE).collect().await
}

/// Each was given back by the service itself, before the way out that the dialplan scheduled,
/// on line 1.
fn is_stranded(call: &CallRecord) -> bool {
    (call.left, call.line) != (Left::Released, Some(1))
}

/// What is wrong with the reason that it was given back for.
fn judge(case: &Case, call: &CallRecord) -> Option<String> {
    let reason = call.variables.get("flow.key.error_reason");
    let detail = call.variables.get("flow.key.error_detail");
    let is_it = reason == Some(&case.reason);
    (!is_it).then(|| format!("{}: {reason:?} {detail:?}, not {}", case.name, case.reason))
}

fn resident_kib(program: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{program}/status")).unwrap();
    let most = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    most.unwrap()
        .trim()
        .trim_end_matches(" kB")
        .parse()
        .unwrap()
}

pub async fn fail() -> Row {
    let cases = cases();
    let town = Town::new(&config(&cases)).await;
    let authority = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cli/doctor/tls/ca.pem");
    let trusts = [("SSL_CERT_FILE", authority.to_str().unwrap())];
    let mut program = town.serve_with(&trusts).await;
    let id = program.id().unwrap();
    let before = resident_kib(id);

    let calls = callers(&town, &cases).await;
    let wrong: Vec<String> = cases
        .iter()
        .zip(&calls)
        .filter_map(|(case, call)| judge(case, call))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));

    let (lost, repeated) = documents(&town, &cases).await;
    let memory = resident_kib(id).saturating_sub(before);
    assert!(memory < MEMORY_KIB, "{memory} KiB more than before");
    for case in &cases {
        let taken = case.faulty.taken();
        // What never becomes an answer is read until the deadline, and not kept.
        let is_bounded = taken < TAKEN || case.reason == "TIMEOUT";
        assert!(is_bounded, "{}: {taken} bytes were taken", case.name);
    }
    program.kill().await.unwrap();
    Row {
        what: "receivers that fail in 42 ways, and by a reset at each byte of an answer",
        faults: 2 * cases.len(),
        calls: 2 * cases.len(),
        documents: cases.len(),
        lost,
        repeated,
        stranded: Some(calls.iter().filter(|call| is_stranded(call)).count()),
    }
}

/// A port that is closed does not notice that it was tried.
async fn heal_refusing(store: &Store, cases: &[Case]) {
    let refuses = cases.iter().find(|case| case.name == REFUSES).unwrap();
    let filter = DocumentFilter {
        endpoint: Some(REFUSES.into()),
        states: vec![DocumentState::Waiting],
        ..DocumentFilter::default()
    };
    loop {
        let waiting = store.documents(&filter, 1).await.unwrap();
        if waiting.first().is_some_and(|row| row.attempts > 0) {
            break;
        }
        sleep(Duration::from_millis(20)).await;
    }
    refuses.faulty.heal().await;
    store.replay(filter, Duration::ZERO).await.unwrap();
}

/// A document to each of them, which fails it once and is well then; how many are lost, and how
/// many came again.
async fn documents(town: &Town, cases: &[Case]) -> (usize, usize) {
    let file = town.folder.path().join("store.db");
    let url = format!("sqlite:{}", file.display());
    // The program writes all the time.
    let patient = StoreOptions {
        busy_timeout: PATIENT,
        ..StoreOptions::new(url, Role::Command)
    };
    let store = Store::open(patient).await.unwrap();
    for case in cases {
        case.faulty.fails(1).await;
        let call = finished(&case.name, &[], &[&case.name]);
        store.finish_call(call).await.unwrap();
    }
    heal_refusing(&store, cases).await;
    // Who is gone has to be called back by somebody.
    while !store.resume(GONE).await.unwrap() {
        sleep(Duration::from_millis(20)).await;
    }
    let open = DocumentFilter {
        states: vec![
            DocumentState::Waiting,
            DocumentState::Leased,
            DocumentState::Dead,
        ],
        ..DocumentFilter::default()
    };
    let delivered = async {
        loop {
            let rows = store.documents(&open, 1_000).await.unwrap();
            let ours = |name: &str| cases.iter().any(|case| case.name == name);
            if !rows.iter().any(|row| ours(&row.endpoint)) {
                return;
            }
            sleep(Duration::from_millis(50)).await;
        }
    };
    if tokio::time::timeout(PATIENT, delivered).await.is_err() {
        let rows = store.documents(&open, 1_000).await.unwrap();
        println!("not delivered: {rows:#?}; {}", said(town.folder.path()));
    }
    let rows = all(&store).await;
    let (mut lost, mut repeated) = (0, 0);
    for case in cases {
        let row = rows.iter().find(|row| row.call_uuid == case.name);
        let Some(row) = row.filter(|row| row.state == DocumentState::Delivered) else {
            lost += 1;
            continue;
        };
        let least = if case.is_delivered { 1 } else { 2 };
        // What somebody has replayed begins anew, perhaps while it was tried once more.
        let attempts = match case.name.as_str() {
            REFUSES | GONE => 1..=2,
            // Where a second decides, a machine that stands still for one makes it one more,
            // and the history says so.
            _ if case.reason == "TIMEOUT" && timed_out(&store, row).await >= least => {
                least + 1..=least + 1
            }
            _ => least..=least,
        };
        assert!(attempts.contains(&row.attempts), "{}: {row:?}", case.name);
        let came = case.faulty.documents();
        let different: BTreeSet<_> = came.iter().collect();
        assert_eq!(
            different.len(),
            1,
            "{}: the same bytes under the same id",
            case.name
        );
        repeated += usize::from(came.len() > 1);
    }
    store.close().await;
    (lost, repeated)
}

/// Attempts at a document that were given up at their deadline.
async fn timed_out(store: &Store, row: &DocumentRow) -> u32 {
    let attempts = store.document(&row.webhook_id).await.unwrap().attempts;
    let errors = attempts.iter().filter_map(|attempt| attempt.error.as_ref());
    errors
        .map(|error| u32::from(error.contains(" within ")))
        .sum()
}
