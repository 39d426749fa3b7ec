//! What is remembered of a switch: its name, its CDR files, its finished channels.

use super::{Columns as _, SqlConnection, rows, statements, values};
use crate::model::FinishedChannel;
use crate::operation::{Operation, Write};

/// How long channels of finished calls are remembered.
pub(crate) const CHANNEL_AGE_MS: i64 = 3_600_000;

/// How many channels of finished calls are remembered at most.
pub(crate) const CHANNELS_KEPT: i64 = 200_000;

/// Rows between two removals of channels that are too old.
pub(crate) const PRUNE_CHANNELS_EVERY: i64 = 64;

/// Stores the name that the switch at an address gave itself.
pub(crate) struct PutSwitchName {
    pub(crate) address: String,
    pub(crate) name: String,
}

impl Operation for PutSwitchName {
    type Output = ();
}

impl<C: SqlConnection> Write<C> for PutSwitchName {
    async fn apply(&self, db: &mut C, _: i64) -> Result<(), sqlx::Error> {
        let values = values![&self.address, &self.name];
        let stored = db.run(statements::PUT_SWITCH_NAME, values).await;
        stored.map(drop)
    }
}

/// Stores how far the CDR files of a switch are read.
pub(crate) struct PutCdrProgress {
    pub(crate) switch: String,
    pub(crate) until_us: i64,
}

impl Operation for PutCdrProgress {
    type Output = ();
}

impl<C: SqlConnection> Write<C> for PutCdrProgress {
    async fn apply(&self, db: &mut C, _: i64) -> Result<(), sqlx::Error> {
        let values = values![&self.switch, self.until_us];
        let stored = db.run(statements::PUT_CDR_PROGRESS, values).await;
        stored.map(drop)
    }
}

/// Returns the name of the switch at an address.
pub(crate) async fn switch_name_at<C: SqlConnection>(
    db: &mut C,
    address: &str,
) -> Result<Option<String>, sqlx::Error> {
    let sql = statements::SWITCH_NAME;
    db.optional_row(sql, values![address], |row| row.text("name"))
        .await
}

/// Returns how far the CDR files of a switch are read.
pub(crate) async fn cdr_progress<C: SqlConnection>(
    db: &mut C,
    switch: &str,
) -> Result<Option<i64>, sqlx::Error> {
    let sql = statements::CDR_PROGRESS;
    db.optional_row(sql, values![switch], |row| row.integer("until_us"))
        .await
}

/// Returns the channels of a switch's finished calls, oldest first.
pub(crate) async fn finished_channels<C: SqlConnection>(
    db: &mut C,
    switch: &str,
) -> Result<Vec<FinishedChannel>, sqlx::Error> {
    let sql = statements::FINISHED_CHANNELS;
    db.rows(sql, values![switch], rows::finished_channel).await
}
