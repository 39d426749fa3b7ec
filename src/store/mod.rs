//! What survives a crash: the legs of calls that are not over, the documents
//! that are still to be delivered, and what the report shows.
//!
//! [`Store`] is the one door; behind it a driver for each database holds that
//! database's SQL. Every driver passes the same conformance suite
//! (`tests/store_suite`). What a method wrote is on the disk when it returns.
//!
//! ```text
//! put_leg … put_leg, finish_call        one transaction: legs out, documents in
//! claim -> settle(Delivered | Again | Dead)   or release, or the lease ends
//! ```

/// The same of either driver.
macro_rules! either {
    ($store:expr, $db:ident => $done:expr) => {
        match &*$store.driver {
            $crate::store::Driver::Sqlite($db) => $done,
            $crate::store::Driver::Postgres($db) => $done,
        }
    };
}

mod backup;
mod caller;
mod clock;
mod error;
mod forget;
mod health;
mod leases;
mod model;
mod ops;
mod postgres;
mod sqlite;
mod writer;

use std::sync::Arc;
use std::time::Duration;

use sqlx::{PgConnection, SqliteConnection};
use tokio::sync::watch;

pub use caller::{Caller, Found, FoundCall, Scrubbed};
pub use clock::Clock;
pub use error::StoreError;
pub use health::Health;
pub use model::{
    ATTEMPTS_KEPT, Attempt, Backlog, CallFilter, CallSearch, CallSummary, Claimed, Content,
    DocumentDetail, DocumentRow, Ended, Filter, FinishedCall, FinishedChannel, Keep, KeptResponse,
    Kind, Lease, NewDocument, Report, ReportedCall, Server, Settled, State, StoredLeg, ToldCall,
    Want,
};

use leases::Leases;
use ops::{Cursor, Write};
use postgres::Postgres;
use sqlite::Sqlite;

/// Who opens the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// The service: makes the tables or brings them up to date. Alone on a SQLite file,
    /// where it frees the leases of a dead predecessor; one of many on PostgreSQL, where
    /// those of its [`Options::place`] are freed, and others end by themselves.
    Serve,
    /// A command beside a service that may be running: `outbox`, `report`.
    Beside,
}

/// How the store is opened.
#[derive(Clone)]
pub struct Options {
    /// `sqlite:FILE` or `postgres://USER@HOST/DATABASE`.
    pub url: String,
    /// PostgreSQL's, instead of one in the URL.
    pub password: Option<String>,
    /// Who opens it.
    pub role: Role,
    /// How long a write waits for another program's transaction.
    pub busy_timeout: Duration,
    /// The store refuses to grow beyond this, as it would on a full disk.
    pub max_bytes: Option<u64>,
    /// Whose time decides what is due.
    pub clock: Clock,
    /// Where this process is, by a name that no other one has while this one lives, and that
    /// its successor will have: on PostgreSQL the next [`Role::Serve`] there frees its leases.
    pub place: Option<String>,
}

impl Options {
    /// The store at `url`, with 5 s of patience, no limit and the database's clock.
    #[must_use]
    pub fn new(url: impl Into<String>, role: Role) -> Self {
        Self {
            url: url.into(),
            password: None,
            role,
            busy_timeout: Duration::from_secs(5),
            max_bytes: None,
            clock: Clock::Database,
            place: None,
        }
    }
}

/// Without what may hold a password.
impl std::fmt::Debug for Options {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Options")
            .field("role", &self.role)
            .finish_non_exhaustive()
    }
}

/// An open store; clones share it.
#[derive(Debug, Clone)]
pub struct Store {
    driver: Arc<Driver>,
    clock: Clock,
    leases: Arc<Leases>,
}

/// Where it is, without a password.
impl std::fmt::Display for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&either!(self, db => db.shown()))
    }
}

/// One variant a database.
#[derive(Debug)]
enum Driver {
    Sqlite(Box<Sqlite>),
    Postgres(Postgres),
}

/// Where a report goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportCursor(Cursor);

impl Default for ReportCursor {
    fn default() -> Self {
        Self(Cursor::Calls(0))
    }
}

/// A `webhook-id` that nothing has had before; later ones sort behind earlier ones.
#[must_use]
pub fn new_id() -> String {
    format!("msg_{}", uuid::Uuid::now_v7().simple())
}

