//! A copy of the store in one file, and the way back. The file is a SQLite store whatever the
//! database is: it can be looked into, and taken from one database to the other.

mod rows;
mod sqlite;

use std::fs::{self, File};
use std::path::Path;

use sqlx::sqlite::SqliteConnection;

use super::{Driver, Role, Store, StoreError, StoreOptions};
pub(super) use rows::{Cell, FREE_LEASES, HOLDS_SOMETHING, TABLES, Table};
pub(super) use sqlite::{insert, rows};

/// Copies.
impl Store {
    /// Writes all that is stored, as it is at one moment, to a new file that only its owner
    /// may read; a `serve` may run meanwhile.
    ///
    /// # Errors
    /// [`StoreError::Copy`] when the file cannot be written or is there already; another
    /// [`StoreError`] of the store.
    pub async fn back_up(&self, to: &Path) -> Result<(), StoreError> {
        if to.exists() {
            return Err(copy(to, "it is there already; name another, or remove it"));
        }
        let folder = to.parent().filter(|folder| !folder.as_os_str().is_empty());
        let folder = folder.unwrap_or(Path::new("."));
        // A folder that only its owner may enter; what is half written never has the name.
        let made = tempfile::Builder::new()
            .prefix(".switchhook-backup-")
            .tempdir_in(folder);
        let made = made.map_err(|error| copy(to, error))?;
        let part = made.path().join("store.db");
        match &*self.driver {
            Driver::Sqlite(db) => db.back_up(&part).await?,
            Driver::Postgres(db) => {
                let options = StoreOptions::new(url_of(&part, to)?, Role::Serve);
                Store::open(options).await?.close().await;
                let mut file = open(&part, to).await?;
                db.back_up(&mut file).await?;
                sqlx::Connection::close(file)
                    .await
                    .map_err(|error| copy(to, error))?;
            }
        }
        keep(&part, to, folder).map_err(|error| copy(to, error))
    }

    /// Puts a copy into this store, which has to be open as [`Role::Serve`] and empty; all of
    /// it or nothing. What waited in it waits again.
    ///
    /// # Errors
    /// [`StoreError::Copy`] of a file that is no copy, or that a newer version wrote;
    /// [`StoreError::NotEmpty`]; another [`StoreError`] of the store.
    pub async fn restore(&self, from: &Path) -> Result<(), StoreError> {
        if !from.is_file() {
            return Err(copy(from, "there is no such file"));
        }
        // Brought up to date beside the copy, which stays as it is.
        let made = tempfile::tempdir().map_err(|error| copy(from, error))?;
        let part = made.path().join("store.db");
        fs::copy(from, &part).map_err(|error| copy(from, error))?;
        let mut file = open(&part, from).await?;
        let is_ours = sqlx::query("SELECT 1 FROM document LIMIT 1")
            .fetch_optional(&mut file)
            .await;
        is_ours.map_err(|error| copy(from, format!("it is no copy of a store: {error}")))?;
        drop(file);
        let options = StoreOptions::new(url_of(&part, from)?, Role::Serve);
        let opened = Store::open(options).await;
        opened.map_err(|error| copy(from, error))?.close().await;
        let mut file = open(&part, from).await?;
        match &*self.driver {
            Driver::Sqlite(db) => db.restore(&mut file).await,
            Driver::Postgres(db) => db.restore(&mut file).await,
        }
    }
}

fn copy(file: &Path, why: impl ToString) -> StoreError {
    StoreError::Copy {
        file: file.to_owned(),
        why: why.to_string(),
    }
}

/// A path that a URL's parser would take apart is none of ours: the folder is a temporary one.
fn url_of(part: &Path, named: &Path) -> Result<String, StoreError> {
    let text = part.to_str().filter(|text| !text.contains(['?', '%', '#']));
    let text = text.ok_or_else(|| copy(named, "the folder's name has ?, %, # or is no UTF-8"))?;
    Ok(format!("sqlite:{text}"))
}

async fn open(part: &Path, named: &Path) -> Result<SqliteConnection, StoreError> {
    let options = sqlx::sqlite::SqliteConnectOptions::new()
        .filename(part)
        .foreign_keys(false);
    let opened = sqlx::ConnectOptions::connect(&options).await;
    opened.map_err(|error| copy(named, error))
}

/// On the disk, and under its name; a file of that name is not replaced.
fn keep(part: &Path, to: &Path, folder: &Path) -> std::io::Result<()> {
    private(part)?;
    File::open(part)?.sync_all()?;
    let part = tempfile::TempPath::try_from_path(part)?;
    part.persist_noclobber(to).map_err(|error| error.error)?;
    File::open(folder)?.sync_all()
}

#[cfg(unix)]
fn private(part: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(part, fs::Permissions::from_mode(0o600))
}

#[cfg(not(unix))]
fn private(_: &Path) -> std::io::Result<()> {
    Ok(())
}
