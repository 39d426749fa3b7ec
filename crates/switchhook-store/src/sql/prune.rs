//! Removes rows that are older than the retention.

use super::{SqlConnection, statements, values};
use crate::clock::millis;
use crate::model::{Retention, StatSpan};
use crate::operation::{CHUNK, Operation, Write};

/// Removes old rows; the output counts them, at most [`CHUNK`] of a kind.
pub(crate) struct Prune(pub(crate) Retention);

impl Operation for Prune {
    type Output = u64;
}

impl<C: SqlConnection> Write<C> for Prune {
    async fn apply(&self, db: &mut C, now_ms: i64) -> Result<u64, sqlx::Error> {
        let mut removed = 0;
        let kinds = C::DIALECT.prune.iter().zip(self.0.oldest_kept_ms(now_ms));
        for (sql, oldest_kept_ms) in kinds {
            let Some(oldest_kept_ms) = oldest_kept_ms else {
                continue;
            };
            removed += db.run(sql, values![oldest_kept_ms, CHUNK]).await?;
        }
        for span in StatSpan::ALL {
            let calls_ms = self.0.calls.map(millis);
            let Some(kept_ms) = span.kept_ms().or(calls_ms) else {
                continue;
            };
            // A span is removed when all of it is too old.
            let before_ms = now_ms.saturating_sub(kept_ms).saturating_sub(span.ms());
            let values = values![span.ms() / 1_000, before_ms, CHUNK];
            removed += db.run(statements::PRUNE_STATS, values).await?;
        }
        Ok(removed)
    }
}
