//! Confirms that a followed switch has a call before its webhook is asked.

use std::sync::Arc;
use std::time::Duration;

use metrics::counter;
use tokio::time::timeout;
use tracing::{info, warn};

use crate::follow::{CallVerifier, Confirmation};
use switchhook_core::metric_names;
use switchhook_core::outcome::{Failure, Reason};

/// How long the answer is waited for. A switch usually answers within milliseconds, and needs
/// not be asked at all if its events showed the call already.
const DEADLINE: Duration = Duration::from_secs(1);

const UNKNOWN_CALL: &str = "no switch that is followed has this call; list the switch that it \
                            comes from as [[freeswitch]], or set listen.confirm_calls = false";

/// Asks the verifier, if there is one, for the call with this Unique-ID. A call that cannot be
/// confirmed is served: port 8021 may be unreachable while calls still arrive.
///
/// # Errors
/// Every switch answered that it has no such call.
pub(super) async fn confirm(
    verifier: Option<Arc<CallVerifier>>,
    uuid: &str,
) -> Result<(), Failure> {
    let Some(verifier) = verifier else {
        return Ok(());
    };
    let confirmation = timeout(DEADLINE, verifier.confirm(uuid)).await;
    match confirmation.unwrap_or(Confirmation::Unanswered) {
        Confirmation::Known => Ok(()),
        Confirmation::Unanswered => {
            counter!(metric_names::UNCONFIRMED, "outcome" => "served").increment(1);
            info!(
                call_uuid = uuid,
                "not every switch could be asked whether it has this call; the call is served unconfirmed"
            );
            Ok(())
        }
        Confirmation::Unknown => {
            counter!(metric_names::UNCONFIRMED, "outcome" => "refused").increment(1);
            warn!(
                call_uuid = uuid,
                "no switch that is followed has this call; its webhook is not asked"
            );
            Err(Failure::new(Reason::InvalidRequest, UNKNOWN_CALL))
        }
    }
}
