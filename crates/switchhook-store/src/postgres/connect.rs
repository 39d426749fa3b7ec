//! Where the database is, and how a connection is opened.

use std::str::FromStr as _;
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{ConnectOptions as _, Row as _};
use tokio::time::timeout;

use super::error::classify;
use crate::{Clock, StoreError, StoreOptions};

/// From connecting until the server is ready for a statement.
const CONNECT_DEADLINE: Duration = Duration::from_secs(5);

/// The oldest server that runs our statements, as a `server_version_num`.
const OLDEST_SERVER: i32 = 130_000;

/// Returns whether the URL is that of a PostgreSQL database.
pub(crate) fn is_url(url: &str) -> bool {
    url.starts_with("postgres:") || url.starts_with("postgresql:")
}

/// A database on a server.
#[derive(Clone)]
pub(super) struct Location {
    options: PgConnectOptions,
    shown: String,
    clock: Clock,
}

impl std::fmt::Debug for Location {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.shown)
    }
}

/// Checks a URL without a password.
///
/// # Errors
/// What is wrong with the URL, for a person.
pub(crate) fn check_url(url: &str) -> Result<(), String> {
    let options = PgConnectOptions::from_str(url);
    options.map(drop).map_err(|error| error.to_string())
}

/// Reads the URL.
///
/// # Errors
/// [`StoreError::Url`].
pub(super) fn location(options: &StoreOptions) -> Result<Location, StoreError> {
    let refuse = |why: String| StoreError::Url {
        // The URL may hold a password.
        url: "postgres://…".into(),
        why,
    };
    let base = PgConnectOptions::from_str(&options.url);
    let mut base = base.map_err(|error| refuse(error.to_string()))?;
    if let Some(password) = &options.password {
        base = base.password(password);
    }
    if base.get_application_name().is_none() {
        base = base.application_name("switchhook");
    }
    // A pooler in transaction mode supports neither this parameter nor named statements.
    let base = base
        .extra_float_digits(None)
        .statement_cache_capacity(0)
        .disable_statement_logging();
    let host = base.get_socket().map_or_else(
        || format!("{}:{}", base.get_host(), base.get_port()),
        |socket| socket.display().to_string(),
    );
    let database = base.get_database().unwrap_or(base.get_username());
    Ok(Location {
        shown: format!("postgres://{}@{host}/{database}", base.get_username()),
        options: base,
        clock: options.clock,
    })
}

impl Location {
    /// Returns the database's address without a password, for people.
    pub(super) fn shown(&self) -> &str {
        &self.shown
    }

    /// Opens a connection.
    pub(super) async fn connect(&self) -> Result<PgConnection, StoreError> {
        self.within(CONNECT_DEADLINE, async {
            let connected = self.options.connect().await;
            connected.map_err(|error| self.classify(&error))
        })
        .await
    }

    /// Gives up `work` after `deadline`: a server that does not answer must not block for ever.
    pub(super) async fn within<T>(
        &self,
        deadline: Duration,
        work: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        // A test's paused time advances while the server works.
        let Clock::Database = self.clock else {
            return work.await;
        };
        match timeout(deadline, work).await {
            Ok(done) => done,
            Err(_) => Err(StoreError::Unreachable {
                store: self.shown.clone(),
                why: format!("no answer within {} s", deadline.as_secs()),
            }),
        }
    }

    /// Checks that the server is not too old.
    pub(super) async fn check_version(&self, db: &mut PgConnection) -> Result<(), StoreError> {
        let row = sqlx::raw_sql("SELECT current_setting('server_version_num')::int AS version")
            .fetch_one(db)
            .await;
        let version = row.and_then(|row| row.try_get::<i32, _>("version"));
        let version = version.map_err(|error| self.classify(&error))?;
        if version >= OLDEST_SERVER {
            return Ok(());
        }
        Err(StoreError::Schema {
            store: self.shown.clone(),
            why: format!("the server is PostgreSQL {}", version / 10_000),
            cure: "use PostgreSQL 13 or newer",
        })
    }

    /// Returns the store's error for an error of the database.
    pub(super) fn classify(&self, error: &sqlx::Error) -> StoreError {
        classify(&self.shown, error)
    }
}
