//! Measures finished calls per second, each synced before it counts: `cargo bench --bench store`.
//!
//! The SQLite file is in the folder for temporary files. PostgreSQL is the server that
//! `SWITCHHOOK_POSTGRES` names, or one that is started here. Without a server its lines are
//! ignored, and standard error says why.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a bench that cannot continue panics"
)]

use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use test_support::{postgres, store_suite};

use divan::Bencher;
use divan::counter::ItemsCount;
use futures_util::future::join_all;
use postgres::Server;
use store_suite::{finished, leg};
use switchhook_store::{Role, Store, StoreOptions};
use tokio::runtime::Runtime;

/// The size of a predefined document of two legs, and of a stored leg.
const BODY_BYTES: usize = 1_500;

fn main() {
    divan::main();
}

/// Stores two legs, each three times as it changes, then the finished call with its document.
async fn one_call(store: &Store, run: u64, number: usize) {
    let (call, other) = (
        format!("call-{run}-{number}"),
        format!("agent-{run}-{number}"),
    );
    for id in [&call, &other] {
        for _ in 0..3 {
            let mut leg = leg(&call, id);
            leg.json = "x".repeat(BODY_BYTES);
            store.put_leg(leg).await.expect("stored");
        }
    }
    let mut over = finished(&call, &[&call, &other], &["completed"]);
    over.documents[0].content.body = vec![b'x'; BODY_BYTES].into();
    assert_eq!(store.finish_call(over).await.expect("finished"), [true]);
}

fn calls(bencher: Bencher<'_, '_>, url: String, at_once: usize) {
    static NUMBER: AtomicUsize = AtomicUsize::new(0);
    // A database that is kept has the calls of an earlier run.
    let run = fastrand::u64(..);
    let runtime = Runtime::new().unwrap();
    let store = runtime
        .block_on(Store::open(StoreOptions::new(url, Role::Serve)))
        .expect("opened");
    bencher.counter(ItemsCount::new(at_once)).bench(|| {
        let first = NUMBER.fetch_add(at_once, Ordering::Relaxed);
        let calls = (first..first + at_once).map(|number| one_call(&store, run, number));
        runtime.block_on(join_all(calls));
    });
    runtime.block_on(store.close());
}

#[divan::bench(args = [1, 20, 200], sample_count = 20, sample_size = 1)]
fn finished_calls_into_sqlite(bencher: Bencher<'_, '_>, at_once: usize) {
    let folder = tempfile::tempdir().expect("a folder");
    calls(
        bencher,
        format!("sqlite:{}", folder.path().join("store.db").display()),
        at_once,
    );
}

/// Returns the server, which syncs as in production.
fn server() -> Option<&'static Server> {
    static SERVER: OnceLock<Option<Server>> = OnceLock::new();
    let found = SERVER.get_or_init(|| Server::find(&["fsync = on"]));
    found.as_ref()
}

#[divan::bench(
    args = [1, 20, 200],
    sample_count = 20,
    sample_size = 1,
    ignore = server().is_none()
)]
fn finished_calls_into_postgres(bencher: Bencher<'_, '_>, at_once: usize) {
    let database = server().expect("not ignored").database();
    calls(bencher, database.url(), at_once);
}
