//! The delivery loop: claims due documents, starts the attempts that the limiters allow, and waits
//! for the next event.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use metrics::gauge;
use tokio::sync::watch;
use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::{Instant, sleep_until, timeout_at};
use tokio_util::sync::CancellationToken;

use super::attempt::{AttemptDone, attempt};
use super::endpoint_limiter::{AttemptEnd, EndpointLimiter, StateChange};
use super::housekeeping::housekeeping;
use super::retry_requests::RetryRequests;
use super::{Deliver, Endpoint, Endpoints, LEASE, Outbox, OutboxOptions};
use switchhook_admin::endpoint_status::{EndpointStatuses, FailingEndpoint};
use switchhook_core::clock;
use switchhook_core::health::Health;
use switchhook_core::metric_names;
use switchhook_store::{ClaimRequest, ClaimedDocument, Lease, Store, StoreError, is_event_lane};

/// The result of a task, with its endpoint's name.
enum TaskResult {
    Attempt(String, AttemptDone),
    Pulled(String, Result<u64, StoreError>),
    RetryRequests(Result<Vec<(String, i64)>, StoreError>),
    HousekeepingDone,
}

/// What the engine knows about a running task.
#[derive(Default)]
struct Task {
    endpoint: String,
    call_uuid: String,
    lease: Option<Lease>,
}

/// How much one endpoint may claim now.
struct ClaimShare {
    want: ClaimRequest,
    /// The endpoint had room for more than its share.
    is_cut: bool,
}

