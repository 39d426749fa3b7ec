//! Channels of calls that any instance finished.

use super::Postgres;
use crate::StoreError;
use crate::model::FinishedChannelPage;
use crate::sql::{Columns as _, SqlConnection as _, rows, values};
use sqlx::postgres::{PgConnection, PgRow};

/// Channels of a page.
const PAGE: u32 = 50_000;

impl Postgres {
    /// Returns a page of the channels after the row `after`. Calls of one switch are finished
    /// one after the other, so none comes later with a lower row.
    pub(crate) async fn finished_since(
        &self,
        switch: &str,
        after: i64,
    ) -> Result<FinishedChannelPage, StoreError> {
        let sql = "SELECT id, uuid, created_us FROM finished_channel
             WHERE switch = $1 AND id > $2 ORDER BY id LIMIT $3";
        let channel = |row: &PgRow| Ok((row.integer("id")?, rows::finished_channel(row)?));
        let rows = self
            .read(async |db: &mut PgConnection| {
                db.rows(sql, values![switch, after, PAGE], channel).await
            })
            .await?;
        Ok(FinishedChannelPage {
            until: rows.last().map_or(after, |(id, _)| *id),
            channels: rows.into_iter().map(|(_, channel)| channel).collect(),
        })
    }
}
