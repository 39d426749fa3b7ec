//! What is written, whatever the database: each driver says how, in its own SQL.

use std::time::Duration;

use super::model::{
    AttemptReport, Claimed, Filter, FinishedCallRecord, Keep, KeptResponse, Lease, NewDocument,
    Published, Settled, StoredLeg, Unpublished, Want,
};

/// Rows that one statement pulls forward or removes: bounds how long others wait.
pub(super) const CHUNK: u32 = 1_000;

/// Something to be written.
pub(super) trait Operation: Send + Sync + 'static {
    /// What the caller learns once it is on the disk.
    type Output: Send + 'static;

    /// Whether the outbox has something new to send afterwards.
    const INSERTS: bool = false;

    /// The switch whose calls it is about.
    fn switch(&self) -> Option<&str> {
        None
    }

    /// The leg that it stores, when it does nothing else: it may go with others in one
    /// statement.
    fn leg(&self) -> Option<&StoredLeg> {
        None
    }

    /// What the caller learns when it went with others.
    fn went() -> Option<Self::Output> {
        None
    }
}

/// How a database does it, over its connection. It may be applied more than once, when
/// the transaction it was in had to be given up; only the last time counts.
pub(super) trait Write<C>: Operation {
    /// Does it, inside a transaction that began at `now_ms`.
    fn apply(
        &self,
        db: &mut C,
        now_ms: i64,
    ) -> impl Future<Output = Result<Self::Output, sqlx::Error>> + Send;
}

/// Upserts a leg.
pub(super) struct PutLeg(pub(super) StoredLeg);

impl Operation for PutLeg {
    type Output = ();

    fn switch(&self) -> Option<&str> {
        Some(&self.0.switch)
    }

    fn leg(&self) -> Option<&StoredLeg> {
        Some(&self.0)
    }

    fn went() -> Option<()> {
        Some(())
    }
}

/// Forgets legs of a switch.
pub(super) struct RemoveLegs {
    pub(super) switch: String,
    pub(super) legs: Vec<String>,
}

impl Operation for RemoveLegs {
    type Output = ();

    fn switch(&self) -> Option<&str> {
        Some(&self.switch)
    }
}

/// Legs out, documents and summary in. Says of each document whether it is new:
/// another instance, or we before a crash, may have built it already.
pub(super) struct Finish(pub(super) FinishedCallRecord);

impl Operation for Finish {
    type Output = Vec<bool>;
    const INSERTS: bool = true;

    fn switch(&self) -> Option<&str> {
        Some(&self.0.switch)
    }
}

/// The switch at an address said its name.
pub(super) struct PutSwitch {
    pub(super) address: String,
    pub(super) name: String,
}

impl Operation for PutSwitch {
    type Output = ();
}

/// The CDR files of a switch are read so far; never less far than before.
pub(super) struct PutCdrRead {
    pub(super) switch: String,
    pub(super) until_us: i64,
}

impl Operation for PutCdrRead {
    type Output = ();
}

/// Keeps a widget's variables.
pub(super) struct KeepResponse(pub(super) KeptResponse);

impl Operation for KeepResponse {
    type Output = ();
}

/// A widget's request that nobody waits for; `false` when one with this id is stored already.
pub(super) struct PutRequest {
    pub(super) webhook_id: String,
    pub(super) request: NewDocument,
}

impl Operation for PutRequest {
    type Output = bool;
    const INSERTS: bool = true;
}

/// Leases what is due, also what was leased to somebody whose lease has ended.
pub(super) struct Claim {
    pub(super) wants: Vec<Want>,
    pub(super) lease: Duration,
    pub(super) token: Vec<u8>,
    /// An earlier claim with this token may have leased some, of which nobody knows: they
    /// are freed first.
    pub(super) in_doubt: bool,
}

impl Operation for Claim {
    type Output = Vec<Claimed>;
}

