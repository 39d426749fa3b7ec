//! What the writer writes: an [`Operation`] says what, [`Write`] how a database does it.

use super::model::{Finished, FinishedCallRecord, StoredLeg};

/// Rows that one statement changes or removes at most. It bounds how long other writes wait.
pub(crate) const CHUNK: u32 = 1_000;

/// Bytes that must fit before a full store counts as healthy again.
pub(crate) const PROBE_BYTES: u32 = 64 * 1024;

/// A change to the store.
pub(crate) trait Operation: Send + Sync + 'static {
    /// What the caller gets once the change is on the disk.
    type Output: Send + 'static;

    /// Whether the outbox may have something new to send afterwards.
    const INSERTS: bool = false;

    /// Returns the switch whose calls the change is about.
    fn switch(&self) -> Option<&str> {
        None
    }

    /// Returns the leg, when the change only stores one: several legs may share a statement.
    fn leg(&self) -> Option<&StoredLeg> {
        None
    }

    /// Returns the output of a change whose leg was stored together with others.
    fn output_of_leg() -> Option<Self::Output> {
        None
    }

    /// Returns the call, when the change only finishes one: several may share a statement.
    fn finished_call(&self) -> Option<&FinishedCallRecord> {
        None
    }

    /// Returns the output of a change whose call was finished together with others.
    fn output_of_call(_finished: Finished) -> Option<Self::Output> {
        None
    }
}

/// An operation on the connection `C`.
///
/// The writer may apply it more than once, when the transaction had to be given up; only the
/// last time counts.
pub(crate) trait Write<C>: Operation {
    /// Applies the operation in a transaction that began at `now_ms`.
    fn apply(
        &self,
        db: &mut C,
        now_ms: i64,
    ) -> impl Future<Output = Result<Self::Output, sqlx::Error>> + Send;
}

/// Takes and frees space, to learn whether a store that failed is healthy again.
pub(crate) enum Probe {
    /// Takes [`PROBE_BYTES`] of space.
    Fill,
    /// Frees them.
    Clear,
}

impl Operation for Probe {
    type Output = ();
}
