//! Plays calls while the receiver of documents, a webhook or the service itself is unavailable.

use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::{Instant, sleep_until, timeout};

use super::documents;
use super::harness::{Harness, Played, SETTLE};
use super::options::{LabError, ROOM, Service};
use super::receiver::{Receiver, Request};
use super::report::CallReport;
use super::scenarios::{Killed, ReceiverDown, Rests, Scenario};
use super::switch::Switch;

/// Time limit of each wait. If the expected event does not come, the affected calls show it.
const PATIENCE: Duration = Duration::from_secs(20);
/// Time within which a caller must be on line 1 after the service died.
const RESCUED: Duration = Duration::from_secs(2);

/// The calls that were played, and the problems that belong to no call.
pub(super) type Outcome = Result<(Vec<CallReport>, Vec<String>), LabError>;

/// Plays calls for a webhook that does not answer.
///
/// Two callers wait for it, and the open circuit sends two to line 1 at once. After the pause, one
/// call finds that the webhook answers again.
pub(super) async fn rests(stage: &Harness, calls: &Rests, service: &impl Service) -> Outcome {
    let documents = Receiver::start().await?;
    let config = stage.config(&calls.all(), &documents, ROOM);
    let started = stage.started(service.start(config)).await?;
    let esl = &started.esl;
    let place = |calls| both(calls, |call| stage.place(call, esl));
    stage.receiver.hold_answers();
    let [first, second] = place(&calls.fails).await;
    let failed = Instant::now();
    let [third, fourth] = place(&calls.rests).await;
    stage.receiver.answer();
    sleep_until(failed + Rests::pause()).await;
    // The calls run one after the other, because the second uses the result of the first.
    let [probe, last] = &calls.heals;
    let heals = [stage.place(probe, esl).await, stage.place(last, esl).await];
    let played = [first, second, third, fourth].into_iter().chain(heals);
    let judged = played.map(|played| stage.judge(played, &documents));
    let mut reports = join_all(judged).await;
    started.stop.await;
    let strays = documents::recheck(&documents, &mut reports);
    Ok((reports, strays))
}

/// Runs an operation on both elements at once.
async fn both<'t, T, D: Future>(two: &'t [T; 2], does: impl Fn(&'t T) -> D) -> [D::Output; 2] {
    let [one, other] = two;
    tokio::join!(does(one), does(other)).into()
}

/// Plays two calls while the receiver of documents is down.
///
/// The first call ends while the receiver is down. The second is on hold meanwhile and ends after
/// the receiver is back. Its delivery triggers the delivery of the first one's document.
pub(super) async fn receiver_down(
    stage: &Harness,
    calls: &ReceiverDown,
    service: &impl Service,
) -> Outcome {
    let documents = Receiver::start().await?;
    documents.down();
    wait(documents.refuses()).await;
    let config = stage.config(&calls.all(), &documents, ROOM);
    let started = stage.started(service.start(config)).await?;
    let first = stage.place(&calls.ends, &started.esl).await;
    let talks = stage.switch.event("CHANNEL_UNPARK", calls.on_hold.name);
    let second = stage.place(&calls.on_hold, &started.esl);
    let back = async {
        wait(talks).await;
        documents.up();
        wait(documents.listens()).await;
        end(&stage.switch, &request(stage, &calls.on_hold).await);
    };
    let (second, ()) = tokio::join!(second, back);
    let (first, second) = tokio::join!(
        stage.judge(first, &documents),
        stage.judge(second, &documents)
    );
    started.stop.await;
    let mut reports = vec![first, second];
    let strays = documents::recheck(&documents, &mut reports);
    Ok((reports, strays))
}

/// Kills the service and starts it again.
///
/// At the kill, one caller talks, two are on hold (one of them parked), and the document of
/// another is on its way to a receiver that has not answered yet.
pub(super) async fn killed(stage: &Harness, calls: &Killed, service: &impl Service) -> Outcome {
    let documents = Receiver::start().await?;
    documents.hold_answers();
    let config = stage.config(&calls.all(), &documents, ROOM);
    let started = stage.started(service.start_process(config.clone())).await?;
    let bridged = stage.switch.event("CHANNEL_BRIDGE", calls.talks.name);
    let kill = async {
        wait(bridged).await;
        let asked = request(stage, &calls.on_hold).await;
        let parked = request(stage, &calls.parked).await;
        // The service writes in order, so everything before this call is stored once the call is
        // over.
        let over = stage.place(&calls.over, &started.esl).await;
        documents::wait_for_attempt(&documents, &over.record.uuid).await;
        let at = Instant::now();
        started.stop.await;
        documents.answer();
        let again = stage.started(service.start_process(config)).await;
        // The parked call reaches its line only when its way out is due, and ends after that.
        for call in [request(stage, &calls.talks).await, asked, parked] {
            end(&stage.switch, &call);
        }
        again.map(|started| (over, at, started))
    };
    let esl = &started.esl;
    let (talks, held, parked, killed) = tokio::join!(
        stage.place(&calls.talks, esl),
        stage.place(&calls.on_hold, esl),
        stage.place(&calls.parked, esl),
        kill
    );
    let (over, at, started) = killed?;
    let late = late(&held, at);
    let (talks, mut held, parked, over) = tokio::join!(
        stage.judge(talks, &documents),
        stage.judge(held, &documents),
        stage.judge(parked, &documents),
        stage.judge(over, &documents)
    );
    started.stop.await;
    held.fail(late);
    let mut reports = vec![talks, held, parked, over];
    let strays = documents::recheck(&documents, &mut reports);
    Ok((reports, strays))
}

/// Returns a problem if the caller stayed on hold for too long after the kill.
fn late(held: &Played<'_>, killed: Instant) -> Option<String> {
    let waited = held.record.ended?.saturating_duration_since(killed);
    (waited > RESCUED).then(|| {
        let seconds = waited.as_secs_f64();
        format!("the caller was on hold for {seconds:.1} s after the service was killed")
    })
}

async fn wait<T>(what: impl Future<Output = T>) {
    // A missing event shows in the calls that needed it.
    let _ = timeout(PATIENCE, what).await;
}

/// Waits for the request of a call's webhook.
pub(super) async fn request(stage: &Harness, scenario: &Scenario) -> Option<Request> {
    let path = format!("/{}", scenario.name);
    stage.receiver.wait(&path, SETTLE, |_| true).await
}

/// Ends the conversation of the call that sent this request.
fn end(switch: &Switch, asked: &Option<Request>) {
    if let Some(call) = asked.as_ref().and_then(call_of) {
        switch.end_talk(&call);
    }
}

/// Returns the Unique-ID of the call that sent this request.
pub(super) fn call_of(request: &Request) -> Option<String> {
    let body: serde_json::Value = serde_json::from_slice(&request.body).ok()?;
    body["phonon-uuid"].as_str().map(str::to_owned)
}
