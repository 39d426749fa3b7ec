//! Rows out of a SQLite file and into one.

use futures_util::TryStreamExt as _;
use futures_util::stream::BoxStream;
use sqlx::sqlite::{SqliteConnection, SqliteRow};
use sqlx::{AssertSqlSafe, Row as _};

use super::{Cell, Kind, Table};

/// The rows of a table, in the order in which they were written.
pub(in crate::store) fn rows<'a>(
    db: &'a mut SqliteConnection,
    table: &'static Table,
) -> BoxStream<'a, Result<Vec<Cell>, sqlx::Error>> {
    let order = match table.name {
        "attempt" => "rowid",
        _ => "1",
    };
    let (list, name) = (table.list(), table.name);
    let text = format!("SELECT {list} FROM {name} ORDER BY {order}");
    let rows = sqlx::query(AssertSqlSafe(text)).fetch(db);
    Box::pin(rows.and_then(move |row| std::future::ready(cells(&row, table))))
}

fn cells(row: &SqliteRow, table: &Table) -> Result<Vec<Cell>, sqlx::Error> {
    let columns = table.columns.iter();
    let cells = columns.map(|(name, kind)| {
        Ok(match kind {
            Kind::Text => Cell::Text(row.try_get(name)?),
            Kind::Number => Cell::Number(row.try_get(name)?),
            Kind::Bytes => Cell::Bytes(row.try_get(name)?),
            Kind::Truth => Cell::Truth(row.try_get(name)?),
        })
    });
    cells.collect()
}

/// Adds a row.
pub(in crate::store) async fn insert(
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
