//! Every leg of every call of a switch, over its port 8021.
//!
//! ```text
//! switch -> link -> books (call::ledger) -> writer -> store
//! ```
//!
//! One task reads events and keeps the ledger, one writes to the store. The queue
//! between them is short: when the store is slow the socket is not read, and the
//! switch keeps up to 100,000 events for us. Nothing is dropped here, and what waits to
//! be read is not taken for missing.

mod call_query;
mod call_tracker;
mod cdr_recovery;
mod cdrs;
mod channel_fields;
mod lag;
mod link;
mod peer_instances;
mod writer;

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use metrics::{counter, gauge};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};
use tokio_util::sync::CancellationToken;
use tracing::{debug, error, info, warn};

use eslclient::{self, Connection, Limits};
use switchhook_core::clock;
use switchhook_core::finished_call::FinishedCall;
use switchhook_core::health::Health;
use switchhook_core::metric_names;
use switchhook_core::secret::Secret;
use switchhook_store::{FinishedCallRecord, Store, StoreError};

pub use cdrs::{CdrOptions, Inlet, NotTaken};

pub use call_query::CallQuery;
use call_query::Question;
use call_tracker::CallTracker;
use cdr_recovery::CdrRecovery;
use cdrs::{Posted, Sources};
use link::{Link, LinkEvent, Lost};

/// Waits between attempts to reach a switch.
const FIRST_WAIT: Duration = Duration::from_millis(500);
const LONGEST_WAIT: Duration = Duration::from_secs(15);
/// Between two looks at a store that cannot be read.
const AGAIN_AFTER: Duration = Duration::from_millis(500);
/// Room for the list of all channels: a row of it is about 1 KiB.
const LIST_BYTES: usize = 128 * 1024 * 1024;

/// One switch to follow.
#[derive(Debug, Clone)]
pub struct FollowOptions {
    /// Host and port of its Event Socket.
    pub address: String,
    /// Its password.
    pub password: Secret,
    /// Its name in documents; `None` for the one it gives itself.
    pub name: Option<String>,
    /// Limits on what it sends. The list of its channels may be larger.
    pub frames: Limits,
    /// From the connection to the password's acceptance.
    pub connect_deadline: Duration,
    /// How long a call that seems over waits for what the switch still owes.
    pub patience: Duration,
    /// Where it records the legs that ended, when that is to be read.
    pub cdrs: Option<CdrOptions>,
}

/// Makes of a call that is over what is to be stored and sent.
pub trait FinishCall: Send + Sync {
    /// Everything that the store is to do in one transaction.
    fn finish(&self, call: &FinishedCall) -> FinishedCallRecord;

    /// Keys (without `flow.key.`) that nothing of what it makes shows: they need not be
    /// kept while the call lasts.
    fn unwanted_keys(&self) -> Arc<[String]> {
        Arc::default()
    }
}

/// Follows one switch until it is told to stop.
pub struct Follower {
    options: FollowOptions,
    store: Store,
    closing: Arc<dyn FinishCall>,
    health: watch::Sender<Health>,
    asker: CallQuery,
    questions: mpsc::Receiver<Question>,
    password: Password,
    cdrs_health: watch::Sender<Health>,
    names: watch::Sender<Vec<String>>,
    inlet: Inlet,
    posts: mpsc::Receiver<Posted>,
}

/// The password of the next connection, which may change.
pub(crate) type Password = Arc<ArcSwap<Secret>>;

impl Follower {
    /// A follower that is not connected yet.
    #[must_use]
    pub fn new(options: FollowOptions, store: Store, closing: Arc<dyn FinishCall>) -> Self {
        let health = Health::ill(format!("{} was not reached yet", options.address));
        let health = watch::Sender::new(health);
        let (asker, questions) = call_query::questions(health.subscribe());
        let password = Arc::new(ArcSwap::from_pointee(options.password.clone()));
        let address = Some(options.address.clone());
        let names = address.into_iter().chain(options.name.clone()).collect();
        let names = watch::Sender::new(names);
        let (inlet, posts) = cdrs::inlet(names.subscribe());
        Self {
            options,
            store,
            closing,
            asker,
            questions,
            password,
            health,
            cdrs_health: watch::Sender::new(Health::well()),
            names,
            inlet,
            posts,
        }
    }

    /// Where another password is put.
    #[must_use]
    pub fn password(&self) -> Password {
        Arc::clone(&self.password)
    }