/// Whether a URL, without its password, is that of a store; why it is not.
///
/// # Errors
/// Half a sentence for a person.
pub fn check_url(url: &str) -> Result<(), String> {
    match postgres::is_url(url) {
        true => postgres::check_url(url),
        false => sqlite::check_url(url),
    }
}

/// Opening, closing, health.
impl Store {
    /// Opens the store. Needs a tokio runtime.
    ///
    /// # Errors
    /// Each [`StoreError`] names its cure: a URL that is no store, a file in use
    /// by another `serve` or written by a newer version, a disk that fails.
    pub async fn open(options: Options) -> Result<Self, StoreError> {
        let driver = match postgres::is_url(&options.url) {
            true => Driver::Postgres(Postgres::open(&options).await?),
            false => Driver::Sqlite(Box::new(Sqlite::open(&options).await?)),
        };
        Ok(Self {
            driver: Arc::new(driver),
            clock: options.clock,
            leases: Arc::new(Leases::of(options.place.as_deref())),
        })
    }

    async fn write<W>(&self, write: W) -> Result<W::Output, StoreError>
    where
        W: Write<SqliteConnection> + Write<PgConnection>,
    {
        either!(self, db => db.write(write).await)
    }

    /// Whether the store takes writes, and what is wrong when it does not. It
    /// recovers by itself when the cause is gone.
    #[must_use]
    pub fn health(&self) -> watch::Receiver<Health> {
        either!(self, db => db.health())
    }

    /// Returns once the store takes writes: for whoever must write again what a
    /// recoverable error refused.
    pub async fn recovered(&self) {
        // An error says that the writer is gone; the next write says so too.
        drop(self.health().wait_for(|health| health.ok).await);
    }

    /// Changes when this process inserted or freed something to send.
    #[must_use]
    pub fn inserted(&self) -> watch::Receiver<u64> {
        either!(self, db => db.inserted())
    }

    /// The database's server; `None` where there is none.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn server(&self) -> Result<Option<Server>, StoreError> {
        match &*self.driver {
            Driver::Sqlite(_) => Ok(None),
            Driver::Postgres(db) => db.server().await.map(Some),
        }
    }

    /// The clock for timestamps that a receiver sees.
    #[must_use]
    pub const fn clock(&self) -> Clock {
        self.clock
    }

    /// Writes what waits and closes the file; later calls fail with
    /// [`StoreError::Closed`].
    pub async fn close(&self) {
        either!(self, db => db.close().await);
    }
}

/// Calls.
impl Store {
    /// Stores a leg as far as it is known.
    ///
    /// # Errors
    /// [`StoreError`]; after a recoverable one the leg is not stored.
    pub async fn put_leg(&self, leg: StoredLeg) -> Result<(), StoreError> {
        self.write(ops::PutLeg(leg)).await
    }

    /// Forgets legs whose call needs no document.
    ///
    /// # Errors
    /// [`StoreError`]; after a recoverable one they are still there.
    pub async fn remove_legs(&self, switch: &str, legs: Vec<String>) -> Result<(), StoreError> {
        let switch = switch.to_owned();
        self.write(ops::RemoveLegs { switch, legs }).await
    }

