//! Calls: the legs of those that are not over, and what is kept of those that are.

use super::model::{
    CallFilter, CallSearch, DocumentRow, Ended, FinishedCallRecord, FinishedChannel, KeptResponse,
    Parties, RecentCall, ReportedCall, StoredLeg,
};
use super::{Driver, ReportCursor, Store, StoreError, ops};

impl Store {
    /// Stores a leg as far as it is known.
    ///
    /// # Errors
    /// [`StoreError`]; after a recoverable one the leg is not stored.
    pub async fn put_leg(&self, leg: StoredLeg) -> Result<(), StoreError> {
        self.write(ops::PutLeg(leg)).await
    }

    /// Forgets legs whose call needs no document.
    ///
    /// # Errors
    /// [`StoreError`]; after a recoverable one they are still there.
    pub async fn remove_legs(&self, switch: &str, legs: Vec<String>) -> Result<(), StoreError> {
        let switch = switch.to_owned();
        self.write(ops::RemoveLegs { switch, legs }).await
    }

    /// Every leg of every call that is not over, for a restart.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn load_legs(&self) -> Result<Vec<StoredLeg>, StoreError> {
        either!(self, db => db.load_legs().await)
    }

    /// A call is over: its legs out, its documents and its summary in, in one
    /// transaction. Says of each document whether it is new; one that this call
    /// (its switch, Unique-ID and creation) already has for that webhook stays as it is.
    ///
    /// # Errors
    /// [`StoreError`]; after a recoverable one nothing was changed, and the same
    /// call may be made again.
    pub async fn finish_call(&self, call: FinishedCallRecord) -> Result<Vec<bool>, StoreError> {
        self.write(ops::Finish(call)).await
    }

    /// Channels of calls that ended within the last hour, the oldest first: what their
    /// switch still says of them makes no new call.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn finished_channels(
        &self,
        switch: &str,
    ) -> Result<Vec<FinishedChannel>, StoreError> {
        either!(self, db => db.finished_channels(switch).await)
    }

    /// Channels whose calls this or another instance finished since the look that answered
    /// `after` (0 at first), some at a time; `None` where no other instance can be.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn finished_since(
        &self,
        switch: &str,
        after: i64,
    ) -> Result<Option<Ended>, StoreError> {
        match &*self.driver {
            Driver::Sqlite(_) => Ok(None),
            Driver::Postgres(db) => db.finished_since(switch, after).await.map(Some),
        }
    }

    /// Whether other instances may write to it.
    #[must_use]
    pub fn is_shared(&self) -> bool {
        matches!(&*self.driver, Driver::Postgres(_))
    }

    /// Notes the name that the switch at `address` (host and port) gave itself.
    ///
    /// # Errors
    /// [`StoreError`]; after a recoverable one it is not noted.
    pub async fn put_switch(&self, address: &str, name: &str) -> Result<(), StoreError> {
        let (address, name) = (address.to_owned(), name.to_owned());
        self.write(ops::PutSwitch { address, name }).await
    }

    /// The name that was last noted for the switch at `address`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn switch_at(&self, address: &str) -> Result<Option<String>, StoreError> {
        either!(self, db => db.switch_at(address).await)
    }

    /// Notes that the CDR files of `switch` which were written before `until_us` (µs since
    /// 1970, the files' own time) are read; an earlier time than noted before changes nothing.
    ///
    /// # Errors
    /// [`StoreError`]; after a recoverable one it is not noted.
    pub async fn put_cdr_read(&self, switch: &str, until_us: i64) -> Result<(), StoreError> {
        let switch = switch.to_owned();
        self.write(ops::PutCdrRead { switch, until_us }).await
    }

    /// How far the CDR files of `switch` were read; `None` when they never were.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn cdr_read(&self, switch: &str) -> Result<Option<i64>, StoreError> {
        either!(self, db => db.cdr_read(switch).await)
    }

    /// Keeps a widget's variables for the report.
    ///
    /// # Errors
    /// [`StoreError`]; after a recoverable one they are not kept.
    pub async fn persist_response(&self, response: KeptResponse) -> Result<(), StoreError> {
        self.write(ops::KeepResponse(response)).await
    }

    /// Calls with what their widgets kept, in the order in which they ended,
    /// then what was kept for calls without a summary. A page, and where the
    /// next one begins.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn report(
        &self,
        filter: &CallFilter,
        cursor: ReportCursor,
    ) -> Result<(Vec<ReportedCall>, Option<ReportCursor>), StoreError> {
        let (calls, next) = either!(self, db => db.report(filter, cursor.0).await)?;
        Ok((calls, next.map(ReportCursor)))
    }

    /// Calls that are over with their stories, the newest first; looks through the last
    /// 50,000.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn calls(&self, search: &CallSearch) -> Result<Vec<RecentCall>, StoreError> {
        either!(self, db => db.calls(search).await)
    }

    /// Documents of a call and requests of its widgets, by the Unique-IDs of its legs; the
    /// first hundred.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn documents_of(&self, uuids: &[&str]) -> Result<Vec<DocumentRow>, StoreError> {
        either!(self, db => db.documents_of(uuids).await)
    }

    /// Who called whom in the calls that are over and have these Unique-IDs.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn parties(&self, uuids: &[&str]) -> Result<Vec<Parties>, StoreError> {
        either!(self, db => db.parties(uuids).await)
    }

    /// What the widgets on these channels kept of their answers, in order of time; the first
    /// hundred.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn answers_of(&self, uuids: &[&str]) -> Result<Vec<KeptResponse>, StoreError> {
        either!(self, db => db.answers_of(uuids).await)
    }

    /// Webhooks and variable names that those calls kept.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn kept_names(&self, of: &CallFilter) -> Result<Vec<(String, String)>, StoreError> {
        either!(self, db => db.kept_names(of).await)
    }
}
