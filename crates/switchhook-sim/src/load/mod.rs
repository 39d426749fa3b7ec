//! Generates honest load for any outbound-socket program.
//!
//! Calls arrive when they are due, however late the program is. One clock in this process stamps
//! both the webhook's answer and the commands that follow from it.
//!
//! `null` is a handler of canned bytes, which shows the most that the machine can do. `table` runs
//! the service, the null handler and others in turns. `secure` is the webhook over HTTP/2.

mod answer;
mod null;
mod process;
mod report;
mod secure;
mod table;
mod webhook;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use tokio::task::JoinSet;
use tokio::time::{Instant, interval, sleep_until};

use self::process::Watched;
use self::webhook::Webhook;
use super::switch::{Call, CallRecord, Left, Pace, Switch};

pub use self::null::{Http, handle};
pub use self::process::Usage;
pub use self::report::{LoadReport, Quantiles};
pub use self::table::{Handler, LoadTable, TableError, TableOptions, keep_off_first, run_table};

/// Largest number of concurrent calls. Each call takes a socket here and one in the target.
const AT_ONCE: usize = 30_000;
/// Interval between samples of the target's memory.
const SAMPLE: Duration = Duration::from_millis(100);

/// The load for the target.
#[derive(Debug, Clone)]
pub struct LoadOptions {
    /// `HOST:PORT` of the program under load.
    pub target: String,
    /// The path after the address, which names the webhook.
    pub path: String,
    /// The number of calls.
    pub calls: u64,
    /// Calls per second.
    pub rate: f64,
    /// How closely the simulated switch reproduces a real switch's delays.
    pub pace: Pace,
    /// The address of the built-in webhook, if the target sends its requests there; port 0 picks a
    /// free port.
    pub webhook: Option<SocketAddr>,
    /// How long the built-in webhook takes to answer.
    pub delay: Duration,
    /// The target's process, whose memory and processor time are measured.
    pub pid: Option<u32>,
    /// The line that every call must take.
    pub line: u8,
    /// Name and value of each channel variable that the call must have when it comes back.
    pub expected: Vec<(String, String)>,
    /// The time limit of a call. A longer call is aborted and counts as an error.
    pub patience: Duration,
    /// Whether to show progress on standard error: a bar on a terminal, otherwise ten lines.
    pub progress: bool,
}

impl Default for LoadOptions {
    fn default() -> Self {
        Self {
            target: "127.0.0.1:8084".into(),
            path: "lookup".into(),
            calls: 1000,
            rate: 100.0,
            pace: Pace::Wire,
            webhook: None,
            delay: Duration::from_millis(100),
            pid: None,
            line: 0,
            expected: Vec::new(),
            patience: Duration::from_secs(90),
            progress: false,
        }
    }
}

/// The reasons why a load cannot start.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// A rate or a count is out of range.
    #[error(
        "--rate {rate} with --calls {calls}: both must be above 0, the rate at most 1,000,000."
    )]
    Options {
        /// The requested calls per second.
        rate: f64,
        /// The requested number of calls.
        calls: u64,
    },
    /// The built-in webhook's address is in use.
    #[error("the webhook cannot listen on {address}: {source}. Choose a free port.")]
    Webhook {
        /// The requested address.
        address: SocketAddr,
        /// The operating system's error.
        source: io::Error,
    },
    /// `--pid` names no process that this process may inspect.
    #[error("process {pid} cannot be watched: {source}. Give the pid of the running target.")]
    Process {
        /// The given pid.
        pid: u32,
        /// The operating system's error.
        source: io::Error,
    },
}

/// Returns the text form of a call's number, which its variables and its request carry.
pub(super) fn token(number: u64) -> String {
    format!("lab-{number}")
}

/// A load that is ready to run: its webhook listens.
#[derive(Debug)]
pub struct Load {
    options: LoadOptions,
    webhook: Option<Arc<Webhook>>,
    watched: Option<Watched>,
}

impl Load {
    /// Checks the options, measures the idle target and starts the webhook.
    ///
    /// # Errors
    /// Returns an error if an option is out of range, the webhook's port is in use or the process
    /// does not exist.
    pub async fn prepare(options: LoadOptions) -> Result<Self, LoadError> {
        let webhook = match options.webhook {
            None => None,
            Some(address) => {
                let started = Webhook::start(address, None).await;
                Some(Arc::new(
                    started.map_err(|source| LoadError::Webhook { address, source })?,
                ))
            }
        };
        Self::with_webhook(options, webhook)
    }

