//! A connection to either database: what statements bind, and how they run.

use futures_util::TryStreamExt as _;
use futures_util::future::BoxFuture;
use futures_util::stream::BoxStream;
use sqlx::{Error, SqlSafeStr as _, SqlStr};

use super::{Columns, Dialect};

/// A value that a statement binds.
#[derive(Debug, Clone)]
pub(crate) enum Value<'a> {
    /// A text, or NULL.
    Text(Option<&'a str>),
    /// An integer, or NULL.
    Integer(Option<i64>),
    /// Bytes, or NULL.
    Bytes(Option<&'a [u8]>),
    /// A truth value; 0 or 1 in SQLite.
    Boolean(bool),
    /// A list of texts, or NULL: an array in PostgreSQL, JSON in SQLite.
    Texts(Option<Vec<&'a str>>),
    /// A list of integers: an array in PostgreSQL, JSON in SQLite.
    Integers(&'a [i64]),
}

/// Builds the values that a statement binds, in the order of its parameters.
macro_rules! values {
    ($($value:expr),* $(,)?) => {
        &[$($crate::sql::Value::from($value)),*]
    };
}

pub(crate) use values;

/// A connection that runs statements.
///
/// Its futures are boxed: the compiler cannot see that the future of a caller is `Send` when it
/// has generic ones in it (https://github.com/rust-lang/rust/issues/100013).
pub(crate) trait SqlConnection: Send + Sized {
    /// A row of a result.
    type Row: Columns;

    /// The texts that differ between the databases.
    const DIALECT: &'static Dialect;

    /// Runs a statement whose text was built; returns how many rows it changed.
    fn run_built<'c>(
        &'c mut self,
        sql: SqlStr,
        values: &'c [Value<'c>],
    ) -> BoxFuture<'c, Result<u64, Error>>;

    /// Runs a query whose text was built; returns its rows as they come, each mapped by `map`.
    fn stream_built<'c, T, F>(
        &'c mut self,
        sql: SqlStr,
        values: &'c [Value<'c>],
        map: F,
    ) -> BoxStream<'c, Result<T, Error>>
    where
        T: Send + 'c,
        F: FnMut(&Self::Row) -> Result<T, Error> + Send + 'c;

    /// Runs a statement; returns how many rows it changed.
    fn run<'c>(
        &'c mut self,
        sql: &'static str,
        values: &'c [Value<'c>],
    ) -> BoxFuture<'c, Result<u64, Error>> {
        self.run_built(sql.into_sql_str(), values)
    }

    /// Runs a query; returns all of its rows.
    fn rows<'c, T, F>(
        &'c mut self,
        sql: &'static str,
        values: &'c [Value<'c>],
        map: F,
    ) -> BoxFuture<'c, Result<Vec<T>, Error>>
    where
        T: Send + 'c,
        F: FnMut(&Self::Row) -> Result<T, Error> + Send + 'c,
    {
        let rows = self.stream_built(sql.into_sql_str(), values, map);
        Box::pin(rows.try_collect())
    }

    /// Runs a query of one row; `None` when there is none.
    fn optional_row<'c, T, F>(
        &'c mut self,
        sql: &'static str,
        values: &'c [Value<'c>],
        map: F,
    ) -> BoxFuture<'c, Result<Option<T>, Error>>
    where
        T: Send + 'c,
        F: FnMut(&Self::Row) -> Result<T, Error> + Send + 'c,
    {
        let rows = self.rows(sql, values, map);
        Box::pin(async { Ok(rows.await?.into_iter().next()) })
    }

    /// Runs a query that always has one row.
    fn row<'c, T, F>(
        &'c mut self,
        sql: &'static str,
        values: &'c [Value<'c>],
        map: F,
    ) -> BoxFuture<'c, Result<T, Error>>
    where
        T: Send + 'c,
        F: FnMut(&Self::Row) -> Result<T, Error> + Send + 'c,
    {
        let row = self.optional_row(sql, values, map);
        Box::pin(async { row.await?.ok_or(Error::RowNotFound) })
    }
}

/// Implements [`SqlConnection`] with a function that prepares a statement with its values.
macro_rules! impl_sql_connection {
    ($connection:ty, $row:ty, $prepare:path, $dialect:path) => {
        impl $crate::sql::SqlConnection for $connection {
            type Row = $row;

            const DIALECT: &'static $crate::sql::Dialect = &$dialect;

            fn run_built<'c>(
                &'c mut self,
                sql: sqlx::SqlStr,
                values: &'c [$crate::sql::Value<'c>],
            ) -> futures_util::future::BoxFuture<'c, Result<u64, sqlx::Error>> {
                let done = $prepare(sql, values).execute(self);
                Box::pin(async { Ok(done.await?.rows_affected()) })
            }

            fn stream_built<'c, T, F>(
                &'c mut self,
                sql: sqlx::SqlStr,
                values: &'c [$crate::sql::Value<'c>],
                mut map: F,
            ) -> futures_util::stream::BoxStream<'c, Result<T, sqlx::Error>>
            where
                T: Send + 'c,
                F: FnMut(&$row) -> Result<T, sqlx::Error> + Send + 'c,
            {
                use futures_util::StreamExt as _;
                let rows = $prepare(sql, values).fetch(self);
                Box::pin(rows.map(move |row| map(&row?)))
            }
        }
    };
}

pub(crate) use impl_sql_connection;

impl<'a> From<&'a str> for Value<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(Some(text))
    }
}

impl<'a> From<&'a String> for Value<'a> {
    fn from(text: &'a String) -> Self {
        Self::Text(Some(text))
    }
}

impl<'a> From<&'a Option<String>> for Value<'a> {
    fn from(text: &'a Option<String>) -> Self {
        Self::Text(text.as_deref())
    }
}

impl From<i64> for Value<'_> {
    fn from(number: i64) -> Self {
        Self::Integer(Some(number))
    }
}

impl From<Option<i64>> for Value<'_> {
    fn from(number: Option<i64>) -> Self {
        Self::Integer(number)
    }
}

impl From<u32> for Value<'_> {
    fn from(number: u32) -> Self {
        Self::Integer(Some(number.into()))
    }
}

impl From<Option<u16>> for Value<'_> {
    fn from(number: Option<u16>) -> Self {
        Self::Integer(number.map(i64::from))
    }
}

impl From<bool> for Value<'_> {
    fn from(value: bool) -> Self {
        Self::Boolean(value)
    }
}

impl<'a> From<&'a [u8]> for Value<'a> {
    fn from(bytes: &'a [u8]) -> Self {
        Self::Bytes(Some(bytes))
    }
}

impl<'a> From<&'a Vec<u8>> for Value<'a> {
    fn from(bytes: &'a Vec<u8>) -> Self {
        Self::Bytes(Some(bytes))
    }
}

impl<'a> From<&[&'a str]> for Value<'a> {
    fn from(texts: &[&'a str]) -> Self {
        Self::Texts(Some(texts.to_vec()))
    }
}

impl<'a> From<&'a [String]> for Value<'a> {
    fn from(texts: &'a [String]) -> Self {
        Self::Texts(Some(texts.iter().map(String::as_str).collect()))
    }
}

impl<'a> From<Option<Vec<&'a str>>> for Value<'a> {
    fn from(texts: Option<Vec<&'a str>>) -> Self {
        Self::Texts(texts)
    }
}

impl<'a> From<&'a [i64]> for Value<'a> {
    fn from(numbers: &'a [i64]) -> Self {
        Self::Integers(numbers)
    }
}
