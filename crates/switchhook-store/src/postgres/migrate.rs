//! Brings the tables up to date. Several instances may start at once: one of them does
//! it, the others wait for it and find it done.
//!
//! Not with sqlx's own runner: its lock belongs to a session and its statements have
//! names, and behind a pooler in transaction mode there are neither.

use sqlx::postgres::{PgConnection, PgRow};
use sqlx::{Executor as _, Row as _};

use super::connect::Location;
use super::sql::sql;
use crate::StoreError;
use crate::migrations::POSTGRES as MIGRATOR;

/// Which migrations this database has had. A name of its own: it may be shared.
const TABLE: &str = "CREATE TABLE IF NOT EXISTS switchhook_migration (
    version  BIGINT PRIMARY KEY,
    checksum BYTEA NOT NULL,
    at       TIMESTAMPTZ NOT NULL DEFAULT now())";

/// Held until the transaction ends: the letters "switchhk" as a number.
const LOCK: &str = "SELECT pg_advisory_xact_lock(8319965117613598827)";

/// Applies what is missing, all of it or nothing.
pub(super) async fn run(at: &Location, db: &mut PgConnection) -> Result<(), StoreError> {
    let done = apply(at, db).await;
    let end = match done {
        Ok(()) => "COMMIT",
        Err(_) => "ROLLBACK",
    };
    let ended = db.execute(end).await;
    done.and(ended.map(drop).map_err(|error| at.classify(&error)))
}

async fn apply(at: &Location, db: &mut PgConnection) -> Result<(), StoreError> {
    let failed = |error: sqlx::Error| at.classify(&error);
    for text in ["BEGIN", LOCK, TABLE] {
        db.execute(text).await.map_err(failed)?;
    }
    let applied = applied(db).await.map_err(failed)?;
    check(at, &applied)?;
    for migration in MIGRATOR.iter().skip(applied.len()) {
        db.execute(migration.sql.clone()).await.map_err(failed)?;
        sql("INSERT INTO switchhook_migration (version, checksum) VALUES ($1, $2)")
            .bind(migration.version)
            .bind(&*migration.checksum)
            .execute(&mut *db)
            .await
            .map_err(failed)?;
    }
    Ok(())
}

/// Looks whether the tables fit, for a command that does not change them.
pub(super) async fn look(at: &Location, db: &mut PgConnection) -> Result<(), StoreError> {
    let begun = db.execute("BEGIN READ ONLY").await;
    let found = match begun {
        Ok(_) => applied(db).await,
        Err(error) => Err(error),
    };
    drop(db.execute("ROLLBACK").await);
    let found = found.map_err(|error| at.classify(&error))?;
    check(at, &found)?;
    match found.len() == MIGRATOR.iter().count() {
        true => Ok(()),
        false => Err(StoreError::Schema {
            store: at.shown().to_owned(),
            why: format!("{} of {} changes", found.len(), MIGRATOR.iter().count()),
            cure: "use the program that `serve` runs, or restart `serve` with this one",
        }),
    }
}

type Applied = (i64, Vec<u8>);

async fn applied(db: &mut PgConnection) -> Result<Vec<Applied>, sqlx::Error> {
    sql("SELECT version, checksum FROM switchhook_migration ORDER BY version")
        .try_map(|row: PgRow| Ok((row.try_get("version")?, row.try_get("checksum")?)))
        .fetch_all(db)
        .await
}

/// What was applied is the beginning of what this program would apply.
fn check(at: &Location, applied: &[Applied]) -> Result<(), StoreError> {
    let known = |(n, (version, checksum)): (usize, &Applied)| {
        MIGRATOR.iter().nth(n).is_some_and(|migration| {
            migration.version == *version && *migration.checksum == **checksum
        })
    };
    match applied.iter().enumerate().find(|one| !known(*one)) {
        None => Ok(()),
        Some((_, (version, _))) => Err(StoreError::Schema {
            store: at.shown().to_owned(),
            why: format!("change {version} is not one of this program's"),
            cure: "use the version that wrote it, or a newer one",
        }),
    }
}