/// Leases calls whose recordings are to be looked at now, also those of a lease that has ended.
pub(super) struct ClaimUnpublished {
    pub(super) limit: u32,
    pub(super) lease: Duration,
    pub(super) token: Vec<u8>,
}

impl Operation for ClaimUnpublished {
    type Output = Vec<Unpublished>;
}

/// A leased call may be claimed in so long, and not before; `false` when another has it.
pub(super) struct Postpone {
    pub(super) id: i64,
    pub(super) token: Vec<u8>,
    pub(super) by: Duration,
}

impl Operation for Postpone {
    type Output = bool;
}

/// A leased call out, its documents in; `false` when another has it, or has done that.
pub(super) struct Publish {
    pub(super) call: Unpublished,
    pub(super) published: Published,
}

impl Operation for Publish {
    type Output = bool;
    const INSERTS: bool = true;
}

/// Ends a lease with what came of it; `false` when it is no longer held.
pub(super) struct Settle {
    pub(super) lease: Lease,
    pub(super) settled: Settled,
    pub(super) report: AttemptReport,
}

impl Operation for Settle {
    type Output = bool;
}

/// Gives claimed documents back untried; how many were still ours.
pub(super) struct Release(pub(super) Vec<Lease>);

impl Operation for Release {
    type Output = u64;
    const INSERTS: bool = true;
}

/// Makes an endpoint's backlog due, each document as far as its `not_before`
/// allows; how many it moved, at most [`CHUNK`].
pub(super) struct PullForward(pub(super) String);

impl Operation for PullForward {
    type Output = u64;
    const INSERTS: bool = true;
}

/// Stops an endpoint's documents from being claimed.
pub(super) struct Pause {
    pub(super) endpoint: String,
    pub(super) reason: String,
}

impl Operation for Pause {
    type Output = ();
}

/// Ends a pause; the time it took does not count against the documents that waited.
pub(super) struct Resume(pub(super) String);

impl Operation for Resume {
    type Output = bool;
    const INSERTS: bool = true;
}

/// Removes what is kept no longer; how many rows, at most [`CHUNK`] of a kind.
pub(super) struct Prune(pub(super) Keep);

impl Operation for Prune {
    type Output = u64;
}

/// Removes these rows of one caller.
pub(super) struct Forget {
    pub(super) calls: Vec<i64>,
    pub(super) answers: Vec<i64>,
    pub(super) documents: Vec<i64>,
    pub(super) unpublished: Vec<i64>,
}

impl Operation for Forget {
    type Output = ();
}

/// Makes documents waiting again with a fresh schedule, `gap` apart, and ends
/// the pauses of their endpoints; how many.
pub(super) struct Replay {
    pub(super) filter: Filter,
    pub(super) gap: Duration,
}

impl Operation for Replay {
    type Output = u64;
    const INSERTS: bool = true;
}

/// Written and emptied again to learn whether a store that failed is well.
pub(super) enum Probe {
    /// Takes [`PROBE_BYTES`] of space.
    Fill,
    /// Gives them back.
    Clear,
}

/// Bytes that must fit before a full store counts as well again.
pub(super) const PROBE_BYTES: i32 = 64 * 1024;

impl Operation for Probe {
    type Output = ();
}

/// Where the report's next page begins: first the calls that are over, then responses
/// of calls that are not (or whose switch nobody follows).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Cursor {
    /// After this row.
    Calls(i64),
    /// After this call UUID.
    Others(String),
}

/// Calls that a search looks through: the newest so many.
pub(super) const LOOKED_THROUGH: i64 = 50_000;
/// Documents that are shown of one call.
pub(super) const DOCUMENTS_TOLD: u32 = 100;
/// Kept answers that are shown of one call.
pub(super) const ANSWERS_TOLD: u32 = 100;

/// The text anywhere, whatever the case of its ASCII letters.
pub(super) fn pattern(text: &str) -> String {
    let mut pattern = String::from("%");
    for c in text.chars() {
        if matches!(c, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    pattern.push('%');
    pattern
}
