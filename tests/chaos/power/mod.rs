//! The power fails: what was not synced is gone, or there in part. What the store said that it
//! has stored must be there.
//!
//! A child writes to a store, and every system call of it is recorded. From the record the
//! disk is built as it would be after a power failure at any of its moments.

mod disk;
mod log;

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::process::{Command, Stdio};

use switchhook_store::{DeliveryOutcome, DocumentState, Role, Store, StoreOptions};

use crate::dice;
use crate::program::shim;
use crate::store_suite::{all, claim, finished, leg, settle};
use crate::table::Row;
use disk::{Disk, Rest};
use log::Act;

/// Power failures, each at a moment of its own.
const FAILURES: usize = 200;
/// Calls of the child, and how many of them at once.
const CALLS: usize = 320;
const AT_ONCE: usize = 8;
/// After so many calls the child closes the store and opens it again.
const REOPENED_EVERY: usize = 80;

const FOLDER: &str = "CHAOS_FOLDER";

async fn open(folder: &Path) -> Store {
    let url = format!("sqlite:{}", folder.join("store.db").display());
    Store::open(StoreOptions::new(url, Role::Serve))
        .await
        .unwrap()
}

/// Some are longer than a page of the database, some than several.
fn body(call: usize) -> Vec<u8> {
    let length = [300, 900, 5_000, 24_000][call % 4];
    format!("{call}-").into_bytes().repeat(length / 2)
}

/// The child: calls that begin, end, are delivered; it says what the store has acknowledged.
pub async fn child() {
    let folder = std::env::var(FOLDER).unwrap();
    let folder = Path::new(&folder);
    for first in (0..CALLS).step_by(REOPENED_EVERY) {
        let store = open(folder).await;
        let workers = (0..AT_ONCE).map(|worker| {
            let store = store.clone();
            async move {
                for call in (first + worker..first + REOPENED_EVERY).step_by(AT_ONCE) {
                    live(&store, call).await;
                }
            }
        });
        futures_util::future::join_all(workers).await;
        store.close().await;
    }
}

async fn live(store: &Store, number: usize) {
    let name = format!("call-{number}");
    store.put_leg(leg(&name, &name)).await.unwrap();
    println!("leg {number}");
    let mut call = finished(&name, &[&name], &[&name]);
    call.documents[0].content.body = body(number).into();
    store.finish_call(call).await.unwrap();
    println!("document {number}");
    if number.is_multiple_of(2) {
        let claimed = claim(store, &name, 1).await;
        settle(store, &claimed[0], DeliveryOutcome::Delivered)
            .await
            .unwrap();
        println!("delivered {number}");
    }
}

fn record(folder: &Path) -> Vec<Act> {
    let file = folder.join("record");
    let status = Command::new(std::env::current_exe().unwrap())
        .env("CHAOS_CHILD", "power")
        .env(FOLDER, folder)
        .env("CHAOS_RECORD", &file)
        .env("LD_PRELOAD", shim())
        .stdout(Stdio::null())
        .status();
    assert!(status.unwrap().success());
    let mut acts = log::read(&file);
    let folder = folder.to_str().unwrap();
    // The index beside the log is shared memory, made anew by the process that opens the file first.
    acts.retain(|act| match act {
        Act::Write { path, .. } | Act::Truncate { path, .. } | Act::Remove { path } => {
            path.starts_with(folder) && path.contains("store.db") && !path.ends_with("-shm")
        }
        Act::Sync { path } => path.starts_with(folder),
        Act::Said(_) => true,
    });
    acts
}

/// What the store has acknowledged.
#[derive(Debug, Default, Clone)]
struct Acknowledged {
    legs: HashSet<usize>,
    documents: HashSet<usize>,
    delivered: HashSet<usize>,
}

