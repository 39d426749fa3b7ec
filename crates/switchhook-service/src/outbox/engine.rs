//! The loop: looks what is due, begins what the lanes allow, waits for news.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use metrics::gauge;
use tokio::sync::watch;
use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::{Instant, sleep_until, timeout_at};
use tokio_util::sync::CancellationToken;

use super::attempt::attempt;
use super::endpoint_limiter::{Change, Ended, EndpointLimiter};
use super::{Deliver, Endpoint, Endpoints, LEASE, Outbox, OutboxOptions};
use switchhook_core::clock;
use switchhook_core::health::Health;
use switchhook_core::metric_names;
use switchhook_store::{Claimed, Lease, Store, StoreError, Want};

/// What a task of the engine did, for the endpoint of that name.
enum Done {
    Attempt(String, Ended),
    Pulled(String, Result<u64, StoreError>),
    Housekept,
}

/// What is known of a task from outside.
#[derive(Default)]
struct Task {
    endpoint: String,
    call_uuid: String,
    lease: Option<Lease>,
}

/// What one endpoint may begin now.
struct Share {
    want: Want,
    /// The endpoint had room for more.
    is_cut: bool,
}

impl Share {
    /// Whether all of it was taken, and more could be: others may have left some.
    fn has_more(&self, claimed: &[Claimed]) -> bool {
        let own = claimed
            .iter()
            .filter(|claimed| claimed.endpoint == self.want.endpoint);
        self.is_cut && u32::try_from(own.count()).is_ok_and(|own| own >= self.want.limit)
    }
}

pub(super) struct Engine<D> {
    store: Store,
    endpoints: watch::Receiver<Endpoints>,
    inserted: watch::Receiver<u64>,
    deliver: Arc<D>,
    options: OutboxOptions,
    health: watch::Sender<Health>,
    lanes: HashMap<String, (Endpoint, EndpointLimiter)>,
    running: JoinSet<Done>,
    tasks: HashMap<Id, Task>,
    housekeeping_at: Option<Instant>,
    /// Which endpoint is first when room is shared.
    turn: usize,
}

impl<D: Deliver> Engine<D> {
    pub(super) fn new(outbox: Outbox<D>) -> Self {
        Self {
            inserted: outbox.store.inserted(),
            store: outbox.store,
            endpoints: outbox.endpoints,
            deliver: outbox.deliver,
            options: outbox.options,
            health: outbox.health,
            lanes: HashMap::new(),
            running: JoinSet::new(),
            tasks: HashMap::new(),
            housekeeping_at: Some(Instant::now()),
            turn: 0,
        }
    }

    pub(super) async fn run(mut self, shutdown: CancellationToken) {
        self.read_endpoints();
        while !shutdown.is_cancelled() {
            // Registered before looking: what comes in while we look wakes us.
            self.inserted.mark_unchanged();
            self.pull_backlogs();
            self.keep_house();
            if let Err(StoreError::Closed) = self.begin_what_is_due().await {
                tracing::error!("the store was closed before the outbox");
                break;
            }
            let wake = self.wake_at();
            tokio::select! {
                () = shutdown.cancelled() => {}
                Some(done) = self.running.join_next_with_id() => self.take(done),
                Ok(()) = self.inserted.changed() => {}
                Ok(()) = self.endpoints.changed() => self.read_endpoints(),
                () = sleep_until(wake) => {}
            }
            while let Some(done) = self.running.try_join_next_with_id() {
                self.take(done);
            }
        }
        self.drain().await;
    }

    /// Endpoints that stay keep their lane's state.
    fn read_endpoints(&mut self) {
        let endpoints = self.endpoints.borrow_and_update().clone();
        self.lanes.retain(|name, _| endpoints.contains_key(name));
        for (name, endpoint) in endpoints.iter() {
            match self.lanes.get_mut(name) {
                Some((options, _)) => *options = endpoint.clone(),
                None => {
                    let lane = (endpoint.clone(), EndpointLimiter::new(endpoint));
                    self.lanes.insert(name.clone(), lane);
                }
            }
        }
        self.housekeeping_at = Some(Instant::now());
    }

