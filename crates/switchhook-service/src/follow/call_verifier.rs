//! Verifies that a followed switch has a call, and that it is the call that a connection claims: any
//! program that reaches the Event Socket port may claim to be any call.

use std::net::IpAddr;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt as _, StreamExt as _};
use percent_encoding::percent_decode_str;
use serde::Deserialize;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, oneshot, watch};

use switchhook_core::health::Health;
use switchhook_core::numbers::{NumberSource, Numbers};

/// Requests that may wait until one follower looks at them: for calls from the addresses of switches,
/// and for those from all others.
const QUEUE_CAPACITY: usize = 4096;
const QUEUE_CAPACITY_OF_OTHERS: usize = 1024;

/// What a connection says about its call.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct CallClaim {
    pub(crate) uuid: String,
    pub(crate) caller: String,
    pub(crate) destination: String,
    pub(crate) context: String,
    /// The address that says so.
    pub(crate) peer: Option<IpAddr>,
}

/// The result of a verification.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Confirmation {
    /// A switch has the call, with these numbers, in this context.
    Known,
    /// A switch has a call of this Unique-ID, which is another one.
    Different,
    /// Every switch answered, and none has the call.
    Unknown,
    /// Not every switch could be asked.
    Unanswered,
    /// Too many questions wait for the answer of a switch.
    Overloaded,
}

/// The answer of one switch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SwitchAnswer {
    Has,
    HasAnother,
    HasNot,
    /// Too many questions wait.
    Busy,
}

/// A question to one follower: does its switch have this call?
pub(super) struct VerifyRequest {
    pub claim: Arc<CallClaim>,
    /// Whether the claim comes from the address of a followed switch.
    pub is_from_switch: bool,
    answer: Option<oneshot::Sender<SwitchAnswer>>,
}

impl VerifyRequest {
    /// Returns a question, and where its answer comes.
    pub(super) fn new(
        claim: Arc<CallClaim>,
        is_from_switch: bool,
    ) -> (Self, oneshot::Receiver<SwitchAnswer>) {
        let (answer, answered) = oneshot::channel();
        let request = Self {
            claim,
            is_from_switch,
            answer: Some(answer),
        };
        (request, answered)
    }

    /// Answers the question, if it is not answered yet.
    pub(super) fn answer(&mut self, answer: SwitchAnswer) {
        if let Some(sender) = self.answer.take() {
            // Fails only if the call has ended.
            let _ = sender.send(answer);
        }
    }

    /// Returns whether nobody waits for the answer any more.
    pub(super) fn is_settled(&self) -> bool {
        self.answer.as_ref().is_none_or(oneshot::Sender::is_closed)
    }
}

/// The questions that one follower has to answer.
pub(super) struct VerifyRequests {
    of_switches: mpsc::Receiver<VerifyRequest>,
    of_others: mpsc::Receiver<VerifyRequest>,
}

impl VerifyRequests {
    /// Waits for the next question, those of switches first. `None` if nobody can ask any more.
    /// Cancel safe.
    pub(super) async fn recv(&mut self) -> Option<VerifyRequest> {
        tokio::select! {
            biased;
            Some(request) = self.of_switches.recv() => Some(request),
            Some(request) = self.of_others.recv() => Some(request),
            else => None,
        }
    }
}

/// Asks the followers of one or more switches whether a call exists. Cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct CallVerifier {
    switches: Vec<FollowedSwitch>,
}

#[derive(Clone)]
struct FollowedSwitch {
    requests: mpsc::Sender<VerifyRequest>,
    requests_of_others: mpsc::Sender<VerifyRequest>,
    health: watch::Receiver<Health>,
    /// Where the switch was reached last.
    address: watch::Receiver<Option<IpAddr>>,
}

/// Returns a verifier for one switch, and the requests that its follower has to answer.
pub(super) fn of_switch(
    health: watch::Receiver<Health>,
    address: watch::Receiver<Option<IpAddr>>,
) -> (CallVerifier, VerifyRequests) {
    let (requests, of_switches) = mpsc::channel(QUEUE_CAPACITY);
    let (requests_of_others, of_others) = mpsc::channel(QUEUE_CAPACITY_OF_OTHERS);
    let switch = FollowedSwitch {
        requests,
        requests_of_others,
        health,
        address,
    };
    let verifier = CallVerifier {
        switches: vec![switch],
    };
    let received = VerifyRequests {
        of_switches,
        of_others,
    };
    (verifier, received)
}

impl CallClaim {
    /// Returns whether the events of a call confirm the claim. A transfer changes the numbers, so
    /// they can only confirm.
    pub(super) fn fits(&self, numbers: &Numbers) -> bool {
        let is = |told: &Option<String>, claimed: &str| {
            is_same(told.as_deref().unwrap_or_default(), claimed)
        };
        numbers.source >= NumberSource::Beginning
            && is(&numbers.caller, &self.caller)
            && is(&numbers.destination, &self.destination)
            && is(&numbers.context, &self.context)
    }

    /// Judges the claim by the reply to `uuid_dump … json`; `None` if it is no answer.
    pub(super) fn judge(&self, dump: &str) -> Option<SwitchAnswer> {
        if dump.trim_start().starts_with("-ERR") {
            let is_gone = dump.contains("No such channel");
            return is_gone.then_some(SwitchAnswer::HasNot);
        }
        let told: Profile = serde_json::from_str(dump).ok()?;
        let fits = is_same(&told.caller, &self.caller)
            && is_same(&told.destination, &self.destination)
            && is_same(&told.context, &self.context);
        Some(if fits {
            SwitchAnswer::Has
        } else {
            SwitchAnswer::HasAnother
        })
    }
}

