//! What survives a crash: legs of calls in progress, documents to deliver, and finished calls for
//! the report.
//!
//! [`Store`] is the only way in. A driver for SQLite or PostgreSQL runs its operations; the
//! module `sql` holds what both databases share. Both pass one conformance suite
//! (`tests/support/src/store_suite`). When a method that writes returns, the change is on the
//! disk.
//!
//! ```text
//! put_leg … put_leg, finish_call       one transaction: legs out, documents in
//!   or, while recordings are missing:  legs out, call in; then claim_unpublished
//! claim_unpublished -> publish         one transaction: call out, documents in
//! claim -> settle(Delivered | Retry | Dead), or release, or the lease ends
//! ```

#![warn(unreachable_pub)]

/// Runs an expression on the driver of either database.
macro_rules! either {
    ($store:expr, $db:ident => $result:expr) => {
        match &*$store.driver {
            $crate::Driver::Sqlite($db) => $result,
            $crate::Driver::Postgres($db) => $result,
        }
    };
}

/// Runs a query of the module `sql` on a reader of either database.
macro_rules! read {
    ($store:expr, $query:path $(, $argument:expr)* $(,)?) => {
        match $store.reader().await {
            Ok(_reader) => either!($store, driver => {
                driver.read(async |db| $query(db $(, $argument)*).await).await
            }),
            Err(error) => Err(error),
        }
    };
}

mod asked;
mod audit;
mod backup;
mod caller;
mod caller_data;
mod calls;
mod clock;
mod deliveries;
mod error;
mod event_lane;
mod leases;
mod migrations;
mod model;
mod operation;
mod options;
mod postgres;
mod sql;
mod sqlite;
mod stat_store;
pub mod stats;
mod unpublished;
mod writer;

use std::sync::Arc;

use sqlx::{PgConnection, SqliteConnection};
use tokio::sync::{Semaphore, SemaphorePermit, watch};

pub use asked::asked_line;
pub use caller::{Caller, CallerCall, CallerRecords, ScrubResult};
pub use clock::Clock;
pub use error::StoreError;
pub use event_lane::{event_lane, is_event_lane, webhook_of};
pub use model::{
    ATTEMPTS_KEPT, Attempt, AttemptResult, AuditEntry, AuditFilter, CallColumns, CallFilter,
    CallParties, CallSearch, CallSummary, ClaimRequest, ClaimedDocument, DatabaseServer,
    DeliveryKind, DeliveryOutcome, Discarded, DocumentDetail, DocumentFilter, DocumentRow,
    DocumentState, EndpointBacklog, EventFilter, FinishedCallRecord, FinishedChannel,
    FinishedChannelPage, Lease, NewAuditEntry, NewDocument, NewEvent, NewUnpublishedCall,
    PersistedResponse, PublishedCall, RecentCall, RenderEvent, ReportedCall, RequestContent,
    Retention, StatCell, StatDimension, StatQuery, StatSeries, StatSpan, StoredEvent, StoredLeg,
    UnpublishedCall,
};
pub use options::{Role, StoreOptions};
pub use postgres::LONGEST_WRITE;

use clock::HeldClock;
use leases::LeaseTokens;
use operation::Write;
use postgres::Postgres;
use sql::report::Cursor;
use sqlite::Sqlite;
use stats::StatCounter;
use switchhook_core::health::Health;

/// Readers at a time; more wait. Only operators and restarts read.
const READERS: usize = 4;

/// An open store; clones share it.
#[derive(Debug, Clone)]
pub struct Store {
    driver: Arc<Driver>,
    clock: Clock,
    leases: Arc<LeaseTokens>,
    readers: Arc<Semaphore>,
    stats: StatCounter,
}

/// A reader's turn. Paused time stands still until it is dropped.
struct Reader<'a> {
    _permit: SemaphorePermit<'a>,
    _held: HeldClock,
}

/// Writes where the store is, without a password.
impl std::fmt::Display for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&either!(self, db => db.shown()))
    }
}

