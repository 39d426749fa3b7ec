//! Backups of the store in one file.
//!
//! The file is a SQLite store whatever the database is: an operator can read it, and restore it
//! into the other database.

use std::fs::{self, File};
use std::path::Path;

use sqlx::sqlite::SqliteConnection;

use super::sqlite::folder_of;
use super::{Driver, Role, Store, StoreError, StoreOptions};

/// Backups.
impl Store {
    /// Writes all rows, as they are at one moment, to a new file that only its owner may read. A
    /// `serve` may run meanwhile.
    ///
    /// # Errors
    /// [`StoreError::Copy`] when the file exists or cannot be written; another [`StoreError`] of
    /// the store.
    pub async fn back_up(&self, to: &Path) -> Result<(), StoreError> {
        if to.exists() {
            return Err(copy_error(
                to,
                "the file exists already; name another one, or remove it",
            ));
        }
        let folder = folder_of(to);
        if !folder.is_dir() {
            let folder = folder.display();
            let why = format!("there is no folder {folder}; create it, or name another place");
            return Err(copy_error(to, why));
        }
        // A folder that only its owner may enter; an unfinished file never has the final name.
        let temporary = tempfile::Builder::new()
            .prefix(".switchhook-backup-")
            .tempdir_in(folder);
        let temporary = temporary.map_err(|error| {
            let folder = folder.display();
            let why = format!(
                "{folder} cannot be written ({}); give this user the right to, or name another place",
                error.kind()
            );
            copy_error(to, why)
        })?;
        let part = temporary.path().join("store.db");
        match &*self.driver {
            Driver::Sqlite(db) => {
                let _reader = self.reader().await?;
                db.back_up(&part).await?;
            }
            Driver::Postgres(db) => {
                let options = StoreOptions::new(url_of(&part, to)?, Role::Serve);
                Store::open(options).await?.close().await;
                let mut file = open(&part, to).await?;
                db.back_up(&mut file).await?;
                sqlx::Connection::close(file)
                    .await
                    .map_err(|error| copy_error(to, error))?;
            }
        }
        persist(&part, to, folder).map_err(|error| copy_error(to, error))
    }

    /// Inserts all rows of a backup into this store, which must be open as [`Role::Serve`] and
    /// empty; all of them or none. Leased documents wait again.
    ///
    /// # Errors
    /// [`StoreError::Copy`] when the file is no backup, or a newer version wrote it;
    /// [`StoreError::NotEmpty`]; another [`StoreError`] of the store.
    pub async fn restore(&self, from: &Path) -> Result<(), StoreError> {
        if !from.is_file() {
            return Err(copy_error(
                from,
                "there is no such file; name a file that `switchhook backup` wrote",
            ));
        }
        // Its tables are brought up to date in a copy, so that the backup stays as it is.
        let temporary = tempfile::tempdir().map_err(|error| copy_error(from, error))?;
        let part = temporary.path().join("store.db");
        fs::copy(from, &part).map_err(|error| copy_error(from, error))?;
        let mut file = open(&part, from).await?;
        let is_backup = sqlx::query("SELECT 1 FROM document LIMIT 1")
            .fetch_optional(&mut file)
            .await;
        is_backup.map_err(|error| {
            copy_error(
                from,
                format!("it is no backup of a store ({error}); name another file"),
            )
        })?;
        drop(file);
        let options = StoreOptions::new(url_of(&part, from)?, Role::Serve);
        let opened = Store::open(options).await;
        opened
            .map_err(|error| copy_error(from, error))?
            .close()
            .await;
        let mut file = open(&part, from).await?;
        match &*self.driver {
            Driver::Sqlite(db) => db.restore(&mut file).await,
            Driver::Postgres(db) => db.restore(&mut file).await,
        }
    }
}

fn copy_error(file: &Path, why: impl ToString) -> StoreError {
    StoreError::Copy {
        file: file.to_owned(),
        why: why.to_string(),
    }
}

/// Returns the URL of a temporary file, for the backup that the user named. A path that a URL
/// cannot hold is refused.
fn url_of(part: &Path, named: &Path) -> Result<String, StoreError> {
    let text = part.to_str().filter(|text| !text.contains(['?', '%', '#']));
    let text = text.ok_or_else(|| {
        copy_error(
            named,
            "the folder's name has ?, % or #, or is not UTF-8; use another folder",
        )
    })?;
    Ok(format!("sqlite:{text}"))
}

async fn open(part: &Path, named: &Path) -> Result<SqliteConnection, StoreError> {
    let options = sqlx::sqlite::SqliteConnectOptions::new()
        .filename(part)
        .foreign_keys(false);
    let opened = sqlx::ConnectOptions::connect(&options).await;
    opened.map_err(|error| copy_error(named, error))
}

/// Syncs the file and gives it its name; a file of that name is not replaced.
fn persist(part: &Path, to: &Path, folder: &Path) -> std::io::Result<()> {
    make_private(part)?;
    File::open(part)?.sync_all()?;
    let part = tempfile::TempPath::try_from_path(part)?;
    part.persist_noclobber(to).map_err(|error| error.error)?;
    File::open(folder)?.sync_all()
}

#[cfg(unix)]
fn make_private(part: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(part, fs::Permissions::from_mode(0o600))
}

#[cfg(not(unix))]
fn make_private(_: &Path) -> std::io::Result<()> {
    Ok(())
}
