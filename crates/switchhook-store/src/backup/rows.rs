//! What a copy has: the tables and columns that both databases have, and what both ask alike.

use sqlx::{ColumnIndex, Database, Decode, Row, Type};

/// Whether a store holds anything that a copy would be mixed with.
pub(crate) const HOLDS_SOMETHING: &str =
    "SELECT EXISTS (SELECT 1 FROM document) OR EXISTS (SELECT 1 FROM call)
         OR EXISTS (SELECT 1 FROM leg) OR EXISTS (SELECT 1 FROM response)
         OR EXISTS (SELECT 1 FROM unpublished)";
/// After a copy nobody lives who holds a lease; the attempts may have reached the receiver.
pub(crate) const FREE_LEASES: [&str; 2] = [
    "UPDATE document SET state = 'waiting', lease = NULL, due_ms = 0 WHERE state = 'leased'",
    "UPDATE unpublished SET lease = NULL, due_ms = 0 WHERE lease IS NOT NULL",
];

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ColumnKind {
    Text,
    Number,
    Bytes,
    /// A number in SQLite.
    Truth,
}

/// One value of a row.
#[derive(Debug, Clone)]
pub(crate) enum Cell {
    Text(Option<String>),
    Number(Option<i64>),
    Bytes(Option<Vec<u8>>),
    Truth(bool),
}

/// What a database's column can be read as.
pub(crate) trait Value<D: Database>: Type<D> + for<'r> Decode<'r, D> {}
impl<D: Database, T: Type<D> + for<'r> Decode<'r, D>> Value<D> for T {}

/// A table, and the order of its rows.
pub(crate) struct Table {
    pub(crate) name: &'static str,
    pub(crate) columns: &'static [(&'static str, ColumnKind)],
    /// PostgreSQL counts its rows.
    pub(crate) counted: bool,
}

use ColumnKind::{Bytes, Number, Text, Truth};

/// Each after those that it refers to.
pub(crate) const TABLES: [Table; 10] = [
    Table {
        name: "leg",
        columns: &[
            ("switch", Text),
            ("leg_uuid", Text),
            ("call_id", Text),
            ("json", Text),
        ],
        counted: false,
    },
    Table {
        name: "call",
        columns: &[
            ("id", Number),
            ("switch", Text),
            ("call_uuid", Text),
            ("created_us", Number),
            ("flow", Text),
            ("started_ms", Number),
            ("answered_ms", Number),
            ("ended_ms", Number),
            ("talk_ms", Number),
            ("caller", Text),
            ("called", Text),
            ("legs", Number),
            ("hangup_cause", Text),
            ("incomplete", Truth),
            ("story", Text),
            ("account", Text),
        ],
        counted: true,
    },
    Table {
        name: "response",
        columns: &[
            ("id", Number),
            ("channel_uuid", Text),
            ("call_uuid", Text),
            ("flow", Text),
            ("webhook", Text),
            ("at_ms", Number),
            ("variables", Text),
        ],
        counted: true,
    },
    Table {
        name: "document",
        columns: &[
            ("id", Number),
            ("webhook_id", Text),
            ("kind", Text),
            ("switch", Text),
            ("call_uuid", Text),
            ("created_us", Number),
            ("flow", Text),
            ("endpoint", Text),
            ("method", Text),
            ("url", Text),
            ("state", Text),
            ("due_ms", Number),
            ("lease", Bytes),
            ("attempts", Number),
            ("inserted_ms", Number),
            ("first_ms", Number),
            ("last_ms", Number),
            ("not_before_ms", Number),
            ("settled_ms", Number),
            ("headers", Text),
            ("body", Bytes),
        ],
        counted: true,
    },
    Table {
        name: "attempt",
        columns: &[
            ("document_id", Number),
            ("started_ms", Number),
            ("took_ms", Number),
            ("status", Number),
            ("error", Text),
        ],
        counted: false,
    },
    Table {
        name: "pause",
        columns: &[("endpoint", Text), ("since_ms", Number), ("reason", Text)],
        counted: false,
    },
    Table {
        name: "finished_channel",
        columns: &[
            ("id", Number),
            ("switch", Text),
            ("uuid", Text),
            ("created_us", Number),
            ("ended_ms", Number),
        ],
        counted: true,
    },
    Table {
        name: "unpublished",
        columns: &[
            ("id", Number),
            ("switch", Text),
            ("call_uuid", Text),
            ("created_us", Number),
            ("inserted_ms", Number),
            ("until_ms", Number),
            ("due_ms", Number),
            ("lease", Bytes),
            ("json", Text),
        ],
        counted: true,
    },
    Table {
        name: "switch",
        columns: &[("address", Text), ("name", Text)],
        counted: false,
    },
    Table {
        name: "cdr_read",
        columns: &[("switch", Text), ("until_us", Number)],
        counted: false,
    },
];

impl Table {
    /// Its columns, with commas.
    pub(crate) fn list(&self) -> String {
        let names: Vec<&str> = self.columns.iter().map(|(name, _)| *name).collect();
        names.join(", ")
    }

    /// Asks for all rows; attempts, which have no key in front, by `attempts`.
    pub(crate) fn select(&self, attempts: &str) -> String {
        let order = match self.name {
            "attempt" => attempts,
            _ => "1",
        };
        format!("SELECT {} FROM {} ORDER BY {order}", self.list(), self.name)
    }

    /// The values of a row of either database.
    pub(crate) fn cells<R>(&self, row: &R) -> Result<Vec<Cell>, sqlx::Error>
    where
        R: Row,
        &'static str: ColumnIndex<R>,
        Option<String>: Value<R::Database>,
        Option<i64>: Value<R::Database>,
        Option<Vec<u8>>: Value<R::Database>,
        bool: Value<R::Database>,
    {
        let cells = self.columns.iter().map(|(name, kind)| {
            Ok(match kind {
                ColumnKind::Text => Cell::Text(row.try_get(*name)?),
                ColumnKind::Number => Cell::Number(row.try_get(*name)?),
                ColumnKind::Bytes => Cell::Bytes(row.try_get(*name)?),
                ColumnKind::Truth => Cell::Truth(row.try_get(*name)?),
            })
        });
        cells.collect()
    }

    /// The columns' places in a statement, as the database writes the n-th.
    pub(crate) fn places(&self, write: impl Fn(usize, ColumnKind) -> String) -> String {
        let kinds = self.columns.iter().enumerate();
        let places: Vec<String> = kinds.map(|(n, (_, kind))| write(n + 1, *kind)).collect();
        places.join(", ")
    }
}
