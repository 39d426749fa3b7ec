//! The SQL that SQLite and PostgreSQL share.
//!
//! Operations and queries are written once, over [`SqlConnection`]; rows are mapped to the model
//! in [`rows`]. [`statements`] holds the texts that are equal in both databases, [`Dialect`]
//! those that differ. Every text has numbered parameters (`$1`), which SQLite takes as well:
//! sqlx binds `$N` there by its number (sqlx-sqlite, arguments.rs).

pub(crate) mod audit;
pub(crate) mod backup;
pub(crate) mod caller_data;
pub(crate) mod calls;
mod columns;
mod connection;
pub(crate) mod dialect;
pub(crate) mod documents;
pub(crate) mod events;
pub(crate) mod legs;
pub(crate) mod outbox;
#[cfg(test)]
mod plans;
mod probe;
pub(crate) mod prune;
pub(crate) mod recent_calls;
pub(crate) mod report;
pub(crate) mod responses;
pub(crate) mod rows;
pub(crate) mod statements;
pub(crate) mod stats;
pub(crate) mod switches;
pub(crate) mod tables;
pub(crate) mod unpublished;

pub(crate) use columns::Columns;
pub(crate) use connection::{SqlConnection, Value, impl_sql_connection, values};
pub(crate) use dialect::Dialect;