    /// Asks the switch for single calls.
    #[must_use]
    pub(crate) fn asker(&self) -> CallQuery {
        self.asker.clone()
    }

    /// Whether the switch is connected, and what is wrong when it is not.
    #[must_use]
    pub fn health(&self) -> watch::Receiver<Health> {
        self.health.subscribe()
    }

    /// Whether the folder of its CDRs can be read.
    #[must_use]
    pub(crate) fn cdrs_health(&self) -> watch::Receiver<Health> {
        self.cdrs_health.subscribe()
    }

    /// Takes the CDRs that the switch posts.
    #[must_use]
    pub(crate) fn inlet(&self) -> Inlet {
        self.inlet.clone()
    }

    /// Connects, again and again, until `stop`. Returns when all that was learnt is stored.
    pub async fn run(mut self, stop: CancellationToken) {
        let (jobs, queue) = writer::queue();
        let mut writer = tokio::spawn(writer::run(self.store.clone(), queue, stop.clone()));
        let mut books = self.books(jobs);
        tokio::select! {
            () = self.follow(&mut books, &stop) => {
                drop(books);
                self.ended(writer.await, &stop);
            }
            ended = &mut writer => self.ended(ended, &stop),
        }
    }

    fn books(&mut self, jobs: mpsc::Sender<writer::Job>) -> CallTracker {
        let (_, nobody) = mpsc::channel(1);
        let posts = std::mem::replace(&mut self.posts, nobody);
        let folder = self.options.cdrs.as_ref();
        let health = self.cdrs_health.clone();
        let sources = Sources::open(folder, &self.options.address, posts, health);
        let mending = CdrRecovery::new(sources, self.names.clone());
        CallTracker::new(&self.options, Arc::clone(&self.closing), jobs, mending)
    }

    /// Without its writer a follower can do nothing.
    fn ended(&self, writer: Result<(), tokio::task::JoinError>, stop: &CancellationToken) {
        if let Err(fault) = writer {
            error!(%fault, "the writer of the ledger ended badly");
        }
        if !stop.is_cancelled() {
            let what = format!("{} is not followed any more; restart", self.options.address);
            self.health.send_replace(Health::ill(what));
        }
    }

    async fn follow(&mut self, books: &mut CallTracker, stop: &CancellationToken) {
        let mut wait = FIRST_WAIT;
        loop {
            // A store that is away does not keep us from the switch, which keeps its events for
            // us once it is asked for them.
            if let Err(error) = books.take_up_stored(&self.store).await {
                self.unread(&error);
            }
            let lost = match meanwhile(books, &self.store, stop, self.connect()).await {
                None => return,
                Some(Ok(connection)) => self.listen(connection, books, stop, &mut wait).await,
                Some(Err(error)) => Err(error.into()),
            };
            if let Err(lost) = lost {
                self.unreached(&lost);
            }
            books.followed(false);
            let jitter = wait.mul_f64(fastrand::f64() / 2.0);
            if meanwhile(books, &self.store, stop, sleep(wait + jitter))
                .await
                .is_none()
            {
                return;
            }
            wait = (wait * 2).min(LONGEST_WAIT);
        }
    }

    /// Says once why the store cannot be read.
    fn unread(&self, error: &StoreError) {
        let what = format!("the calls stored before cannot be read: {error}");
        if self.health.send_replace(Health::ill(what.clone())).what != what {
            error!("{what}");
        }
    }

