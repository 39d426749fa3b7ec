//! An honest load generator for any outbound-socket program: calls arrive when they
//! are due, however late the program is, and one clock in this process stamps both
//! the webhook's answer and the commands that follow from it.
//!
//! `null` is a handler of canned bytes, what the machine can do at most; `table` lets the
//! service, the null handler and others take turns; `secure` is the webhook over HTTP/2.

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

/// Calls that may be up at once; each costs a socket of ours and one of the target's.
const AT_ONCE: usize = 30_000;
/// How often the target's memory is looked at.
const SAMPLE: Duration = Duration::from_millis(100);

/// What is asked of the target.
#[derive(Debug, Clone)]
pub struct LoadOptions {
    /// `HOST:PORT` of the program under load.
    pub target: String,
    /// The path behind it, which names the webhook.
    pub path: String,
    /// How many calls.
    pub calls: u64,
    /// Calls per second.
    pub rate: f64,
    /// How closely the switch's own slowness is played.
    pub pace: Pace,
    /// Where our own webhook listens, when the target is to ask it; port 0 for a free one.
    pub webhook: Option<SocketAddr>,
    /// How long our webhook takes to answer.
    pub delay: Duration,
    /// The target's process, to tell its memory and processor time.
    pub pid: Option<u32>,
    /// The line that every call must take.
    pub line: u8,
    /// What a channel variable must hold when the call comes back: name and value.
    pub expected: Vec<(String, String)>,
    /// A call that takes longer is broken off and counts as an error.
    pub patience: Duration,
    /// Show how far it is, on standard error: a bar on a terminal, else ten lines.
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

/// Why no load could be made.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// A rate or a count that means nothing.
    #[error(
        "--rate {rate} with --calls {calls}: both must be above 0, the rate at most 1,000,000."
    )]
    Options {
        /// Calls per second asked for.
        rate: f64,
        /// Calls asked for.
        calls: u64,
    },
    /// Our webhook's address is not free.
    #[error("the webhook cannot listen on {address}: {source}. Choose a free port.")]
    Webhook {
        /// Where it was to listen.
        address: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
    /// `--pid` names no process that we may look at.
    #[error("process {pid} cannot be watched: {source}. Give the pid of the running target.")]
    Process {
        /// The pid given.
        pid: u32,
        /// What the system says.
        source: io::Error,
    },
}

/// The number of a call, as it stands in its variables and comes back in its request.
pub(super) fn token(number: u64) -> String {
    format!("lab-{number}")
}

/// A load that is ready: its webhook listens.
#[derive(Debug)]
pub struct Load {
    options: LoadOptions,
    webhook: Option<Arc<Webhook>>,
    watched: Option<Watched>,
}

impl Load {
    /// Checks the options, looks at the idle target and starts the webhook.
    ///
    /// # Errors
    /// When an option means nothing, the webhook's port is taken or the process is not there.
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

    /// The same with a webhook that runs already and that no other load uses now.
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

    /// Where our webhook listens, when there is one.
    #[must_use]
    pub fn webhook(&self) -> Option<SocketAddr> {
        self.webhook.as_ref().map(|webhook| webhook.address())
    }

    /// Places all calls and tells how they went.
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

    /// When a call is due, whatever became of those before it.
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
