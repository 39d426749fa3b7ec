//! A database as the writer needs it.

use std::collections::BTreeSet;

use crate::error::StoreError;
use crate::model::{Finished, FinishedCallRecord, StoredLeg};

/// Opens connections to a database and runs the writer's transactions.
pub(crate) trait WriterDatabase: Send + Sync + 'static {
    /// An open connection.
    type Connection: Send;

    /// Checks that a write can succeed at all.
    fn check(&self) -> Result<(), StoreError> {
        Ok(())
    }

    /// Opens a connection.
    fn connect(&self) -> impl Future<Output = Result<Self::Connection, StoreError>> + Send;

    /// Begins a transaction that writes calls of these switches; returns `now_ms`, or the
    /// database's time when that is `None`.
    fn begin(
        &self,
        db: &mut Self::Connection,
        switches: &BTreeSet<String>,
        now_ms: Option<i64>,
    ) -> impl Future<Output = Result<i64, StoreError>> + Send;

    /// Stores these legs in this order; there may be none.
    fn put_legs(
        &self,
        db: &mut Self::Connection,
        legs: &[&StoredLeg],
    ) -> impl Future<Output = Result<(), sqlx::Error>> + Send;

    /// Finishes these calls in this order; no two have a channel, a leg or a Unique-ID in common.
    fn finish_calls(
        &self,
        db: &mut Self::Connection,
        calls: &[&FinishedCallRecord],
        now_ms: i64,
    ) -> impl Future<Output = Result<Vec<Finished>, sqlx::Error>> + Send;

    /// Ends the transaction; when it returns, everything is on the disk.
    fn commit(
        &self,
        db: &mut Self::Connection,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Undoes the transaction.
    fn roll_back(&self, db: &mut Self::Connection) -> impl Future<Output = ()> + Send;

    /// Returns what an error means to an operator.
    fn classify(&self, error: &sqlx::Error) -> StoreError;

    /// Gives up a transaction that takes too long.
    fn within_deadline(
        &self,
        work: impl Future<Output = Result<(), StoreError>> + Send,
    ) -> impl Future<Output = Result<(), StoreError>> + Send {
        work
    }

    /// Returns whether the connection can be used after this error.
    fn survives(&self, error: &StoreError) -> bool;

    /// Closes the connection.
    fn close(&self, db: Self::Connection) -> impl Future<Output = ()> + Send;
}
