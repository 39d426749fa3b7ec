//! Counts what ended, in memory, until it is added to the store.
//!
//! A call or a delivery that ends costs one entry of a map here. [`crate::Store::flush_stats`] adds
//! what came together to the store's rows, a few for each minute, however many calls there were.

pub mod histogram;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use switchhook_core::clock;

use crate::model::{StatDimension, StatSpan};
use histogram::step_of;

/// Combinations of labels that wait for the store; further ones are counted under [`OTHER`].
const WAITING: usize = 4_096;
/// Rows that are kept while the store takes none; further ones are not counted.
const REFUSED: usize = 100_000;
/// Characters of a label.
const LABEL: usize = 100;
/// Stands for the values that are too many.
pub(crate) const OTHER: &str = "(other)";
/// Stands for the default account.
const DEFAULT_ACCOUNT: &str = "(default)";

/// What is counted. Of calls and deliveries each outcome, of times each step of a histogram.
type Series = Cow<'static, str>;

/// The series of times.
pub(crate) const WEBHOOK_TIME: &str = "asked";
pub(crate) const HOLD_TIME: &str = "held";
pub(crate) const DELIVERY_TIME: &str = "took";
/// What stands before the outcome in the series of calls and of deliveries.
pub(crate) const CALL: &str = "call:";
pub(crate) const DELIVERY: &str = "delivery:";

/// What a call or a delivery belongs to; an empty text is unknown.
#[derive(Debug, Clone, Copy, Default)]
pub struct StatLabels<'l> {
    /// The webhook.
    pub webhook: &'l str,
    /// The flow.
    pub flow: &'l str,
    /// The account, empty for the default one; `None` if it is not known.
    pub account: Option<&'l str>,
    /// The switch.
    pub switch: &'l str,
}

/// The labels as they are kept, in the order of [`StatDimension::LABELS`].
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Labels([Box<str>; 4]);

impl Labels {
    fn of(labels: StatLabels<'_>) -> Self {
        let account = match labels.account {
            Some("") => DEFAULT_ACCOUNT,
            Some(account) => account,
            None => "",
        };
        Self([labels.webhook, labels.flow, account, labels.switch].map(cut))
    }

    fn other() -> Self {
        Self([OTHER; 4].map(Box::from))
    }
}

fn cut(text: &str) -> Box<str> {
    let end = text.char_indices().nth(LABEL).map(|(at, _)| at);
    text[..end.unwrap_or(text.len())].into()
}

/// Counts of one minute and one combination of labels: few series, each with few steps.
type Counts = Vec<(Series, i64, u64)>;

/// Counts what ended; clones share it.
#[derive(Debug, Clone, Default)]
pub struct StatCounter {
    waiting: Arc<Mutex<HashMap<(i64, Labels), Counts>>>,
    /// Rows that the store did not take.
    refused: Arc<Mutex<StatRows>>,
}

/// A number that is added to a row of the store.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct StatKey {
    pub(crate) dimension: StatDimension,
    pub(crate) value: Box<str>,
    pub(crate) span: StatSpan,
    pub(crate) start_ms: i64,
    pub(crate) series: Series,
    pub(crate) step: i64,
}

/// What is added to the store: each row once, in order, so that two instances never wait for each
/// other's rows.
pub(crate) type StatRows = BTreeMap<StatKey, u64>;

impl StatCounter {
    /// Counts a call that left the hold, by its line and reason, or its ending.
    pub fn call(
        &self,
        labels: StatLabels<'_>,
        outcome: &str,
        asked: Option<Duration>,
        held: Duration,
    ) {
        let asked = asked.map(|asked| (WEBHOOK_TIME, asked));
        let times = [asked, Some((HOLD_TIME, held))];
        self.add(labels, format!("{CALL}{outcome}").into(), times);
    }

    /// Counts an attempt to deliver a document, by its outcome.
    pub fn delivery(&self, labels: StatLabels<'_>, outcome: &str, took: Duration) {
        let times = [Some((DELIVERY_TIME, took)), None];
        self.add(labels, format!("{DELIVERY}{outcome}").into(), times);
    }

