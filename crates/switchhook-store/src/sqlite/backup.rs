//! A copy of the file, and the way back.

use std::path::Path;

use futures_util::TryStreamExt as _;
use sqlx::sqlite::SqliteConnection;
use sqlx::{ConnectOptions as _, Connection as _, Executor as _};

use super::{Sqlite, classify};
use crate::StoreError;
use crate::backup::{FREE_LEASES, HOLDS_SOMETHING, TABLES, insert, rows};

impl Sqlite {
    /// Writes all of it to a new file, as it is at one moment.
    pub(crate) async fn back_up(&self, to: &Path) -> Result<(), StoreError> {
        let to = to.display().to_string();
        self.read(async |db: &mut SqliteConnection| {
            // It writes another file, and this one not at all.
            db.execute("PRAGMA query_only = OFF").await?;
            let into = sqlx::query("VACUUM INTO ?").bind(to);
            into.execute(db).await.map(drop)
        })
        .await
    }

    /// Takes every row of a copy, all of them or none; only into an empty store.
    pub(crate) async fn restore(&self, from: &mut SqliteConnection) -> Result<(), StoreError> {
        let failed = |error: sqlx::Error| classify(&self.path, &error);
        let write = self.read_options.clone().pragma("query_only", "OFF");
        let mut db = write.connect().await.map_err(failed)?;
        db.execute("BEGIN IMMEDIATE").await.map_err(failed)?;
        let taken: bool = sqlx::query_scalar(HOLDS_SOMETHING)
            .fetch_one(&mut db)
            .await
            .map_err(failed)?;
        if taken {
            let store = self.shown();
            return Err(StoreError::NotEmpty { store });
        }
        // What is not committed goes with the connection.
        take(&mut db, from).await.map_err(failed)?;
        db.execute("COMMIT").await.map_err(failed)?;
        db.close().await.map_err(failed)
    }
}

async fn take(db: &mut SqliteConnection, from: &mut SqliteConnection) -> Result<(), sqlx::Error> {
    for table in &TABLES {
        let clear = sqlx::AssertSqlSafe(format!("DELETE FROM {}", table.name));
        sqlx::query(clear).execute(&mut *db).await?;
        let mut rows = rows(from, table);
        while let Some(row) = rows.try_next().await? {
            insert(db, table, row).await?;
        }
    }
    for free in FREE_LEASES {
        db.execute(free).await?;
    }
    Ok(())
}
