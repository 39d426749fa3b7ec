//! What was counted in a window of time, arranged for the page.

use std::collections::BTreeMap;

use switchhook_core::outcome::Reason;
use switchhook_store::stats::histogram::percentile_us;
use switchhook_store::{StatCell, StatSeries};

use super::time_window::TimeWindow;

/// Steps of a histogram with their numbers.
type Steps = Vec<(i64, u64)>;

/// The percentiles that are shown.
pub(crate) const PERCENTILES: [(u64, &str); 3] = [(50, "p50"), (95, "p95"), (99, "p99")];

/// Numbers for each bar of a window.
pub(crate) struct Counts {
    bars: usize,
    /// Of each outcome of calls.
    pub(crate) calls: BTreeMap<String, Vec<u64>>,
    /// Of each outcome of delivery attempts.
    pub(crate) deliveries: BTreeMap<String, Vec<u64>>,
    times: BTreeMap<StatSeries, Vec<Steps>>,
}

impl Counts {
    /// Arranges what the store returned.
    pub(crate) fn of(window: TimeWindow, cells: Vec<StatCell>) -> Self {
        let bars = window.bars();
        let mut counts = Self {
            bars,
            calls: BTreeMap::new(),
            deliveries: BTreeMap::new(),
            times: BTreeMap::new(),
        };
        for cell in cells {
            let Some(bar) = window.bar_of(cell.start_ms) else {
                continue;
            };
            counts.add(bar, cell);
        }
        counts
    }

    fn add(&mut self, bar: usize, cell: StatCell) {
        let bars = self.bars;
        let outcomes = match cell.series {
            StatSeries::Calls(outcome) => Some((&mut self.calls, outcome)),
            StatSeries::Deliveries(outcome) => Some((&mut self.deliveries, outcome)),
            StatSeries::WebhookTime | StatSeries::HoldTime | StatSeries::DeliveryTime => {
                let empty = || vec![Steps::new(); bars];
                let times = self.times.entry(cell.series).or_insert_with(empty);
                times[bar] = cell.steps;
                return;
            }
        };
        if let Some((outcomes, outcome)) = outcomes {
            let values = outcomes.entry(outcome).or_insert_with(|| vec![0; bars]);
            values[bar] += cell.steps.iter().map(|(_, amount)| amount).sum::<u64>();
        }
    }

    /// Returns the number of calls that left the hold.
    pub(crate) fn all_calls(&self) -> u64 {
        self.calls.values().flatten().sum()
    }

    /// Returns the number of calls that took line 1.
    pub(crate) fn line_1(&self) -> u64 {
        let reasons = self.calls.iter().filter(|(outcome, _)| is_reason(outcome));
        reasons.flat_map(|(_, values)| values).sum()
    }

    /// Returns the numbers of delivery attempts: all, and those that were not delivered.
    pub(crate) fn attempts(&self) -> (u64, u64) {
        let all: u64 = self.deliveries.values().flatten().sum();
        let delivered = self.deliveries.get("delivered");
        let delivered: u64 = delivered.into_iter().flatten().sum();
        (all, all - delivered)
    }

    /// Returns a percentile of the whole window, in µs.
    pub(crate) fn percentile(&self, series: &StatSeries, percent: u64) -> Option<u64> {
        let mut all: BTreeMap<i64, u64> = BTreeMap::new();
        for (step, amount) in self.times.get(series)?.iter().flatten() {
            *all.entry(*step).or_default() += amount;
        }
        let all: Steps = all.into_iter().collect();
        percentile_us(&all, percent)
    }

    /// Returns a percentile of each bar, in µs.
    pub(crate) fn percentiles(&self, series: &StatSeries, percent: u64) -> Vec<Option<u64>> {
        let bars = self.times.get(series).into_iter().flatten();
        bars.map(|steps| percentile_us(steps, percent)).collect()
    }

    /// Returns the outcomes of calls in the order in which they stand on each other: line 0, the
    /// reasons of line 1 from the commonest on, the other endings.
    pub(crate) fn stacked_calls(&self) -> Vec<(&str, &[u64])> {
        let mut all: Vec<(&str, &[u64])> = self
            .calls
            .iter()
            .map(|(outcome, values)| (outcome.as_str(), values.as_slice()))
            .collect();
        let rank = |outcome: &str| match outcome {
            "line_0" => 0,
            outcome if is_reason(outcome) => 1,
            _ => 2,
        };
        all.sort_by_key(|(outcome, values)| {
            let sum: u64 = values.iter().sum();
            (rank(outcome), std::cmp::Reverse(sum))
        });
        all
    }
}

/// Whether an outcome of a call is the reason of line 1.
pub(crate) fn is_reason(outcome: &str) -> bool {
    Reason::ALL.iter().any(|reason| reason.as_str() == outcome)
}
