//! Places every call between a simulated switch, the real service and the receiver.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::{StreamExt, stream};
use indicatif::{ProgressBar, ProgressStyle};

use super::config;
use super::receiver::{Receiver, Request, closed_port};
use super::report::{CallReport, Report};
use super::scenarios::{self, Host, Requests, Scenario, problems};
use super::switch::{Inbound, Pace, Switch};

/// Calls at once: enough to be quick, few enough that none waits for a processor.
const AT_ONCE: usize = 6;
/// Room that a service under test is given for them.
const ROOM: usize = 100;
/// Any free port of loopback.
const ANY_PORT: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
/// The password that every FreeSWITCH is delivered with.
const PASSWORD: &str = "ClueCon";
/// How long after a call its request may still be on its way.
const SETTLE: Duration = Duration::from_secs(3);

/// How the lab is run.
#[derive(Debug, Clone, Default)]
pub struct LabOptions {
    /// Only scenarios whose name contains one of these; empty means all.
    pub only: Vec<String>,
    /// How closely the switch's slowness is played.
    pub pace: Pace,
    /// Show what is going on, on standard error: a bar on a terminal, else a line a call.
    pub progress: bool,
    /// Give the service a `[[freeswitch]]` too, so that it sees every call's events.
    pub follow: bool,
    /// Further tables for `switchhook.toml`, a store for example.
    pub config: String,
}

/// A service that has been started.
pub struct Started {
    /// `HOST:PORT` where it takes calls.
    pub esl: String,
    /// Completes when it has stopped.
    pub stop: BoxFuture<'static, ()>,
}

/// The service under test.
pub trait Service: Send + Sync {
    /// Starts it with this `switchhook.toml` and waits until it takes calls.
    fn start(&self, config: String) -> BoxFuture<'_, Result<Started, String>>;
}

impl<F> Service for F
where
    F: Fn(String) -> BoxFuture<'static, Result<Started, String>> + Send + Sync,
{
    fn start(&self, config: String) -> BoxFuture<'_, Result<Started, String>> {
        self(config)
    }
}

/// Why the lab could not be run at all.
#[derive(Debug, thiserror::Error)]
pub enum LabError {
    /// No loopback socket.
    #[error("the lab cannot listen on 127.0.0.1: {0}. Allow it loopback sockets.")]
    Socket(#[from] io::Error),
    /// The service refused the lab's configuration or died.
    #[error("the service under test did not start: {0}")]
    Service(String),
    /// `only` fits none of the scenarios.
    #[error("no scenario is called like {0:?}. `switchhook lab --json` lists them all.")]
    NoScenario(Vec<String>),
}

/// What every call needs.
struct Lab {
    switch: Arc<Switch>,
    receiver: Receiver,
    closed: u16,
    /// Port 8021 of the switch, when the service is to follow it.
    port: Option<Inbound>,
    bar: ProgressBar,
    options: LabOptions,
}

/// Places every call and tells whether each was right.
///
/// # Errors
/// When the lab itself cannot be set up; a call that went wrong is no error but a
/// [`CallReport`] that did not pass.
pub async fn run(options: LabOptions, service: impl Service) -> Result<Report, LabError> {
    let chosen = |name: &str| {
        options.only.is_empty() || options.only.iter().any(|part| name.contains(part.as_str()))
    };
    let mut main = scenarios::all();
    main.retain(|scenario| chosen(scenario.name));
    let (first, second) = scenarios::overload();
    let overload = chosen(first.name) || chosen(second.name);
    let count = main.len() + if overload { 2 } else { 0 };
    if count == 0 {
        return Err(LabError::NoScenario(options.only));
    }
    let switch = Switch::new("lab", options.pace);
    let port = match options.follow {
        true => Some(switch.listen(ANY_PORT, PASSWORD).await?),
        false => None,
    };
    let lab = Lab {
        switch,
        port,
        receiver: Receiver::start().await?,
        closed: closed_port()?,
        bar: progress(count, options.progress),
        options,
    };
    let mut calls = lab.play_all(&main, &service).await?;
    if overload {
        calls.extend(lab.play_overload(&first, &second, &service).await?);
    }
    lab.bar.finish_and_clear();
    Ok(Report::new(calls))
}

fn progress(count: usize, shown: bool) -> ProgressBar {
    if !shown {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(u64::try_from(count).unwrap_or(u64::MAX));
    if let Ok(style) = ProgressStyle::with_template("{pos}/{len} calls {wide_bar} {msg}") {
        bar.set_style(style);
    }
    bar
}

impl Lab {
    async fn start(
        &self,
        scenarios: &[&Scenario],
        room: usize,
        service: &impl Service,
    ) -> Result<Started, LabError> {
        let address = self.receiver.address();
        let mut extra = self.options.config.clone();
        if let Some(port) = &self.port {
            let address = port.address();
            extra.push_str(&format!(
                "\n[[freeswitch]]\naddress = \"{address}\"\npassword = \"{PASSWORD}\"\n"
            ));
        }
        let text = config::text(scenarios, address, self.closed, room, &extra);
        service.start(text).await.map_err(LabError::Service)
    }

    async fn play_all(
        &self,
        scenarios: &[Scenario],
        service: &impl Service,
    ) -> Result<Vec<CallReport>, LabError> {
        if scenarios.is_empty() {
            return Ok(Vec::new());
        }
        let listed: Vec<&Scenario> = scenarios.iter().collect();
        let started = self.start(&listed, ROOM, service).await?;
        let calls = stream::iter(scenarios).map(|scenario| self.play(scenario, &started.esl));
        let reports = calls.buffered(AT_ONCE).collect().await;
        started.stop.await;
        Ok(reports)
    }

    /// A service with room for one call gets two.
    async fn play_overload(
        &self,
        first: &Scenario,
        second: &Scenario,
        service: &impl Service,
    ) -> Result<Vec<CallReport>, LabError> {
        let started = self.start(&[first, second], 1, service).await?;
        let then = async {
            // Its request shows that the first call is on hold.
            self.receiver.wait(first.name, SETTLE, |_| true).await;
            self.play(second, &started.esl).await
        };
        let (held, refused) = tokio::join!(self.play(first, &started.esl), then);
        started.stop.await;
        Ok(vec![held, refused])
    }

    async fn play(&self, scenario: &Scenario, esl: &str) -> CallReport {
        let mut call = scenario.call.clone();
        let nobody = format!("127.0.0.1:{}", self.closed);
        call.hosts = match scenario.host {
            Host::Service => vec![esl.to_owned()],
            Host::Nobody => vec![nobody],
            Host::SecondOfTwo => vec![nobody, esl.to_owned()],
        };
        let record = self.switch.place(call).await;
        let requests = self.settled(scenario).await;
        let problems = problems(scenario, &record, &requests);
        let report = CallReport::new(scenario, record, problems, requests.len());
        self.tell(&report);
        report
    }

    fn tell(&self, report: &CallReport) {
        let verdict = if report.passed { "right" } else { "WRONG" };
        let message = format!("{}: {}, {verdict}", report.scenario, report.heard);
        if self.options.progress && self.bar.is_hidden() {
            eprintln!("{message}");
        }
        self.bar.inc(1);
        self.bar.set_message(message);
    }

    /// The scenario's requests, once their fate is known.
    async fn settled(&self, scenario: &Scenario) -> Vec<Request> {
        let name = format!("/{}", scenario.name);
        if scenario.requests != Requests::None {
            let known =
                |request: &Request| request.answered.is_some() || request.abandoned.is_some();
            self.receiver.wait(&name, SETTLE, known).await;
        }
        self.receiver.requests_of(&name)
    }
}
