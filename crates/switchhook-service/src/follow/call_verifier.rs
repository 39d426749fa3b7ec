//! Verifies that a followed switch has a call: any program that reaches the Event Socket port
//! may claim to be any call.

use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt as _, StreamExt as _};
use tokio::sync::{mpsc, oneshot, watch};

use switchhook_core::health::Health;

/// Requests that may wait for one follower.
const QUEUE_CAPACITY: usize = 4096;

/// The result of a verification.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Confirmation {
    /// A switch has the call.
    Known,
    /// Every switch answered, and none has the call.
    Unknown,
    /// Not every switch could be asked.
    Unanswered,
}

/// A question to one follower: does its switch have this call?
pub(super) struct VerifyRequest {
    pub uuid: String,
    pub answer: oneshot::Sender<bool>,
}

/// Asks the followers of one or more switches whether a call exists. Cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct CallVerifier {
    switches: Vec<FollowedSwitch>,
}

#[derive(Clone)]
struct FollowedSwitch {
    requests: mpsc::Sender<VerifyRequest>,
    health: watch::Receiver<Health>,
}

/// Returns a verifier for one switch, and the requests that its follower has to answer.
pub(super) fn of_switch(
    health: watch::Receiver<Health>,
) -> (CallVerifier, mpsc::Receiver<VerifyRequest>) {
    let (requests, received) = mpsc::channel(QUEUE_CAPACITY);
    let switches = vec![FollowedSwitch { requests, health }];
    (CallVerifier { switches }, received)
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

    /// Asks all switches at once whether they have the call with this Unique-ID.
    pub(crate) fn confirm(&self, uuid: &str) -> BoxFuture<'static, Confirmation> {
        let switches = self.switches.iter().cloned();
        let asked = switches.map(|switch| {
            let uuid = uuid.to_owned();
            async move { switch.has(uuid).await }
        });
        let mut answers: FuturesUnordered<_> = asked.collect();
        async move {
            let mut all_answered = true;
            while let Some(answer) = answers.next().await {
                match answer {
                    Some(true) => return Confirmation::Known,
                    Some(false) => {}
                    None => all_answered = false,
                }
            }
            if all_answered {
                Confirmation::Unknown
            } else {
                Confirmation::Unanswered
            }
        }
        .boxed()
    }
}

impl FollowedSwitch {
    /// Returns whether the switch has the call, `None` if it cannot be asked. The follower
    /// answers most requests from the events it has read, without asking the switch.
    async fn has(&self, uuid: String) -> Option<bool> {
        if !self.health.borrow().ok {
            return None;
        }
        let (answer, answered) = oneshot::channel();
        self.requests
            .try_send(VerifyRequest { uuid, answer })
            .ok()?;
        answered.await.ok()
    }
}