    /// Every leg of every call that is not over, for a restart.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn load_legs(&self) -> Result<Vec<StoredLeg>, StoreError> {
        either!(self, db => db.load_legs().await)
    }

    /// A call is over: its legs out, its documents and its summary in, in one
    /// transaction. Says of each document whether it is new; one that this call
    /// (its switch, Unique-ID and creation) already has for that webhook stays as it is.
    ///
    /// # Errors
    /// [`StoreError`]; after a recoverable one nothing was changed, and the same
    /// call may be made again.
    pub async fn finish_call(&self, call: FinishedCall) -> Result<Vec<bool>, StoreError> {
        self.write(ops::Finish(call)).await
    }

    /// Channels of calls that ended within the last hour, the oldest first: what their
    /// switch still says of them makes no new call.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn finished_channels(
        &self,
        switch: &str,
    ) -> Result<Vec<FinishedChannel>, StoreError> {
        either!(self, db => db.finished_channels(switch).await)
    }

    /// Channels whose calls this or another instance finished since the look that answered
    /// `after` (0 at first), some at a time; `None` where no other instance can be.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn finished_since(
        &self,
        switch: &str,
        after: i64,
    ) -> Result<Option<Ended>, StoreError> {
        match &*self.driver {
            Driver::Sqlite(_) => Ok(None),
            Driver::Postgres(db) => db.finished_since(switch, after).await.map(Some),
        }
    }

    /// Whether other instances may write to it.
    #[must_use]
    pub fn is_shared(&self) -> bool {
        matches!(&*self.driver, Driver::Postgres(_))
    }

    /// Notes the name that the switch at `address` (host and port) gave itself.
    ///
    /// # Errors
    /// [`StoreError`]; after a recoverable one it is not noted.
    pub async fn put_switch(&self, address: &str, name: &str) -> Result<(), StoreError> {
        let (address, name) = (address.to_owned(), name.to_owned());
        self.write(ops::PutSwitch { address, name }).await
    }

    /// The name that was last noted for the switch at `address`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn switch_at(&self, address: &str) -> Result<Option<String>, StoreError> {
        either!(self, db => db.switch_at(address).await)
    }

    /// Notes that the CDR files of `switch` which were written before `until_us` (µs since
    /// 1970, the files' own time) are read; an earlier time than noted before changes nothing.
    ///
    /// # Errors
    /// [`StoreError`]; after a recoverable one it is not noted.
    pub async fn put_cdr_read(&self, switch: &str, until_us: i64) -> Result<(), StoreError> {
        let switch = switch.to_owned();
        self.write(ops::PutCdrRead { switch, until_us }).await
    }

    /// How far the CDR files of `switch` were read; `None` when they never were.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn cdr_read(&self, switch: &str) -> Result<Option<i64>, StoreError> {
        either!(self, db => db.cdr_read(switch).await)
    }

    /// Keeps a widget's variables for the report.
    ///
    /// # Errors
    /// [`StoreError`]; after a recoverable one they are not kept.
    pub async fn persist_response(&self, response: KeptResponse) -> Result<(), StoreError> {
        self.write(ops::KeepResponse(response)).await
    }

    /// Calls with what their widgets kept, in the order in which they ended,
    /// then what was kept for calls without a summary. A page, and where the
    /// next one begins.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn report(
        &self,
        filter: &CallFilter,
        cursor: ReportCursor,
    ) -> Result<(Vec<ReportedCall>, Option<ReportCursor>), StoreError> {
        let (calls, next) = either!(self, db => db.report(filter, cursor.0).await)?;
        Ok((calls, next.map(ReportCursor)))
    }

    /// Calls that are over with their stories, the newest first; looks through the last
    /// 50,000.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn calls(&self, search: &CallSearch) -> Result<Vec<ToldCall>, StoreError> {
        either!(self, db => db.calls(search).await)
    }

    /// Documents of a call and requests of its widgets, by the Unique-IDs of its legs; the
    /// first hundred.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn documents_of(&self, uuids: &[&str]) -> Result<Vec<DocumentRow>, StoreError> {
        either!(self, db => db.documents_of(uuids).await)
    }

    /// Webhooks and variable names that those calls kept.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn kept_names(&self, of: &CallFilter) -> Result<Vec<(String, String)>, StoreError> {
        either!(self, db => db.kept_names(of).await)
    }
}

/// The outbox.
impl Store {
    /// Stores a request that nobody waits for, as `webhook_id` ([`new_id`]); whether it is
    /// new.
    ///
    /// # Errors
    /// [`StoreError`]. Whether it is stored may not be known then; made again with the same
    /// id, this stores it once.
    pub async fn put_request(
        &self,
        webhook_id: &str,
        request: NewDocument,
    ) -> Result<bool, StoreError> {
        let request = NewDocument {
            kind: Kind::Request,
            ..request
        };
        let webhook_id = webhook_id.to_owned();
        let put = ops::PutRequest {
            webhook_id,
            request,
        };
        self.write(put).await
    }

    /// Leases what is due now, and what was leased to somebody whose lease ended.
    ///
    /// # Errors
    /// [`StoreError`]. What was leased all the same, by a commit whose answer was lost, is
    /// free for the next claim of this store.
    pub async fn claim(&self, of: Vec<Want>, lease: Duration) -> Result<Vec<Claimed>, StoreError> {
        let (token, in_doubt) = self.leases.token();
        let claim = ops::Claim {
            wants: of,
            lease,
            token: token.clone(),
            in_doubt,
        };
        let claimed = self.write(claim).await;
        if claimed.is_err() {
            self.leases.doubt(token);
        }
        claimed
    }

