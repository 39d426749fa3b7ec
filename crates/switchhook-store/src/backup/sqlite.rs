//! Rows out of a SQLite file and into one.

use futures_util::TryStreamExt as _;
use futures_util::stream::BoxStream;
use sqlx::AssertSqlSafe;
use sqlx::sqlite::SqliteConnection;

use super::{Cell, Table};

/// The rows of a table, in the order in which they were written.
pub(crate) fn rows<'a>(
    db: &'a mut SqliteConnection,
    table: &'static Table,
) -> BoxStream<'a, Result<Vec<Cell>, sqlx::Error>> {
    let text = table.select("rowid");
    let rows = sqlx::query(AssertSqlSafe(text)).fetch(db);
    Box::pin(rows.and_then(move |row| std::future::ready(table.cells(&row))))
}

/// Adds a row.
pub(crate) async fn insert(
    db: &mut SqliteConnection,
    table: &Table,
    row: Vec<Cell>,
) -> Result<(), sqlx::Error> {
    let places = table.places(|n, _| format!("?{n}"));
    let text = format!(
        "INSERT INTO {} ({}) VALUES ({places})",
        table.name,
        table.list()
    );
    let mut query = sqlx::query(AssertSqlSafe(text));
    for cell in row {
        query = match cell {
            Cell::Text(text) => query.bind(text),
            Cell::Number(number) => query.bind(number),
            Cell::Bytes(bytes) => query.bind(bytes),
            Cell::Truth(truth) => query.bind(truth),
        };
    }
    query.execute(db).await.map(drop)
}