/// The driver of the database.
#[derive(Debug)]
enum Driver {
    Sqlite(Box<Sqlite>),
    Postgres(Postgres),
}

/// Where the report's next page begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportCursor(Cursor);

impl Default for ReportCursor {
    fn default() -> Self {
        Self(Cursor::Calls(0))
    }
}

/// Returns a new `webhook-id`; later ones sort behind earlier ones.
#[must_use]
pub fn new_id() -> String {
    format!("msg_{}", uuid::Uuid::now_v7().simple())
}

/// Checks that a URL, without its password, is that of a store.
///
/// # Errors
/// What is wrong with the URL, for a person.
pub fn check_url(url: &str) -> Result<(), String> {
    if postgres::is_url(url) {
        postgres::check_url(url)
    } else {
        sqlite::check_url(url)
    }
}

/// Checks that a store can be where `url` says, as far as it is seen without opening: that its
/// folder exists, and that no folder or file is in the way. A database server is not asked.
///
/// # Errors
/// [`StoreError::Place`], or what is wrong with the URL.
pub fn check_place(url: &str) -> Result<(), StoreError> {
    if postgres::is_url(url) {
        Ok(())
    } else {
        sqlite::check_place(url)
    }
}

/// Opening, closing, health.
impl Store {
    /// Opens the store. Needs a tokio runtime.
    ///
    /// # Errors
    /// [`StoreError`], whose text names the cure: for example for a wrong URL, or a file that
    /// another `serve` has open.
    pub async fn open(options: StoreOptions) -> Result<Self, StoreError> {
        let driver = if postgres::is_url(&options.url) {
            Driver::Postgres(Postgres::open(&options).await?)
        } else {
            Driver::Sqlite(Box::new(Sqlite::open(&options).await?))
        };
        Ok(Self {
            driver: Arc::new(driver),
            clock: options.clock,
            leases: Arc::new(LeaseTokens::of_instance(options.instance_id.as_deref())),
            readers: Arc::new(Semaphore::new(READERS)),
            stats: StatCounter::default(),
        })
    }

    async fn write<W>(&self, write: W) -> Result<W::Output, StoreError>
    where
        W: Write<SqliteConnection> + Write<PgConnection>,
    {
        let _held = self.clock.hold_still();
        either!(self, db => db.writer().write(write).await)
    }

    /// Waits for a reader's turn.
    async fn reader(&self) -> Result<Reader<'_>, StoreError> {
        let held = self.clock.hold_still();
        let permit = self.readers.acquire().await;
        Ok(Reader {
            _permit: permit.map_err(|_| StoreError::Closed)?,
            _held: held,
        })
    }

    /// Returns whether the store takes writes, and why it does not. It recovers by itself when
    /// the cause is gone.
    #[must_use]
    pub fn health(&self) -> watch::Receiver<Health> {
        either!(self, db => db.writer().health())
    }

    /// Returns once the store takes writes, so that a caller can repeat a write that a
    /// recoverable error refused.
    pub async fn recovered(&self) {
        // An error means that the writer has ended; the next write reports it.
        drop(self.health().wait_for(|health| health.ok).await);
    }

    /// Changes when this process inserted or freed something to send.
    #[must_use]
    pub fn inserted(&self) -> watch::Receiver<u64> {
        either!(self, db => db.writer().inserted())
    }

    /// Returns the database server; `None` for SQLite.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn server(&self) -> Result<Option<DatabaseServer>, StoreError> {
        match &*self.driver {
            Driver::Sqlite(_) => Ok(None),
            Driver::Postgres(db) => {
                let _reader = self.reader().await?;
                db.server().await.map(Some)
            }
        }
    }

    /// Returns the clock for timestamps that a receiver sees.
    #[must_use]
    pub const fn clock(&self) -> Clock {
        self.clock
    }

    /// Writes what is queued and closes the database; later calls fail with
    /// [`StoreError::Closed`].
    pub async fn close(&self) {
        if let Err(error) = self.flush_stats().await {
            tracing::debug!(%error, "the last counts were not stored");
        }
        either!(self, db => db.close().await);
    }
}