    fn add(
        &self,
        labels: StatLabels<'_>,
        outcome: Series,
        times: [Option<(&'static str, Duration)>; 2],
    ) {
        let minute_ms = StatSpan::Minute.start_of(clock::now_ms());
        let mut waiting = self.waiting();
        let mut key = (minute_ms, Labels::of(labels));
        if waiting.len() >= WAITING && !waiting.contains_key(&key) {
            key.1 = Labels::other();
        }
        let counts = waiting.entry(key).or_default();
        count(counts, outcome, 0);
        for (series, time) in times.into_iter().flatten() {
            let us = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
            count(counts, series.into(), step_of(us));
        }
    }

    fn waiting(&self) -> MutexGuard<'_, HashMap<(i64, Labels), Counts>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn refused(&self) -> MutexGuard<'_, StatRows> {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps rows that the store did not take, until the next time. While a store is away for long,
    /// the later ones are given up.
    pub(crate) fn put_back(&self, rows: StatRows) {
        let mut refused = self.refused();
        for (key, amount) in rows {
            if refused.len() < REFUSED || refused.contains_key(&key) {
                *refused.entry(key).or_default() += amount;
            }
        }
    }

    /// Takes what waits for the store, as rows of every span and dimension.
    pub(crate) fn take(&self) -> StatRows {
        let waiting = std::mem::take(&mut *self.waiting());
        let mut rows = std::mem::take(&mut *self.refused());
        for ((minute_ms, labels), counts) in waiting {
            let values = StatDimension::LABELS.into_iter().zip(labels.0);
            let values = values.filter(|(_, value)| !value.is_empty());
            let all = (StatDimension::All, Box::from(""));
            for (dimension, value) in values.chain([all]) {
                for span in StatSpan::ALL {
                    for (series, step, amount) in &counts {
                        let key = StatKey {
                            dimension,
                            value: value.clone(),
                            span,
                            start_ms: span.start_of(minute_ms),
                            series: series.clone(),
                            step: *step,
                        };
                        *rows.entry(key).or_default() += amount;
                    }
                }
            }
        }
        rows
    }
}

fn count(counts: &mut Counts, series: Series, step: i64) {
    let known = counts
        .iter_mut()
        .find(|(known, at, _)| *known == series && *at == step);
    match known {
        Some((_, _, amount)) => *amount += 1,
        None => counts.push((series, step, 1)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels<'l>(webhook: &'l str) -> StatLabels<'l> {
        StatLabels {
            webhook,
            flow: "inbound",
            account: Some(""),
            ..StatLabels::default()
        }
    }

    #[test]
    fn a_call_is_counted_once_in_each_span_of_each_of_its_values() {
        let counter = StatCounter::default();
        let (asked, held) = (Duration::from_millis(20), Duration::from_millis(25));
        counter.call(labels("lookup"), "line_0", Some(asked), held);
        counter.call(labels("lookup"), "line_0", Some(asked), held);
        let rows = counter.take();
        // All, webhook, flow and account; its switch is not known.
        assert_eq!(rows.len(), 4 * StatSpan::ALL.len() * 3);
        assert!(rows.values().all(|amount| *amount == 2), "{rows:?}");
        assert!(counter.take().is_empty(), "once");
    }

    #[test]
    fn labels_that_are_too_many_or_too_long_are_counted_as_others() {
        let counter = StatCounter::default();
        for number in 0..2 * WAITING {
            let name = format!("{number}-{}", "é".repeat(1_000));
            counter.delivery(labels(&name), "delivered", Duration::ZERO);
        }
        let waiting = counter.waiting().len();
        assert!(waiting <= WAITING + 1, "{waiting}");
        let rows = counter.take();
        assert!(rows.keys().all(|key| key.value.chars().count() <= LABEL));
        let all = rows.iter().filter(|(key, _)| {
            key.dimension == StatDimension::All
                && key.span == StatSpan::Day
                && key.series == "delivery:delivered"
        });
        let all: u64 = all.map(|(_, amount)| amount).sum();
        assert_eq!(all, 2 * WAITING as u64, "none is lost");
    }

    #[test]
    fn what_the_store_did_not_take_is_added_the_next_time_within_a_limit() {
        let counter = StatCounter::default();
        counter.call(labels("lookup"), "line_0", None, Duration::ZERO);
        let refused = counter.take();
        counter.put_back(refused.clone());
        counter.call(labels("lookup"), "line_0", None, Duration::ZERO);
        let all = counter.take();
        assert!(all.values().sum::<u64>() == 2 * refused.values().sum::<u64>());
        let many = (0..2 * REFUSED).map(|step| {
            let (mut key, amount) = (refused.keys().next().unwrap().clone(), 1);
            key.step = i64::try_from(step).unwrap();
            (key, amount)
        });
        counter.put_back(many.collect());
        assert_eq!(counter.take().len(), REFUSED);
    }
}
