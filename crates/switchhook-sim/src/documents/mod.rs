//! Checks the documents that calls produce: their content and the number of deliveries.
//!
//! The lab derives the expected content from the switch's record of each call and verifies
//! signatures with its own code. A check that shared the service's code would share its mistakes.

mod compare;
mod expected;
pub(super) mod live;
mod signature;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use serde_json::Value;

use super::names::{ACCOUNT, FLOW, ZONE};
use super::receiver::{Receiver, Request};
use super::report::CallReport;
use super::scenarios::Scenario;
use super::switch::CallRecord;

/// Path to which documents are posted. No scenario has this name.
const PATH: &str = "/documents";
/// Time limit for a document when nothing delays it. The limit is generous: a sync on a disk that
/// is busy with other programs' writes takes 10 s and more, which is no fault of the service.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);
/// Base URL from which the lab's recordings would be fetched.
const RECORDINGS: &str = "https://rec.example/";

/// Returns the tables of `switchhook.toml` that turn on documents.
pub(super) fn config(receiver: SocketAddr) -> String {
    format!(
        "\n[account]\ndefault_webhook = \"completed\"\ntime_zone = \"Asia/Kolkata\"\n\n\
         [accounts.{ACCOUNT}]\ndefault_webhook = \"completed\"\ntime_zone = \"{ZONE}\"\n\n\
         [flows.{FLOW}]\nwebhook = true\n\n\
         [recordings]\npublic_url = \"{RECORDINGS}{{{{ file_name }}}}\"\n\n\
         [webhooks.completed]\nurl = \"http://{receiver}{PATH}\"\nsigning.secrets = [{:?}]\n",
        signature::SECRET
    )
}

/// A document in the form in which it was delivered.
#[derive(Debug, Clone)]
pub(super) struct Delivery {
    request: Request,
    body: Value,
}

impl Delivery {
    fn read(request: Request) -> Self {
        let body = serde_json::from_slice(&request.body).unwrap_or_default();
        Self { request, body }
    }

    fn call(&self) -> &str {
        self.body["phonon-uuid"].as_str().unwrap_or_default()
    }

    fn id(&self) -> &str {
        self.request.header("webhook-id").unwrap_or_default()
    }
}

/// Waits up to `patience` for an answered delivery of this call's document. Returns every delivery
/// of it so far.
pub(super) async fn wait(receiver: &Receiver, call: &str, patience: Duration) -> Vec<Delivery> {
    // The legs of an agent are in the documents of customers, too.
    let named = |request: &Request| Delivery::read(request.clone()).call() == call;
    let answered = |request: &Request| request.answered.is_some() && named(request);
    receiver.wait(PATH, patience, answered).await;
    let mut deliveries = all(receiver);
    deliveries.retain(|delivery| delivery.call() == call);
    deliveries
}

/// Waits until the service posts this call's document, whether or not the receiver answers.
pub(super) async fn wait_for_attempt(receiver: &Receiver, call: &str) {
    let named = |request: &Request| memchr::memmem::find(&request.body, call.as_bytes()).is_some();
    receiver.wait(PATH, PATIENCE, named).await;
}

fn all(receiver: &Receiver) -> Vec<Delivery> {
    let requests = receiver.requests_of(PATH);
    requests.into_iter().map(Delivery::read).collect()
}

/// Returns every problem with the document of one call.
pub(super) fn problems(
    scenario: &Scenario,
    record: &CallRecord,
    deliveries: &[Delivery],
    patience: Duration,
) -> Vec<String> {
    let Some(first) = deliveries.first() else {
        let seconds = patience.as_secs();
        return vec![format!("no document of the call came within {seconds} s")];
    };
    let mut problems = compare::differences(&expected::document(scenario, record), &first.body);
    problems.extend(deliveries.iter().filter_map(signature::problem));
    let closed = record.legs.iter().filter_map(|leg| leg.recording.as_ref());
    if closed.clone().any(|(_, at)| first.request.arrived < *at) {
        problems.push("the document came before the recording was closed".into());
    }
    problems
}

/// Checks all deliveries together after the service has stopped. Adds each call's problems to its
/// report and returns the problems that belong to no call.
pub(super) fn recheck(receiver: &Receiver, calls: &mut [CallReport]) -> Vec<String> {
    let mut by_call: BTreeMap<String, Vec<Delivery>> = BTreeMap::new();
    for delivery in all(receiver) {
        let call = delivery.call().to_owned();
        by_call.entry(call).or_default().push(delivery);
    }
    let mut strays = Vec::new();
    for (uuid, deliveries) in by_call {
        let first = |call: &&mut CallReport| call.legs.first() == Some(&uuid);
        let some = |call: &&mut CallReport| call.legs.contains(&uuid);
        if let Some(call) = calls.iter_mut().find(first) {
            let problem = repeated(&deliveries, call.repeats);
            call.deliveries = deliveries.len();
            call.fail(problem);
        } else if let Some(call) = calls.iter_mut().find(some) {
            call.fail(Some(format!("the leg {uuid} has a document of its own")));
        } else {
            strays.push(format!("a document of no call came: phonon-uuid {uuid:?}"));
        }
    }
    strays
}

/// Checks that a repeated delivery has identical bytes and the same id, and that it occurs only
/// when due.
fn repeated(deliveries: &[Delivery], due: bool) -> Option<String> {
    let [first, rest @ ..] = deliveries else {
        return None;
    };
    let count = deliveries.len();
    if rest.iter().any(|again| again.id() != first.id()) {
        return Some(format!(
            "its document came {count} times, under several webhook-id"
        ));
    }
    if rest
        .iter()
        .any(|again| again.request.body != first.request.body)
    {
        return Some(format!(
            "its document came {count} times, and not with the same bytes"
        ));
    }
    match (rest.is_empty(), due) {
        (false, false) => Some(format!("its document came {count} times, not once")),
        (true, true) => Some("its document was not sent again after the restart".into()),
        (false, true) | (true, false) => None,
    }
}

/// Returns the document that the report shows for a call.
pub(super) fn shown(deliveries: &[Delivery]) -> Option<Value> {
    deliveries.first().map(|delivery| delivery.body.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn delivery(id: &str, body: &str) -> Delivery {
        Delivery::read(Request {
            method: "POST".into(),
            target: PATH.into(),
            headers: vec![("webhook-id".into(), id.into())],
            body: body.into(),
            arrived: tokio::time::Instant::now(),
            answered: None,
            abandoned: None,
        })
    }

    fn fault(deliveries: &[Delivery], due: bool) -> String {
        repeated(deliveries, due).unwrap_or_default()
    }

    #[test]
    fn a_repeat_is_the_same_bytes_under_the_same_id_and_only_where_it_is_due() {
        let (first, same) = (delivery("msg_1", "{}"), delivery("msg_1", "{}"));
        let (renamed, changed) = (delivery("msg_2", "{}"), delivery("msg_1", "{ }"));
        let once = [first.clone()];
        assert_eq!(fault(&once, false), "");
        assert!(fault(&once, true).contains("not sent again"));
        let twice = [first.clone(), same];
        assert_eq!(fault(&twice, true), "");
        assert!(fault(&twice, false).contains("2 times, not once"));
        assert!(fault(&[first.clone(), renamed], true).contains("several webhook-id"));
        assert!(fault(&[first, changed], true).contains("not with the same bytes"));
    }
}
