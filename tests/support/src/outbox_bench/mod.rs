//! Runs an outbox on a temporary store, with a receiver that a test scripts.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::store_suite::{all, finished};
use switchhook_core::health::Health;
use switchhook_service::outbox::{
    Deliver, Delivery, Endpoint, Endpoints, Outbox, OutboxOptions, Reply,
};
use switchhook_store::{Clock, DocumentState, Role, Store};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

pub type Answer = Result<Reply, String>;

pub fn status(status: u16) -> Answer {
    Ok(Reply {
        status,
        retry_after: None,
        failure: None,
    })
}

pub fn endpoint() -> Endpoint {
    Endpoint::default()
}

/// An attempt as the receiver saw it.
#[derive(Debug, Clone)]
pub struct Sent {
    pub at: Instant,
    pub delivery: Delivery,
}

/// What the receiver has seen; a watch, so that tests can wait for it.
#[derive(Debug, Default)]
struct Seen {
    sent: Vec<Sent>,
    sent_to: HashMap<String, usize>,
    under_way: HashMap<String, usize>,
    most_under_way: HashMap<String, usize>,
}

pub struct Receiver {
    answer: Box<dyn Fn(&Delivery) -> Answer + Send + Sync>,
    seen: watch::Sender<Seen>,
    held: watch::Sender<Option<String>>,
}

impl fmt::Debug for Receiver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Receiver")
    }
}

impl Deliver for Receiver {
    async fn deliver(&self, delivery: &Delivery) -> Answer {
        let name = delivery.endpoint.clone();
        self.seen.send_modify(|seen| {
            let now = seen.under_way.entry(name.clone()).or_default();
            *now += 1;
            let most = seen.most_under_way.entry(name.clone()).or_default();
            *most = (*most).max(seen.under_way[&name]);
        });
        let _leaves = Leaves(self, name.clone());
        let mut held = self.held.subscribe();
        let free = held.wait_for(|held| held.as_deref() != Some(&name));
        drop(free.await.expect("the receiver lives"));
        let sent = Sent {
            at: Instant::now(),
            delivery: delivery.clone(),
        };
        self.seen.send_modify(|seen| {
            *seen.sent_to.entry(name.clone()).or_default() += 1;
            seen.sent.push(sent);
        });
        (self.answer)(delivery)
    }
}

/// Marks the end of an attempt, even if the attempt is cut off.
struct Leaves<'a>(&'a Receiver, String);

impl Drop for Leaves<'_> {
    fn drop(&mut self) {
        self.0.seen.send_modify(|seen| {
            if let Some(now) = seen.under_way.get_mut(&self.1) {
                *now -= 1;
            }
        });
    }
}

impl Receiver {
    /// Makes attempts at this endpoint wait until [`Receiver::let_go`].
    pub fn hold(&self, endpoint: &str) {
        self.held.send_replace(Some(endpoint.to_owned()));
    }

    pub fn let_go(&self) {
        self.held.send_replace(None);
    }

    pub async fn under_way(&self, endpoint: &str, count: usize) {
        let mut seen = self.seen.subscribe();
        let enough = seen.wait_for(|seen| seen.under_way.get(endpoint) == Some(&count));
        drop(enough.await.expect("the receiver lives"));
    }

    pub fn most_under_way(&self, endpoint: &str) -> usize {
        self.seen.borrow().most_under_way[endpoint]
    }
}

pub struct Bench {
    pub store: Store,
    pub receiver: Arc<Receiver>,
    pub options: OutboxOptions,
    endpoints: watch::Sender<Endpoints>,
    _folder: tempfile::TempDir,
}

impl Bench {
    /// Returns a bench with one endpoint, `completed`.
    pub async fn new(answer: impl Fn(&Delivery) -> Answer + Send + Sync + 'static) -> Self {
        Self::with_clock(Clock::Database, Box::new(answer)).await
    }

    /// Returns a bench with one endpoint and a store on tokio's clock, for paused time.
    pub async fn paused(answer: impl Fn(&Delivery) -> Answer + Send + Sync + 'static) -> Self {
        let epoch = Duration::from_secs(1_700_000_000);
        let mut bench = Self::with_clock(Clock::tokio(epoch), Box::new(answer)).await;
        // Days pass in these tests: housekeeping every ten seconds would take minutes.
        bench.options.housekeeping = Duration::from_secs(3_600);
        bench
    }