impl ClaimShare {
    /// Whether the share was used up and there was room for more: other endpoints may have left
    /// some.
    fn has_more(&self, claimed: &[ClaimedDocument]) -> bool {
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
    statuses: Arc<EndpointStatuses>,
    limiters: HashMap<String, (Endpoint, EndpointLimiter)>,
    running: JoinSet<TaskResult>,
    tasks: HashMap<Id, Task>,
    housekeeping_at: Option<Instant>,
    retry_requests: RetryRequests,
    /// Which endpoint comes first when the shared room is divided.
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
            statuses: outbox.statuses,
            limiters: HashMap::new(),
            running: JoinSet::new(),
            tasks: HashMap::new(),
            housekeeping_at: Some(Instant::now()),
            retry_requests: RetryRequests::default(),
            turn: 0,
        }
    }

    pub(super) async fn run(mut self, shutdown: CancellationToken) {
        self.read_endpoints();
        while !shutdown.is_cancelled() {
            // Marked before the claim, so that a document inserted meanwhile wakes the loop.
            self.inserted.mark_unchanged();
            self.pull_backlogs();
            self.housekeeping();
            self.look_for_retry_requests();
            if let Err(StoreError::Closed) = self.start_due_attempts().await {
                tracing::error!("the store was closed before the outbox");
                break;
            }
            let wake = self.wake_at();
            tokio::select! {
                () = shutdown.cancelled() => {}
                Some(done) = self.running.join_next_with_id() => self.task_ended(done),
                Ok(()) = self.inserted.changed() => {}
                Ok(()) = self.endpoints.changed() => self.read_endpoints(),
                () = sleep_until(wake) => {}
            }
            while let Some(done) = self.running.try_join_next_with_id() {
                self.task_ended(done);
            }
        }
        self.drain().await;
    }

    /// Applies new endpoints; those that stay keep the state of their limiter.
    fn read_endpoints(&mut self) {
        let endpoints = self.endpoints.borrow_and_update().clone();
        self.limiters.retain(|name, _| {
            let stays = endpoints.contains_key(name);
            if !stays {
                self.statuses.clear(name);
            }
            stays
        });
        for (name, endpoint) in endpoints.iter() {
            match self.limiters.get_mut(name) {
                Some((options, _)) => *options = endpoint.clone(),
                None => {
                    let limiter = (endpoint.clone(), EndpointLimiter::new(endpoint));
                    self.limiters.insert(name.clone(), limiter);
                }
            }
        }
        self.housekeeping_at = Some(Instant::now());
    }

    async fn start_due_attempts(&mut self) -> Result<(), StoreError> {
        loop {
            let now = Instant::now();
            let shares = self.shares(now);
            if shares.is_empty() {
                return Ok(());
            }
            let wants = shares.iter().map(|share| share.want.clone()).collect();
            // The store reports its errors itself; the loop tries again in its next turn.
            let claimed = self.store.claim(wants, LEASE).await?;
            let again = shares.iter().any(|share| share.has_more(&claimed));
            for claimed in claimed {
                self.start_attempt(claimed, now);
            }
            if !again {
                return Ok(());
            }
        }
    }

    /// Divides what is left of [`OutboxOptions::in_flight`] among the endpoints with room. Another
    /// endpoint comes first each turn, so that none waits for ever. An endpoint with nothing in
    /// flight may always start one attempt: endpoints that never answer must not take its turn.
    fn shares(&mut self, now: Instant) -> Vec<ClaimShare> {
        // Events have as much room again: a receiver of theirs that is slow delays no document.
        let mut shares = self.shares_of(false, now);
        shares.extend(self.shares_of(true, now));
        self.turn = self.turn.wrapping_add(1);
        shares
    }

    fn shares_of(&mut self, events: bool, now: Instant) -> Vec<ClaimShare> {
        let is_one = |name: &str| is_event_lane(name) == events;
        let under_way = self.tasks.values().filter(|task| task.lease.is_some());
        let under_way = under_way.filter(|task| is_one(&task.endpoint));
        let mut left = self
            .options
            .in_flight
            .max(1)
            .saturating_sub(under_way.count());
        let limiters = self.limiters.iter_mut();
        let limiters = limiters.filter(|(name, _)| is_one(name));
        let rooms = limiters.map(|(name, (options, limiter))| {
            let least = usize::from(limiter.is_idle());
            (name, limiter.room(options, now), least)
        });
        let mut rooms: Vec<_> = rooms.filter(|&(_, room, _)| room > 0).collect();
        if !rooms.is_empty() {
            let first = self.turn % rooms.len();
            rooms.rotate_left(first);
        }
        let mut lanes_left = rooms.len();
        let mut shares = Vec::with_capacity(lanes_left);
        for (name, room, least) in rooms {
            let given = room.min(left.div_ceil(lanes_left)).max(least);
            lanes_left -= 1;
            left = left.saturating_sub(given);
            let is_cut = given < room;
            shares.extend(want_of(name, given).map(|want| ClaimShare { want, is_cut }));
        }
        shares
    }

    fn start_attempt(&mut self, claimed: ClaimedDocument, now: Instant) {
        let Some((options, limiter)) = self.limiters.get_mut(&claimed.endpoint) else {
            return; // Removed since the claim; the lease expires.
        };
        limiter.begin(now);
        let (store, deliver) = (self.store.clone(), self.deliver.clone());
        let (options, name) = (options.clone(), claimed.endpoint.clone());
        let task = Task {
            endpoint: name.clone(),
            call_uuid: claimed.call_uuid.clone(),
            lease: Some(claimed.lease.clone()),
        };
        self.spawn(task, async move {
            TaskResult::Attempt(name, attempt(store, &*deliver, &options, claimed).await)
        });
    }

    fn spawn(&mut self, task: Task, work: impl Future<Output = TaskResult> + Send + 'static) {
        let id = self.running.spawn(work).id();
        self.tasks.insert(id, task);
    }

    fn task_ended(&mut self, done: Result<(Id, TaskResult), JoinError>) {
        let now = Instant::now();
        match done {
            Ok((id, done)) => {
                self.tasks.remove(&id);
                self.apply(done, now);
            }
            Err(error) => {
                // A panic in a delivery: the lease expires, and then the document is retried.
                let Some(task) = self.tasks.remove(&error.id()) else {
                    return;
                };
                let (endpoint, call_uuid) = (&task.endpoint, &task.call_uuid);
                tracing::error!(endpoint, call_uuid, %error, "a delivery task failed; its lease expires and it is retried");
                if task.lease.is_some() {
                    let done = AttemptDone {
                        end: AttemptEnd::Failed,
                        result: "the delivery task failed; see the log".into(),
                        is_gone: false,
                    };
                    self.apply(TaskResult::Attempt(task.endpoint, done), now);
                }
            }
        }
    }

    fn apply(&mut self, done: TaskResult, now: Instant) {
        match done {
            TaskResult::Attempt(name, done) => {
                if done.is_gone {
                    self.look_at_pauses(now);
                }
                if let Some((options, limiter)) = self.limiters.get_mut(&name) {
                    log_change(&name, limiter.end(done.end, options, now));
                    set_status(&self.statuses, &name, limiter, done, now);
                    set_gauges(name, limiter, now);
                }
            }
            TaskResult::Pulled(endpoint, Ok(0)) => {
                tracing::debug!(endpoint, "no backlog");
            }
            TaskResult::Pulled(endpoint, Ok(documents)) => {
                tracing::info!(endpoint, documents, "the endpoint's backlog is due");
            }
            TaskResult::Pulled(name, Err(_)) => {
                if let Some((_, limiter)) = self.limiters.get_mut(&name) {
                    limiter.pull_again(now);
                }
            }
            TaskResult::RetryRequests(found) => {
                let wanted = self.retry_requests.take(found);
                if !wanted.is_empty() {
                    // An operator may have ended a pause.
                    self.look_at_pauses(now);
                }
                for name in wanted {
                    if let Some((_, limiter)) = self.limiters.get_mut(&name) {
                        limiter.reopen();
                        self.statuses.reopened(&name);
                    }
                }
            }
            TaskResult::HousekeepingDone => {
                self.housekeeping_at = Some(now + self.options.housekeeping);
            }
        }
    }

    /// Lets the housekeeping report at once which endpoints are paused.
    fn look_at_pauses(&mut self, now: Instant) {
        self.housekeeping_at = self.housekeeping_at.map(|at| at.min(now));
    }

    fn pull_backlogs(&mut self) {
        let now = Instant::now();
        let due: Vec<String> = self
            .limiters
            .iter_mut()
            .filter_map(|(name, (_, limiter))| limiter.takes_pull(now).then(|| name.clone()))
            .collect();
        for name in due {
            let store = self.store.clone();
            let task = Task {
                endpoint: name.clone(),
                ..Task::default()
            };
            self.spawn(task, async move {
                let pulled = store.make_backlog_due(&name).await;
                TaskResult::Pulled(name, pulled)
            });
        }
    }

    fn housekeeping(&mut self) {
        if self.housekeeping_at.is_none_or(|at| Instant::now() < at) {
            return;
        }
        self.housekeeping_at = None;
        let (store, health, keep) = (self.store.clone(), self.health.clone(), self.options.keep);
        let known: BTreeSet<String> = self.limiters.keys().cloned().collect();
        self.spawn(Task::default(), async move {
            if let Err(error) = housekeeping(&store, &known, &health, keep).await {
                tracing::debug!(%error, "outbox housekeeping failed");
            }
            TaskResult::HousekeepingDone
        });
    }

    /// Looks whether an operator wants documents sent again, also from another process: an
    /// endpoint that is slowed down begins at once.
    fn look_for_retry_requests(&mut self) {
        let (every, now) = (self.options.poll, Instant::now());
        if self.retry_requests.begins_look(every, now) {
            let store = self.store.clone();
            self.spawn(Task::default(), async move {
                TaskResult::RetryRequests(store.retry_requests().await)
            });
        }
    }

    fn wake_at(&self) -> Instant {
        let poll = Instant::now() + self.options.poll;
        let limiters = self.limiters.values();
        limiters
            .flat_map(|(options, limiter)| [limiter.opens_at(options), limiter.pull_at()])
            .chain([self.housekeeping_at])
            .flatten()
            .filter(|&at| at > Instant::now())
            .fold(poll, Instant::min)
    }

    async fn drain(mut self) {
        let until = Instant::now() + self.options.drain;
        while let Ok(Some(done)) = timeout_at(until, self.running.join_next_with_id()).await {
            self.task_ended(done);
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
            Ok(_) => tracing::info!(documents, "released deliveries that did not end in time"),
            Err(error) => {
                tracing::warn!(documents, %error, "deliveries were not released; their leases expire later")
            }
        }
    }
}

