//! Notes what operators do, and who is refused: one line of the log, and one entry of the store.

use std::time::Duration;

use tokio::time::timeout;
use tracing::{info, warn};

use crate::access::Access;
use crate::state::AdminState;
use switchhook_core::log_throttle::LogThrottle;
use switchhook_store::{NewAuditEntry, Store};

/// The time that an action waits for its entry to be stored.
const DEADLINE: Duration = Duration::from_secs(2);

/// Notes what the sender of a request did.
pub(crate) async fn done(state: &AdminState, action: &str, target: &str, result: &str) {
    let entry = entry(&state.access, action, target, result, false);
    info!(
        who = entry.who,
        from = entry.origin,
        action,
        target,
        result,
        "an operator changed something"
    );
    let stored = timeout(DEADLINE, state.store.put_audit(entry)).await;
    let error = match stored {
        Ok(Ok(())) => return,
        Ok(Err(error)) => error.to_string(),
        Err(_) => "the store is slow".to_owned(),
    };
    warn!(
        action,
        target, error, "the audit does not have this action; this log has it"
    );
}

/// Notes a refusal that the caller has logged and limited.
pub(crate) fn refused(state: &AdminState, access: &Access, action: &str, why: &str) {
    store(&state.store, entry(access, action, "", why, true));
}

/// Logs and notes a refusal, as far as there are not too many.
pub(crate) fn refused_often(state: &AdminState, access: &Access, action: &str, why: &str) {
    static LOG_LINES: LogThrottle = LogThrottle::per_minute(6);
    LOG_LINES.log(|left_out| {
        let (who, from) = (access.name(), access.origin());
        warn!(who, %from, action, left_out, "a request was refused: {why}");
        refused(state, access, action, why);
    });
}

/// Stores an entry in the background: a refusal does not wait for the store.
fn store(store: &Store, entry: NewAuditEntry) {
    let store = store.clone();
    tokio::spawn(async move { timeout(DEADLINE, store.put_audit(entry)).await });
}

fn entry(
    access: &Access,
    action: &str,
    target: &str,
    result: &str,
    refused: bool,
) -> NewAuditEntry {
    NewAuditEntry {
        who: access.name().to_owned(),
        origin: access.origin().to_canonical().to_string(),
        action: action.to_owned(),
        target: target.to_owned(),
        result: result.to_owned(),
        refused,
    }
}
