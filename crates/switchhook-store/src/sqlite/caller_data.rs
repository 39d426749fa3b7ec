//! Removes what is stored of a caller so that the file holds no copy of it.

use sqlx::sqlite::SqliteConnection;
use sqlx::{Connection as _, Executor as _};

use super::lock::Lock;
use super::{Sqlite, classify};
use crate::StoreError;
use crate::caller::ScrubResult;
use crate::operation::Write;
use crate::sql::caller_data::DeleteRows;

impl Write<SqliteConnection> for DeleteRows {
    async fn apply(&self, db: &mut SqliteConnection, _: i64) -> Result<(), sqlx::Error> {
        // Overwrites the removed rows with zeros.
        db.execute("PRAGMA secure_delete = ON").await?;
        self.delete(db).await
    }
}

impl Sqlite {
    /// Removes copies from free pages: of the whole file when no `serve` has it, else of the
    /// write-ahead log only.
    pub(crate) async fn scrub(&self) -> Result<ScrubResult, StoreError> {
        let failed = |error: sqlx::Error| classify(&self.path, &error);
        let lock = Lock::take(&self.path).ok();
        let mut db = self.connect_to_write().await?;
        if lock.is_some() {
            db.execute("VACUUM").await.map_err(failed)?;
        }
        // The log holds the pages as they were before.
        let truncate_log = "PRAGMA wal_checkpoint(TRUNCATE)";
        db.execute(truncate_log).await.map_err(failed)?;
        db.close().await.map_err(failed)?;
        Ok(if lock.is_some() {
            ScrubResult::All
        } else {
            ScrubResult::BesideServe
        })
    }
}
