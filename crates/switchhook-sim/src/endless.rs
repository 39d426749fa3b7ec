//! Places calls until it is stopped, so that a person can watch the service's page.

use std::collections::VecDeque;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use tokio::time::{MissedTickBehavior, interval};

use super::harness::Harness;
use super::options::{LabError, LabOptions, ROOM, Service, Started};
use super::scenarios::{self, Scenario};

/// Time from one call to the next.
const PAUSE: Duration = Duration::from_secs(1);
/// Number of concurrent calls. While so many are up, no further one begins.
const AT_ONCE: usize = 30;

/// The calls of a run that was stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Placed {
    /// Calls that were placed.
    pub calls: u64,
    /// Calls of them that were over when the run was stopped.
    pub ended: u64,
}

/// Places a call each second, in every way of the lab's scenarios and in random order, until
/// `stop` completes. `up` is told once the service runs.
///
/// Nothing is checked: [`run`](super::run()) does that. Calls that are up at the end are given up
/// after the service has stopped.
///
/// # Errors
/// Returns an error if the lab itself cannot be set up.
pub async fn keep_calling(
    options: LabOptions,
    service: impl Service,
    up: impl FnOnce(&Started),
    stop: impl Future<Output = ()>,
) -> Result<Placed, LabError> {
    let scenarios = scenarios::chosen(&options);
    if scenarios.is_empty() {
        return Err(LabError::NoScenario(options.only));
    }
    let stage = Harness::set(options, 0).await?;
    let listed: Vec<&Scenario> = scenarios.iter().collect();
    let config = stage.config(&listed, &stage.receiver, ROOM);
    let started = stage.started(service.start(config)).await?;
    up(&started);
    let placed = place(&stage, &scenarios, &started.esl, stop).await;
    started.stop.await;
    Ok(placed)
}

async fn place(
    stage: &Harness,
    scenarios: &[Scenario],
    esl: &str,
    stop: impl Future<Output = ()>,
) -> Placed {
    let mut placed = Placed { calls: 0, ended: 0 };
    let mut next = VecDeque::new();
    let mut calls = FuturesUnordered::new();
    let mut beat = interval(PAUSE);
    beat.set_missed_tick_behavior(MissedTickBehavior::Skip);
    tokio::pin!(stop);
    loop {
        tokio::select! {
            () = &mut stop => return placed,
            Some(_) = calls.next() => placed.ended += 1,
            _ = beat.tick(), if calls.len() < AT_ONCE => {
                if next.is_empty() {
                    next = shuffled(scenarios);
                }
                if let Some(scenario) = next.pop_front() {
                    calls.push(stage.switch.place(stage.call(scenario, esl)));
                    placed.calls += 1;
                }
            }
        }
    }
}

/// Returns each scenario once, in random order.
fn shuffled(scenarios: &[Scenario]) -> VecDeque<&Scenario> {
    let mut order: Vec<&Scenario> = scenarios.iter().collect();
    fastrand::shuffle(&mut order);
    order.into()
}