    async fn with_clock(
        clock: Clock,
        answer: Box<dyn Fn(&Delivery) -> Answer + Send + Sync>,
    ) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let url = format!("sqlite:{}", folder.path().join("store.db").display());
        let options = switchhook_store::StoreOptions {
            clock,
            ..switchhook_store::StoreOptions::new(url, Role::Serve)
        };
        let endpoints = HashMap::from([("completed".to_owned(), endpoint())]);
        Self {
            store: Store::open(options).await.expect("opened"),
            receiver: Arc::new(Receiver {
                answer,
                seen: watch::Sender::default(),
                held: watch::Sender::default(),
            }),
            options: OutboxOptions::default(),
            endpoints: watch::Sender::new(Arc::new(endpoints)),
            _folder: folder,
        }
    }

    pub fn set_endpoints<const N: usize>(&self, endpoints: [(&str, Endpoint); N]) {
        let endpoints = endpoints.map(|(name, endpoint)| (name.to_owned(), endpoint));
        self.endpoints
            .send_replace(Arc::new(HashMap::from(endpoints)));
    }

    pub fn run(&self) -> Running {
        self.run_with_health().0
    }

    pub fn run_with_health(&self) -> (Running, watch::Receiver<Health>) {
        let outbox = Outbox::new(
            self.store.clone(),
            self.endpoints.subscribe(),
            self.receiver.clone(),
            self.options.clone(),
        );
        let health = outbox.health();
        let shutdown = CancellationToken::new();
        let task = tokio::spawn(outbox.run(shutdown.clone()));
        (Running { shutdown, task }, health)
    }

    /// Stores a call with a document for `completed`.
    pub async fn finish(&self, call: &str) {
        let call = finished(call, &[], &["completed"]);
        self.store.finish_call(call).await.expect("finished");
    }

    /// Waits for `count` attempts to reach the receiver and returns them.
    pub async fn sent(&self, count: usize) -> Vec<Sent> {
        let mut seen = self.receiver.seen.subscribe();
        let enough = seen.wait_for(|seen| seen.sent.len() >= count).await;
        enough.expect("the receiver lives").sent.clone()
    }

    /// Returns how many attempts have reached this endpoint.
    pub fn sent_to(&self, endpoint: &str) -> usize {
        let seen = self.receiver.seen.borrow();
        seen.sent_to.get(endpoint).copied().unwrap_or_default()
    }

    pub fn all_sent(&self) -> Vec<Sent> {
        self.receiver.seen.borrow().sent.clone()
    }

    /// Waits for `count` attempts in the store's history.
    pub async fn tried(&self, count: u32) {
        self.until(|rows| {
            let settled = rows.iter().filter(|row| row.state != DocumentState::Leased);
            settled.map(|row| row.attempts).sum::<u32>() >= count
        })
        .await;
    }

    /// Waits for exactly `count` documents in `state` after an attempt.
    pub async fn settled(&self, state: DocumentState, count: usize) {
        self.until(|rows| {
            let so = |row: &&switchhook_store::DocumentRow| row.state == state && row.attempts > 0;
            rows.iter().filter(so).count() == count
        })
        .await;
    }

    /// Returns every document in the store.
    pub async fn rows(&self) -> Vec<switchhook_store::DocumentRow> {
        all(&self.store).await
    }

    /// Polls until the documents satisfy `enough`: the store does not announce a settled document.
    async fn until(&self, enough: impl Fn(&[switchhook_store::DocumentRow]) -> bool) {
        while !enough(&all(&self.store).await) {
            // In paused time a day costs few polls; real time is short.
            let paused = !matches!(self.store.clock(), Clock::Database);
            let look = if paused {
                self.options.poll
            } else {
                Duration::from_millis(5)
            };
            tokio::time::sleep(look).await;
        }
    }

    pub fn assert_same_bytes_under_each_id(&self) {
        let mut by_call = HashMap::new();
        for sent in self.all_sent() {
            let what = (sent.delivery.webhook_id, sent.delivery.content);
            let first = by_call
                .entry(sent.delivery.call_uuid)
                .or_insert_with(|| what.clone());
            assert_eq!(*first, what);
        }
    }
}

pub struct Running {
    pub shutdown: CancellationToken,
    task: JoinHandle<()>,
}

impl Running {
    pub async fn stop(self) {
        self.shutdown.cancel();
        self.task.await.expect("the outbox ended");
    }
}