    async fn begin_what_is_due(&mut self) -> Result<(), StoreError> {
        loop {
            let now = Instant::now();
            let asked = self.shares(now);
            if asked.is_empty() {
                return Ok(());
            }
            let wants = asked.iter().map(|share| share.want.clone()).collect();
            // An error is the store's to report; we look again at the next turn.
            let claimed = self.store.claim(wants, LEASE).await?;
            let again = asked.iter().any(|share| share.has_more(&claimed));
            for claimed in claimed {
                self.begin(claimed, now);
            }
            if !again {
                return Ok(());
            }
        }
    }

    /// What is left of [`OutboxOptions::in_flight`], shared among the endpoints with room; each
    /// turn another one is first, so that none waits for ever. An endpoint with nothing under
    /// way may always begin one: others that never answer must not take its turn.
    fn shares(&mut self, now: Instant) -> Vec<Share> {
        let under_way = self.tasks.values().filter(|task| task.lease.is_some());
        let mut left = self
            .options
            .in_flight
            .max(1)
            .saturating_sub(under_way.count());
        let lanes = self.lanes.iter_mut();
        let rooms = lanes.map(|(name, (options, lane))| {
            let least = usize::from(lane.is_idle());
            (name, lane.room(options, now), least)
        });
        let mut rooms: Vec<_> = rooms.filter(|&(_, room, _)| room > 0).collect();
        if !rooms.is_empty() {
            let first = self.turn % rooms.len();
            rooms.rotate_left(first);
            self.turn = self.turn.wrapping_add(1);
        }
        let mut lanes_left = rooms.len();
        let mut shares = Vec::with_capacity(lanes_left);
        for (name, room, least) in rooms {
            let given = room.min(left.div_ceil(lanes_left)).max(least);
            lanes_left -= 1;
            left = left.saturating_sub(given);
            let is_cut = given < room;
            shares.extend(want(name, given).map(|want| Share { want, is_cut }));
        }
        shares
    }

    fn begin(&mut self, claimed: Claimed, now: Instant) {
        let Some((options, lane)) = self.lanes.get_mut(&claimed.endpoint) else {
            return; // Not asked for; its lease ends by itself.
        };
        lane.begin(now);
        let (store, deliver) = (self.store.clone(), self.deliver.clone());
        let (options, name) = (options.clone(), claimed.endpoint.clone());
        let task = Task {
            endpoint: name.clone(),
            call_uuid: claimed.call_uuid.clone(),
            lease: Some(claimed.lease.clone()),
        };
        self.spawn(task, async move {
            Done::Attempt(name, attempt(store, &*deliver, &options, claimed).await)
        });
    }

    fn spawn(&mut self, task: Task, work: impl Future<Output = Done> + Send + 'static) {
        let id = self.running.spawn(work).id();
        self.tasks.insert(id, task);
    }

    fn take(&mut self, done: Result<(Id, Done), JoinError>) {
        let now = Instant::now();
        match done {
            Ok((id, done)) => {
                self.tasks.remove(&id);
                self.note(done, now);
            }
            Err(error) => {
                // A fault in a delivery: the lease ends by itself, then it is tried again.
                let Some(task) = self.tasks.remove(&error.id()) else {
                    return;
                };
                let (endpoint, call_uuid) = (&task.endpoint, &task.call_uuid);
                tracing::error!(endpoint, call_uuid, %error, "a delivery broke off");
                if task.lease.is_some() {
                    self.note(Done::Attempt(task.endpoint, Ended::Failed), now);
                }
            }
        }
    }

    fn note(&mut self, done: Done, now: Instant) {
        match done {
            Done::Attempt(name, ended) => {
                if let Some((options, lane)) = self.lanes.get_mut(&name) {
                    tell(&name, lane.end(ended, options, now));
                    show(name, lane, now);
                }
            }
            Done::Pulled(endpoint, Ok(0)) => {
                tracing::debug!(endpoint, "no backlog");
            }
            Done::Pulled(endpoint, Ok(documents)) => {
                tracing::info!(endpoint, documents, "the endpoint's backlog is due");
            }
            Done::Pulled(name, Err(_)) => {
                if let Some((_, lane)) = self.lanes.get_mut(&name) {
                    lane.pull_again(now);
                }
            }
            Done::Housekept => {
                self.housekeeping_at = Some(now + self.options.housekeeping);
            }
        }
    }