    /// Ends a lease with what came of it.
    ///
    /// # Errors
    /// [`StoreError::StaleLease`] when it is no longer held; after a recoverable
    /// error it still is.
    pub async fn settle(
        &self,
        lease: Lease,
        settled: Settled,
        report: Report,
    ) -> Result<(), StoreError> {
        let webhook_id = lease.webhook_id.clone();
        let settle = ops::Settle {
            lease,
            settled,
            report,
        };
        match self.write(settle).await? {
            true => Ok(()),
            false => Err(StoreError::StaleLease { webhook_id }),
        }
    }

    /// Gives claimed documents back; how many were still held.
    ///
    /// # Errors
    /// [`StoreError`]; their leases end by themselves then.
    pub async fn release(&self, leases: Vec<Lease>) -> Result<u64, StoreError> {
        self.write(ops::Release(leases)).await
    }

    /// Makes an endpoint's backlog due, each document as far as its `not_before`
    /// allows; how many were moved.
    ///
    /// # Errors
    /// [`StoreError`]; part of the backlog may be due then.
    pub async fn pull_forward(&self, endpoint: &str) -> Result<u64, StoreError> {
        let mut moved = 0;
        loop {
            // In chunks: whoever waits for the writer comes in between.
            let chunk = self.write(ops::PullForward(endpoint.to_owned())).await?;
            moved += chunk;
            if chunk < u64::from(ops::CHUNK) {
                return Ok(moved);
            }
        }
    }

    /// Stops sending to an endpoint, also after a restart.
    ///
    /// # Errors
    /// [`StoreError`]; it is not paused then.
    pub async fn pause(&self, endpoint: &str, reason: &str) -> Result<(), StoreError> {
        let (endpoint, reason) = (endpoint.to_owned(), reason.to_owned());
        self.write(ops::Pause { endpoint, reason }).await
    }

    /// Sends to a paused endpoint again; whether it was paused. Its documents
    /// begin a fresh schedule.
    ///
    /// # Errors
    /// [`StoreError`]; it is still paused then.
    pub async fn resume(&self, endpoint: &str) -> Result<bool, StoreError> {
        self.write(ops::Resume(endpoint.to_owned())).await
    }

    /// Paused endpoints, each with the reason.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn pauses(&self) -> Result<Vec<(String, String)>, StoreError> {
        either!(self, db => db.pauses().await)
    }

    /// Removes what is kept no longer, up to a thousand rows of a kind; how many. What
    /// waits to be delivered and calls that are not over are never removed.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn prune(&self, keep: Keep) -> Result<u64, StoreError> {
        self.write(ops::Prune(keep)).await
    }

    /// What waits, is being tried or is dead, for each endpoint.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn backlogs(&self) -> Result<Vec<Backlog>, StoreError> {
        either!(self, db => db.backlogs().await)
    }

    /// The oldest `limit` documents that fit.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn documents(&self, of: &Filter, limit: u32) -> Result<Vec<DocumentRow>, StoreError> {
        either!(self, db => db.documents(of, limit).await)
    }

    /// One document with its content and history.
    ///
    /// # Errors
    /// [`StoreError::NoSuchDocument`], or another [`StoreError`].
    pub async fn document(&self, webhook_id: &str) -> Result<DocumentDetail, StoreError> {
        let found = either!(self, db => db.document(webhook_id).await)?;
        found.ok_or_else(|| StoreError::NoSuchDocument {
            webhook_id: webhook_id.to_owned(),
        })
    }

    /// How many documents [`Store::replay`] would take: those being tried are not taken.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn count_replayable(&self, of: &Filter) -> Result<u64, StoreError> {
        either!(self, db => db.count_replayable(of).await)
    }

    /// Sends documents again, whatever their state, `gap` apart from now on, with
    /// a fresh schedule; ends the pauses of their endpoints. How many.
    ///
    /// # Errors
    /// [`StoreError`]; nothing is changed then.
    pub async fn replay(&self, filter: Filter, gap: Duration) -> Result<u64, StoreError> {
        self.write(ops::Replay { filter, gap }).await
    }
}