/// The part of a channel's dump that a connection must know.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Profile {
    #[serde(rename = "Caller-Caller-ID-Number")]
    caller: String,
    #[serde(rename = "Caller-Destination-Number")]
    destination: String,
    #[serde(rename = "Caller-Context")]
    context: String,
}

/// Compares the exact text of port 8021 with that of the `connect` reply, which leaves `%XX` in a
/// value as it is.
fn is_same(told: &str, claimed: &str) -> bool {
    told == claimed
        || (told.contains('%') && percent_decode_str(told).decode_utf8_lossy() == claimed)
}

impl CallVerifier {
    /// Adds the switches of another verifier.
    pub(crate) fn merge(&mut self, other: Self) {
        self.switches.extend(other.switches);
    }

    /// Returns whether there is no switch to ask.
    pub(crate) const fn is_empty(&self) -> bool {
        self.switches.is_empty()
    }

    /// Returns whether a claim comes from the address of a followed switch. A call that is played
    /// from a recording comes from none.
    pub(crate) fn is_from_switch(&self, claim: &CallClaim) -> bool {
        let is_its = |switch: &FollowedSwitch| *switch.address.borrow() == claim.peer;
        claim.peer.is_none() || self.switches.iter().any(is_its)
    }

    /// Asks all switches at once whether they have the call.
    pub(crate) fn confirm(
        &self,
        claim: &Arc<CallClaim>,
        is_from_switch: bool,
    ) -> BoxFuture<'static, Confirmation> {
        let switches = self.switches.iter().cloned();
        let asked = switches.map(|switch| {
            let claim = Arc::clone(claim);
            async move { switch.has(claim, is_from_switch).await }
        });
        let mut answers: FuturesUnordered<_> = asked.collect();
        async move {
            let mut result = Confirmation::Unknown;
            while let Some(answer) = answers.next().await {
                result = match (answer, result) {
                    (Some(SwitchAnswer::Has), _) => return Confirmation::Known,
                    (Some(SwitchAnswer::HasNot), result) => result,
                    (Some(SwitchAnswer::HasAnother), _) | (_, Confirmation::Different) => {
                        Confirmation::Different
                    }
                    (Some(SwitchAnswer::Busy), _) | (_, Confirmation::Overloaded) => {
                        Confirmation::Overloaded
                    }
                    (None, _) => Confirmation::Unanswered,
                };
            }
            result
        }
        .boxed()
    }
}

impl FollowedSwitch {
    /// Asks the switch; `None` if it cannot be asked. The follower answers most requests from the
    /// events it has read, without asking the switch.
    async fn has(&self, claim: Arc<CallClaim>, is_from_switch: bool) -> Option<SwitchAnswer> {
        if !self.health.borrow().ok {
            return None;
        }
        let (request, answered) = VerifyRequest::new(claim, is_from_switch);
        let requests = if is_from_switch {
            &self.requests
        } else {
            &self.requests_of_others
        };
        match requests.try_send(request) {
            Ok(()) => answered.await.ok(),
            Err(TrySendError::Full(_)) => Some(SwitchAnswer::Busy),
            Err(TrySendError::Closed(_)) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claim() -> CallClaim {
        CallClaim {
            uuid: "u-1".into(),
            caller: "+49301".into(),
            destination: "7000".into(),
            context: "public".into(),
            peer: None,
        }
    }

    #[test]
    fn a_claim_is_compared_in_each_of_its_three_parts() {
        let dump = |caller: &str, destination: &str, context: &str| {
            serde_json::json!({
                "Event-Name": "CHANNEL_DATA",
                "Caller-Caller-ID-Number": caller,
                "Caller-Destination-Number": destination,
                "Caller-Context": context,
                "variable_sip_h_X-List": ["a", "b"],
            })
            .to_string()
        };
        for (dump, answer) in [
            (dump("+49301", "7000", "public"), Some(SwitchAnswer::Has)),
            (dump("%2B49301", "7000", "public"), Some(SwitchAnswer::Has)),
            (
                dump("+49302", "7000", "public"),
                Some(SwitchAnswer::HasAnother),
            ),
            (
                dump("+49301", "7001", "public"),
                Some(SwitchAnswer::HasAnother),
            ),
            (
                dump("+49301", "7000", "tenant"),
                Some(SwitchAnswer::HasAnother),
            ),
            ("-ERR No such channel!\n".into(), Some(SwitchAnswer::HasNot)),
            ("-ERR not now\n".into(), None),
            ("no json".into(), None),
        ] {
            assert_eq!(claim().judge(&dump), answer, "{dump}");
        }
    }

    #[test]
    fn events_confirm_a_claim_and_never_refute_it() {
        let numbers = Numbers {
            source: NumberSource::Create,
            caller: Some("+49301".into()),
            destination: Some("7000".into()),
            context: Some("public".into()),
            ..Numbers::default()
        };
        assert!(claim().fits(&numbers));
        for other in [
            Numbers {
                source: NumberSource::Later,
                ..numbers.clone()
            },
            Numbers {
                destination: None,
                ..numbers.clone()
            },
            Numbers {
                context: Some("tenant".into()),
                ..numbers
            },
        ] {
            assert!(!claim().fits(&other), "{other:?}");
        }
    }
}
