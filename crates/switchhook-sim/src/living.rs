//! Plays calls whose events are told while they live.

use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::{Instant, sleep};

use super::documents;
use super::documents::live::{self, Legs, Patience};
use super::harness::Harness;
use super::options::{LabError, ROOM, Service};
use super::outages::Outcome;
use super::receiver::Receiver;
use super::report::CallReport;
use super::scenarios::{Living, LivingCall, Scenario};

/// Events arrive in their order, however busy the machine is.
const IN_ORDER: Patience = Patience {
    wait: "60s",
    expire: "5m",
};
/// Events are soon too old, and none waits for another.
const AT_ONCE: Patience = Patience {
    wait: "0s",
    expire: "1s",
};
/// The time between two looks at the service's metrics.
const LOOK: Duration = Duration::from_millis(100);

/// The receivers of a service's documents and events.
struct Receivers {
    documents: Receiver,
    events: Receiver,
}

impl Receivers {
    async fn start() -> Result<Self, LabError> {
        Ok(Self {
            documents: Receiver::start().await?,
            events: Receiver::start().await?,
        })
    }

    fn config(&self, stage: &Harness, calls: &[&Scenario], patience: Patience) -> String {
        let config = stage.config(calls, &self.documents, ROOM);
        live::turned_on(&config, self.events.address(), patience)
    }
}

/// Plays these calls.
pub(super) async fn play(stage: &Harness, calls: &Living, service: &impl Service) -> Outcome {
    let receivers = Receivers::start().await?;
    let config = receivers.config(stage, &calls.all(), IN_ORDER);
    let started = stage.started(service.start(config)).await?;
    let told = calls.told.iter();
    let told = told.map(|call| told_at_once(stage, call, &receivers, &started.esl));
    let mut reports = join_all(told).await;
    reports.push(slow(stage, &calls.slow, &receivers, &started.esl).await);
    started.stop.await;
    let strays = documents::recheck(&receivers.documents, &mut reports);
    Ok((reports, strays))
}

async fn told_at_once(
    stage: &Harness,
    call: &LivingCall,
    receivers: &Receivers,
    esl: &str,
) -> CallReport {
    let played = stage.place(&call.scenario, esl).await;
    let (uuid, legs) = (played.record.uuid.clone(), Legs::of(&played.record));
    let mut report = stage.judge(played, &receivers.documents).await;
    let events = (&receivers.events, stage.patience());
    judge(&mut report, call, (&uuid, &legs), events).await;
    report
}

/// Adds the problems with a call's events to its report.
async fn judge(
    report: &mut CallReport,
    call: &LivingCall,
    (uuid, legs): (&str, &Legs),
    (events, patience): (&Receiver, Duration),
) {
    let deliveries = live::wait(events, uuid, patience).await;
    let webhook = call.scenario.name;
    for problem in live::problems(&call.events, webhook, legs, &deliveries) {
        report.fail(Some(problem));
    }
}

/// The receiver of events does not answer. The document of the call is delivered all the same.
async fn slow(stage: &Harness, call: &LivingCall, receivers: &Receivers, esl: &str) -> CallReport {
    receivers.events.hold_answers();
    let played = stage.place(&call.scenario, esl).await;
    let (uuid, legs) = (played.record.uuid.clone(), Legs::of(&played.record));
    let mut report = stage.judge(played, &receivers.documents).await;
    let waiting = live::deliveries(&receivers.events, &uuid);
    if waiting.is_empty() || waiting.iter().any(live::is_answered) {
        let what = "no event was on its way while the document was delivered";
        report.fail(Some(what.into()));
    }
    receivers.events.answer();
    let events = (&receivers.events, stage.patience());
    judge(&mut report, call, (&uuid, &legs), events).await;
    report
}

/// The receiver of events is down until they are too old: none is sent, and each is counted.
pub(super) async fn expired(stage: &Harness, call: &LivingCall, service: &impl Service) -> Outcome {
    let receivers = Receivers::start().await?;
    receivers.events.down();
    receivers.events.refuses().await;
    let config = receivers.config(stage, &[&call.scenario], AT_ONCE);
    let started = stage.started(service.start(config)).await?;
    let before = live::expired(&started.http).await;
    let played = stage.place(&call.scenario, &started.esl).await;
    let mut report = stage.judge(played, &receivers.documents).await;
    let wanted = call.events.len();
    let until = Instant::now() + stage.patience();
    let mut count = 0;
    while count < wanted && Instant::now() < until {
        sleep(LOOK).await;
        count = live::expired(&started.http).await.saturating_sub(before);
    }
    if count != wanted {
        let what = format!("{count} events are counted as expired, not {wanted}");
        report.fail(Some(what));
    }
    receivers.events.up();
    receivers.events.listens().await;
    started.stop.await;
    let sent = receivers.events.count();
    if sent > 0 {
        report.fail(Some(format!("{sent} events were sent that had expired")));
    }
    let mut reports = vec![report];
    let strays = documents::recheck(&receivers.documents, &mut reports);
    Ok((reports, strays))
}