    /// Says why the store cannot be read and waits a moment; `false` at the end.
    async fn waits_for_the_store(&self, error: &StoreError, stop: &CancellationToken) -> bool {
        self.unread(error);
        tokio::select! {
            () = stop.cancelled() => false,
            () = sleep(AGAIN_AFTER) => true,
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
        eslclient::open_inbound(address, password.reveal(), frames, *connect_deadline).await
    }

    /// Says it once for each change, not at every attempt.
    fn unreached(&self, lost: &Lost) {
        let what = format!("{}: {lost}; trying again", self.options.address);
        gauge!(metric_names::SWITCH_CONNECTED, "switch" => self.options.address.clone()).set(0.0);
        let before = self.health.send_replace(Health::ill(what.clone()));
        if before.ok {
            counter!(metric_names::SWITCH_LOST, "switch" => self.options.address.clone())
                .increment(1);
            self.at(metric_names::SWITCH_LOST_AT);
        }
        if before.what == what {
            debug!("{what}");
        } else {
            warn!("the switch is not followed: {what}");
        }
    }

    /// Reads until the end, or until the connection is of no use; why it is not. What was
    /// read is carried out whatever happens: only waiting is broken off.
    async fn listen(
        &mut self,
        connection: Connection<TcpStream>,
        books: &mut CallTracker,
        stop: &CancellationToken,
        wait: &mut Duration,
    ) -> Result<(), Lost> {
        let mut link = Link::subscribe(connection)?;
        let mut tick = interval(Duration::from_secs(1));
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = stop.cancelled() => return Ok(()),
                heard = link.next() => {
                    let heard = heard?;
                    if matches!(heard, LinkEvent::Subscribed) {
                        *wait = FIRST_WAIT;
                        self.reached();
                        books.followed(true);
                    }
                    let began = Instant::now();
                    self.take(heard, &mut link, books, stop).await?;
                    link.pardon(began.elapsed());
                }
                Some(question) = self.questions.recv() => {
                    match books.has(&question.uuid) {
                        true => drop(question.answer.send(true)),
                        false => link.confirm(question),
                    }
                }
                came = books.next_cdrs() => {
                    let began = Instant::now();
                    books.came(came).await;
                    link.pardon(began.elapsed());
                }
                _ = tick.tick() => {
                    link.keep_alive()?;
                    link.list_again()?;
                    let began = Instant::now();
                    close_overdue(books, &self.store).await;
                    link.pardon(began.elapsed());
                }
            }
        }
    }

    async fn take(
        &self,
        heard: LinkEvent,
        link: &mut Link,
        books: &mut CallTracker,
        stop: &CancellationToken,
    ) -> Result<(), Lost> {
        match heard {
            LinkEvent::Event(event) => books.event(&event).await,
            LinkEvent::Name(told) => {
                if let Ok(name) = &told {
                    books.calls_itself(name);
                }
                let name = told.unwrap_or_else(|text| self.unnamed(&text, books));
                while let Err(error) = books.switch_is(&name, &self.store, link.asked_us).await {
                    if !self.waits_for_the_store(&error, stop).await {
                        break;
                    }
                }
            }
            LinkEvent::Channels(list) => {
                let (silent, unknown) = books.compare(&list, link.asked_us);
                link.ask_for(silent);
                link.ask_about(unknown);
            }
            LinkEvent::Dump(dump) => books.dumped(&dump).await,
            LinkEvent::Gone(gone) => books.lost(&gone, link.asked_us).await,
            LinkEvent::Refusal(text) => {
                warn!(switch = %self.options.address, text, "the switch refused a command");
            }
            LinkEvent::Subscribed | LinkEvent::Nothing => {}
        }
        Ok(())
    }

    /// The events have its name, and a document its events': only what is stored needs one.
    fn unnamed(&self, text: &str, books: &CallTracker) -> String {
        let address = &self.options.address;
        warn!(%address, text, "the switch refuses \"api switchname\"; its event_socket user should be allowed it");
        books.switch().unwrap_or(address).to_owned()
    }

    /// Now, in a metric of moments.
    fn at(&self, metric: &'static str) {
        let since = clock::since_1970();
        gauge!(metric, "switch" => self.options.address.clone()).set(since.as_secs_f64());
    }

    fn reached(&self) {
        let address = &self.options.address;
        gauge!(metric_names::SWITCH_CONNECTED, "switch" => address.clone()).set(1.0);
        counter!(metric_names::GAPS, "switch" => address.clone()).increment(1);
        self.at(metric_names::SWITCH_REACHED_AT);
        let before = self.health.send_replace(Health::well());
        if !before.ok {
            info!(%address, "following the switch");
        }
    }
}

/// Closes what has waited too long, unless another instance knows better.
async fn close_overdue(books: &mut CallTracker, store: &Store) {
    if books.hear_others(store).await {
        books.tick().await;
    }
}

/// Does `work`, and takes in CDRs meanwhile; calls that wait for something end while the switch
/// is away, too. `None` when told to stop first. What came is carried out whatever happens.
async fn meanwhile<T>(
    books: &mut CallTracker,
    store: &Store,
    stop: &CancellationToken,
    work: impl Future<Output = T>,
) -> Option<T> {
    let mut every = interval(Duration::from_secs(1));
    every.set_missed_tick_behavior(MissedTickBehavior::Delay);
    tokio::pin!(work);
    loop {
        tokio::select! {
            () = stop.cancelled() => return None,
            done = &mut work => return Some(done),
            came = books.next_cdrs() => books.came(came).await,
            _ = every.tick() => close_overdue(books, store).await,
        }
    }
}
