//! Brings the tables up to date. When several instances start at once, one of them does it and
//! the others wait for it.
//!
//! sqlx's own runner does not work behind a pooler in transaction mode: its lock belongs to a
//! session, and its statements have names.

use sqlx::postgres::{PgConnection, PgRow};
use sqlx::{Executor as _, Row as _};

use super::connect::Location;
use super::connection::unnamed;
use crate::StoreError;
use crate::migrations::POSTGRES as MIGRATOR;

/// The migrations that were applied. The name is our own, since other programs may use the
/// database.
const TABLE: &str = "CREATE TABLE IF NOT EXISTS switchhook_migration (
    version  BIGINT PRIMARY KEY,
    checksum BYTEA NOT NULL,
    at       TIMESTAMPTZ NOT NULL DEFAULT now())";

/// The lock is held until the transaction ends; its key is the letters "switchhk" as a number.
const LOCK: &str = "SELECT pg_advisory_xact_lock(8319965117613598827)";

/// Applies the missing migrations, all of them or none.
pub(super) async fn run(location: &Location, db: &mut PgConnection) -> Result<(), StoreError> {
    let done = apply(location, db).await;
    let end = match done {
        Ok(()) => "COMMIT",
        Err(_) => "ROLLBACK",
    };
    let ended = db.execute(end).await;
    done.and(ended.map(drop).map_err(|error| location.classify(&error)))
}

async fn apply(location: &Location, db: &mut PgConnection) -> Result<(), StoreError> {
    let failed = |error: sqlx::Error| location.classify(&error);
    for text in ["BEGIN", LOCK, TABLE] {
        db.execute(text).await.map_err(failed)?;
    }
    let applied = applied(db).await.map_err(failed)?;
    check_applied(location, &applied)?;
    for migration in MIGRATOR.iter().skip(applied.len()) {
        db.execute(migration.sql.clone()).await.map_err(failed)?;
        unnamed("INSERT INTO switchhook_migration (version, checksum) VALUES ($1, $2)")
            .bind(migration.version)
            .bind(&*migration.checksum)
            .execute(&mut *db)
            .await
            .map_err(failed)?;
    }
    Ok(())
}

/// Checks that the tables fit, for a command that does not change them.
pub(super) async fn check(location: &Location, db: &mut PgConnection) -> Result<(), StoreError> {
    let begun = db.execute("BEGIN READ ONLY").await;
    let found = match begun {
        Ok(_) => applied(db).await,
        Err(error) => Err(error),
    };
    drop(db.execute("ROLLBACK").await);
    let found = found.map_err(|error| location.classify(&error))?;
    check_applied(location, &found)?;
    let (applied, wanted) = (found.len(), MIGRATOR.iter().count());
    if applied == wanted {
        return Ok(());
    }
    Err(StoreError::Schema {
        store: location.shown().to_owned(),
        why: format!("{applied} of {wanted} migrations are applied"),
        cure: "use the program that `serve` runs, or restart `serve` with this one",
    })
}

type Applied = (i64, Vec<u8>);

async fn applied(db: &mut PgConnection) -> Result<Vec<Applied>, sqlx::Error> {
    unnamed("SELECT version, checksum FROM switchhook_migration ORDER BY version")
        .try_map(|row: PgRow| Ok((row.try_get("version")?, row.try_get("checksum")?)))
        .fetch_all(db)
        .await
}

/// Checks that the applied migrations are the first ones of this program.
fn check_applied(location: &Location, applied: &[Applied]) -> Result<(), StoreError> {
    let known = |(n, (version, checksum)): (usize, &Applied)| {
        MIGRATOR.iter().nth(n).is_some_and(|migration| {
            migration.version == *version && *migration.checksum == **checksum
        })
    };
    match applied.iter().enumerate().find(|one| !known(*one)) {
        None => Ok(()),
        Some((_, (version, _))) => Err(StoreError::Schema {
            store: location.shown().to_owned(),
            why: format!("migration {version} is not one of this program's"),
            cure: "use the version that wrote it, or a newer one",
        }),
    }
}
