//! Calls of which another instance finished legs.

use std::collections::HashSet;

use sqlx::postgres::{PgConnection, PgRow};

use super::connection::{text, texts, unnamed};
use super::legs::remove_legs_of_one;
use crate::model::{Finished, FinishedCallRecord};
use crate::sql::Columns as _;

/// Finishes a call of which channels are remembered: it is refused, unless all of them are. Then
/// nothing is left to do but to remove its legs.
pub(super) async fn finish(
    db: &mut PgConnection,
    call: &FinishedCallRecord,
) -> Result<Finished, sqlx::Error> {
    let remembered = remembered(db, call).await?;
    let is_remembered = |uuid: &&String| remembered.contains(&*text(uuid));
    let all = || call.channels.iter().map(|channel| &channel.uuid);
    let elsewhere: Vec<String> = all().filter(is_remembered).cloned().collect();
    if elsewhere.len() < call.channels.len() {
        return Ok(Finished::Refused(elsewhere));
    }
    remove_legs_of_one(db, call).await?;
    // The other instance may have seen more legs, and so have used another call UUID.
    Ok(Finished::Stored(vec![false; call.documents.len()]))
}

/// Returns the Unique-IDs of the call's channels that are remembered.
async fn remembered(
    db: &mut PgConnection,
    call: &FinishedCallRecord,
) -> Result<HashSet<String>, sqlx::Error> {
    let created_us: Vec<_> = call.channels.iter().map(|one| one.created_us).collect();
    let rows = unnamed(
        "SELECT f.uuid FROM unnest($2::text[], $3::bigint[]) AS t(uuid, created_us)
         JOIN finished_channel AS f ON f.switch = $1 AND f.uuid = t.uuid
            AND coalesce(f.created_us, -1) = coalesce(t.created_us, -1)",
    )
    .bind(text(&call.switch))
    .bind(texts(call.channels.iter().map(|one| one.uuid.as_str())))
    .bind(created_us)
    .try_map(|row: PgRow| row.text("uuid"))
    .fetch_all(db)
    .await?;
    Ok(rows.into_iter().collect())
}
