//! The task that follows one switch: connects, reads, reconnects.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use metrics::{counter, gauge};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, watch};
use tokio::time::{MissedTickBehavior, interval, sleep};
use tokio_util::sync::CancellationToken;
use tracing::{debug, error, info, warn};

use eslclient::{self, Connection, Limits};
use switchhook_core::clock;
use switchhook_core::health::Health;
use switchhook_core::metric_names;
use switchhook_core::secret::Secret;
use switchhook_store::{Store, StoreError};

use super::call_tracker::CallTracker;
use super::call_verifier::{self, CallVerifier, VerifyRequests};
use super::cdr_recovery::CdrRecovery;
use super::cdrs::{self, CdrInbox, CdrSources, PostedCdr};
use super::link::LinkError;
use super::shared_legs::SharedLegs;
use super::{FinishCall, FollowOptions, writer};

/// The shortest and the longest wait between two attempts to reach a switch.
pub(super) const FIRST_WAIT: Duration = Duration::from_millis(500);
const LONGEST_WAIT: Duration = Duration::from_secs(15);
/// Room for the list of all channels: one row is about 1 KiB.
const LIST_BYTES: usize = 128 * 1024 * 1024;

/// The password of the next connection; a reload may replace it.
pub(crate) type Password = Arc<ArcSwap<Secret>>;

/// Follows one switch until it is stopped.
pub struct Follower {
    pub(super) options: FollowOptions,
    pub(super) store: Store,
    documents: Arc<dyn FinishCall>,
    pub(super) health: watch::Sender<Health>,
    verifier: CallVerifier,
    pub(super) verify_requests: VerifyRequests,
    /// Where the switch was reached last.
    reached_at: watch::Sender<Option<IpAddr>>,
    password: Password,
    cdrs_health: watch::Sender<Health>,
    names: watch::Sender<Vec<String>>,
    cdr_inbox: CdrInbox,
    posts: mpsc::Receiver<PostedCdr>,
    shared: Arc<SharedLegs>,
}

impl Follower {
    /// Returns a follower that is not connected yet.
    #[must_use]
    pub fn new(options: FollowOptions, store: Store, documents: Arc<dyn FinishCall>) -> Self {
        let health = Health::failing(format!("{} was not reached yet", options.address));
        let health = watch::Sender::new(health);
        let reached_at = watch::Sender::new(None);
        let (verifier, verify_requests) =
            call_verifier::of_switch(health.subscribe(), reached_at.subscribe());
        let password = Arc::new(ArcSwap::from_pointee(options.password.clone()));
        let address = Some(options.address.clone());
        let names = address.into_iter().chain(options.name.clone()).collect();
        let names = watch::Sender::new(names);
        let (cdr_inbox, posts) = cdrs::inbox(names.subscribe());
        Self {
            options,
            store,
            documents,
            verifier,
            verify_requests,
            reached_at,
            password,
            health,
            cdrs_health: watch::Sender::new(Health::healthy()),
            names,
            cdr_inbox,
            posts,
            shared: Arc::default(),
        }
    }

    /// Shares legs of calls on two switches with the followers of the others.
    #[must_use]
    pub(crate) fn sharing(self, shared: &Arc<SharedLegs>) -> Self {
        shared.join();
        Self {
            shared: Arc::clone(shared),
            ..self
        }
    }

    /// Returns the password of the next connection, so that a reload can replace it.
    #[must_use]
    pub fn password(&self) -> Password {
        Arc::clone(&self.password)
    }

    /// Returns a verifier that asks this switch whether it has a call.
    #[must_use]
    pub(crate) fn verifier(&self) -> CallVerifier {
        self.verifier.clone()
    }

    /// Returns whether the switch is connected, and if not, why.
    #[must_use]
    pub fn health(&self) -> watch::Receiver<Health> {
        self.health.subscribe()
    }

    /// Returns whether the folder of its CDR files can be read.
    #[must_use]
    pub(crate) fn cdrs_health(&self) -> watch::Receiver<Health> {
        self.cdrs_health.subscribe()
    }

    /// Returns the inbox for the CDRs that the switch posts.
    #[must_use]
    pub(crate) fn cdr_inbox(&self) -> CdrInbox {
        self.cdr_inbox.clone()
    }

    /// Connects and reconnects until `stop`. Returns when everything that was read is stored.
    pub async fn run(mut self, stop: CancellationToken) {
        let (commands, queue) = writer::queue();
        let mut writer = tokio::spawn(writer::run(
            self.store.clone(),
            Arc::clone(&self.documents),
            queue,
            stop.clone(),
        ));
        let mut tracker = self.tracker(commands);
        tokio::select! {
            () = self.follow(&mut tracker, &stop) => {
                drop(tracker);
                self.writer_ended(writer.await, &stop);
            }
            ended = &mut writer => self.writer_ended(ended, &stop),
        }
    }

    fn tracker(&mut self, commands: mpsc::Sender<writer::StoreCommand>) -> CallTracker {
        let (_, closed) = mpsc::channel(1);
        let posts = std::mem::replace(&mut self.posts, closed);
        let folder = self.options.cdrs.as_ref();
        let health = self.cdrs_health.clone();
        let sources = CdrSources::open(folder, &self.options.address, posts, health);
        let cdrs = CdrRecovery::new(sources, self.names.clone());
        let shared = Arc::clone(&self.shared);
        CallTracker::new(&self.options, Arc::clone(&self.documents), commands, cdrs).sharing(shared)
    }

