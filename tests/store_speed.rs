//! How many finished calls a second the store takes, each on the disk before
//! its caller is told. Run with `cargo test --test store_speed -- --ignored --nocapture`.

#![allow(
    clippy::expect_used,
    reason = "a test that fails says what it expected"
)]

mod store_suite;

use std::sync::Arc;
use std::time::{Duration, Instant};

use store_suite::{finished, leg};
use switchhook::store::{Options, Role, Store};
use tokio::sync::Semaphore;

/// A predefined document of two legs is about this long.
const BODY_BYTES: usize = 1_500;
const LEG_BYTES: usize = 1_500;

async fn one_call(store: &Store, n: usize) {
    let (call, other) = (format!("call-{n}"), format!("agent-{n}"));
    for id in [&call, &other] {
        // Created, answered, bridged: each leg is stored as it changes.
        for _ in 0..3 {
            let mut leg = leg(&call, id);
            leg.json = "x".repeat(LEG_BYTES);
            store.put_leg(leg).await.expect("stored");
        }
    }
    let mut over = finished(&call, &[&call, &other], &["completed"]);
    over.documents[0].content.body = vec![b'x'; BODY_BYTES].into();
    assert_eq!(store.finish_call(over).await.expect("finished"), [true]);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "measures; the machine should have nothing else to do"]
async fn finished_calls_a_second() {
    let calls = 4_000;
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("on a real disk");
    let url = format!("sqlite:{}", folder.path().join("store.db").display());
    let store = Store::open(Options::new(url, Role::Serve))
        .await
        .expect("opened");
    for at_once in [1, 20, 200] {
        let gate = Arc::new(Semaphore::new(at_once));
        let calls = if at_once == 1 { calls / 10 } else { calls };
        let began = Instant::now();
        let mut running = tokio::task::JoinSet::new();
        for n in 0..calls {
            let permit = gate.clone().acquire_owned().await.expect("open");
            let store = store.clone();
            running.spawn(async move {
                one_call(&store, at_once * 1_000_000 + n).await;
                drop(permit);
            });
        }
        running.join_all().await;
        let took: Duration = began.elapsed();
        let rate = calls as f64 / took.as_secs_f64();
        println!("{at_once:>4} calls at once: {rate:.0} finished calls/s (six leg writes each)");
    }
    store.close().await;
}
