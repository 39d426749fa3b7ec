//! What survives a crash: the legs of calls that are not over, the documents
//! that are still to be delivered, and what the report shows.
//!
//! [`Store`] is the one door; behind it a driver for each database holds that
//! database's SQL. Every driver passes the same conformance suite
//! (`tests/store_suite`). What a method wrote is on the disk when it returns.
//!
//! ```text
//! put_leg … put_leg, finish_call        one transaction: legs out, documents in
//!   or, with recordings to wait for:    legs out, call in; claim_unpublished -> publish: call out, documents in
//! claim -> settle(Delivered | Again | Dead)   or release, or the lease ends
//! ```

#![warn(unreachable_pub)]

/// The same of either driver.
macro_rules! either {
    ($store:expr, $db:ident => $done:expr) => {
        match &*$store.driver {
            $crate::Driver::Sqlite($db) => $done,
            $crate::Driver::Postgres($db) => $done,
        }
    };
}

mod backup;
mod caller;
mod calls;
mod clock;
mod deliveries;
mod error;
mod forget;
mod leases;
mod migrations;
mod model;
mod ops;
mod postgres;
mod sqlite;
mod unpublished;
mod writer;

use std::sync::Arc;
use std::time::Duration;

use sqlx::{PgConnection, SqliteConnection};
use tokio::sync::watch;

pub use caller::{Caller, Found, FoundCall, Scrubbed};
pub use clock::Clock;
pub use error::StoreError;
pub use model::{
    ATTEMPTS_KEPT, Attempt, AttemptReport, Backlog, CallFilter, CallSearch, CallSummary, Claimed,
    Content, DeliveryKind, DocumentDetail, DocumentRow, Ended, Filter, FinishedCallRecord,
    FinishedChannel, Keep, KeptResponse, Lease, NewDocument, NewUnpublished, Parties, Published,
    RecentCall, ReportedCall, Server, Settled, State, StoredLeg, Unpublished, Want,
};

use leases::Leases;
use ops::{Cursor, Write};
use postgres::Postgres;
use sqlite::Sqlite;
use switchhook_core::health::Health;

/// Who opens the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// The service: makes the tables or brings them up to date. Alone on a SQLite file,
    /// where it frees the leases of a dead predecessor; one of many on PostgreSQL, where
    /// those of its [`StoreOptions::place`] are freed, and others end by themselves.
    Serve,
    /// A command beside a service that may be running: `outbox`, `report`.
    Beside,
}

/// How the store is opened.
#[derive(Clone)]
pub struct StoreOptions {
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

impl StoreOptions {
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
impl std::fmt::Debug for StoreOptions {
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
    pub async fn open(options: StoreOptions) -> Result<Self, StoreError> {
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