    /// Reports a follower that is of no use any more: without its writer it stores nothing.
    fn writer_ended(&self, writer: Result<(), tokio::task::JoinError>, stop: &CancellationToken) {
        if let Err(fault) = writer {
            error!(%fault, "the task that stores call records failed");
        }
        if !stop.is_cancelled() {
            let what = format!(
                "{} is no longer followed; restart the service",
                self.options.address
            );
            self.health.send_replace(Health::failing(what));
        }
    }

    async fn follow(&mut self, tracker: &mut CallTracker, stop: &CancellationToken) {
        let mut wait = FIRST_WAIT;
        loop {
            // Connects even if the store is away: once events are subscribed, the switch
            // keeps them for us.
            if let Err(error) = tracker.restore_stored(&self.store).await {
                self.report_unreadable_store(&error);
            }
            let connection = self.connect();
            let ended = match with_background_work(tracker, &self.store, stop, connection).await {
                None => return,
                Some(Ok(connection)) => {
                    self.read_events(connection, tracker, stop, &mut wait).await
                }
                Some(Err(error)) => Err(error.into()),
            };
            if let Err(error) = ended {
                self.report_disconnected(&error);
            }
            tracker.set_connected(false);
            let jitter = wait.mul_f64(fastrand::f64() / 2.0);
            let pause = sleep(wait + jitter);
            if with_background_work(tracker, &self.store, stop, pause)
                .await
                .is_none()
            {
                return;
            }
            wait = (wait * 2).min(LONGEST_WAIT);
        }
    }

    async fn connect(&self) -> Result<Connection<TcpStream>, eslclient::Error> {
        let FollowOptions {
            address,
            connect_deadline,
            ..
        } = &self.options;
        let password = self.password.load_full();
        let frames = Limits {
            body_bytes: self.options.frames.body_bytes.max(LIST_BYTES),
            ..self.options.frames
        };
        let opened = eslclient::open_inbound(address, password.reveal(), frames, *connect_deadline);
        let connection = opened.await?;
        let reached_at = connection.get_ref().peer_addr().ok();
        self.reached_at
            .send_replace(reached_at.map(|at| at.ip().to_canonical()));
        Ok(connection)
    }

    /// Logs once why the store cannot be read.
    pub(super) fn report_unreadable_store(&self, error: &StoreError) {
        let what = format!("cannot read the calls stored before: {error}");
        if self.health.send_replace(Health::failing(what.clone())).what != what {
            error!("{what}");
        }
    }

    /// Logs a lost connection at each change, not at every attempt.
    fn report_disconnected(&self, error: &LinkError) {
        let what = format!("{}: {error}; trying again", self.options.address);
        gauge!(metric_names::SWITCH_CONNECTED, "switch" => self.options.address.clone()).set(0.0);
        let before = self.health.send_replace(Health::failing(what.clone()));
        if before.ok {
            counter!(metric_names::SWITCH_LOST, "switch" => self.options.address.clone())
                .increment(1);
            self.set_to_now(metric_names::SWITCH_LOST_AT);
        }
        if before.what == what {
            debug!("{what}");
        } else {
            warn!("the switch is not followed: {what}");
        }
    }

    pub(super) fn report_connected(&self) {
        let address = &self.options.address;
        gauge!(metric_names::SWITCH_CONNECTED, "switch" => address.clone()).set(1.0);
        counter!(metric_names::GAPS, "switch" => address.clone()).increment(1);
        self.set_to_now(metric_names::SWITCH_REACHED_AT);
        let before = self.health.send_replace(Health::healthy());
        if !before.ok {
            info!(%address, "following the switch");
        }
    }

    /// Counts how far the switch's clock is ahead of ours.
    pub(super) fn report_clock(&self, ahead_us: i64) {
        #[allow(clippy::cast_precision_loss)] // a gauge: microseconds of a year are exact
        let ahead_s = ahead_us as f64 / 1e6;
        gauge!(metric_names::SWITCH_CLOCK, "switch" => self.options.address.clone()).set(ahead_s);
    }

    /// Sets a metric that holds a point in time to the present.
    fn set_to_now(&self, metric: &'static str) {
        let since = clock::since_1970();
        gauge!(metric, "switch" => self.options.address.clone()).set(since.as_secs_f64());
    }
}

/// Closes calls that have waited too long, unless the store cannot say what other instances know.
pub(super) async fn close_overdue_calls(tracker: &mut CallTracker, store: &Store) {
    if tracker.sync_with_peers(store).await {
        tracker.close_overdue().await;
    }
}

/// Runs `work`. Meanwhile takes in CDRs and closes overdue calls, also while the switch is
/// away. Returns `None` if `stop` comes first. A batch of CDRs that was begun is finished.
async fn with_background_work<T>(
    tracker: &mut CallTracker,
    store: &Store,
    stop: &CancellationToken,
    work: impl Future<Output = T>,
) -> Option<T> {
    let mut every_second = interval(Duration::from_secs(1));
    every_second.set_missed_tick_behavior(MissedTickBehavior::Delay);
    tokio::pin!(work);
    loop {
        tokio::select! {
            () = stop.cancelled() => return None,
            done = &mut work => return Some(done),
            input = tracker.next_input() => tracker.take_input(input).await,
            _ = every_second.tick() => close_overdue_calls(tracker, store).await,
        }
    }
}
