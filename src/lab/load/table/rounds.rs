//! Turns: each handler gets the same calls, one after the other, several times.

use std::sync::Arc;
use std::time::Duration;

use super::{Handler, TableError, TableOptions, say};
use crate::lab::load::report::{LoadReport, Quantiles};
use crate::lab::load::webhook::Webhook;
use crate::lab::load::{Load, LoadOptions};
use crate::lab::switch::Pace;

/// How long the webhook takes: longer than the service waits with its music, so that every
/// call has some.
const DELAY: Duration = Duration::from_millis(200);
/// How long a turn lasts.
const TURN: f64 = 4.0;
/// Before anything counts: connections are opened, memory is touched, caches are warm.
const WARM_UP: (u64, f64) = (300, 150.0);
/// A load that every machine carries, to learn what one call costs.
const FIRST_LOOK: f64 = 250.0;
/// A turn in which the load generator itself was late is taken again so often.
const AGAIN: u32 = 2;

/// Calls per second, the same for all handlers.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rates {
    /// Half of what the service can do on one core.
    pub(super) half: f64,
    /// Nearly all of it.
    pub(super) full: f64,
}

/// What a handler showed in all its turns at one rate.
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

    /// Processor time of one call; `None` when the process is not known.
    pub(super) fn cpu_us(&self) -> Option<f64> {
        (self.cpu_ms > 0 && self.calls > 0).then(|| self.cpu_ms as f64 * 1e3 / self.calls as f64)
    }
}

/// A handler with what it showed.
#[derive(Debug, Clone)]
pub(super) struct Row {
    pub(super) handler: Handler,
    pub(super) half: Sum,
    pub(super) full: Sum,
}

/// The handlers and what they are given.
pub(super) struct Turns<'a> {
    options: &'a TableOptions,
    webhook: &'a Arc<Webhook>,
    handlers: Vec<Handler>,
}

impl<'a> Turns<'a> {
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

    /// Warms all handlers up, and learns from the service what its machine can do.
    pub(super) async fn find_rates(&self) -> Result<Rates, TableError> {
        say(self.options, "warming up");
        for handler in &self.handlers {
            self.load(handler, WARM_UP.0, WARM_UP.1).await?;
        }
        let service = &self.handlers[1];
        let mut look = Sum::default();
        look.add(
            self.load(service, (FIRST_LOOK * TURN) as u64, FIRST_LOOK)
                .await?,
        );
        let capacity = 1e6 / look.cpu_us().unwrap_or(2e3);
        Ok(Rates {
            half: (capacity / 2.0).round(),
            full: (capacity * 0.9).round(),
        })
    }

    pub(super) async fn take(&self, rates: Rates) -> Result<Vec<Row>, TableError> {
        let empty = |handler: &Handler| Row {
            handler: handler.clone(),
            half: Sum::default(),
            full: Sum::default(),
        };
        let mut rows: Vec<Row> = self.handlers.iter().map(empty).collect();
        let (all, mut done) = (self.options.rounds as usize * rows.len() * 2, 0);
        for _ in 0..self.options.rounds {
            for row in &mut rows {
                for (rate, full) in [(rates.half, false), (rates.full, true)] {
                    done += 1;
                    let name = &row.handler.name;
                    say(
                        self.options,
                        &format!("turn {done} of {all}: {name}, {rate} calls/s"),
                    );
                    let report = self.turn(&row.handler, rate).await?;
                    if full { &mut row.full } else { &mut row.half }.add(report);
                }
            }
        }
        Ok(rows)
    }

    /// A turn, and again when it was our own fault that it says nothing.
    async fn turn(&self, handler: &Handler, rate: f64) -> Result<LoadReport, TableError> {
        let calls = (rate * TURN) as u64;
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

/// Calls for this handler, and what they must come back with.
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
