//! Backups: all rows into a SQLite file, and the rows of a copy into an empty store.

use sqlx::postgres::PgConnection;
use sqlx::sqlite::SqliteConnection;
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, SqlSafeStr as _, SqlStr};

use super::Postgres;
use crate::StoreError;
use crate::sql::tables::{TABLES, Table};
use crate::sql::{SqlConnection as _, backup};
use crate::sqlite::insert_statement as insert_into_file;

impl Postgres {
    /// Writes all rows, as they are at one moment, into the empty tables of a file.
    pub(crate) async fn back_up(&self, file: &mut SqliteConnection) -> Result<(), StoreError> {
        let mut db = self.gate.connect_reader().await?;
        let copied = copy_into_file(&mut db, file).await;
        copied.map_err(|error| self.location().classify(&error))
    }

    /// Inserts every row of a copy into an empty store, all of them or none.
    pub(crate) async fn restore(&self, copy: &mut SqliteConnection) -> Result<(), StoreError> {
        let failed = |error: sqlx::Error| self.location().classify(&error);
        let mut db = self.gate.connect_reader().await?;
        db.execute(
            "BEGIN; LOCK TABLE document, call, leg, response, unpublished IN EXCLUSIVE MODE",
        )
        .await
        .map_err(failed)?;
        if backup::holds_rows(&mut db).await.map_err(failed)? {
            let store = self.shown();
            return Err(StoreError::NotEmpty { store });
        }
        // An error drops the connection, which undoes the transaction.
        copy_from_file(copy, &mut db).await.map_err(failed)?;
        db.execute("COMMIT").await.map_err(failed)?;
        db.close().await.map_err(failed)
    }
}

async fn copy_into_file(
    db: &mut PgConnection,
    file: &mut SqliteConnection,
) -> Result<(), sqlx::Error> {
    db.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        .await?;
    file.execute("BEGIN IMMEDIATE").await?;
    for table in &TABLES {
        backup::copy_table(db, file, table, &insert_into_file(table)).await?;
    }
    file.execute("COMMIT").await?;
    db.execute("COMMIT").await.map(drop)
}

async fn copy_from_file(
    copy: &mut SqliteConnection,
    db: &mut PgConnection,
) -> Result<(), sqlx::Error> {
    for table in &TABLES {
        backup::clear(db, table).await?;
        backup::copy_table(copy, db, table, &insert_statement(table)).await?;
        if table.has_id {
            continue_ids(db, table).await?;
        }
    }
    backup::free_leases(db).await
}

/// Returns the statement that inserts a row of a table, with the columns that only this database
/// has.
fn insert_statement(table: &Table) -> SqlStr {
    let (more_columns, more_values) = match table.name {
        "leg" => (", known", ", 0".to_owned()),
        // The names of the persisted variables, which are in the row's last column.
        "response" => {
            let variables = table.columns.len();
            let names = format!(", ARRAY(SELECT json_object_keys(${variables}::json))");
            (", names", names)
        }
        _ => ("", String::new()),
    };
    let (name, columns, parameters) = (table.name, table.column_list(), table.parameters());
    let with_ids = if table.has_id {
        "OVERRIDING SYSTEM VALUE "
    } else {
        ""
    };
    // SQLite may have a finished channel twice.
    let sql = format!(
        "INSERT INTO {name} ({columns}{more_columns}) {with_ids}
         VALUES ({parameters}{more_values}) ON CONFLICT DO NOTHING"
    );
    AssertSqlSafe(sql).into_sql_str()
}

/// Makes the next row's id follow those of the copy.
async fn continue_ids(db: &mut PgConnection, table: &Table) -> Result<(), sqlx::Error> {
    let name = table.name;
    let sql = format!(
        "SELECT setval(pg_get_serial_sequence('{name}', 'id'),
                       (SELECT coalesce(max(id), 0) + 1 FROM {name}), false)"
    );
    let sql = AssertSqlSafe(sql).into_sql_str();
    db.run_built(sql, &[]).await.map(drop)
}
