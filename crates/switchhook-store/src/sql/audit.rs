//! The audit: what operators did, and who was refused.

use super::{Columns as _, SqlConnection, statements, values};
use crate::model::{AuditEntry, AuditFilter, NewAuditEntry};
use crate::operation::{Operation, Write};

/// Actions that are kept, whatever their age.
const ACTIONS: i64 = 100_000;
/// Refusals that are kept. They have a limit of their own: a flood of them must not push actions out.
const REFUSALS: i64 = 10_000;
/// Characters of a text that are kept.
const TEXT: usize = 200;

/// Stores an entry, and removes those above the limit.
pub(crate) struct PutAudit(pub(crate) NewAuditEntry);

impl Operation for PutAudit {
    type Output = ();
}

impl<C: SqlConnection> Write<C> for PutAudit {
    async fn apply(&self, db: &mut C, now_ms: i64) -> Result<(), sqlx::Error> {
        let entry = &self.0;
        let values = values![
            now_ms,
            cut(&entry.who),
            cut(&entry.origin),
            cut(&entry.action),
            cut(&entry.target),
            cut(&entry.result),
            entry.refused,
        ];
        db.run(statements::INSERT_AUDIT, values).await?;
        let kept = if entry.refused { REFUSALS } else { ACTIONS };
        let values = values![entry.refused, kept];
        db.run(statements::CUT_AUDIT, values).await.map(drop)
    }
}

fn cut(text: &str) -> &str {
    let end = text.char_indices().nth(TEXT).map(|(at, _)| at);
    end.map_or(text, |end| &text[..end])
}

/// Returns the entries of a filter, the latest first.
pub(crate) async fn audit<C: SqlConnection>(
    db: &mut C,
    filter: &AuditFilter,
) -> Result<Vec<AuditEntry>, sqlx::Error> {
    let values = values![filter.before, &filter.target, filter.limit];
    let entry = |row: &C::Row| {
        Ok(AuditEntry {
            id: row.integer("id")?,
            at_ms: row.integer("at_ms")?,
            entry: NewAuditEntry {
                who: row.text("who")?,
                origin: row.text("origin")?,
                action: row.text("action")?,
                target: row.text("target")?,
                result: row.text("result")?,
                refused: row.boolean("refused")?,
            },
        })
    };
    db.rows(statements::AUDIT, values, entry).await
}
