//! Backups: a copy of the file, and the rows of a copy into an empty store.

use std::path::Path;

use sqlx::sqlite::SqliteConnection;
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, SqlSafeStr as _, SqlStr};

use super::{Sqlite, classify};
use crate::StoreError;
use crate::sql::backup;
use crate::sql::tables::{TABLES, Table};

impl Sqlite {
    /// Writes all rows, as they are at one moment, to a new file.
    pub(crate) async fn back_up(&self, to: &Path) -> Result<(), StoreError> {
        let to = to.display().to_string();
        self.read(async |db: &mut SqliteConnection| {
            // VACUUM INTO writes the other file only, and `query_only` refuses it.
            db.execute("PRAGMA query_only = OFF").await?;
            let copy = sqlx::query("VACUUM INTO ?").bind(to);
            copy.execute(db).await.map(drop)
        })
        .await
    }

    /// Inserts every row of a copy into an empty store, all of them or none.
    pub(crate) async fn restore(&self, copy: &mut SqliteConnection) -> Result<(), StoreError> {
        let failed = |error: sqlx::Error| classify(&self.path, &error);
        let mut db = self.connect_to_write().await?;
        db.execute("BEGIN IMMEDIATE").await.map_err(failed)?;
        if backup::holds_rows(&mut db).await.map_err(failed)? {
            let store = self.shown();
            return Err(StoreError::NotEmpty { store });
        }
        // An error drops the connection, which undoes the transaction.
        copy_rows(copy, &mut db).await.map_err(failed)?;
        db.execute("COMMIT").await.map_err(failed)?;
        db.close().await.map_err(failed)
    }
}

async fn copy_rows(
    copy: &mut SqliteConnection,
    db: &mut SqliteConnection,
) -> Result<(), sqlx::Error> {
    for table in &TABLES {
        backup::clear(db, table).await?;
        backup::copy_table(copy, db, table, &insert_statement(table)).await?;
    }
    backup::free_leases(db).await
}

/// Returns the statement that inserts a row of a table.
pub(crate) fn insert_statement(table: &Table) -> SqlStr {
    let (name, columns, parameters) = (table.name, table.column_list(), table.parameters());
    let sql = format!("INSERT INTO {name} ({columns}) VALUES ({parameters})");
    AssertSqlSafe(sql).into_sql_str()
}
