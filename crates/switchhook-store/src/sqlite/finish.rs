//! Calls that are over, many rows in one statement. No other instance shares the file, so no
//! channel of theirs is in another document.

use std::collections::{BTreeMap, HashSet};

use sqlx::sqlite::SqliteConnection;

use super::legs::{prune_channels, remove_legs};
use super::rows::ManyRows;
use crate::model::{Finished, FinishedCallRecord};
use crate::new_id;
use crate::sql::calls::{FinishCalls, finish_rest, summary_values};
use crate::sql::outbox::{document_values, headers_json};
use crate::sql::statements::{call_row, document_row, insert_call, insert_document};
use crate::sql::switches::PRUNE_CHANNELS_EVERY;
use crate::sql::{Columns as _, values};

const REMEMBER_CHANNELS: ManyRows = ManyRows {
    head: "INSERT INTO finished_channel (switch, uuid, created_us, ended_ms) VALUES ",
    row: "($1, $2, $3, $4)",
    tail: " RETURNING id",
};

const GIVE_RESPONSES: ManyRows = ManyRows {
    head: "UPDATE response SET call_uuid = t.column2 FROM (VALUES ",
    row: "($1, $2)",
    tail: ") AS t WHERE channel_uuid = t.column1 AND call_uuid <> t.column2",
};

const INSERT_CALLS: ManyRows = ManyRows {
    head: insert_call!(),
    row: call_row!(),
    tail: " ON CONFLICT DO NOTHING",
};

const INSERT_DOCUMENTS: ManyRows = ManyRows {
    head: insert_document!(),
    row: document_row!(),
    tail: " ON CONFLICT DO NOTHING RETURNING webhook_id",
};

impl FinishCalls for SqliteConnection {
    async fn finish_calls(
        &mut self,
        calls: &[&FinishedCallRecord],
        now_ms: i64,
    ) -> Result<Vec<Finished>, sqlx::Error> {
        remember_channels(self, calls, now_ms).await?;
        remove_legs_of(self, calls).await?;
        let summaries = calls.iter();
        let summaries = summaries.filter_map(|call| Some((call, call.summary.as_ref()?)));
        let summaries = summaries.map(|(call, summary)| summary_values(call, summary));
        let summaries: Vec<_> = summaries.collect();
        INSERT_CALLS.run(self, &[], &summaries).await?;
        let finished = insert_documents(self, calls, now_ms).await?;
        for call in calls {
            finish_rest(self, call, now_ms).await?;
        }
        Ok(finished)
    }
}

async fn remember_channels(
    db: &mut SqliteConnection,
    calls: &[&FinishedCallRecord],
    now_ms: i64,
) -> Result<(), sqlx::Error> {
    let mut rows = Vec::new();
    for call in calls {
        for channel in &call.channels {
            let values = values![&call.switch, &channel.uuid, channel.created_us, now_ms];
            rows.push(values.to_vec());
        }
    }
    let ids = REMEMBER_CHANNELS
        .rows(db, &[], &rows, |row| row.integer("id"))
        .await?;
    let ids = ids.into_iter();
    match ids.filter(|id| id % PRUNE_CHANNELS_EVERY == 0).max() {
        Some(newest) => prune_channels(db, newest, now_ms).await,
        None => Ok(()),
    }
}

/// Removes the calls' legs and gives their persisted responses to the calls: the channel of a
/// response may be another leg than the call's first.
async fn remove_legs_of(
    db: &mut SqliteConnection,
    calls: &[&FinishedCallRecord],
) -> Result<(), sqlx::Error> {
    let mut legs: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    let mut responses = Vec::new();
    for call in calls {
        let of_switch = legs.entry(&call.switch).or_default();
        for leg in &call.legs {
            of_switch.push(leg);
            responses.push(values![leg, &call.call_uuid].to_vec());
        }
    }
    for (switch, legs) in legs {
        remove_legs(db, switch, &legs).await?;
    }
    GIVE_RESPONSES.run(db, &[], &responses).await
}

async fn insert_documents(
    db: &mut SqliteConnection,
    calls: &[&FinishedCallRecord],
    now_ms: i64,
) -> Result<Vec<Finished>, sqlx::Error> {
    let documents = calls.iter().flat_map(|call| {
        let of_call = (call.switch.as_str(), call.created_us);
        call.documents.iter().map(move |one| (of_call, one))
    });
    let documents: Vec<_> = documents
        .map(|(of_call, one)| Ok((of_call, one, new_id(), headers_json(&one.content)?)))
        .collect::<Result<_, sqlx::Error>>()?;
    let rows: Vec<_> = documents
        .iter()
        .map(|(of_call, one, id, headers)| document_values(*of_call, (id, headers), one, now_ms))
        .collect();
    let inserted = INSERT_DOCUMENTS
        .rows(db, &[], &rows, |row| row.text("webhook_id"))
        .await?;
    let inserted: HashSet<String> = inserted.into_iter().collect();
    let mut is_new = documents.iter().map(|(.., id, _)| inserted.contains(id));
    let finished = calls.iter().map(|call| {
        let of_call = is_new.by_ref().take(call.documents.len());
        Finished::Stored(of_call.collect())
    });
    Ok(finished.collect())
}
