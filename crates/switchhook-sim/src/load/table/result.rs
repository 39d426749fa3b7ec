//! Renders the table for people and as one JSON object.

use std::fmt::Write as _;
use std::time::Duration;

use comfy_table::{Table, presets};
use serde::Serialize;

use super::TableOptions;
use super::memory::Memory;
use super::rounds::Row;
use crate::load::Quantiles;
use crate::load::report::one_line;

/// Two points of a distribution in microseconds.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Points {
    /// Half of the calls were below this time.
    pub p50: i64,
    /// One call in a hundred was above this time.
    pub p99: i64,
}

/// The results of one handler.
#[derive(Debug, Clone, Serialize)]
pub struct HandlerRow {
    /// The handler's name.
    pub name: String,
    /// Calls per second that one core carries: 1 divided by the processor time of one call.
    pub calls_per_s: Option<f64>,
    /// `calls_per_s` as a share of the null handler's.
    pub share_of_null: Option<f64>,
    /// Processor time of one call in microseconds.
    pub(crate) cpu_us: Option<f64>,
    /// Share of time in which the handler's core was busy.
    pub busy: Option<f64>,
    /// Time from the last byte of the webhook's answer to the first command byte.
    pub answer_to_first_command: Quantiles,
    /// Time from the last byte of the webhook's answer to the last command byte.
    pub answer_to_last_command: Quantiles,
    /// Time from the accepted connection until the dialplan continues. The webhook takes 200 ms of
    /// it.
    pub whole_call: Quantiles,
    /// Commands in one call.
    pub commands: f64,
    /// Bytes of those commands.
    pub bytes: f64,
    /// Highest number of round trips in one call.
    pub(crate) round_trips: usize,
}

/// Memory of one waiting call in KiB, measured in the handler's process.
#[derive(Debug, Clone, Serialize)]
pub struct MemoryRow {
    /// Number of waiting calls.
    pub calls: u64,
    /// The null handler.
    pub null: Option<f64>,
    /// The null handler with the service's HTTP client.
    pub(crate) null_with_client: Option<f64>,
    /// The service over HTTP/1.1.
    pub(crate) http1: Option<f64>,
    /// The service over HTTP/2.
    pub http2: Option<f64>,
    /// Kernel memory of TCP buffers at both ends of both connections.
    pub(crate) kernel_buffers: Option<f64>,
}

/// The whole table.
#[derive(Debug, Clone, Serialize)]
pub struct LoadTable {
    /// Cores, operating system and architecture.
    pub machine: String,
    /// Whether all calls were correct and the load generator kept up.
    pub passed: bool,
    /// Whether the load generator itself was late; the figures then say little.
    pub(crate) bottleneck: bool,
    /// Number of calls with any problem.
    pub wrong: u64,
    /// Descriptions of some of the problems.
    pub problems: Vec<String>,
    /// Service's calls per second on one core as a share of the null handler's.
    pub share_of_null: Option<f64>,
    /// Time that the service adds to the null handler's time from answer to first command.
    pub added_us: Points,
    /// Memory of one waiting call with its HTTP/1.1 request in flight.
    pub kib_per_waiting_call: Option<f64>,
    /// Part of that memory that the HTTP client and the sockets do not take.
    pub own_kib_per_waiting_call: Option<f64>,
    /// Calls per second that one core carries.
    pub calls_per_s: Option<f64>,
    /// Time from the start of `serve` until it listens, in milliseconds.
    pub(crate) starts_in_ms: f64,
    /// Calls per second in every turn: the rate that keeps the service's core busy half of the
    /// time, or the highest rate that the load generator can place.
    pub rate: f64,
    /// Results of each handler.
    pub handlers: Vec<HandlerRow>,
    /// Memory of a waiting call.
    pub memory: MemoryRow,
}

impl LoadTable {
    pub(super) fn new(
        options: &TableOptions,
        rate: f64,
        rows: Vec<Row>,
        memory: Memory,
        started_in: Duration,
    ) -> Self {
        let null_us = rows.first().and_then(|row| row.sum.cpu_us());
        let sums = || rows.iter().map(|row| &row.sum);
        let mut problems: Vec<String> = sums().flat_map(|sum| sum.problems.clone()).collect();
        problems.extend(memory.problems);
        let bottleneck = sums().any(|sum| sum.bottleneck);
        let wrong = sums().map(|sum| sum.wrong).sum();
        let passed = !bottleneck && wrong == 0 && problems.is_empty();
        let added_us = added(&rows);
        let handlers: Vec<HandlerRow> = rows
            .into_iter()
            .map(|row| HandlerRow::new(row, rate, null_us))
            .collect();
        let service = handlers.get(1);
        Self {
            machine: machine(options),
            passed,
            bottleneck,
            wrong,
            problems,
            share_of_null: service.and_then(|row| row.share_of_null),
            added_us,
            kib_per_waiting_call: memory.service,
            own_kib_per_waiting_call: memory
                .service
                .zip(memory.client)
                .map(|(all, client)| rounded(all - client)),
            calls_per_s: service.and_then(|row| row.calls_per_s),
            starts_in_ms: rounded(started_in.as_secs_f64() * 1e3),
            rate,
            handlers,
            memory: MemoryRow {
                calls: memory.calls,
                null: memory.null,
                null_with_client: memory.client,
                http1: memory.service,
                http2: memory.http2,
                kernel_buffers: memory.kernel,
            },
        }
    }