fn want_of(name: &str, room: usize) -> Option<ClaimRequest> {
    let limit = u32::try_from(room).unwrap_or(u32::MAX);
    (limit > 0).then(|| ClaimRequest {
        endpoint: name.to_owned(),
        limit,
    })
}

/// Tells the page how the endpoint is.
fn set_status(
    statuses: &EndpointStatuses,
    endpoint: &str,
    limiter: &EndpointLimiter,
    done: AttemptDone,
    now: Instant,
) {
    if limiter.failures() == 0 {
        statuses.clear(endpoint);
        return;
    }
    if done.end == AttemptEnd::Delivered {
        return;
    }
    let now_ms = clock::now_ms();
    let in_ms = |left: Duration| i64::try_from(left.as_millis()).unwrap_or(i64::MAX);
    let next = limiter.paused_for(now);
    let status = FailingEndpoint {
        since_ms: now_ms,
        failures: limiter.failures(),
        last_result: done.result,
        pause: limiter.pause(),
        next_ms: next.map(|left| now_ms.saturating_add(in_ms(left))),
    };
    statuses.failed(endpoint, status);
}

fn set_gauges(endpoint: String, limiter: &EndpointLimiter, now: Instant) {
    let pause = limiter.pause().as_secs_f64();
    gauge!(metric_names::DELIVERY_PAUSE, "endpoint" => endpoint.clone()).set(pause);
    let resumes = limiter
        .paused_for(now)
        .map(|left| clock::since_1970() + left);
    let resumes = resumes.unwrap_or_default();
    gauge!(metric_names::DELIVERY_RESUMES, "endpoint" => endpoint).set(resumes.as_secs_f64());
}

fn log_change(endpoint: &str, change: StateChange) {
    match change {
        // The attempt has its own line.
        StateChange::None | StateChange::BeganToFail => {}
        StateChange::Slowed => {
            tracing::warn!(
                endpoint,
                "deliveries keep failing: the endpoint is slowed down"
            );
        }
        StateChange::Recovered => tracing::info!(endpoint, "the endpoint accepts deliveries again"),
    }
}
