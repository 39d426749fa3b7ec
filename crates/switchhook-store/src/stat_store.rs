//! Counts over time.

use super::model::{StatCell, StatDimension, StatQuery};
use super::sql::stats::{self, AddStats};
use super::stats::StatCounter;
use super::{Store, StoreError};

/// Counts over time.
impl Store {
    /// Returns the counter of what ends in this process. [`Store::flush_stats`] stores its numbers.
    #[must_use]
    pub const fn counter(&self) -> &StatCounter {
        &self.stats
    }

    /// Adds what the counter has to the rows of the store.
    ///
    /// # Errors
    /// [`StoreError`]. The numbers wait for the next time if the error is recoverable; after
    /// another one they are lost.
    pub async fn flush_stats(&self) -> Result<(), StoreError> {
        let rows = self.stats.take();
        if rows.is_empty() {
            return Ok(());
        }
        let added = self.write(AddStats(rows.clone())).await;
        if added.as_ref().is_err_and(StoreError::is_recoverable) {
            self.stats.put_back(rows);
        }
        added
    }

    /// Returns what was counted, in order of time. What this process has not flushed is missing.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn stats(&self, query: &StatQuery) -> Result<Vec<StatCell>, StoreError> {
        read!(self, stats::stats, query)
    }

    /// Returns the values that were counted, by dimension and name.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn stat_values(&self) -> Result<Vec<(StatDimension, String)>, StoreError> {
        read!(self, stats::stat_values)
    }
}
