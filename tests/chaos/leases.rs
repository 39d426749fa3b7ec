//! Workers that are stopped beyond their lease, and then say that they have delivered.
//!
//! A worker is a process with the store open; `SIGSTOP` stops it while it holds a lease. Its
//! lease ends, another claims the document; then it goes on where it was.

use std::process::Stdio;
use std::time::Duration;

use futures_util::future::join_all;
use rustix::process::{Pid, Signal, kill_process};
use switchhook_store::{
    ClaimRequest, ClaimedDocument, DeliveryOutcome, DocumentState, Role, Store, StoreError,
    StoreOptions,
};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

use crate::dice;
use crate::postgres;
use crate::program::PATIENT;
use crate::store_suite::{again, all, finished, settle};
use crate::table::Row;

const WORKERS: usize = 10;
/// Stops of each.
const STOPS: usize = 50;
/// What the stopped worker claims for.
const LEASE: Duration = Duration::from_millis(60);
/// What the next worker claims for.
const LONG: Duration = Duration::from_secs(90);

const URL: &str = "CHAOS_STORE";
const ENDPOINT: &str = "CHAOS_ENDPOINT";

async fn open(url: &str, role: Role) -> Store {
    // Eleven processes write to one file.
    let patient = StoreOptions {
        busy_timeout: PATIENT,
        ..StoreOptions::new(url, role)
    };
    Store::open(patient).await.unwrap()
}

/// What is due at `endpoint`, as soon as something is.
async fn next(store: &Store, endpoint: &str, lease: Duration) -> ClaimedDocument {
    loop {
        let want = ClaimRequest {
            endpoint: endpoint.to_owned(),
            limit: 1,
        };
        if let Some(claimed) = store.claim(vec![want], lease).await.unwrap().pop() {
            return claimed;
        }
        // Nobody tells that a lease has ended.
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// The worker: claims and acknowledges on orders, and says what came of it.
pub async fn child() {
    let [url, endpoint] = [URL, ENDPOINT].map(|name| std::env::var(name).unwrap());
    let store = open(&url, Role::Command).await;
    let mut orders = BufReader::new(tokio::io::stdin()).lines();
    let mut claimed = None;
    while let Some(order) = orders.next_line().await.unwrap() {
        if order == "claim" {
            claimed = Some(next(&store, &endpoint, LEASE).await);
            println!("claimed");
        } else {
            let said = settle(&store, &claimed.take().unwrap(), DeliveryOutcome::Delivered).await;
            match said {
                Ok(()) => println!("accepted"),
                Err(StoreError::StaleLease { .. }) => println!("stale"),
                Err(error) => println!("{error}"),
            }
        }
    }
}

struct Worker {
    process: Child,
    orders: ChildStdin,
    said: Lines<BufReader<ChildStdout>>,
}

impl Worker {
    fn start(url: &str, endpoint: &str) -> Self {
        let mut process = Command::new(std::env::current_exe().unwrap())
            .env("CHAOS_CHILD", "leases")
            .env(URL, url)
            .env(ENDPOINT, endpoint)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let (orders, said) = (process.stdin.take(), process.stdout.take());
        Self {
            process,
            orders: orders.unwrap(),
            said: BufReader::new(said.unwrap()).lines(),
        }
    }

    async fn order(&mut self, order: &str) {
        self.orders
            .write_all(format!("{order}\n").as_bytes())
            .await
            .unwrap();
    }

    async fn says(&mut self) -> String {
        self.said.next_line().await.unwrap().unwrap()
    }

    fn signal(&self, signal: Signal) {
        let id = i32::try_from(self.process.id().unwrap()).unwrap();
        kill_process(Pid::from_raw(id).unwrap(), signal).unwrap();
    }
}

/// What happens while the worker is stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Meanwhile {
    /// Nobody claims: the late acknowledgement is the only one, and true.
    Nothing,
    Delivered,
    Failed,
    /// Another is still at it when the stopped one goes on.
    UnderWay,
}

async fn stops(url: String, number: usize, stops: usize) -> usize {
    let store = open(&url, Role::Command).await;
    let endpoint = format!("worker-{number}");
    let mut worker = Worker::start(&url, &endpoint);
    let mut random = dice::of("leases", number);
    let mut repeated = 0;
    for stop in 0..stops {
        let call = finished(&format!("call-{number}-{stop}"), &[], &[&endpoint]);
        store.finish_call(call).await.unwrap();
        worker.order("claim").await;
        assert_eq!(worker.says().await, "claimed");
        worker.signal(Signal::STOP);
        worker.order("settle").await;
        let meanwhile = match random.u8(0..10) {
            0 => Meanwhile::Nothing,
            1..4 => Meanwhile::Failed,
            4..7 => Meanwhile::UnderWay,
            _ => Meanwhile::Delivered,
        };
        let other = match meanwhile {
            Meanwhile::Nothing => None,
            Meanwhile::Delivered | Meanwhile::Failed | Meanwhile::UnderWay => {
                Some(next(&store, &endpoint, LONG).await)
            }
        };
        let ends = match meanwhile {
            Meanwhile::Delivered => Some(DeliveryOutcome::Delivered),
            Meanwhile::Failed => Some(again(0)),
            Meanwhile::Nothing | Meanwhile::UnderWay => None,
        };
        if let (Some(other), Some(ends)) = (&other, ends) {
            settle(&store, other, ends).await.unwrap();
        }
        worker.signal(Signal::CONT);
        let expected = if other.is_some() { "stale" } else { "accepted" };
        assert_eq!(worker.says().await, expected, "{meanwhile:?}");
        repeated += usize::from(other.is_some());
        match (meanwhile, other) {
            (Meanwhile::UnderWay, Some(other)) => {
                let held = settle(&store, &other, DeliveryOutcome::Delivered).await;
                held.expect("the holder of the lease settles");
            }
            (Meanwhile::Failed, _) => {
                let last = next(&store, &endpoint, LONG).await;
                settle(&store, &last, DeliveryOutcome::Delivered)
                    .await
                    .unwrap();
            }
            (_, _) => {}
        }
    }
    repeated
}

/// On the database of `url`.
async fn on(url: &str, what: &'static str) -> Row {
    let serve = open(url, Role::Serve).await;
    let stopped = dice::times(STOPS);
    let workers = (0..WORKERS).map(|number| stops(url.to_owned(), number, stopped));
    let repeated = join_all(workers).await.into_iter().sum();
    let documents = WORKERS * stopped;
    let rows = all(&serve).await;
    let delivered = rows
        .iter()
        .filter(|row| row.state == DocumentState::Delivered)
        .count();
    let row = Row {
        what,
        faults: documents,
        calls: documents,
        documents,
        lost: documents - delivered,
        repeated,
        stranded: None,
    };
    serve.close().await;
    row
}

pub async fn on_sqlite() -> Row {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", folder.path().join("store.db").display());
    on(&url, "workers stopped beyond their lease, SQLite").await
}

/// `None` where there is no PostgreSQL.
pub async fn on_postgres() -> Option<Row> {
    let database = postgres::shared()?.database();
    let (url, what) = (
        database.url(),
        "workers stopped beyond their lease, PostgreSQL",
    );
    Some(on(&url, what).await)
}
