//! Where the database is, how it is opened, and what its errors mean.

use std::str::FromStr as _;
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{ConnectOptions as _, Row as _};
use tokio::time::timeout;

use crate::{Clock, StoreError, StoreOptions};

/// From the connection to the server's first word that it is ready.
const CONNECT_DEADLINE: Duration = Duration::from_secs(5);

/// The oldest server that is known to do what is asked of it, as `server_version_num` has it.
const OLDEST: i32 = 130_000;

/// Whether it is the URL of a PostgreSQL database.
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

/// What is wrong with a URL without a password.
pub(crate) fn check_url(url: &str) -> Result<(), String> {
    let options = PgConnectOptions::from_str(url);
    options.map(drop).map_err(|error| error.to_string())
}

/// Reads the URL.
pub(super) fn location(options: &StoreOptions) -> Result<Location, StoreError> {
    let refuse = |why: String| StoreError::Url {
        // Without what is between the scheme and the host, which may be a password.
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
    // A pooler in transaction mode knows neither this parameter nor our statements' names.
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
    /// For people; without a password.
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

    /// A server that does not answer must not hold up everybody for ever.
    pub(super) async fn within<T>(
        &self,
        deadline: Duration,
        work: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        // A test's time runs by itself, however busy the server is.
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

    /// Refuses a server that is too old.
    pub(super) async fn check_version(&self, db: &mut PgConnection) -> Result<(), StoreError> {
        let row = sqlx::raw_sql("SELECT current_setting('server_version_num')::int AS version")
            .fetch_one(db)
            .await;
        let version = row.and_then(|row| row.try_get::<i32, _>("version"));
        let version = version.map_err(|error| self.classify(&error))?;
        if version >= OLDEST {
            return Ok(());
        }
        Err(StoreError::Schema {
            store: self.shown.clone(),
            why: format!("its PostgreSQL is version {}", version / 10_000),
            cure: "use PostgreSQL 13 or newer",
        })
    }

    /// What an error of the database means for whoever operates it.
    pub(super) fn classify(&self, error: &sqlx::Error) -> StoreError {
        let store = self.shown.clone();
        let sqlx::Error::Database(database) = error else {
            let why = error.to_string();
            return match is_of_the_way(error) {
                true => StoreError::Unreachable { store, why },
                false => StoreError::Statement(why),
            };
        };
        let why = database.message().to_owned();
        let code = database.code().unwrap_or_default();
        // https://www.postgresql.org/docs/current/errcodes-appendix.html
        match &*code {
            "53100" => StoreError::Full { store },
            // Lock not available, deadlock, serialization failure, statement timeout.
            "55P03" | "40P01" | "40001" | "57014" => StoreError::Locked { store },
            // Authorization, no such database, no privilege.
            "28000" | "28P01" | "3D000" | "42501" => StoreError::Refused { store, why },
            // Idle in a transaction for too long; a server that only reads.
            "25P03" | "25006" => StoreError::Unreachable { store, why },
            "58030" | "58P01" | "58P02" => StoreError::Disk { store, why },
            "XX001" | "XX002" => StoreError::Damaged { store, why },
            // No such table: a database that no `serve` has opened.
            "42P01" => StoreError::NoTables { store },
            // Connection exceptions (a pooler's too), out of resources, operator intervention.
            code if ["08", "53", "57", "58"]
                .iter()
                .any(|class| code.starts_with(class)) =>
            {
                StoreError::Unreachable { store, why }
            }
            _ => StoreError::Statement(format!("{why} ({code})")),
        }
    }
}

/// Whether what failed is the connection, and not what was said over it.
fn is_of_the_way(error: &sqlx::Error) -> bool {
    matches!(
        error,
        sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::Protocol(_)
            | sqlx::Error::Configuration(_)
            | sqlx::Error::WorkerCrashed
    )
}