    /// Returns the table as one JSON object.
    #[must_use]
    pub fn json(&self) -> String {
        one_line(self)
    }

    /// Returns the table as text for people.
    #[must_use]
    pub fn table(&self) -> String {
        let mut table = Table::new();
        table.load_style(presets::ASCII_MARKDOWN);
        table.set_header([
            "handler",
            "calls/s on one core",
            "of null",
            "µs of CPU a call",
            "core busy",
            "answer to first command, p50 / p99 µs",
            "to last",
            "whole call, p50 ms",
            "commands, bytes",
        ]);
        for row in &self.handlers {
            table.add_row(row.cells());
        }
        format!("{}\n\n{table}\n\n{}", self.machine, self.summary())
    }

    fn summary(&self) -> String {
        let mut text = String::new();
        let memory = &self.memory;
        // A write to a string cannot fail.
        let _ = writeln!(
            text,
            "At {} calls/s the service adds {} µs (p50) and {} µs (p99) to the null handler's time from answer to \
             first command. It listens {} ms after its start.",
            self.rate, self.added_us.p50, self.added_us.p99, self.starts_in_ms
        );
        let _ = writeln!(
            text,
            "A waiting call takes {} KiB of the service's memory over HTTP/1.1, {} over HTTP/2; the null handler takes {}, \
             with the service's HTTP client {}, so {} are the service's own ({} calls waiting). TCP's buffers: {} KiB, \
             both ends of both connections.",
            shown(memory.http1),
            shown(memory.http2),
            shown(memory.null),
            shown(memory.null_with_client),
            shown(self.own_kib_per_waiting_call),
            memory.calls,
            shown(memory.kernel_buffers)
        );
        for problem in &self.problems {
            let _ = writeln!(text, "problem: {problem}");
        }
        if self.bottleneck {
            text.push_str("The load generator was itself the bottleneck: calls began late.\n");
        }
        text
    }
}

impl HandlerRow {
    fn new(row: Row, rate: f64, null_us: Option<f64>) -> Self {
        let Row { handler, sum } = row;
        let cpu_us = sum.cpu_us();
        let each = |total: u64| rounded(total as f64 / (sum.calls.max(1)) as f64);
        Self {
            name: handler.name,
            calls_per_s: cpu_us.map(|us| rounded(1e6 / us)),
            share_of_null: cpu_us
                .zip(null_us)
                .map(|(us, null)| (null / us * 1e3).round() / 1e3),
            cpu_us: cpu_us.map(rounded),
            busy: cpu_us.map(|us| (us * rate / 1e4).round() / 1e2),
            commands: each(sum.commands),
            bytes: each(sum.bytes),
            round_trips: sum.round_trips,
            answer_to_first_command: sum.to_first,
            answer_to_last_command: sum.to_last,
            whole_call: sum.whole,
        }
    }

    fn cells(&self) -> [String; 9] {
        let points = |quantiles: &Quantiles| {
            let at = |share| {
                quantiles
                    .micros(share)
                    .map_or("-".to_owned(), |us| us.to_string())
            };
            format!("{} / {}", at(0.5), at(0.99))
        };
        let percent = |share: Option<f64>| {
            share.map_or("-".into(), |share| format!("{:.0} %", share * 100.0))
        };
        let whole = self.whole_call.micros(0.5).map(|us| us as f64 / 1e3);
        [
            self.name.clone(),
            shown(self.calls_per_s),
            percent(self.share_of_null),
            shown(self.cpu_us),
            percent(self.busy),
            points(&self.answer_to_first_command),
            points(&self.answer_to_last_command),
            shown(whole),
            format!("{}, {}", self.commands, self.bytes),
        ]
    }
}

fn added(rows: &[Row]) -> Points {
    let at = |row: usize, share| {
        let us = rows.get(row).and_then(|row| row.sum.to_first.micros(share));
        us.and_then(|us| i64::try_from(us).ok()).unwrap_or_default()
    };
    Points {
        p50: at(1, 0.5) - at(0, 0.5),
        p99: at(1, 0.99) - at(0, 0.99),
    }
}

fn machine(options: &TableOptions) -> String {
    let cores = options.cores;
    let (system, architecture) = (std::env::consts::OS, std::env::consts::ARCH);
    let own = match options.core {
        Some(_) => "one of them the handler's alone",
        None => "shared by the handler and the load generator",
    };
    format!("{cores} cores ({own}), {system} {architecture}")
}

fn rounded(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

fn shown(value: Option<f64>) -> String {
    value.map_or("-".into(), |value| format!("{value:.1}"))
}
