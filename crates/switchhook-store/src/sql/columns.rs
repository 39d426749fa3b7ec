//! Reads the columns of a row of either database.

use serde::de::DeserializeOwned;
use sqlx::{ColumnIndex, Decode, Error, Row, Type};

/// A row whose columns are read by name.
///
/// Each method fails when the column is missing or has another type; those without `optional_`
/// in their name fail on NULL as well.
pub(crate) trait Columns {
    /// Returns a text.
    fn text(&self, column: &str) -> Result<String, Error>;

    /// Returns a text, or `None` for NULL.
    fn optional_text(&self, column: &str) -> Result<Option<String>, Error>;

    /// Returns an integer.
    fn integer(&self, column: &str) -> Result<i64, Error>;

    /// Returns an integer, or `None` for NULL.
    fn optional_integer(&self, column: &str) -> Result<Option<i64>, Error>;

    /// Returns bytes.
    fn bytes(&self, column: &str) -> Result<Vec<u8>, Error>;

    /// Returns bytes, or `None` for NULL.
    fn optional_bytes(&self, column: &str) -> Result<Option<Vec<u8>>, Error>;

    /// Returns a truth value.
    fn boolean(&self, column: &str) -> Result<bool, Error>;

    /// Returns an integer in the range of `T`; both databases store 64 bits with a sign.
    fn count<T: TryFrom<i64>>(&self, column: &str) -> Result<T, Error> {
        let number = self.integer(column)?;
        let out_of_range = |_| Error::Decode(format!("{column} is {number}").into());
        T::try_from(number).map_err(out_of_range)
    }

    /// Returns what a column holds as JSON.
    fn json<T: DeserializeOwned>(&self, column: &str) -> Result<T, Error> {
        let text = self.text(column)?;
        serde_json::from_str(&text).map_err(|error| Error::Decode(error.into()))
    }
}

impl<R> Columns for R
where
    R: Row,
    for<'a> &'a str: ColumnIndex<R>,
    String: Value<R>,
    Option<String>: Value<R>,
    i64: Value<R>,
    Option<i64>: Value<R>,
    Vec<u8>: Value<R>,
    Option<Vec<u8>>: Value<R>,
    bool: Value<R>,
{
    fn text(&self, column: &str) -> Result<String, Error> {
        self.try_get(column)
    }

    fn optional_text(&self, column: &str) -> Result<Option<String>, Error> {
        self.try_get(column)
    }

    fn integer(&self, column: &str) -> Result<i64, Error> {
        self.try_get(column)
    }

    fn optional_integer(&self, column: &str) -> Result<Option<i64>, Error> {
        self.try_get(column)
    }

    fn bytes(&self, column: &str) -> Result<Vec<u8>, Error> {
        self.try_get(column)
    }

    fn optional_bytes(&self, column: &str) -> Result<Option<Vec<u8>>, Error> {
        self.try_get(column)
    }

    fn boolean(&self, column: &str) -> Result<bool, Error> {
        self.try_get(column)
    }
}

/// A type that the rows `R` can hold.
trait Value<R: Row>: Type<R::Database> + for<'r> Decode<'r, R::Database> {}

impl<R: Row, T: Type<R::Database> + for<'r> Decode<'r, R::Database>> Value<R> for T {}
