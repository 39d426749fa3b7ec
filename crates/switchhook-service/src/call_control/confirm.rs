//! Confirms that a followed switch has a call before its webhook is asked.

use std::collections::HashSet;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use metrics::counter;
use tokio::sync::Notify;
use tokio::time::{Instant, timeout};
use tracing::{info, warn};

use crate::follow::{CallClaim, CallVerifier, Confirmation, VERIFICATIONS};
use crate::limits;
use switchhook_admin::listener::KeyedPermits;
use switchhook_core::log_throttle::LogThrottle;
use switchhook_core::metric_names;
use switchhook_core::outcome::{Failure, Outcome, Reason};

/// How long the answer is waited for. A switch usually answers within milliseconds, and needs
/// not be asked at all if its events showed the call already.
const DEADLINE: Duration = Duration::from_secs(1);
/// How long a call waits for an earlier connection of its channel to end.
const HANDOVER: Duration = Duration::from_secs(1);
/// Questions of one address that may wait at once.
const PER_PEER: usize = 512;
/// With more questions than this under way, it is our queue that delays an answer.
const CROWDED: usize = 64;

const UNKNOWN_CALL: &str = "no switch that is followed has this call; list the switch that it \
                            comes from as [[freeswitch]], or set listen.confirm_calls = false";
const DIFFERENT_CALL: &str = "the switch has this call with another caller, number or context; only \
                              its own socket application may connect here (listen.allow)";
const HELD_CALL: &str = "another connection holds this call already; only the socket application of \
                         its switch may connect here (listen.allow)";
const OVERLOADED: &str = "too many calls wait to be confirmed on port 8021; see /readyz, or set \
                          listen.allow and listen.confirm_calls = false";

/// What came of asking a webhook.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) outcome: Outcome,
    /// Whether the connection could not confirm its call. Nothing of it is kept.
    pub(super) is_refused: bool,
}

impl From<Outcome> for Asked {
    fn from(outcome: Outcome) -> Self {
        Self {
            outcome,
            is_refused: false,
        }
    }
}

impl Asked {
    /// Nothing was asked, because the call is not confirmed.
    pub(super) fn refused(why: Failure) -> Self {
        Self {
            outcome: Outcome::unsent(why),
            is_refused: true,
        }
    }
}

/// Confirms calls, and knows which of them are held.
pub(super) struct Confirmer {
    verifier: CallVerifier,
    asking: KeyedPermits<IpAddr>,
    /// Until when our queue may be what delays an answer.
    crowded_until: Mutex<Option<Instant>>,
    held: Mutex<HashSet<Box<str>>>,
    left: Notify,
}

/// A confirmed call. No other connection may hold it meanwhile.
pub(super) struct ConfirmedCall {
    confirmer: Arc<Confirmer>,
    uuid: Box<str>,
}

impl Drop for ConfirmedCall {
    fn drop(&mut self) {
        self.confirmer.lock().remove(&self.uuid);
        self.confirmer.left.notify_waiters();
    }
}

/// A claim, and who confirms it.
pub(super) struct Unconfirmed {
    pub(super) confirmer: Arc<Confirmer>,
    pub(super) claim: CallClaim,
}

impl Unconfirmed {
    /// Asks the switches for the call. A call that cannot be confirmed is served: port 8021 may be
    /// unreachable while calls still arrive.
    ///
    /// # Errors
    /// No switch has such a call, or our own queue is full.
    pub(super) async fn confirm(self) -> Result<ConfirmedCall, Failure> {
        let Self { confirmer, claim } = self;
        let claim = Arc::new(claim);
        confirmer.verify(&claim).await?;
        confirmer.hold(&claim).await
    }
}

impl Confirmer {
    pub(super) fn new(verifier: CallVerifier) -> Self {
        Self {
            verifier,
            asking: KeyedPermits::new(VERIFICATIONS, PER_PEER),
            crowded_until: Mutex::default(),
            held: Mutex::default(),
            left: Notify::new(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashSet<Box<str>>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn crowded_until(&self) -> MutexGuard<'_, Option<Instant>> {
        let until = self.crowded_until.lock();
        until.unwrap_or_else(PoisonError::into_inner)
    }

    async fn verify(&self, claim: &Arc<CallClaim>) -> Result<(), Failure> {
        let peer = claim.peer.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
        let Some(_asking) = self.asking.try_acquire(peer) else {
            return Err(overloaded());
        };
        let began = Instant::now();
        if self.asking.in_use() > CROWDED {
            *self.crowded_until() = Some(began + 2 * DEADLINE);
        }
        let confirmation = timeout(DEADLINE, self.verifier.confirm(claim)).await;
        let is_crowded = || self.crowded_until().is_some_and(|until| until > began);
        match confirmation {
            Ok(Confirmation::Known) => Ok(()),
            Ok(Confirmation::Unknown) => Err(refuse(claim, UNKNOWN_CALL)),
            Ok(Confirmation::Different) => Err(refuse(claim, DIFFERENT_CALL)),
            Ok(Confirmation::Overloaded) => Err(overloaded()),
            Err(_) if is_crowded() => Err(overloaded()),
            Ok(Confirmation::Unanswered) | Err(_) => {
                serve_unconfirmed(claim);
                Ok(())
            }
        }
    }

    /// Holds the call. An earlier connection of the same channel may be about to end.
    async fn hold(self: Arc<Self>, claim: &CallClaim) -> Result<ConfirmedCall, Failure> {
        let take = async {
            loop {
                let left = self.left.notified();
                if self.lock().insert(claim.uuid.as_str().into()) {
                    return;
                }
                left.await;
            }
        };
        if timeout(HANDOVER, take).await.is_err() {
            return Err(refuse(claim, HELD_CALL));
        }
        Ok(ConfirmedCall {
            uuid: claim.uuid.as_str().into(),
            confirmer: self,
        })
    }
}

/// Anyone who can connect causes these lines.
static LOG_LINES: LogThrottle = LogThrottle::per_minute(10);

fn serve_unconfirmed(claim: &CallClaim) {
    counter!(metric_names::UNCONFIRMED, "outcome" => "served").increment(1);
    LOG_LINES.log(|left_out| {
        info!(
            call_uuid = claim.uuid,
            left_out,
            "not every switch could be asked whether it has this call; the call is served unconfirmed"
        );
    });
}

/// Refuses a call because of our own queue.
fn overloaded() -> Failure {
    counter!(metric_names::UNCONFIRMED, "outcome" => "overloaded").increment(1);
    limits::record_hit("confirmations");
    LOG_LINES.log(|left_out| warn!(left_out, "{OVERLOADED}"));
    Failure::new(Reason::Overloaded, OVERLOADED)
}

/// Counts and logs a stranger: nothing else of it is kept.
fn refuse(claim: &CallClaim, why: &'static str) -> Failure {
    counter!(metric_names::UNCONFIRMED, "outcome" => "refused").increment(1);
    LOG_LINES.log(|left_out| {
        let peer = claim.peer.map(|peer| peer.to_string());
        warn!(
            call_uuid = claim.uuid,
            peer, left_out, "a connection is refused, and its webhook is not asked: {why}"
        );
    });
    Failure::new(Reason::InvalidRequest, why)
}
