//! What every driver of the store must do. Written once, over a factory; a
//! driver's test file names itself with `conformance!`.

#![allow(dead_code, unused_imports, reason = "each test file uses a part")]

mod delivery;
mod operation;

use std::time::Duration;

pub use delivery::*;
pub use operation::*;
use switchhook::store::{
    CallSearch, CallSummary, Claimed, Clock, Filter, FinishedCall, KeptResponse, NewDocument,
    Report, Role, Settled, State, Store, StoreError, StoredLeg, Want,
};

/// Makes stores that share one database.
pub trait Factory: Send + Sync {
    /// Another handle on it, as another process would have.
    fn open(&self, role: Role, clock: Clock) -> impl Future<Output = Store> + Send;
}

pub const LEASE: Duration = Duration::from_secs(90);

pub fn leg(call: &str, leg: &str) -> StoredLeg {
    StoredLeg {
        switch: "pbx-1".into(),
        call_id: call.into(),
        leg_uuid: leg.into(),
        json: format!("{{\"leg\":\"{leg}\"}}"),
    }
}

/// A call with a document for each of `webhooks`.
pub fn finished(call: &str, legs: &[&str], webhooks: &[&str]) -> FinishedCall {
    let body = |webhook: &&str| format!("{{\"call\":\"{call}\",\"for\":\"{webhook}\"}}");
    FinishedCall {
        switch: "pbx-1".into(),
        call_uuid: call.into(),
        created_us: 1_000_000,
        legs: legs.iter().map(|leg| (*leg).to_owned()).collect(),
        channels: Vec::new(),
        documents: webhooks
            .iter()
            .map(|webhook| NewDocument::document(webhook, "outbound", call, body(webhook)))
            .collect(),
        summary: Some(summary("outbound", 1_000)),
        story: String::new(),
    }
}

pub fn summary(flow: &str, started_ms: i64) -> CallSummary {
    CallSummary {
        flow: flow.into(),
        started_ms,
        answered_ms: Some(started_ms + 500),
        ended_ms: started_ms + 2_500,
        talk_ms: 2_000,
        caller: "+4930123".into(),
        called: "7000".into(),
        legs: 2,
        hangup_cause: "NORMAL_CLEARING".into(),
        incomplete: false,
    }
}

pub async fn claim(store: &Store, endpoint: &str, limit: u32) -> Vec<Claimed> {
    let want = Want {
        endpoint: endpoint.into(),
        limit,
    };
    store.claim(vec![want], LEASE).await.expect("claim")
}

pub async fn all(store: &Store) -> Vec<switchhook::store::DocumentRow> {
    store
        .documents(&Filter::default(), 10_000)
        .await
        .expect("list")
}

pub async fn settle(store: &Store, claimed: &Claimed, settled: Settled) -> Result<(), StoreError> {
    let report = Report {
        took: Duration::from_millis(20),
        status: Some(if settled == Settled::Delivered {
            200
        } else {
            500
        }),
        error: None,
    };
    store.settle(claimed.lease.clone(), settled, report).await
}

pub fn again(wait_s: u64) -> Settled {
    Settled::Again {
        wait: Duration::from_secs(wait_s),
        not_before: Duration::ZERO,
    }
}

async fn serve(factory: &impl Factory) -> Store {
    factory.open(Role::Serve, Clock::Database).await
}

/// A test for each requirement.
#[macro_export]
macro_rules! conformance {
    ($factory:expr; $($name:ident)*) => {$(
        #[tokio::test]
        async fn $name() {
            store_suite::$name(&$factory).await;
        }
    )*};
    (paused $factory:expr; $($name:ident)*) => {$(
        #[tokio::test(start_paused = true)]
        async fn $name() {
            store_suite::$name(&$factory).await;
        }
    )*};
}
