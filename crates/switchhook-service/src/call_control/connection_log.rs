//! Logs and counts connections to the Event Socket port that did not become calls.
//!
//! Any program that can connect can cause these lines, so their rate is limited.

use std::net::SocketAddr;

use metrics::counter;
use tracing::warn;

use crate::limits;
use switchhook_core::log_throttle::LogThrottle;
use switchhook_core::metric_names;

use super::opening::OpenError;

static LOG_LIMIT: LogThrottle = LogThrottle::per_minute(20);
/// For what lasts as long as its cause.
static STATE_LIMIT: LogThrottle = LogThrottle::per_minute(1);

/// Reports that the limit of connections is reached.
pub(super) fn at_limit() {
    limits::record_hit("connections");
    STATE_LIMIT.log(|left_out| {
        warn!(
            left_out,
            "every connection is taken; the next waits, and those that do not say which call they are for give way ([limits] connections)"
        );
    });
}

/// Reports a connection that cannot be accepted. Most likely no file descriptor is left.
pub(super) fn cannot_accept(error: &std::io::Error) {
    STATE_LIMIT.log(|left_out| {
        warn!(%error, left_out, "cannot accept a call; trying again");
    });
}

/// Reports a connection that did not become a call.
pub(super) fn not_a_call(peer: SocketAddr, error: &OpenError) {
    counter!(metric_names::CALLS, "ending" => "protocol_error").increment(1);
    counter!(metric_names::PROTOCOL_ERRORS).increment(1);
    if let Some(setting) = error.limit() {
        limits::record_hit(setting);
    }
    LOG_LIMIT.log(|left_out| {
        warn!(%peer, %error, left_out, "a connection on the Event Socket port was not a call");
    });
}

/// Reports a connection from an address that is not allowed.
pub(super) fn rejected(peer: SocketAddr) {
    counter!(metric_names::REJECTED_CONNECTIONS).increment(1);
    LOG_LIMIT.log(|left_out| {
        warn!(%peer, left_out, "closed a connection from an address that listen.allow does not list");
    });
}
