//! Calls: legs in progress, finished calls, switches, and what reports show.

use super::model::{
    CallFilter, CallParties, CallSearch, DocumentRow, Finished, FinishedCallRecord,
    FinishedChannel, FinishedChannelPage, PersistedResponse, RecentCall, ReportedCall, StoredLeg,
};
use super::sql::calls::FinishCall;
use super::sql::legs::{PutLeg, RemoveLegs};
use super::sql::responses::PersistResponse;
use super::sql::switches::{PutCdrProgress, PutSwitchName};
use super::sql::{documents, legs, recent_calls, report, responses, switches};
use super::{Driver, ReportCursor, Store, StoreError};

/// Calls in progress, and how they end.
impl Store {
    /// Inserts or updates a leg.
    ///
    /// # Errors
    /// [`StoreError`]; after a recoverable one the leg is not stored.
    pub async fn put_leg(&self, leg: StoredLeg) -> Result<(), StoreError> {
        self.write(PutLeg(leg)).await
    }

    /// Removes legs whose call needs no document.
    ///
    /// # Errors
    /// [`StoreError`]; after a recoverable one they are still there.
    pub async fn remove_legs(&self, switch: &str, legs: Vec<String>) -> Result<(), StoreError> {
        let switch = switch.to_owned();
        self.write(RemoveLegs { switch, legs }).await
    }

    /// Returns every leg of every call in progress, for a restart.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn load_legs(&self) -> Result<Vec<StoredLeg>, StoreError> {
        read!(self, legs::load_legs)
    }

    /// Finishes a call: removes its legs and inserts its documents and its summary, in one
    /// transaction. Returns for each document whether it is new. A document that the call (by
    /// switch, Unique-ID and creation) has for that webhook already stays as it is. If another
    /// instance finished all of the call's legs, nothing is inserted.
    ///
    /// # Errors
    /// [`StoreError`]; after a recoverable one nothing was changed, and the same call may be
    /// finished again. [`StoreError::InOtherDocuments`] if another instance finished some of the
    /// call's legs: nothing was changed, and what is left may be finished without them.
    pub async fn finish_call(&self, call: FinishedCallRecord) -> Result<Vec<bool>, StoreError> {
        match self.write(FinishCall(call)).await? {
            Finished::Stored(is_new) => Ok(is_new),
            Finished::Refused(elsewhere) => Err(StoreError::InOtherDocuments(elsewhere)),
        }
    }

    /// Returns the channels of calls that finished within the last hour, oldest first. Later
    /// events of these channels do not begin a new call.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn finished_channels(
        &self,
        switch: &str,
    ) -> Result<Vec<FinishedChannel>, StoreError> {
        read!(self, switches::finished_channels, switch)
    }

    /// Returns a page of the channels whose calls this or another instance finished since the
    /// page that ended at `after` (0 for the first); `None` when there can be no other instance.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn finished_since(
        &self,
        switch: &str,
        after: i64,
    ) -> Result<Option<FinishedChannelPage>, StoreError> {
        match &*self.driver {
            Driver::Sqlite(_) => Ok(None),
            Driver::Postgres(db) => {
                let _reader = self.reader().await?;
                db.finished_since(switch, after).await.map(Some)
            }
        }
    }

    /// Returns whether other instances may write to the store.
    #[must_use]
    pub fn is_shared(&self) -> bool {
        matches!(&*self.driver, Driver::Postgres(_))
    }

    /// Stores a webhook's response for the report.
    ///
    /// # Errors
    /// [`StoreError`]; after a recoverable one it is not stored.
    pub async fn persist_response(&self, response: PersistedResponse) -> Result<(), StoreError> {
        self.write(PersistResponse(response)).await
    }
}

/// Switches.
impl Store {
    /// Stores the name that the switch at `address` (host and port) gave itself.
    ///
    /// # Errors
    /// [`StoreError`]; after a recoverable one it is not stored.
    pub async fn put_switch_name(&self, address: &str, name: &str) -> Result<(), StoreError> {
        let (address, name) = (address.to_owned(), name.to_owned());
        self.write(PutSwitchName { address, name }).await
    }

    /// Returns the name that was last stored for the switch at `address`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn switch_name_at(&self, address: &str) -> Result<Option<String>, StoreError> {
        read!(self, switches::switch_name_at, address)
    }

    /// Stores that the CDR files of `switch` are read which were written before `until_us` (µs
    /// since 1970, the files' own time). A time earlier than the stored one changes nothing.
    ///
    /// # Errors
    /// [`StoreError`]; after a recoverable one it is not stored.
    pub async fn put_cdr_progress(&self, switch: &str, until_us: i64) -> Result<(), StoreError> {
        let switch = switch.to_owned();
        self.write(PutCdrProgress { switch, until_us }).await
    }

    /// Returns the time before which the CDR files of `switch` are read; `None` when none was.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn cdr_progress(&self, switch: &str) -> Result<Option<i64>, StoreError> {
        read!(self, switches::cdr_progress, switch)
    }
}

/// Finished calls.
impl Store {
    /// Returns a page of calls with their persisted responses, and where the next page begins.
    /// Finished calls come first, in the order in which they finished, then calls that have
    /// responses and no summary.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn report(
        &self,
        filter: &CallFilter,
        cursor: ReportCursor,
    ) -> Result<(Vec<ReportedCall>, Option<ReportCursor>), StoreError> {
        let (calls, next) = read!(self, report::page, filter, cursor.0)?;
        Ok((calls, next.map(ReportCursor)))
    }

    /// Returns finished calls with their histories, newest first. Searches the last 50,000.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn calls(&self, search: &CallSearch) -> Result<Vec<RecentCall>, StoreError> {
        read!(self, recent_calls::search_calls, search)
    }

    /// Returns the first 500 documents, background requests and events of a call, by the
    /// Unique-IDs of its legs.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn documents_of(&self, uuids: &[&str]) -> Result<Vec<DocumentRow>, StoreError> {
        self.documents_of_accounts(uuids, None).await
    }

    /// Returns the same of these accounts alone, if any are given.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn documents_of_accounts(
        &self,
        uuids: &[&str],
        accounts: Option<&Vec<String>>,
    ) -> Result<Vec<DocumentRow>, StoreError> {
        read!(self, documents::documents_of_channels, uuids, accounts)
    }

    /// Returns the numbers of the finished calls with these Unique-IDs.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn parties(&self, uuids: &[&str]) -> Result<Vec<CallParties>, StoreError> {
        read!(self, recent_calls::call_parties, uuids)
    }

    /// Returns the first hundred persisted responses to requests of these channels, in order of
    /// time.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn responses_of(&self, uuids: &[&str]) -> Result<Vec<PersistedResponse>, StoreError> {
        read!(self, responses::responses_of_channels, uuids)
    }

    /// Returns the webhooks and variable names of the persisted responses of a filter's calls.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn persisted_names(
        &self,
        filter: &CallFilter,
    ) -> Result<Vec<(String, String)>, StoreError> {
        read!(self, responses::persisted_names, filter)
    }
}
