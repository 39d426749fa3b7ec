//! All rows into a SQLite file, and the way back.

use futures_util::TryStreamExt as _;
use sqlx::postgres::PgConnection;
use sqlx::sqlite::SqliteConnection;
use sqlx::{AssertSqlSafe, Connection as _, Executor as _};

use super::Postgres;
use super::sql::{scalar, text};
use crate::StoreError;
use crate::backup::{Cell, FREE_LEASES, HOLDS_SOMETHING, TABLES, Table, insert, rows};

impl Postgres {
    /// Writes all rows, as they are at one moment, into the empty tables of a file.
    pub(crate) async fn back_up(&self, file: &mut SqliteConnection) -> Result<(), StoreError> {
        let mut db = self.door.enter().await?;
        let given = give(&mut db, file).await;
        given.map_err(|error| self.at().classify(&error))
    }

    /// Takes every row of a copy, all of them or none; only into an empty store.
    pub(crate) async fn restore(&self, file: &mut SqliteConnection) -> Result<(), StoreError> {
        let failed = |error: sqlx::Error| self.at().classify(&error);
        let mut db = self.door.enter().await?;
        db.execute(
            "BEGIN; LOCK TABLE document, call, leg, response, unpublished IN EXCLUSIVE MODE",
        )
        .await
        .map_err(failed)?;
        let taken: bool = scalar(HOLDS_SOMETHING)
            .fetch_one(&mut db)
            .await
            .map_err(failed)?;
        if taken {
            let store = self.shown();
            return Err(StoreError::NotEmpty { store });
        }
        // What is not committed goes with the connection.
        take(&mut db, file).await.map_err(failed)?;
        db.execute("COMMIT").await.map_err(failed)?;
        db.close().await.map_err(failed)
    }
}

async fn give(db: &mut PgConnection, file: &mut SqliteConnection) -> Result<(), sqlx::Error> {
    db.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        .await?;
    file.execute("BEGIN IMMEDIATE").await?;
    for table in &TABLES {
        let text = table.select("id");
        let query = sqlx::query(AssertSqlSafe(text)).persistent(false);
        let mut rows = query.fetch(&mut *db);
        while let Some(row) = rows.try_next().await? {
            insert(file, table, table.cells(&row)?).await?;
        }
    }
    file.execute("COMMIT").await?;
    db.execute("COMMIT").await.map(drop)
}

async fn take(db: &mut PgConnection, file: &mut SqliteConnection) -> Result<(), sqlx::Error> {
    for table in &TABLES {
        let clear = AssertSqlSafe(format!("DELETE FROM {}", table.name));
        sqlx::query(clear)
            .persistent(false)
            .execute(&mut *db)
            .await?;
        let statement = statement(table);
        let mut rows = rows(file, table);
        while let Some(row) = rows.try_next().await? {
            let mut query = sqlx::query(AssertSqlSafe(statement.clone())).persistent(false);
            for cell in row {
                query = match cell {
                    Cell::Text(value) => query.bind(value.map(|value| text(&value).into_owned())),
                    Cell::Number(number) => query.bind(number),
                    Cell::Bytes(bytes) => query.bind(bytes),
                    Cell::Truth(truth) => query.bind(truth),
                };
            }
            query.execute(&mut *db).await?;
        }
        if table.counted {
            count_on(db, table).await?;
        }
    }
    for free in FREE_LEASES {
        db.execute(free).await?;
    }
    Ok(())
}

/// Adds a row, with what only this database has.
fn statement(table: &Table) -> String {
    let (more, values) = match table.name {
        "leg" => (", known", ", 0".to_owned()),
        // The names of the kept variables, which stand in the row's last place.
        "response" => {
            let last = table.columns.len();
            let names = format!(", ARRAY(SELECT json_object_keys(${last}::json))");
            (", names", names)
        }
        _ => ("", String::new()),
    };
    let (name, list) = (table.name, table.list());
    let places = table.places(|n, _| format!("${n}"));
    let ids = match table.counted {
        true => "OVERRIDING SYSTEM VALUE ",
        false => "",
    };
    // SQLite may have a finished channel twice.
    format!(
        "INSERT INTO {name} ({list}{more}) {ids}VALUES ({places}{values}) ON CONFLICT DO NOTHING"
    )
}

/// The next row's number comes after those of the copy.
async fn count_on(db: &mut PgConnection, table: &Table) -> Result<(), sqlx::Error> {
    let name = table.name;
    let next = format!(
        "SELECT setval(pg_get_serial_sequence('{name}', 'id'), (SELECT coalesce(max(id), 0) + 1 FROM {name}), false)"
    );
    let next = sqlx::query(AssertSqlSafe(next)).persistent(false);
    next.execute(db).await.map(drop)
}
