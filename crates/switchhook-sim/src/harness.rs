//! Provides what every call needs: the switch, the receivers and a started service.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::{StreamExt, stream};
use indicatif::{ProgressBar, ProgressStyle};
use tokio::time::timeout;

use super::config::Places;
use super::options::{LabError, LabOptions, Started};
use super::receiver::{Hang, Hanging, KEPT, Receiver, Request, Silent, closed_port};
use super::report::CallReport;
use super::scenarios::{Host, PARK_SERVICE, Requests, Scenario, problems};
use super::switch::{Call, CallRecord, Inbound, Switch};
use super::{config, documents, names};

/// Number of concurrent calls: enough for a quick run, few enough that no call waits for a
/// processor.
const AT_ONCE: usize = 6;
/// The default password of every FreeSWITCH.
const PASSWORD: &str = "ClueCon";
/// Number of connections from a service that follows the switch and takes its parked calls.
const CLIENTS: u64 = 2;
/// Time after a call within which its request may still arrive.
pub(super) const SETTLE: Duration = Duration::from_secs(3);
/// Time within which a service must connect to the switch that it follows.
const FOLLOWS: Duration = Duration::from_secs(20);

/// One switch, its receiver, and the calls between them.
pub(super) struct Harness {
    pub switch: Arc<Switch>,
    pub receiver: Receiver,
    /// A receiver whose connections one call uses.
    spare: Receiver,
    /// Webhooks whose first connection hangs.
    stopped: Hanging,
    forgotten: Hanging,
    _silent: Option<Silent>,
    closed: u16,
    /// Port 8021 of the switch, if the service follows it.
    port: Option<Inbound>,
    bar: ProgressBar,
    options: LabOptions,
}

/// A finished call whose document is not yet checked.
pub(super) struct Played<'s> {
    pub scenario: &'s Scenario,
    pub record: CallRecord,
    requests: Vec<Request>,
}

impl<'s> Played<'s> {
    /// Returns a leg that went to no webhook.
    pub(super) fn without_requests(scenario: &'s Scenario, record: CallRecord) -> Self {
        Self {
            scenario,
            record,
            requests: Vec::new(),
        }
    }
}

impl Harness {
    pub(super) async fn set(options: LabOptions, calls: usize) -> Result<Self, LabError> {
        let switch = Switch::new(names::SWITCH, options.pace);
        let any_port = SocketAddr::from(([127, 0, 0, 1], 0));
        let port = match options.follow {
            true => Some(switch.listen(any_port, PASSWORD).await?),
            false => None,
        };
        let kept = options.kept_requests.unwrap_or(KEPT);
        let receiver = Receiver::keeping(kept).await?;
        let silent = SocketAddr::from((config::SILENT, receiver.address().port()));
        Ok(Self {
            switch,
            // Other systems than Linux have one loopback address.
            _silent: Silent::at(silent).await.ok(),
            receiver,
            spare: Receiver::keeping(kept).await?,
            stopped: Hanging::start(Hang::NoAnswer).await?,
            forgotten: Hanging::start(Hang::NoFrame).await?,
            closed: closed_port()?,
            port,
            bar: progress(calls, options.progress),
            options,
        })
    }

    /// Returns the configuration for these calls, with room for a number of calls on hold.
    pub(super) fn config(
        &self,
        scenarios: &[&Scenario],
        documents: &Receiver,
        room: usize,
    ) -> String {
        let mut extra = self.options.config.clone();
        if let Some(port) = &self.port {
            let address = port.address();
            extra.push_str(&format!(
                "\n[[freeswitch]]\naddress = \"{address}\"\npassword = \"{PASSWORD}\"\n\
                 park_service = \"{PARK_SERVICE}\"\n"
            ));
        }
        let places = Places {
            receiver: self.receiver.address(),
            spare: self.spare.address(),
            stopped: self.stopped.address(),
            forgotten: self.forgotten.address(),
            closed: self.closed,
        };
        let token = self.options.http_token.as_deref();
        config::text(
            scenarios,
            &places,
            documents.address(),
            config::Listen { room, token },
            &extra,
        )
    }

