//! Persisted responses of webhooks.

use super::{SqlConnection, rows, values};
use crate::model::{CallFilter, PersistedResponse};
use crate::operation::{Operation, Write};

/// Responses that are shown of one call.
const RESPONSES_OF_CALL: u32 = 100;

/// Stores a response's variables.
pub(crate) struct PersistResponse(pub(crate) PersistedResponse);

impl Operation for PersistResponse {
    type Output = ();
}

impl<C: SqlConnection> Write<C> for PersistResponse {
    async fn apply(&self, db: &mut C, _: i64) -> Result<(), sqlx::Error> {
        let response = &self.0;
        let variables = serde_json::to_string(&response.variables)
            .map_err(|error| sqlx::Error::Encode(error.into()))?;
        let names: Vec<&str> = response.variables.keys().map(String::as_str).collect();
        let values = values![
            &response.call_uuid,
            &response.flow,
            &response.webhook,
            response.at_ms,
            &variables,
            &names[..],
        ];
        let inserted = db.run(C::DIALECT.insert_response, values).await;
        inserted.map(drop)
    }
}

/// Returns the responses to requests of these channels, in order of time.
pub(crate) async fn responses_of_channels<C: SqlConnection>(
    db: &mut C,
    uuids: &[&str],
) -> Result<Vec<PersistedResponse>, sqlx::Error> {
    let values = values![uuids, RESPONSES_OF_CALL];
    let sql = C::DIALECT.responses_of_channels;
    db.rows(sql, values, rows::persisted_response).await
}

/// Returns webhooks and variable names of the report's responses, in order.
pub(crate) async fn persisted_names<C: SqlConnection>(
    db: &mut C,
    filter: &CallFilter,
) -> Result<Vec<(String, String)>, sqlx::Error> {
    use super::Columns as _;
    let values = values![&filter.flow, filter.from_ms, filter.until_ms];
    let sql = C::DIALECT.persisted_names;
    db.rows(sql, values, |row| {
        Ok((row.text("webhook")?, row.text("name")?))
    })
    .await
}
