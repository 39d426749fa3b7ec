//! The tables of a store, for backups: what both databases have of each.

use sqlx::{AssertSqlSafe, Error, SqlSafeStr as _, SqlStr};

use super::{Columns, Value};
use ColumnType::{Boolean, Bytes, Integer, Text};

/// The type of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ColumnType {
    Text,
    Integer,
    Bytes,
    /// An integer in SQLite.
    Boolean,
}

/// The value of a column.
#[derive(Debug, Clone)]
pub(crate) enum Cell {
    Text(Option<String>),
    Integer(Option<i64>),
    Bytes(Option<Vec<u8>>),
    Boolean(bool),
}

impl<'a> From<&'a Cell> for Value<'a> {
    fn from(cell: &'a Cell) -> Self {
        match cell {
            Cell::Text(text) => Value::Text(text.as_deref()),
            Cell::Integer(number) => Value::Integer(*number),
            Cell::Bytes(bytes) => Value::Bytes(bytes.as_deref()),
            Cell::Boolean(value) => Value::Boolean(*value),
        }
    }
}

/// A table with the columns that both databases have.
pub(crate) struct Table {
    pub(crate) name: &'static str,
    pub(crate) columns: &'static [(&'static str, ColumnType)],
    /// The database numbers the rows (`id`).
    pub(crate) has_id: bool,
}

/// Every table that a backup has, each after the tables that it refers to.
pub(crate) const TABLES: [Table; 13] = [
    Table {
        name: "leg",
        columns: &[
            ("switch", Text),
            ("leg_uuid", Text),
            ("call_id", Text),
            ("json", Text),
        ],
        has_id: false,
    },
    Table {
        name: "call",
        columns: &[
            ("id", Integer),
            ("switch", Text),
            ("call_uuid", Text),
            ("created_us", Integer),
            ("flow", Text),
            ("started_ms", Integer),
            ("answered_ms", Integer),
            ("ended_ms", Integer),
            ("talk_ms", Integer),
            ("caller", Text),
            ("called", Text),
            ("legs", Integer),
            ("hangup_cause", Text),
            ("incomplete", Boolean),
            ("story", Text),
            ("account", Text),
            ("asked", Text),
        ],
        has_id: true,
    },
    Table {
        name: "response",
        columns: &[
            ("id", Integer),
            ("channel_uuid", Text),
            ("call_uuid", Text),
            ("flow", Text),
            ("webhook", Text),
            ("at_ms", Integer),
            ("variables", Text),
        ],
        has_id: true,
    },
    Table {
        name: "document",
        columns: &[
            ("id", Integer),
            ("webhook_id", Text),
            ("kind", Text),
            ("switch", Text),
            ("call_uuid", Text),
            ("created_us", Integer),
            ("flow", Text),
            ("endpoint", Text),
            ("method", Text),
            ("url", Text),
            ("state", Text),
            ("due_ms", Integer),
            ("lease", Bytes),
            ("attempts", Integer),
            ("inserted_ms", Integer),
            ("first_ms", Integer),
            ("last_ms", Integer),
            ("not_before_ms", Integer),
            ("settled_ms", Integer),
            ("sequence", Integer),
            ("fact", Text),
            ("expires_ms", Integer),
            ("headers", Text),
            ("body", Bytes),
            ("account", Text),
        ],
        has_id: true,
    },
    Table {
        name: "attempt",
        columns: &[
            ("document_id", Integer),
            ("started_ms", Integer),
            ("took_ms", Integer),
            ("status", Integer),
            ("error", Text),
        ],
        has_id: false,
    },
    Table {
        name: "pause",
        columns: &[("endpoint", Text), ("since_ms", Integer), ("reason", Text)],
        has_id: false,
    },
    Table {
        name: "finished_channel",
        columns: &[
            ("id", Integer),
            ("switch", Text),
            ("uuid", Text),
            ("created_us", Integer),
            ("ended_ms", Integer),
        ],
        has_id: true,
    },
    Table {
        name: "unpublished",
        columns: &[
            ("id", Integer),
            ("switch", Text),
            ("call_uuid", Text),
            ("created_us", Integer),
            ("inserted_ms", Integer),
            ("until_ms", Integer),
            ("due_ms", Integer),
            ("lease", Bytes),
            ("json", Text),
        ],
        has_id: true,
    },
    Table {
        name: "audit",
        columns: &[
            ("id", Integer),
            ("at_ms", Integer),
            ("who", Text),
            ("origin", Text),
            ("action", Text),
            ("target", Text),
            ("result", Text),
            ("refused", Boolean),
        ],
        has_id: true,
    },
    Table {
        name: "switch",
        columns: &[("address", Text), ("name", Text)],
        has_id: false,
    },
    Table {
        name: "cdr_read",
        columns: &[("switch", Text), ("until_us", Integer)],
        has_id: false,
    },
    Table {
        name: "stat_value",
        columns: &[("id", Integer), ("dimension", Text), ("value", Text)],
        has_id: true,
    },
    Table {
        name: "stat",
        columns: &[
            ("value_id", Integer),
            ("span_s", Integer),
            ("start_ms", Integer),
            ("series", Text),
            ("step", Integer),
            ("amount", Integer),
        ],
        has_id: false,
    },
];

impl Table {
    /// Returns the columns' names, with commas.
    pub(crate) fn column_list(&self) -> String {
        let names: Vec<&str> = self.columns.iter().map(|(name, _)| *name).collect();
        names.join(", ")
    }

    /// Returns the parameters of an insert, with commas.
    pub(crate) fn parameters(&self) -> String {
        let parameters: Vec<String> = (1..=self.columns.len()).map(|n| format!("${n}")).collect();
        parameters.join(", ")
    }

    /// Returns a query of all rows in the order in which they were written. Attempts, which have
    /// no key in the backup, are ordered by the column `attempt_id`.
    pub(crate) fn select(&self, attempt_id: &str) -> SqlStr {
        let order = if self.name == "attempt" {
            attempt_id
        } else {
            "1"
        };
        let (columns, name) = (self.column_list(), self.name);
        AssertSqlSafe(format!("SELECT {columns} FROM {name} ORDER BY {order}")).into_sql_str()
    }

    /// Returns the values of a row.
    pub(crate) fn cells(&self, row: &impl Columns) -> Result<Vec<Cell>, Error> {
        let cells = self.columns.iter().map(|(name, column_type)| {
            Ok(match column_type {
                Text => Cell::Text(row.optional_text(name)?),
                Integer => Cell::Integer(row.optional_integer(name)?),
                Bytes => Cell::Bytes(row.optional_bytes(name)?),
                Boolean => Cell::Boolean(row.boolean(name)?),
            })
        });
        cells.collect()
    }

    /// Returns a statement that removes all rows.
    pub(crate) fn delete(&self) -> SqlStr {
        AssertSqlSafe(format!("DELETE FROM {}", self.name)).into_sql_str()
    }
}
