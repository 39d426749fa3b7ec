//! Where the file is, how it is opened, and what its errors mean.

use std::path::{Path, PathBuf};
use std::str::FromStr as _;

use sqlx::ConnectOptions as _;
use sqlx::migrate::MigrateError;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqliteSynchronous};

use crate::migrations::SQLITE as MIGRATOR;
use crate::{Role, StoreError, StoreOptions};

/// SQLite's default page size.
const PAGE_BYTES: u64 = 4096;

/// The write-ahead log is cut back to this after a checkpoint.
const LOG_BYTES: u64 = 64 * 1024 * 1024;

/// The file of a `sqlite:` URL.
#[derive(Debug)]
pub(super) struct Location {
    path: PathBuf,
    base: SqliteConnectOptions,
}

/// Reads the URL; an in-memory database is refused, for it forgets.
pub(super) fn location(url: &str) -> Result<Location, StoreError> {
    let refuse = |why: &str| StoreError::Url {
        url: url.to_owned(),
        why: why.to_owned(),
    };
    if !url.starts_with("sqlite:") {
        return Err(refuse("it begins with neither `sqlite:` nor `postgres://`"));
    }
    if url.contains(":memory:") || url.contains("mode=memory") {
        return Err(refuse("a store in memory forgets what it was told"));
    }
    let base = SqliteConnectOptions::from_str(url).map_err(|error| refuse(&error.to_string()))?;
    let named = base.get_filename();
    if named.as_os_str().is_empty() {
        return Err(refuse("it names no file"));
    }
    // Two names of one file must find the same lock.
    let path = named
        .canonicalize()
        .unwrap_or_else(|_| in_real_folder(named));
    Ok(Location {
        base: base.filename(&path).disable_statement_logging(),
        path,
    })
}

fn in_real_folder(file: &Path) -> PathBuf {
    let folder = file.parent().filter(|p| !p.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new(".")).canonicalize();
    match (folder, file.file_name()) {
        (Ok(folder), Some(name)) => folder.join(name),
        (Ok(_) | Err(_), _) => file.to_owned(),
    }
}

impl Location {
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Durable against power loss: every commit is synced before it is acknowledged.
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

    pub(super) fn read_options(&self, options: &StoreOptions) -> SqliteConnectOptions {
        self.base
            .clone()
            .create_if_missing(false)
            .busy_timeout(options.busy_timeout)
            .pragma("query_only", "ON")
    }

    /// Opens the file; `serve` makes it when it is not there and brings its
    /// tables up to date, other commands only look whether they fit.
    pub(super) async fn connect(
        &self,
        options: &StoreOptions,
    ) -> Result<SqliteConnection, StoreError> {
        let create = options.role == Role::Serve;
        if !create && !self.path.exists() {
            return Err(StoreError::NotThere {
                path: self.path.clone(),
            });
        }
        let failed = |error: sqlx::Error| classify(&self.path, &error);
        let write = self.write_options(options).create_if_missing(create);
        let mut connection = write.connect().await.map_err(failed)?;
        match options.role {
            // `run` would do, but its generic lifetime hides that its future is `Send`.
            Role::Serve => MIGRATOR
                .run_direct(None, &mut connection, false)
                .await
                .map_err(|error| migration(&self.path, error))?,
            Role::Beside => self.check_schema(&mut connection).await?,
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
            Ok(found) => format!("version {found:?}, this program has {wanted:?}"),
            Err(error) => {
                let error = classify(&self.path, &error);
                // No such table: a file that no `serve` has opened.
                let StoreError::Statement(why) = error else {
                    return Err(error);
                };
                why
            }
        };
        Err(schema(&self.path, why))
    }
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
    // The rest says that the file was written by another program or version.
    StoreError::Schema {
        store: path.display().to_string(),
        why: error.to_string(),
        cure: "use the version that wrote it, or a newer one",
    }
}

/// What an error of the database means for whoever operates it.
pub(super) fn classify(path: &Path, error: &sqlx::Error) -> StoreError {
    let store = path.display().to_string();
    let why = error.to_string();
    let sqlx::Error::Database(database) = error else {
        if matches!(error, sqlx::Error::Io(_) | sqlx::Error::WorkerCrashed) {
            return StoreError::Disk { store, why };
        }
        // A value that does not fit its type, a column that is not there, …
        return StoreError::Statement(why);
    };
    let extended = database.code().and_then(|code| code.parse::<i32>().ok());
    // https://www.sqlite.org/rescode.html: the low byte is the primary code.
    match extended.unwrap_or(1) & 0xff {
        13 => StoreError::Full { store },
        5 | 6 => StoreError::Locked { store },
        8 | 10 | 14 | 3 | 23 => StoreError::Disk { store, why },
        11 | 26 => StoreError::Damaged { store, why },
        _ => StoreError::Statement(why),
    }
}

/// Which file was opened, to notice that another stands under its name: SQLite
/// would go on writing into a file that nobody can open again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Identity {
    path: PathBuf,
    number: (u64, u64),
}

impl Identity {
    pub(super) fn of(path: &Path) -> Result<Self, StoreError> {
        let path = path.to_owned();
        match number(&path) {
            Ok(number) => Ok(Self { path, number }),
            Err(_) => Err(StoreError::Gone { path }),
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether the file is still there, and still the same.
    pub(super) fn check(&self) -> Result<(), StoreError> {
        match number(&self.path) {
            Ok(number) if number == self.number => Ok(()),
            Ok(_) | Err(_) => Err(StoreError::Gone {
                path: self.path.clone(),
            }),
        }
    }
}

#[cfg(unix)]
fn number(path: &Path) -> std::io::Result<(u64, u64)> {
    use std::os::unix::fs::MetadataExt as _;
    std::fs::metadata(path).map(|file| (file.dev(), file.ino()))
}

#[cfg(not(unix))]
fn number(path: &Path) -> std::io::Result<(u64, u64)> {
    // An open file cannot be removed there.
    std::fs::metadata(path).map(|_| (0, 0))
}