impl Acknowledged {
    fn hear(&mut self, text: &str) {
        for line in text.lines() {
            let (what, call) = line.split_once(' ').unwrap();
            let acknowledged = match what {
                "leg" => &mut self.legs,
                "document" => &mut self.documents,
                _ => &mut self.delivered,
            };
            acknowledged.insert(call.parse().unwrap());
        }
    }
}

/// How many of the things that were acknowledged are not there; everything when the file
/// cannot be opened.
async fn lost(folder: &Path, acknowledged: &Acknowledged) -> usize {
    let everything =
        acknowledged.legs.len() + acknowledged.documents.len() + acknowledged.delivered.len();
    if everything == 0 {
        return 0;
    }
    let url = format!("sqlite:{}", folder.join("store.db").display());
    let Ok(store) = Store::open(StoreOptions::new(url, Role::Serve)).await else {
        return everything;
    };
    let rows: HashMap<String, _> = all(&store)
        .await
        .into_iter()
        .map(|row| (row.call_uuid.clone(), row))
        .collect();
    let legs = store.load_legs().await.unwrap();
    let legs: HashSet<String> = legs.into_iter().map(|leg| leg.leg_uuid).collect();
    let name = |call: &usize| format!("call-{call}");
    let no_leg = |call: &&usize| !legs.contains(&name(call)) && !rows.contains_key(&name(call));
    let undelivered = |call: &&usize| {
        rows.get(&name(call))
            .is_none_or(|row| row.state != DocumentState::Delivered)
    };
    let mut lost = acknowledged.legs.iter().filter(no_leg).count();
    lost += acknowledged.delivered.iter().filter(undelivered).count();
    for call in &acknowledged.documents {
        let bytes = match rows.get(&name(call)) {
            Some(row) => store.document(&row.webhook_id).await.unwrap().content.body,
            None => bytes::Bytes::new(),
        };
        lost += usize::from(bytes != body(*call));
    }
    store.close().await;
    lost
}

pub async fn fails() -> Row {
    let recorded = tempfile::tempdir().unwrap();
    let acts = record(recorded.path());
    let failures = dice::times(FAILURES);
    let mut row = Row {
        what: "power loss: writes that were not synced are gone, or torn (SQLite)",
        faults: failures,
        calls: CALLS,
        documents: CALLS,
        ..Row::default()
    };
    for part in 0..2 {
        let mut random = dice::of("power", part);
        let mut moments: Vec<usize> = (0..failures / 2)
            .map(|_| random.usize(1..=acts.len()))
            .collect();
        moments.sort_unstable();
        let (mut disk, mut acknowledged, mut done) = (Disk::default(), Acknowledged::default(), 0);
        for moment in moments {
            for act in &acts[done..moment] {
                disk.act(act);
                if let Act::Said(text) = act {
                    acknowledged.hear(text);
                }
            }
            done = moment;
            let rest = [Rest::Gone, Rest::There, Rest::Any, Rest::Any][random.usize(0..4)];
            let folder = tempfile::tempdir().unwrap();
            disk.fail(folder.path(), rest, &mut random);
            let lost = lost(folder.path(), &acknowledged).await;
            if lost > 0 {
                println!("lost: {lost}, {rest:?} of act {moment} of {}", acts.len());
            }
            row.lost += lost;
        }
    }
    a_store_that_does_not_sync_would_be_found_out(&acts).await;
    row
}

/// Plays the acts on a disk whose syncs do nothing.
async fn a_store_that_does_not_sync_would_be_found_out(acts: &[Act]) {
    let (mut disk, mut acknowledged) = (Disk::default(), Acknowledged::default());
    for act in &acts[..acts.len() / 2] {
        match act {
            Act::Sync { .. } => {}
            Act::Said(text) => acknowledged.hear(text),
            Act::Write { .. } | Act::Truncate { .. } | Act::Remove { .. } => disk.act(act),
        }
    }
    let folder = tempfile::tempdir().unwrap();
    disk.fail(folder.path(), Rest::Gone, &mut dice::of("power", 0));
    assert!(lost(folder.path(), &acknowledged).await > 0);
}
