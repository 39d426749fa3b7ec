//! Where the file is and how it is opened; brings its tables up to date.

use std::path::{Path, PathBuf};
use std::str::FromStr as _;

use sqlx::ConnectOptions as _;
use sqlx::migrate::MigrateError;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqliteSynchronous};

use super::error::classify;
use super::place;
use crate::migrations::SQLITE as MIGRATOR;
use crate::{Role, StoreError, StoreOptions};

/// SQLite's default page size.
const PAGE_BYTES: u64 = 4096;

/// A checkpoint cuts the write-ahead log back to this size.
const LOG_BYTES: u64 = 64 * 1024 * 1024;

/// The file of a `sqlite:` URL.
#[derive(Debug)]
pub(super) struct Location {
    path: PathBuf,
    base: SqliteConnectOptions,
}

/// Reads the URL.
///
/// # Errors
/// [`StoreError::Url`], also for a database in memory, which loses its rows.
pub(super) fn location(url: &str) -> Result<Location, StoreError> {
    let refuse = |why: &str| StoreError::Url {
        url: url.to_owned(),
        why: why.to_owned(),
    };
    if !url.starts_with("sqlite:") {
        return Err(refuse("it begins with neither `sqlite:` nor `postgres://`"));
    }
    if url.contains(":memory:") || url.contains("mode=memory") {
        return Err(refuse(
            "a store in memory loses its rows at the end; name a file",
        ));
    }
    let base = SqliteConnectOptions::from_str(url).map_err(|error| refuse(&error.to_string()))?;
    let named = base.get_filename();
    if named.as_os_str().is_empty() {
        return Err(refuse("it names no file"));
    }
    // Two names of one file need the same lock.
    let path = named
        .canonicalize()
        .unwrap_or_else(|_| in_real_folder(named));
    Ok(Location {
        base: base.filename(&path).disable_statement_logging(),
        path,
    })
}

fn in_real_folder(file: &Path) -> PathBuf {
    match (place::folder_of(file).canonicalize(), file.file_name()) {
        (Ok(folder), Some(name)) => folder.join(name),
        (Ok(_) | Err(_), _) => file.to_owned(),
    }
}

impl Location {
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Returns options for the writer. Commits survive a power loss: each is synced before it is
    /// acknowledged.
    pub(super) fn write_options(&self, options: &StoreOptions) -> SqliteConnectOptions {
        let base = self
            .base
            .clone()
            .create_if_missing(false)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(options.busy_timeout)
            .pragma("journal_size_limit", LOG_BYTES.to_string());
        match options.max_bytes {
            Some(bytes) => base.pragma("max_page_count", (bytes / PAGE_BYTES).max(1).to_string()),
            None => base,
        }
    }

    /// Returns options for a reader.
    pub(super) fn read_options(&self, options: &StoreOptions) -> SqliteConnectOptions {
        self.base
            .clone()
            .create_if_missing(false)
            .busy_timeout(options.busy_timeout)
            .pragma("query_only", "ON")
    }

    /// Opens the file. [`Role::Serve`] creates it when it is missing and brings its tables up to
    /// date; [`Role::Command`] only checks them.
    pub(super) async fn connect(
        &self,
        options: &StoreOptions,
    ) -> Result<SqliteConnection, StoreError> {
        let create = options.role == Role::Serve;
        if !create {
            match self.path.try_exists() {
                Ok(true) => {}
                Ok(false) => {
                    let path = self.path.clone();
                    return Err(StoreError::NotThere { path });
                }
                Err(error) => return Err(place::unopened(&self.path, &error)),
            }
        }
        if create {
            create_private(&self.path);
        }
        let failed = |error| place::refine(&self.path, classify(&self.path, &error));
        let write = self.write_options(options).create_if_missing(create);
        let mut connection = write.connect().await.map_err(failed)?;
        match options.role {
            // Not `run`: its generic lifetime hides that its future is `Send`.
            Role::Serve => MIGRATOR
                .run_direct(None, &mut connection, false)
                .await
                .map_err(|error| migration(&self.path, error))?,
            Role::Command => self.check_schema(&mut connection).await?,
        }
        Ok(connection)
    }

    async fn check_schema(&self, connection: &mut SqliteConnection) -> Result<(), StoreError> {
        let found: Result<Option<i64>, _> =
            sqlx::query_scalar("SELECT max(version) FROM _sqlx_migrations WHERE success")
                .fetch_one(connection)
                .await;
        let wanted = MIGRATOR.iter().map(|m| m.version).max();
        let why = match found {
            Ok(found) if found == wanted => return Ok(()),
            Ok(found) => format!(
                "the last migration is {}, this program's is {}",
                found.unwrap_or(0),
                wanted.unwrap_or(0)
            ),
            Err(error) => {
                let error = classify(&self.path, &error);
                // No such table: no `serve` has opened the file yet.
                let StoreError::Statement(why) = error else {
                    return Err(error);
                };
                why
            }
        };
        Err(schema(&self.path, why))
    }
}

/// Creates a missing file, for its owner alone. SQLite gives its other files the same permissions.
/// Opening the database reports what cannot be created here.
fn create_private(path: &Path) {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    drop(options.open(path));
}

fn schema(path: &Path, why: String) -> StoreError {
    StoreError::Schema {
        store: path.display().to_string(),
        why,
        cure: "use the program that `serve` runs, or restart `serve` with this one",
    }
}

fn migration(path: &Path, error: MigrateError) -> StoreError {
    if let MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) = error {
        return classify(path, &error);
    }
    // The others say that another program or version wrote the file.
    StoreError::Schema {
        store: path.display().to_string(),
        why: error.to_string(),
        cure: "use the version that wrote it, or a newer one",
    }
}
