//! Plays an agent whose leg stays for several customers, and one whose leg says of which call it is
//! part.

use std::time::Duration;

use super::documents;
use super::harness::{Harness, Played};
use super::names::FLOW;
use super::options::{ROOM, Service};
use super::outages::{self, Outcome};
use super::receiver::Receiver;
use super::report::CallReport;
use super::scenarios::{Scenario, Shift};

/// The agent's number, and the number that the agent's phone shows.
const NUMBERS: [&str; 2] = ["agent1", "912249000009"];
/// How long a talk may last that the lab ends.
const PATIENCE: Duration = Duration::from_secs(20);

/// Plays these calls.
pub(super) async fn play(stage: &Harness, calls: &Shift, service: &impl Service) -> Outcome {
    let documents = Receiver::start().await?;
    let config = stage.config(&calls.all(), &documents, ROOM);
    let started = stage.started(service.start(config)).await?;
    let (mut reports, part_of) = tokio::join!(
        stands(stage, calls, &documents, &started.esl),
        takes_part(stage, &calls.part_of, &documents, &started.esl)
    );
    reports.push(part_of);
    started.stop.await;
    let strays = documents::recheck(&documents, &mut reports);
    Ok((reports, strays))
}

/// Connects two customers with one standing agent. Each has a document while the agent stays; the
/// agent's leg is a call of its own when it ends.
async fn stands(
    stage: &Harness,
    calls: &Shift,
    documents: &Receiver,
    esl: &str,
) -> Vec<CallReport> {
    let [number, shown] = NUMBERS;
    let variables = [
        ("flow.name", FLOW),
        ("flow.callee_type", "AGENT"),
        ("park_after_bridge", "true"),
    ];
    let agent = stage.switch.dial_agent(number, shown, &variables);
    let serves = |scenario: &Scenario| {
        let mut scenario = scenario.clone();
        scenario.call.joins = Some(agent.uuid().to_owned());
        scenario
    };
    let customers = calls.customers.each_ref().map(serves);
    let mut played = Vec::new();
    for customer in &customers {
        played.push(stage.place(customer, esl).await);
    }
    let mut reports = Vec::new();
    for customer in played {
        reports.push(stage.judge(customer, documents).await);
    }
    let shift = Played::without_requests(&calls.agent, agent.hangs_up());
    reports.push(stage.judge(shift, documents).await);
    reports
}

/// Dials an agent for a caller on hold. The switch does not say who made that leg: `flow.part_of`
/// does.
async fn takes_part(
    stage: &Harness,
    scenario: &Scenario,
    documents: &Receiver,
    esl: &str,
) -> CallReport {
    let mut call = scenario.clone();
    call.call.talks = PATIENCE;
    let agent = async {
        let asked = outages::request(stage, scenario).await;
        let uuid = asked.as_ref().and_then(outages::call_of)?;
        let [number, shown] = NUMBERS;
        let agent = stage
            .switch
            .dial_agent(number, shown, &[("flow.part_of", &uuid)]);
        let agent = agent.hangs_up();
        stage.switch.end_talk(&uuid);
        Some(agent.legs)
    };
    let (mut played, agent) = tokio::join!(stage.place(&call, esl), agent);
    played.record.legs.extend(agent.into_iter().flatten());
    stage.judge(played, documents).await
}
