//! Confirms that a followed switch has a call before its webhook is asked.

use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::future::BoxFuture;
use metrics::counter;
use tokio::sync::Notify;
use tokio::time::{Instant, timeout};
use tracing::{info, warn};

use crate::follow::{CallClaim, CallVerifier, Confirmation, SWITCH_PLACES};
use crate::limits;
use switchhook_core::log_throttle::LogThrottle;
use switchhook_core::metric_names;
use switchhook_core::outcome::{Failure, Outcome, Reason};

/// How long the answer is waited for. A switch usually answers within milliseconds, and needs
/// not be asked at all if its events showed the call already.
const DEADLINE: Duration = Duration::from_secs(1);
/// How long a call waits for an earlier connection of its channel to end.
const HANDOVER: Duration = Duration::from_secs(1);

const UNKNOWN_CALL: &str = "no switch that is followed has this call; list the switch that it \
                            comes from as [[freeswitch]], or set listen.confirm_calls = false";
const DIFFERENT_CALL: &str = "the switch has this call with another caller, number or context; only \
                              its own socket application may connect here (listen.allow)";
const HELD_CALL: &str = "another connection holds this call already; only the socket application of \
                         its switch may connect here (listen.allow)";
const OVERLOADED: &str = "too many calls wait to be confirmed on port 8021; see /readyz, or set \
                          listen.allow and listen.confirm_calls = false";
const SILENCE: &str = "no switch confirmed this call within a second, and the connection does not come \
                       from the address of a switch in [[freeswitch]]; list it there, or set \
                       listen.allow and listen.confirm_calls = false";

/// What came of confirming a call and asking its webhook.
pub(super) enum Asked {
    /// The call is confirmed, and its webhook is being asked.
    Confirmed(BoxFuture<'static, Self>),
    /// The webhook was asked.
    Done(Outcome),
    /// The connection could not confirm its call, and nothing was asked.
    Refused(Failure),
}

/// Confirms calls, and knows which of them are held.
pub(super) struct Confirmer {
    verifier: CallVerifier,
    crowd: Crowd,
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
            crowd: Crowd::default(),
            held: Mutex::default(),
            left: Notify::new(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashSet<Box<str>>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn verify(&self, claim: &Arc<CallClaim>) -> Result<(), Failure> {
        let is_from_switch = self.verifier.is_from_switch(claim);
        // What other addresses claim delays no call of a switch: it does not count here.
        let asking = is_from_switch.then(|| self.crowd.enter());
        let was_crowded = || asking.as_ref().is_some_and(Asking::was_crowded);
        let asked = self.verifier.confirm(claim, is_from_switch);
        match timeout(DEADLINE, asked).await {
            Ok(Confirmation::Known) => Ok(()),
            Ok(Confirmation::Unknown) => Err(refuse(claim, UNKNOWN_CALL)),
            Ok(Confirmation::Different) => Err(refuse(claim, DIFFERENT_CALL)),
            Ok(Confirmation::Overloaded) => Err(overloaded(OVERLOADED)),
            Err(_) if was_crowded() => Err(overloaded(OVERLOADED)),
            // Strangers may be why it takes so long.
            Err(_) if !is_from_switch => Err(overloaded(SILENCE)),
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

/// How many calls from the addresses of switches wait for an answer.
#[derive(Default)]
struct Crowd {
    asking: AtomicUsize,
    /// Until when our queue may be what delays an answer.
    crowded_until: Mutex<Option<Instant>>,
}

/// One of the calls that wait.
struct Asking<'a> {
    crowd: &'a Crowd,
    began: Instant,
}

impl Crowd {
    fn until(&self) -> MutexGuard<'_, Option<Instant>> {
        let until = self.crowded_until.lock();
        until.unwrap_or_else(PoisonError::into_inner)
    }

    fn enter(&self) -> Asking<'_> {
        let began = Instant::now();
        // With more questions than places, some wait for us.
        if self.asking.fetch_add(1, Ordering::Relaxed) >= SWITCH_PLACES {
            *self.until() = Some(began + 2 * DEADLINE);
        }
        Asking { crowd: self, began }
    }
}

impl Asking<'_> {
    /// Returns whether our queue may have delayed the answer.
    fn was_crowded(&self) -> bool {
        self.crowd.until().is_some_and(|until| until > self.began)
    }
}

impl Drop for Asking<'_> {
    fn drop(&mut self) {
        self.crowd.asking.fetch_sub(1, Ordering::Relaxed);
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

/// Notes a connection that ended before its call was confirmed.
pub(super) fn left_unconfirmed(uuid: &str) {
    static LOG_LINES: LogThrottle = LogThrottle::per_minute(1);
    counter!(metric_names::UNCONFIRMED, "outcome" => "left").increment(1);
    LOG_LINES.log(|left_out| {
        info!(
            call_uuid = uuid,
            left_out, "a connection ended before a switch had confirmed its call"
        );
    });
}

/// Refuses a call because our own queue may have kept its answer away.
fn overloaded(why: &'static str) -> Failure {
    counter!(metric_names::UNCONFIRMED, "outcome" => "overloaded").increment(1);
    limits::record_hit("confirmations");
    LOG_LINES.log(|left_out| warn!(left_out, "{why}"));
    Failure::new(Reason::Overloaded, why)
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