    /// Waits until a service runs and, if it follows the switch, is connected to it.
    pub(super) async fn started(
        &self,
        starting: BoxFuture<'_, Result<Started, String>>,
    ) -> Result<Started, LabError> {
        let followed = self.switch.followed_by(CLIENTS);
        let started = starting.await.map_err(LabError::Service)?;
        if self.port.is_some() && timeout(FOLLOWS, followed).await.is_err() {
            let seconds = FOLLOWS.as_secs();
            started.stop.await;
            let what = format!("it did not ask the switch for its events within {seconds} s");
            return Err(LabError::Service(what));
        }
        Ok(started)
    }

    /// Plays all scenarios, several at a time.
    pub(super) async fn play_all(&self, scenarios: &[Scenario], esl: &str) -> Vec<CallReport> {
        let calls = stream::iter(scenarios).map(|scenario| self.play(scenario, esl));
        calls.buffered(AT_ONCE).collect().await
    }

    /// Plays one scenario and checks its document at the common receiver.
    pub(super) async fn play(&self, scenario: &Scenario, esl: &str) -> CallReport {
        let played = self.place(scenario, esl).await;
        self.judge(played, &self.receiver).await
    }

    /// Returns a scenario's call to the service at `esl`.
    pub(super) fn call(&self, scenario: &Scenario, esl: &str) -> Call {
        let mut call = scenario.call.clone();
        let flow = ("flow.name".to_owned(), names::FLOW.to_owned());
        if scenario.routed.is_none() {
            call.variables.insert(0, flow);
        }
        let nobody = format!("127.0.0.1:{}", self.closed);
        call.hosts = match scenario.host {
            Host::Service => vec![esl.to_owned()],
            Host::Nobody => vec![nobody],
            Host::SecondOfTwo => vec![nobody, esl.to_owned()],
        };
        call
    }

    /// Plays one scenario without a check of its document.
    pub(super) async fn place<'s>(&self, scenario: &'s Scenario, esl: &str) -> Played<'s> {
        let record = self.switch.place(self.call(scenario, esl)).await;
        let requests = self.settled(scenario).await;
        Played {
            scenario,
            record,
            requests,
        }
    }

    /// Returns the report of a call with every problem, including those of its document.
    pub(super) async fn judge(&self, played: Played<'_>, documents: &Receiver) -> CallReport {
        let Played {
            scenario,
            record,
            requests,
        } = played;
        let mut problems = problems(scenario, &record, &requests);
        let mut document = None;
        if self.port.is_some() {
            let patience = self.patience();
            let deliveries = documents::wait(documents, &record.uuid, patience).await;
            problems.extend(documents::problems(
                scenario,
                &record,
                &deliveries,
                patience,
            ));
            document = documents::shown(&deliveries);
        }
        let report = CallReport::new(scenario, record, problems, requests.len(), document);
        self.tell(&report);
        report
    }

    /// Returns the time after which a delivery counts as lost.
    pub(super) fn patience(&self) -> Duration {
        self.options.patience.unwrap_or(documents::PATIENCE)
    }

    /// Returns the scenario's requests once their outcome is known.
    async fn settled(&self, scenario: &Scenario) -> Vec<Request> {
        let name = format!("/{}", scenario.name);
        let receiver = if scenario.url.contains("{spare}") {
            &self.spare
        } else {
            &self.receiver
        };
        if let Requests::Tries(count) = scenario.requests {
            receiver.wait_for_all(&name, count, SETTLE).await;
        } else if scenario.requests != Requests::None {
            let known =
                |request: &Request| request.answered.is_some() || request.abandoned.is_some();
            receiver.wait(&name, SETTLE, known).await;
        }
        receiver.requests_of(&name)
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

    pub(super) fn done(&self) {
        self.bar.finish_and_clear();
    }
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