    /// Prepares a load with a running webhook that no other load uses now.
    fn with_webhook(
        options: LoadOptions,
        webhook: Option<Arc<Webhook>>,
    ) -> Result<Self, LoadError> {
        let (rate, calls) = (options.rate, options.calls);
        if calls == 0 || !(rate > 0.0 && rate <= 1e6) {
            return Err(LoadError::Options { rate, calls });
        }
        if let Some(webhook) = &webhook {
            webhook.begin(calls, options.delay);
        }
        let watched = options
            .pid
            .map(|pid| Watched::new(pid).map_err(|source| LoadError::Process { pid, source }));
        Ok(Self {
            webhook,
            watched: watched.transpose()?,
            options,
        })
    }

    /// Returns the built-in webhook's address, if there is one.
    #[must_use]
    pub fn webhook(&self) -> Option<SocketAddr> {
        self.webhook.as_ref().map(|webhook| webhook.address())
    }

    /// Places all calls and returns the report.
    pub async fn run(mut self) -> LoadReport {
        let switch = Switch::new("lab", self.options.pace);
        let bar = progress(&self.options);
        let own = Watched::new(std::process::id()).ok();
        let mut report = LoadReport::new(&self.options);
        let waiting = Arc::new(AtomicU64::new(0));
        let mut calls = JoinSet::new();
        let mut sampling = interval(SAMPLE);
        let start = Instant::now();
        let mut next = 0;
        while next < self.options.calls || !calls.is_empty() {
            let due = self.due(start, next);
            tokio::select! {
                () = sleep_until(due), if next < self.options.calls => {
                    report.late(due.elapsed());
                    if calls.len() < AT_ONCE {
                        calls.spawn(place(Arc::clone(&switch), self.call(next), next, Arc::clone(&waiting)));
                    } else {
                        report.not_placed();
                    }
                    next += 1;
                }
                Some(ended) = calls.join_next() => {
                    self.tell(&bar);
                    match ended {
                        Ok((number, record)) => self.take(&mut report, number, &record),
                        Err(_panicked) => report.not_placed(),
                    }
                }
                _ = sampling.tick() => {
                    if let Some(watched) = &mut self.watched {
                        watched.sample(waiting.load(Ordering::Relaxed));
                    }
                }
            }
        }
        bar.finish_and_clear();
        report.finish(
            start.elapsed(),
            self.watched.map(Watched::usage),
            own.map(Watched::usage),
        );
        report
    }

    fn tell(&self, bar: &ProgressBar) {
        bar.inc(1);
        let (done, all) = (bar.position(), self.options.calls);
        if self.options.progress && bar.is_hidden() && done.is_multiple_of((all / 10).max(1)) {
            eprintln!("{done}/{all} calls");
        }
    }

    /// Returns when a call is due, independent of the calls before it.
    fn due(&self, start: Instant, number: u64) -> Instant {
        let after = number as f64 / self.options.rate;
        start + Duration::from_secs_f64(after)
    }

    fn call(&self, number: u64) -> Call {
        Call {
            hosts: vec![self.options.target.clone()],
            path: self.options.path.clone(),
            caller_name: token(number),
            variables: vec![("flow.key.leadid".into(), token(number))],
            patience: self.options.patience,
            ..Call::default()
        }
    }

    fn take(&self, report: &mut LoadReport, number: u64, record: &CallRecord) {
        if record.left != Left::Released {
            return report.error(record);
        }
        if record.line != Some(self.options.line) {
            report.wrong_line();
        }
        report.wrong_variables(record, &self.options.expected);
        let answered = self
            .webhook
            .as_ref()
            .and_then(|webhook| webhook.answered(number));
        report.call(record, answered);
    }
}

async fn place(
    switch: Arc<Switch>,
    call: Call,
    number: u64,
    waiting: Arc<AtomicU64>,
) -> (u64, CallRecord) {
    waiting.fetch_add(1, Ordering::Relaxed);
    let record = switch.place(call).await;
    waiting.fetch_sub(1, Ordering::Relaxed);
    (number, record)
}

fn progress(options: &LoadOptions) -> ProgressBar {
    if !options.progress {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(options.calls);
    let template = "{pos}/{len} calls {wide_bar} {per_sec}, {eta} to go";
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar
}
