//! Moves the rows of a store to another one.

use futures_util::TryStreamExt as _;
use sqlx::{Error, SqlStr};

use super::tables::{Cell, Table};
use super::{Columns as _, SqlConnection, Value, statements};

/// Returns whether the store holds rows that a restored backup would be mixed with.
pub(crate) async fn holds_rows<C: SqlConnection>(db: &mut C) -> Result<bool, Error> {
    let sql = statements::HOLDS_ROWS;
    db.row(sql, &[], |row| row.boolean("holds_rows")).await
}

/// Removes all rows of a table.
pub(crate) async fn clear<C: SqlConnection>(db: &mut C, table: &Table) -> Result<(), Error> {
    db.run_built(table.delete(), &[]).await.map(drop)
}

/// Copies the rows of a table by a statement that binds its cells.
pub(crate) async fn copy_table<From: SqlConnection, To: SqlConnection>(
    from: &mut From,
    to: &mut To,
    table: &Table,
    insert: &SqlStr,
) -> Result<(), Error> {
    let select = table.select(From::DIALECT.attempt_id);
    let mut rows = from.stream_built(select, &[], |row: &From::Row| table.cells(row));
    while let Some(row) = rows.try_next().await? {
        insert_row(to, insert, &row).await?;
    }
    Ok(())
}

async fn insert_row<C: SqlConnection>(
    db: &mut C,
    insert: &SqlStr,
    row: &[Cell],
) -> Result<(), Error> {
    let values: Vec<Value<'_>> = row.iter().map(Value::from).collect();
    db.run_built(insert.clone(), &values).await.map(drop)
}

/// Frees the leases of a restored store.
pub(crate) async fn free_leases<C: SqlConnection>(db: &mut C) -> Result<(), Error> {
    for sql in statements::FREE_ALL_LEASES {
        db.run(sql, &[]).await?;
    }
    Ok(())
}
