//! Calls that are over as the operator's page tells them, the newest first.

use sqlx::Row as _;
use sqlx::postgres::{PgConnection, PgRow};

use super::Postgres;
use super::operator::{document_row, rows};
use super::report::{reported, response};
use super::sql::{sql, text, texts};
use crate::StoreError;
use crate::model::{CallSearch, DocumentRow, KeptResponse, Parties, RecentCall};
use crate::ops::{ANSWERS_TOLD, DOCUMENTS_TOLD, LOOKED_THROUGH, pattern};

impl Postgres {
    /// Calls that fit, the newest first.
    pub(crate) async fn calls(&self, search: &CallSearch) -> Result<Vec<RecentCall>, StoreError> {
        let like = search.text.as_deref().map(pattern);
        self.read(async |db: &mut PgConnection| {
            sql("SELECT * FROM call
                 WHERE id > (SELECT coalesce(max(id), 0) FROM call) - $1
                   AND ($2::bigint IS NULL OR id < $2)
                   AND ($3::text IS NULL OR call_uuid = $3)
                   AND ($4::text IS NULL OR caller ILIKE $4 OR called ILIKE $4
                        OR call_uuid ILIKE $4 OR account ILIKE $4
                        OR story ILIKE $4
                        OR caller LIKE $7 OR called LIKE $7 OR story LIKE $7)
                   AND (NOT $5 OR story LIKE '%\"ending\":\"line_1\"%')
                 ORDER BY id DESC LIMIT $6")
            .bind(LOOKED_THROUGH)
            .bind(search.before)
            .bind(search.call_uuid.as_deref().map(text))
            .bind(like.as_deref().map(text))
            .bind(search.line_1)
            .bind(i64::from(search.limit))
            .bind(search.digits.as_deref().map(pattern))
            .try_map(|row| told(&row))
            .fetch_all(db)
            .await
        })
        .await
    }

    /// Documents and requests of these channels, in the order in which they were frozen.
    pub(crate) async fn documents_of(
        &self,
        uuids: &[&str],
    ) -> Result<Vec<DocumentRow>, StoreError> {
        self.read(async |db: &mut PgConnection| {
            sql(concat!(
                rows!(),
                "WHERE call_uuid = ANY($1) ORDER BY id LIMIT $2"
            ))
            .bind(texts(uuids.iter().copied()))
            .bind(i64::from(DOCUMENTS_TOLD))
            .try_map(|row| document_row(&row))
            .fetch_all(db)
            .await
        })
        .await
    }

    /// Who called whom in these calls.
    pub(crate) async fn parties(&self, uuids: &[&str]) -> Result<Vec<Parties>, StoreError> {
        self.read(async |db: &mut PgConnection| {
            sql("SELECT call_uuid, caller, called FROM call WHERE call_uuid = ANY($1)")
                .bind(texts(uuids.iter().copied()))
                .try_map(|row: PgRow| {
                    Ok(Parties {
                        call_uuid: row.try_get("call_uuid")?,
                        caller: row.try_get("caller")?,
                        called: row.try_get("called")?,
                    })
                })
                .fetch_all(db)
                .await
        })
        .await
    }

    /// What the widgets on these channels kept, in order of time.
    pub(crate) async fn answers_of(&self, uuids: &[&str]) -> Result<Vec<KeptResponse>, StoreError> {
        self.read(async |db: &mut PgConnection| {
            sql(
                "SELECT call_uuid, flow, webhook, at_ms, variables FROM response
                 WHERE channel_uuid = ANY($1) ORDER BY at_ms, id LIMIT $2",
            )
            .bind(texts(uuids.iter().copied()))
            .bind(i64::from(ANSWERS_TOLD))
            .try_map(|row| response(&row))
            .fetch_all(db)
            .await
        })
        .await
    }
}

fn told(row: &PgRow) -> Result<RecentCall, sqlx::Error> {
    let call = reported(row)?;
    let (switch, summary) = call
        .finished
        .ok_or_else(|| sqlx::Error::Decode("a call without its summary".into()))?;
    Ok(RecentCall {
        id: row.try_get("id")?,
        switch,
        call_uuid: call.call_uuid,
        summary,
        story: row.try_get("story")?,
    })
}