    fn pull_backlogs(&mut self) {
        let now = Instant::now();
        let due: Vec<String> = self
            .lanes
            .iter_mut()
            .filter_map(|(name, (_, lane))| lane.takes_pull(now).then(|| name.clone()))
            .collect();
        for name in due {
            let store = self.store.clone();
            let task = Task {
                endpoint: name.clone(),
                ..Task::default()
            };
            self.spawn(task, async move {
                let pulled = store.pull_forward(&name).await;
                Done::Pulled(name, pulled)
            });
        }
    }

    fn keep_house(&mut self) {
        if self.housekeeping_at.is_none_or(|at| Instant::now() < at) {
            return;
        }
        self.housekeeping_at = None;
        let (store, health, options) = (
            self.store.clone(),
            self.health.clone(),
            self.options.clone(),
        );
        let known: BTreeSet<String> = self.lanes.keys().cloned().collect();
        self.spawn(Task::default(), async move {
            if let Err(error) = keep_house(&store, &known, &health, &options).await {
                tracing::debug!(%error, "the outbox was not tidied");
            }
            Done::Housekept
        });
    }

    fn wake_at(&self) -> Instant {
        let poll = Instant::now() + self.options.poll;
        let lanes = self.lanes.values();
        lanes
            .flat_map(|(options, lane)| [lane.opens_at(options), lane.pull_at()])
            .chain([self.housekeeping_at])
            .flatten()
            .filter(|&at| at > Instant::now())
            .fold(poll, Instant::min)
    }

    async fn drain(mut self) {
        let until = Instant::now() + self.options.drain;
        while let Ok(Some(done)) = timeout_at(until, self.running.join_next_with_id()).await {
            self.take(done);
        }
        self.running.shutdown().await;
        let leases: Vec<Lease> = self
            .tasks
            .into_values()
            .filter_map(|task| task.lease)
            .collect();
        if leases.is_empty() {
            return;
        }
        let documents = leases.len();
        match self.store.release(leases).await {
            Ok(_) => tracing::info!(documents, "gave back deliveries that took too long to end"),
            Err(error) => tracing::warn!(documents, %error, "leases stay until they end"),
        }
    }
}

fn want(name: &str, room: usize) -> Option<Want> {
    let limit = u32::try_from(room).unwrap_or(u32::MAX);
    (limit > 0).then(|| Want {
        endpoint: name.to_owned(),
        limit,
    })
}

fn show(endpoint: String, lane: &EndpointLimiter, now: Instant) {
    let pause = lane.slowed().as_secs_f64();
    gauge!(metric_names::DELIVERY_PAUSE, "endpoint" => endpoint.clone()).set(pause);
    let resumes = lane.rests(now).map(|left| clock::since_1970() + left);
    let resumes = resumes.unwrap_or_default();
    gauge!(metric_names::DELIVERY_RESUMES, "endpoint" => endpoint).set(resumes.as_secs_f64());
}

fn tell(endpoint: &str, change: Change) {
    match change {
        Change::None => {}
        Change::BeganToFail => tracing::warn!(endpoint, "a delivery failed"),
        Change::Slowed => {
            tracing::warn!(
                endpoint,
                "deliveries keep failing: the endpoint is sent to slowly"
            );
        }
        Change::Recovered => tracing::info!(endpoint, "the endpoint takes deliveries again"),
    }
}

async fn keep_house(
    store: &Store,
    known: &BTreeSet<String>,
    health: &watch::Sender<Health>,
    options: &OutboxOptions,
) -> Result<(), StoreError> {
    let mut wrong: Vec<String> = Vec::new();
    for (endpoint, reason) in store.pauses().await? {
        wrong.push(format!(
            "endpoint {endpoint} is paused: {reason}; when it is back: `switchhook outbox resume {endpoint}`"
        ));
    }
    for backlog in store.backlogs().await? {
        if backlog.waiting > 0 && !known.contains(&backlog.endpoint) {
            let (waiting, endpoint) = (backlog.waiting, backlog.endpoint);
            wrong.push(format!(
                "{waiting} documents wait for [webhooks.{endpoint}], which is not in the configuration; add it again"
            ));
        }
    }
    let news = if wrong.is_empty() {
        Health::well()
    } else {
        Health::ill(wrong.join(". "))
    };
    health.send_if_modified(|health| {
        let changed = *health != news;
        if changed && !news.ok {
            tracing::error!("{}", news.what);
        }
        *health = news;
        changed
    });
    store.prune(options.keep).await.map(drop)
}
