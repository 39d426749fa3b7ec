//! Whether a call is one of a switch's that is followed: whoever reaches the Event Socket port
//! may claim to be any call.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use metrics::counter;
use tokio::time::timeout;
use tracing::{info, warn};

use switchhook_core::metric_names;
use switchhook_core::outcome::{Failure, Reason};

/// A switch that takes longer to answer is not waited for. Its answer usually takes some
/// milliseconds, or none, when its events have told of the call already.
const PATIENCE: Duration = Duration::from_secs(1);

/// What is known of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Confirmation {
    /// A switch has it.
    Known,
    /// Every switch was asked, and none has it.
    Unknown,
    /// Not every switch could be asked.
    Unanswered,
}

/// Who knows which calls there are.
pub trait CallVerifier: Send + Sync {
    /// Asks for the call with this Unique-ID.
    fn confirm(&self, uuid: &str) -> BoxFuture<'static, Confirmation>;
}

/// Asks for the call, when there is anybody to ask. A call that nobody can confirm is served:
/// the switches' port 8021 may be away when its calls are not.
///
/// # Errors
/// When every switch says that it has no such call.
pub(crate) async fn confirm(
    verifier: Option<Arc<dyn CallVerifier>>,
    uuid: &str,
) -> Result<(), Failure> {
    let Some(verifier) = verifier else {
        return Ok(());
    };
    let asked = timeout(PATIENCE, verifier.confirm(uuid)).await;
    match asked.unwrap_or(Confirmation::Unanswered) {
        Confirmation::Known => Ok(()),
        Confirmation::Unanswered => {
            counter!(metric_names::UNCONFIRMED, "outcome" => "served").increment(1);
            info!(
                call_uuid = uuid,
                "not every switch could be asked whether it has this call; it is served unconfirmed"
            );
            Ok(())
        }
        Confirmation::Unknown => {
            counter!(metric_names::UNCONFIRMED, "outcome" => "refused").increment(1);
            warn!(
                call_uuid = uuid,
                "no switch that is followed has this call; its webhook is not asked"
            );
            Err(Failure::new(Reason::InvalidRequest, STRANGER))
        }
    }
}

const STRANGER: &str = "no switch that is followed has this call; list the switch that it \
                        comes from as [[freeswitch]], or set listen.confirm_calls = false";
