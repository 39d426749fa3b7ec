//! Checks the events that calls produce while they live: what they tell, their order and numbers.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::Duration;

use chrono::DateTime;
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::{Delivery, signature};
use crate::names::{FLOW, SWITCH};
use crate::receiver::{Receiver, Request};
use crate::switch::CallRecord;

/// Path to which events are posted. No scenario has this name.
const PATH: &str = "/live";
/// The queue of the events, in the service's metrics.
const QUEUE: &str = "live/events";

/// How long an event waits for the one before it, and when it is too old.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Patience {
    pub wait: &'static str,
    pub expire: &'static str,
}

/// Returns the configuration with events of every kind, which go to `receiver`.
pub(crate) fn turned_on(config: &str, receiver: SocketAddr, patience: Patience) -> String {
    let flow = format!("[flows.{FLOW}]\n");
    let Patience { wait, expire } = patience;
    let events = format!(
        "{flow}events = [\"started\", \"ringing\", \"answered\", \"bridged\", \"held\", \"resumed\", \
         \"transferred\", \"agent_joined\", \"agent_left\", \"recording_started\", \
         \"recording_stopped\", \"lookup\", \"ended\"]\n\
         events_webhook = \"live\"\nevents_wait = {wait:?}\nevents_expire = {expire:?}\n"
    );
    let webhook = format!(
        "\n[webhooks.live]\nurl = \"http://{receiver}{PATH}\"\nsigning.secrets = [{:?}]\n",
        signature::SECRET
    );
    config.replacen(&flow, &events, 1) + &webhook
}

/// Waits up to `patience` for the answered delivery of this call's end. Returns every delivery of
/// its events so far.
pub(crate) async fn wait(receiver: &Receiver, call: &str, patience: Duration) -> Vec<Delivery> {
    let ended = |request: &Request| {
        let delivery = Delivery::read(request.clone());
        delivery.call() == call && delivery.body["type"] == "call.ended"
    };
    let answered = |request: &Request| request.answered.is_some() && ended(request);
    receiver.wait(PATH, patience, answered).await;
    deliveries(receiver, call)
}

/// Returns every delivery of a call's events so far.
pub(crate) fn deliveries(receiver: &Receiver, call: &str) -> Vec<Delivery> {
    let requests = receiver.requests_of(PATH);
    let mut all: Vec<Delivery> = requests.into_iter().map(Delivery::read).collect();
    all.retain(|delivery| delivery.call() == call);
    all
}

/// Returns whether the receiver has answered a delivery.
pub(crate) fn is_answered(delivery: &Delivery) -> bool {
    delivery.request.answered.is_some()
}

/// Returns how many events have expired, by the metrics of the service at `http`.
pub(crate) async fn expired(http: &str) -> usize {
    let Ok(mut stream) = TcpStream::connect(http).await else {
        return 0;
    };
    let request = format!("GET /metrics HTTP/1.1\r\nhost: {http}\r\nconnection: close\r\n\r\n");
    let mut text = String::new();
    let read = async {
        stream.write_all(request.as_bytes()).await?;
        stream.read_to_string(&mut text).await
    };
    if read.await.is_err() {
        return 0;
    }
    let counter = format!("{{endpoint={QUEUE:?},outcome=\"expired\"}} ");
    let value = text.lines().find_map(|line| line.split_once(&counter));
    value
        .and_then(|(_, count)| count.trim().parse().ok())
        .unwrap_or(0)
}

/// The legs of a call, by which its events name them.
#[derive(Debug, Clone)]
pub(crate) struct Legs(Vec<(String, String)>);

impl Legs {
    pub(crate) fn of(record: &CallRecord) -> Self {
        let number = |outbound, destination: &String, caller: &String| {
            if outbound { destination } else { caller }.clone()
        };
        let legs = record.legs.iter();
        Self(
            legs.map(|leg| {
                let number = number(leg.outbound, &leg.destination, &leg.caller);
                (format!("{}##{SWITCH}", leg.uuid), number)
            })
            .collect(),
        )
    }

    /// Returns the place of a leg in the call, or what is wrong with it.
    fn place(&self, leg: &Value) -> String {
        let field = |name: &str| leg[name].as_str().unwrap_or_default();
        let at = self.0.iter().position(|(id, _)| id == field("cdrId"));
        let Some((at, (_, number))) = at.and_then(|at| Some((at, self.0.get(at)?))) else {
            return "of another call".into();
        };
        if number == field("calleeNumber") {
            at.to_string()
        } else {
            format!("{at} as {:?}", field("calleeNumber"))
        }
    }

    /// Returns an event in words: `transferred 0 with 2 from 1`.
    fn words(&self, event: &Value) -> String {
        let kind = event["type"].as_str().unwrap_or_default();
        let mut words = kind.strip_prefix("call.").unwrap_or(kind).to_owned();
        words.push_str(&format!(" {}", self.place(&event["leg"])));
        for (name, word) in [("other", "with"), ("from", "from")] {
            if let Some(leg) = event.get(name) {
                words.push_str(&format!(" {word} {}", self.place(leg)));
            }
        }
        words
    }
}

/// Returns every problem with the events of one call, in the order of their arrival. A repetition is
/// none if it has the same id and bytes.
pub(crate) fn problems(
    expected: &[&str],
    webhook: &str,
    legs: &Legs,
    deliveries: &[Delivery],
) -> Vec<String> {
    let mut problems: Vec<String> = deliveries.iter().filter_map(signature::problem).collect();
    let mut first: Vec<&Delivery> = Vec::new();
    for delivery in deliveries {
        match first.iter().find(|known| known.id() == delivery.id()) {
            Some(known) if known.request.body != delivery.request.body => {
                problems.push("an event was sent again, but not with the same bytes".into());
            }
            Some(_) => {}
            None => first.push(delivery),
        }
    }
    let told: Vec<String> = first.iter().map(|one| legs.words(&one.body)).collect();
    if told != expected {
        problems.push(format!("the events are {told:?}, not {expected:?}"));
    }
    let numbers = first.iter().map(|one| one.body["sequence"].as_u64());
    let numbers: Vec<Option<u64>> = numbers.collect();
    let wanted: Vec<Option<u64>> = (1..).take(first.len()).map(Some).collect();
    if numbers != wanted {
        problems.push(format!(
            "the events are numbered {numbers:?}, not {wanted:?}"
        ));
    }
    problems.extend(
        first
            .iter()
            .filter_map(|one| field_problem(&one.body, webhook)),
    );
    let problems: BTreeSet<String> = problems.into_iter().collect();
    problems.into_iter().collect()
}

/// Returns what is wrong with the fields that every event has, and with a lookup.
fn field_problem(event: &Value, webhook: &str) -> Option<String> {
    let kind = event["type"].as_str().unwrap_or_default();
    if event["flow"] != FLOW {
        return Some(format!(
            "the flow of {kind} is {}, not {FLOW:?}",
            event["flow"]
        ));
    }
    let time = event["time"].as_str().unwrap_or_default();
    if DateTime::parse_from_rfc3339(time).is_err() || !time.ends_with("+05:30") {
        return Some(format!(
            "the time of {kind} is {time:?}, not one of the account"
        ));
    }
    let lookup = &event["lookup"];
    let right =
        lookup["webhook"] == webhook && lookup["line"] == 0 && lookup["reason"] == "SUCCESS";
    (kind == "call.lookup" && !right).then(|| format!("the lookup is {lookup}"))
}
