//! Runs the rounds, in which every handler in turn gets identical calls.

use std::sync::Arc;
use std::time::Duration;

use super::{Handler, TableError, TableOptions, say};
use crate::load::report::{LoadReport, Quantiles};
use crate::load::webhook::Webhook;
use crate::load::{Load, LoadOptions};
use crate::switch::Pace;

/// Response time of the webhook. It is longer than the service waits before its music, so that
/// every call has music.
const DELAY: Duration = Duration::from_millis(200);
/// Calls per second before the measurement, for the duration of a look. They open connections,
/// touch memory and warm caches.
const WARM_UP: f64 = 150.0;
/// Calls per second that most machines carry, for a first estimate of one call's cost.
const FIRST_LOOK: f64 = 800.0;
/// Share of a turn that such a look lasts.
const LOOK: f64 = 0.4;
/// Number of repeats of a turn in which the load generator itself was late.
const AGAIN: u32 = 2;
/// Number of times that a rate is lowered if the load generator cannot keep it, and the factor.
const LOWER: (u32, f64) = (4, 0.8);

/// The results of a handler over all its turns.
#[derive(Debug, Clone, Default)]
pub(super) struct Sum {
    pub(super) calls: u64,
    pub(super) cpu_ms: u64,
    pub(super) own_cpu_ms: u64,
    pub(super) bytes: u64,
    pub(super) commands: u64,
    pub(super) round_trips: usize,
    pub(super) to_first: Quantiles,
    pub(super) to_last: Quantiles,
    pub(super) whole: Quantiles,
    pub(super) wrong: u64,
    pub(super) bottleneck: bool,
    pub(super) problems: Vec<String>,
}

impl Sum {
    fn add(&mut self, report: LoadReport) {
        self.calls += report.back;
        self.cpu_ms += report.process.map_or(0, |usage| usage.cpu_ms);
        self.own_cpu_ms += report.own_cpu_ms.unwrap_or_default();
        self.bytes += report.bytes;
        self.commands += report.commands;
        self.round_trips = self.round_trips.max(report.round_trips);
        self.to_first.add(&report.answer_to_first_command);
        self.to_last.add(&report.answer_to_last_command);
        self.whole.add(&report.whole_call);
        self.wrong +=
            report.errors + report.wrong_lines + report.wrong_variables + report.violations;
        self.bottleneck |= report.bottleneck;
        self.problems.extend(report.problems);
    }

    /// Returns the processor time of one call, or `None` if the process is unknown.
    pub(super) fn cpu_us(&self) -> Option<f64> {
        (self.cpu_ms > 0 && self.calls > 0).then(|| self.cpu_ms as f64 * 1e3 / self.calls as f64)
    }
}

/// A handler with its results.
#[derive(Debug, Clone)]
pub(super) struct Row {
    pub(super) handler: Handler,
    pub(super) sum: Sum,
}

/// The handlers and the load for them.
pub(super) struct Rounds<'a> {
    options: &'a TableOptions,
    webhook: &'a Arc<Webhook>,
    handlers: Vec<Handler>,
}

impl<'a> Rounds<'a> {
    pub(super) fn new(
        options: &'a TableOptions,
        webhook: &'a Arc<Webhook>,
        handlers: Vec<Handler>,
    ) -> Self {
        Self {
            options,
            webhook,
            handlers,
        }
    }

    /// Warms up all handlers and finds the rate at which the service's core is busy half of the
    /// time.
    ///
    /// The rate is lower if another handler does not carry twice that rate, or if the load
    /// generator cannot place calls that fast.
    pub(super) async fn find_rate(&self) -> Result<f64, TableError> {
        say(self.options, "warming up");
        let null = &self.handlers[0];
        self.look(null, WARM_UP).await?;
        let (mut slowest, mut carries) = (null, f64::INFINITY);
        for handler in &self.handlers[1..] {
            let half = self.half_of(handler, WARM_UP).await?;
            if let Some(half) = half.filter(|half| *half < carries) {
                (slowest, carries) = (handler, half);
            }
        }
        let mut rate = carries.min(FIRST_LOOK);
        // A call costs less at a higher rate, so a second look is more exact.
        for _ in 0..2 {
            rate = self.half_of(slowest, rate).await?.unwrap_or(rate);
        }
        for _ in 0..LOWER.0 {
            say(
                self.options,
                &format!("half of what a core carries: {rate} calls/s"),
            );
            if !self.look(null, rate).await?.bottleneck {
                break;
            }
            rate = (rate * LOWER.1).round();
            say(self.options, "the load generator cannot place so many");
        }
        Ok(rate)
    }

    /// Returns half of the rate that a core carries with this handler, based on the cost of its
    /// calls at `rate`. Returns `None` if its process is unknown.
    async fn half_of(&self, handler: &Handler, rate: f64) -> Result<Option<f64>, TableError> {
        let mut look = Sum::default();
        look.add(self.look(handler, rate).await?);
        Ok(look.cpu_us().map(|micros| (1e6 / micros / 2.0).round()))
    }

    async fn look(&self, handler: &Handler, rate: f64) -> Result<LoadReport, TableError> {
        let seconds = self.options.turn.as_secs_f64() * LOOK;
        let calls = ((rate * seconds) as u64).max(1);
        self.load(handler, calls, rate).await
    }

    pub(super) async fn take(&self, rate: f64) -> Result<Vec<Row>, TableError> {
        let empty = |handler: &Handler| Row {
            handler: handler.clone(),
            sum: Sum::default(),
        };
        let mut rows: Vec<Row> = self.handlers.iter().map(empty).collect();
        let (all, mut done) = (self.options.rounds as usize * rows.len(), 0);
        for _ in 0..self.options.rounds {
            for row in &mut rows {
                done += 1;
                let name = &row.handler.name;
                say(
                    self.options,
                    &format!("turn {done} of {all}: {name}, {rate} calls/s"),
                );
                row.sum.add(self.turn(&row.handler, rate).await?);
            }
        }
        Ok(rows)
    }

    /// Runs a turn, and repeats it if the load generator itself was late.
    async fn turn(&self, handler: &Handler, rate: f64) -> Result<LoadReport, TableError> {
        let calls = (rate * self.options.turn.as_secs_f64()) as u64;
        let mut report = self.load(handler, calls, rate).await?;
        for _ in 0..AGAIN {
            if !report.bottleneck {
                break;
            }
            say(self.options, "the load generator was late; once more");
            report = self.load(handler, calls, rate).await?;
        }
        Ok(report)
    }

    async fn load(
        &self,
        handler: &Handler,
        calls: u64,
        rate: f64,
    ) -> Result<LoadReport, TableError> {
        let options = LoadOptions {
            calls,
            rate,
            delay: DELAY,
            ..load_options(handler)
        };
        let load = Load::with_webhook(options, Some(Arc::clone(self.webhook)))?;
        Ok(load.run().await)
    }
}

/// Returns the load for this handler and the variables that its calls must have at the end.
pub(super) fn load_options(handler: &Handler) -> LoadOptions {
    let mapped = [
        ("flow.key.customer_name", "Anna"),
        ("flow.key.queue", "gold"),
    ];
    let expected = mapped.map(|(name, value)| (name.to_owned(), value.to_owned()));
    LoadOptions {
        target: handler.address.clone(),
        path: handler.path.clone(),
        pid: handler.pid,
        pace: Pace::Wire,
        expected: if handler.maps {
            expected.to_vec()
        } else {
            Vec::new()
        },
        ..LoadOptions::default()
    }
}
