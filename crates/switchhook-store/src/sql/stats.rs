//! Adds counts to the rows of a span of time, and reads them.

use std::collections::HashMap;

use serde_json::json;

use super::{Columns as _, SqlConnection, statements, values};
use crate::model::{StatCell, StatDimension, StatQuery, StatSeries};
use crate::operation::{Operation, Write};
use crate::stats::{self, OTHER, StatRows};

/// Values of a dimension that are counted apart.
const VALUES: i64 = 200;

/// Adds these counts to those that are there.
pub(crate) struct AddStats(pub(crate) StatRows);

impl Operation for AddStats {
    type Output = ();
}

impl<C: SqlConnection> Write<C> for AddStats {
    async fn apply(&self, db: &mut C, _: i64) -> Result<(), sqlx::Error> {
        let ids = self.value_ids(db).await?;
        let mut added: std::collections::BTreeMap<_, u64> = std::collections::BTreeMap::new();
        for (key, amount) in &self.0 {
            let id = ids.get(&(key.dimension, &*key.value)).copied();
            let row = (
                id.unwrap_or_default(),
                key.span.ms() / 1_000,
                key.start_ms,
                &*key.series,
                key.step,
            );
            *added.entry(row).or_default() += amount;
        }
        // Rows of several instances are changed in one order, so that none waits for another's.
        let rows: Vec<_> = added
            .into_iter()
            .map(|((id, span_s, start_ms, series, step), amount)| {
                json!([id, span_s, start_ms, series, step, amount])
            })
            .collect();
        let rows = serde_json::Value::from(rows).to_string();
        db.run(C::DIALECT.add_stats, values![&rows]).await.map(drop)
    }
}

impl AddStats {
    /// Returns the number of each value; of a value too many, that of [`OTHER`].
    async fn value_ids<C: SqlConnection>(
        &self,
        db: &mut C,
    ) -> Result<HashMap<(StatDimension, &str), i64>, sqlx::Error> {
        let mut known = known_values(db).await?;
        let mut ids = HashMap::new();
        for key in self.0.keys() {
            let wanted = (key.dimension, &*key.value);
            if ids.contains_key(&wanted) {
                continue;
            }
            let id = match known.get(&(key.dimension, key.value.to_string())) {
                Some(id) => Some(*id),
                None => add_value(db, wanted, &mut known).await?,
            };
            ids.extend(id.map(|id| (wanted, id)));
        }
        Ok(ids)
    }
}

type KnownValues = HashMap<(StatDimension, String), i64>;

async fn known_values<C: SqlConnection>(db: &mut C) -> Result<KnownValues, sqlx::Error> {
    let row = |row: &C::Row| {
        let dimension = StatDimension::from_word(&row.text("dimension")?);
        Ok((dimension, row.text("value")?, row.integer("id")?))
    };
    let rows = db.rows(statements::STAT_VALUES, &[], row).await?;
    let rows = rows.into_iter();
    Ok(rows
        .filter_map(|(dimension, value, id)| Some(((dimension?, value), id)))
        .collect())
}

/// Stores a value, or [`OTHER`] in its place if the dimension has enough; returns its number.
async fn add_value<C: SqlConnection>(
    db: &mut C,
    (dimension, value): (StatDimension, &str),
    known: &mut KnownValues,
) -> Result<Option<i64>, sqlx::Error> {
    let of_dimension = known.keys().filter(|(one, _)| *one == dimension).count();
    let full = i64::try_from(of_dimension).unwrap_or(i64::MAX) >= VALUES;
    let value = if full { OTHER } else { value };
    if let Some(id) = known.get(&(dimension, value.to_owned())) {
        return Ok(Some(*id));
    }
    let values = values![dimension.as_str(), value];
    db.run(statements::PUT_STAT_VALUE, values).await?;
    let values = values![dimension.as_str(), value];
    let id = |row: &C::Row| row.integer("id");
    let id = db.optional_row(statements::STAT_VALUE, values, id).await?;
    known.extend(id.map(|id| ((dimension, value.to_owned()), id)));
    Ok(id)
}

/// Returns the values that were counted, by dimension and name.
pub(crate) async fn stat_values<C: SqlConnection>(
    db: &mut C,
) -> Result<Vec<(StatDimension, String)>, sqlx::Error> {
    let mut values: Vec<_> = known_values(db).await?.into_keys().collect();
    values.retain(|(dimension, _)| *dimension != StatDimension::All);
    values.sort();
    Ok(values)
}

/// Returns what was counted, in order of time.
pub(crate) async fn stats<C: SqlConnection>(
    db: &mut C,
    query: &StatQuery,
) -> Result<Vec<StatCell>, sqlx::Error> {
    let values = values![
        query.dimension.as_str(),
        &query.value,
        query.span.ms() / 1_000,
        query.from_ms,
        query.until_ms,
    ];
    let cell = |row: &C::Row| {
        let series = series(&row.text("series")?);
        let (start_ms, steps) = (row.integer("start_ms")?, steps(&row.text("steps")?));
        Ok(series.map(|series| StatCell {
            start_ms,
            series,
            steps,
        }))
    };
    let cells = db.rows(C::DIALECT.stats, values, cell).await?;
    Ok(cells.into_iter().flatten().collect())
}

/// Returns what a series of the store is; `None` for one of a later version.
fn series(word: &str) -> Option<StatSeries> {
    if let Some(outcome) = word.strip_prefix(stats::CALL) {
        return Some(StatSeries::Calls(outcome.to_owned()));
    }
    if let Some(outcome) = word.strip_prefix(stats::DELIVERY) {
        return Some(StatSeries::Deliveries(outcome.to_owned()));
    }
    match word {
        stats::WEBHOOK_TIME => Some(StatSeries::WebhookTime),
        stats::HOLD_TIME => Some(StatSeries::HoldTime),
        stats::DELIVERY_TIME => Some(StatSeries::DeliveryTime),
        _ => None,
    }
}

/// Reads `STEP:NUMBER` between commas, and sorts it.
fn steps(text: &str) -> Vec<(i64, u64)> {
    let one = |pair: &str| {
        let (step, amount) = pair.split_once(':')?;
        Some((step.parse().ok()?, amount.parse().ok()?))
    };
    let mut steps: Vec<(i64, u64)> = text.split(',').filter_map(one).collect();
    steps.sort_unstable();
    steps
}
