//! Statements over many rows: each statement is a turn of SQLite's thread, which costs more than
//! a row.

use futures_util::TryStreamExt as _;
use sqlx::sqlite::{SqliteConnection, SqliteRow};
use sqlx::{AssertSqlSafe, Error, SqlSafeStr as _};

use crate::sql::{SqlConnection as _, Value};

/// How many rows a statement has. Each of the few texts is prepared once.
const ROWS: [usize; 5] = [64, 16, 4, 2, 1];

/// A statement whose text repeats a row.
pub(super) struct ManyRows {
    /// What precedes the rows; its parameters precede theirs.
    pub(super) head: &'static str,
    /// A row, with its parameters as if it were the first.
    pub(super) row: &'static str,
    /// What follows the rows; without parameters.
    pub(super) tail: &'static str,
}

impl ManyRows {
    /// Runs the statement for these rows, one after the other, with the values `fixed` in the
    /// head; returns what the statement returns, each mapped by `map`.
    pub(super) async fn rows<T: Send>(
        &self,
        db: &mut SqliteConnection,
        fixed: &[Value<'_>],
        rows: &[Vec<Value<'_>>],
        map: fn(&SqliteRow) -> Result<T, Error>,
    ) -> Result<Vec<T>, Error> {
        let mut returned = Vec::new();
        let mut left = rows;
        while let Some(size) = ROWS.into_iter().find(|size| *size <= left.len()) {
            let (these, others) = left.split_at(size);
            let values: Vec<Value<'_>> = fixed
                .iter()
                .chain(these.iter().flatten())
                .cloned()
                .collect();
            // The text holds parameters only.
            let sql = AssertSqlSafe(self.text(fixed.len(), these)).into_sql_str();
            let mut stream = db.stream_built(sql, &values, map);
            while let Some(row) = stream.try_next().await? {
                returned.push(row);
            }
            left = others;
        }
        Ok(returned)
    }

    /// Runs a statement that returns nothing.
    pub(super) async fn run(
        &self,
        db: &mut SqliteConnection,
        fixed: &[Value<'_>],
        rows: &[Vec<Value<'_>>],
    ) -> Result<(), Error> {
        self.rows(db, fixed, rows, |_| Ok(())).await.map(drop)
    }

    fn text(&self, fixed: usize, rows: &[Vec<Value<'_>>]) -> String {
        let mut parameters = fixed;
        let mut texts = Vec::with_capacity(rows.len());
        for row in rows {
            texts.push(shifted(self.row, parameters));
            parameters += row.len();
        }
        format!("{}{}{}", self.head, texts.join(", "), self.tail)
    }
}

/// Returns the text with `by` added to the number of each parameter.
fn shifted(text: &str, by: usize) -> String {
    let mut parts = text.split('$');
    let mut shifted = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let digits = part.bytes().take_while(u8::is_ascii_digit).count();
        let (number, rest) = part.split_at(digits);
        let number = number.parse::<usize>().unwrap_or_default() + by;
        shifted.push_str(&format!("${number}{rest}"));
    }
    shifted
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::values;

    #[test]
    fn each_row_has_parameters_of_its_own() {
        let many = ManyRows {
            head: "INSERT INTO t (s, a, b) VALUES ",
            row: "($1, $2, 'waiting', $2)",
            tail: " RETURNING a",
        };
        let rows = [values!["a", "b"].to_vec(), values!["c", "d"].to_vec()];
        assert_eq!(
            many.text(0, &rows),
            "INSERT INTO t (s, a, b) VALUES ($1, $2, 'waiting', $2), ($3, $4, 'waiting', $4) \
             RETURNING a"
        );
        let many = ManyRows {
            head: "DELETE FROM t WHERE s = $1 AND a IN (",
            row: "$1",
            tail: ")",
        };
        let rows = [values!["a"].to_vec(), values!["b"].to_vec()];
        let text = many.text(1, &rows);
        assert_eq!(text, "DELETE FROM t WHERE s = $1 AND a IN ($2, $3)");
    }
}
