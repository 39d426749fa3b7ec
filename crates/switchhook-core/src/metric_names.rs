//! The names and label values of all metrics, and their start at zero.
//!
//! Code that counts takes the names from here; no metric is named elsewhere.

use std::env::consts;

use metrics::{
    Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram,
};

use crate::outcome::Reason;

/// Calls that were handed over, by `ending`.
pub const CALLS: &str = "switchhook_calls_total";
/// Calls on hold now.
pub const ON_HOLD: &str = "switchhook_calls_on_hold";
/// Webhook calls in the middle of a call, by `webhook` and `reason` (`SUCCESS` or the reason of
/// the failure).
pub const LOOKUPS: &str = "switchhook_lookups_total";
/// Webhook calls in the middle of a call, by `account` and `result`.
pub const ACCOUNT_LOOKUPS: &str = "switchhook_account_lookups_total";
/// The `account` of calls of the default account.
pub const NO_ACCOUNT: &str = "(none)";
/// The values of the `result` label of [`ACCOUNT_LOOKUPS`].
pub const RESULTS: [&str; 2] = ["success", "failure"];
/// Seconds from the request to its outcome, by `webhook` and `reason`.
pub const WEBHOOK_SECONDS: &str = "switchhook_webhook_seconds";
/// 1 while the circuit of one of a `webhook`'s URLs is open and calls do not wait for it, else 0.
pub const CIRCUIT_OPEN: &str = "switchhook_circuit_open";
/// The label `url` of a webhook's first URL.
pub const FIRST_URL: &str = "url";
/// Seconds of a call that Switchhook took and not the webhook.
pub const OVERHEAD_SECONDS: &str = "switchhook_overhead_seconds";
/// Tries of webhooks that may have several (`retry`, `fallback_urls`), by `webhook` and `reason`.
pub const TRIES: &str = "switchhook_tries_total";
/// Requests that were sent once more, because their kept connection ended before an answer.
pub const RESENT: &str = "switchhook_requests_resent_total";
/// Limits that were hit, by `limit`.
pub const LIMITS: &str = "switchhook_limits_hit_total";
/// Connections from peers that are not FreeSWITCH or broke its protocol.
pub const PROTOCOL_ERRORS: &str = "switchhook_protocol_errors_total";

/// Connections from addresses that `listen.allow` does not list.
pub const REJECTED_CONNECTIONS: &str = "switchhook_rejected_connections_total";
/// HTTP requests that were refused, by `reason`: a wrong `token` or `cdr_password`, a `host` or
/// origin that is not ours, `too_many` wrong attempts.
pub const REJECTED_REQUESTS: &str = "switchhook_rejected_requests_total";

/// The values of the `reason` label of [`REJECTED_REQUESTS`].
pub(crate) const REJECTED_REQUEST_REASONS: [&str; 4] =
    ["token", "cdr_password", "host", "too_many"];

/// Calls that no switch confirmed, by `outcome`: `served` if a switch could not be queried,
/// `refused` if no switch has the call, or not as the connection says, `overloaded` if our queue
/// or silence is no reason to believe the connection, `left` if it ended before.
pub const UNCONFIRMED: &str = "switchhook_unconfirmed_calls_total";

/// Requests for recordings that Switchhook serves, by `outcome`.
pub const RECORDINGS: &str = "switchhook_recordings_total";

/// The values of the `outcome` label of [`RECORDINGS`].
pub(crate) const RECORDING_OUTCOMES: [&str; 5] = ["sent", "absent", "forged", "expired", "busy"];

/// Recordings that documents waited for, by `outcome`: `reachable`, or `given_up` when the wait
/// ended without it. `again` counts checks after which a call waits on.
pub const PUBLISHED: &str = "switchhook_recordings_published_total";

/// The values of the `outcome` label of [`PUBLISHED`].
pub(crate) const PUBLISHED_OUTCOMES: [&str; 3] = ["reachable", "given_up", "again"];

/// Finished calls whose documents wait for recordings.
pub const UNPUBLISHED: &str = "switchhook_calls_awaiting_recordings";

/// Attempts to deliver a document, by `endpoint` (a webhook) and `outcome`.
pub const DELIVERIES: &str = "switchhook_delivery_attempts_total";

/// Trace spans, by `outcome`.
pub const SPANS: &str = "switchhook_spans_total";

/// Seconds of one store commit.
pub const STORE_COMMIT: &str = "switchhook_store_commit_seconds";

/// Undelivered documents, by `endpoint` and `state`.
pub const DOCUMENTS: &str = "switchhook_documents";
/// Age of the oldest document that waits for an `endpoint`, seconds; 0 if none waits.
pub const OLDEST_DOCUMENT: &str = "switchhook_oldest_document_seconds";
/// Pause between two attempts at a failing `endpoint`, seconds; 0 for a healthy one.
pub const DELIVERY_PAUSE: &str = "switchhook_delivery_pause_seconds";

/// When deliveries to a paused `endpoint` resume, s since 1970; 0 or in the past if it is not
/// paused.
pub const DELIVERY_RESUMES: &str = "switchhook_delivery_resumes_timestamp_seconds";

/// 1 while an `endpoint` that answered 410 Gone waits to be resumed, else 0.
pub const ENDPOINT_PAUSED: &str = "switchhook_endpoint_paused";
/// Always 1; the labels `version`, `os` and `arch` are the program's.
pub const BUILD_INFO: &str = "switchhook_build_info";
/// 1 if the last reload of the configuration succeeded or none was asked for, else 0.
pub const RELOAD_SUCCESSFUL: &str = "switchhook_config_last_reload_successful";
/// When a certificate or token expires, s since 1970, by `kind` and `of` (a host or a webhook); 0 if
/// there is none.
pub const CREDENTIAL_EXPIRES: &str = "switchhook_credential_expires_timestamp_seconds";
/// The `kind` of a server's certificate, which the last handshake showed.
pub const SERVER_CERTIFICATE: &str = "server_certificate";
/// The `kind` of the certificate that a webhook shows to its server.
pub const CLIENT_CERTIFICATE: &str = "client_certificate";
/// The `kind` of a webhook's bearer token that is a JWT.
pub const BEARER_TOKEN: &str = "bearer_token";
/// The release of the time zones in use as a number: 2026.06 for 2026f; 0 if it is unknown.
pub const ZONES_RELEASE: &str = "switchhook_time_zones_release";
/// 1 if a `component` of the service is healthy, as in `/readyz`, else 0.
pub const COMPONENT_UP: &str = "switchhook_component_up";

/// 1 while the events of a `switch` are received, else 0.
pub const SWITCH_CONNECTED: &str = "switchhook_switch_connected";
/// Seconds that processing lags behind the events of a `switch`.
pub const SWITCH_LAG: &str = "switchhook_switch_lag_seconds";
/// How far the clock of a `switch` is ahead of ours, seconds; negative if it is behind.
pub const SWITCH_CLOCK: &str = "switchhook_switch_clock_offset_seconds";
/// Lost connections to a `switch`.
pub const SWITCH_LOST: &str = "switchhook_switch_lost_total";
/// When a `switch` was last connected, s since 1970; 0 for never.
pub const SWITCH_REACHED_AT: &str = "switchhook_switch_reached_timestamp_seconds";
/// When the connection to a `switch` was last lost, s since 1970; 0 for never.
pub const SWITCH_LOST_AT: &str = "switchhook_switch_lost_timestamp_seconds";

/// 1 while parked calls of a `switch` are accepted, else 0.
pub const PARK_CONNECTED: &str = "switchhook_park_connected";
/// Parked calls that were handed over, by `outcome`.
pub const PARKED: &str = "switchhook_parked_calls_total";

/// Connections to a `switch` after which earlier events were missing and are learnt from other
/// sources.
pub const GAPS: &str = "switchhook_gaps_total";
/// Legs of a `switch` whose start or end came from another source than their events, `by` source.
pub const LEGS_REPAIRED: &str = "switchhook_legs_repaired_total";
/// CDRs of a `switch`, read or posted, by `outcome`.
pub const CDRS: &str = "switchhook_cdrs_total";
/// Lookups that ended while the follower of a `switch` was too far behind to read them: events of
/// living calls do not tell of them.
pub const LOOKUP_EVENTS_MISSED: &str = "switchhook_lookup_events_missed_total";

/// The values of the `by` label of [`LEGS_REPAIRED`].
pub(crate) const REPAIR_SOURCES: [&str; 2] = ["cdr", "uuid_dump"];

/// The values of the `outcome` label of [`CDRS`]: new information, known already, or not a CDR.
pub(crate) const CDR_OUTCOMES: [&str; 3] = ["taken", "known", "refused"];

/// The `webhook` label of calls that name a webhook which the configuration does not have.
pub const UNKNOWN: &str = "(unknown)";

/// The values of the `ending` label of [`CALLS`].
pub(crate) const ENDINGS: [&str; 7] = [
    "line_0",
    "line_1",
    "hung_up",
    "fetched",
    "lost",
    "rescued",
    "protocol_error",
];

/// The values of the `outcome` label of [`PARKED`].
pub(crate) const PARKED_OUTCOMES: [&str; 2] = ["taken", "unusable"];

/// The values of the `outcome` label of [`DELIVERIES`].
pub(crate) const DELIVERY_OUTCOMES: [&str; 4] = ["delivered", "failed", "dead", "expired"];

/// The values of the `outcome` label of [`SPANS`]: received by the collector, or lost.
pub(crate) const SPAN_OUTCOMES: [&str; 2] = ["sent", "dropped"];

/// Log lines that were dropped because they could not be read or written fast enough.
pub const LOG_LINES_LEFT_OUT: &str = "switchhook_log_lines_left_out_total";

/// Calls whose document lacks something.
pub const INCOMPLETE: &str = "switchhook_incomplete_calls_total";

/// The values of the `state` label of [`DOCUMENTS`].
pub const DOCUMENT_STATES: [&str; 3] = ["waiting", "leased", "dead"];

/// The values of the `limit` label of [`LIMITS`].
pub(crate) const LIMIT_NAMES: [&str; 11] = [
    "calls_on_hold",
    "confirmations",
    "connect_deadline",
    "connections",
    "drain_deadline",
    "frame_body_bytes",
    "frame_header_bytes",
    "frame_headers",
    "frame_memory",
    "http_connections",
    "store_queue",
];

/// Bucket bounds of every histogram, in seconds, up to the longest timeout of a webhook.
pub const SECONDS_BUCKETS: [f64; 12] = [
    0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 60.0,
];

/// Describes every metric and sets it to zero, so that a graph starts with the service and not
/// with its first failure. `webhooks` and the addresses of `switches` are those of the
/// configuration, as are the names of `accounts`.
pub fn start_at_zero<'a>(
    webhooks: impl Iterator<Item = &'a str>,
    switches: impl Iterator<Item = &'a str>,
    accounts: impl Iterator<Item = &'a str>,
) {
    describe();
    for ending in ENDINGS {
        counter!(CALLS, "ending" => ending).absolute(0);
    }
    for limit in LIMIT_NAMES {
        counter!(LIMITS, "limit" => limit).absolute(0);
    }
    for outcome in PARKED_OUTCOMES {
        counter!(PARKED, "outcome" => outcome).absolute(0);
    }
    for outcome in RECORDING_OUTCOMES {
        counter!(RECORDINGS, "outcome" => outcome).absolute(0);
    }
    for outcome in PUBLISHED_OUTCOMES {
        counter!(PUBLISHED, "outcome" => outcome).absolute(0);
    }
    gauge!(UNPUBLISHED).increment(0.0);
    for outcome in SPAN_OUTCOMES {
        counter!(SPANS, "outcome" => outcome).absolute(0);
    }
    for outcome in ["served", "refused", "overloaded", "left"] {
        counter!(UNCONFIRMED, "outcome" => outcome).absolute(0);
    }
    counter!(INCOMPLETE).absolute(0);
    counter!(LOG_LINES_LEFT_OUT).absolute(0);
    counter!(REJECTED_CONNECTIONS).absolute(0);
    for reason in REJECTED_REQUEST_REASONS {
        counter!(REJECTED_REQUESTS, "reason" => reason).absolute(0);
    }
    counter!(PROTOCOL_ERRORS).absolute(0);
    counter!(RESENT).absolute(0);
    gauge!(ON_HOLD).increment(0.0);
    for component in ["esl", "store", "deliveries"] {
        gauge!(COMPONENT_UP, "component" => component).increment(0.0);
    }
    gauge!(
        BUILD_INFO,
        "version" => env!("CARGO_PKG_VERSION"), "os" => consts::OS, "arch" => consts::ARCH
    )
    .set(1.0);
    gauge!(ZONES_RELEASE).increment(0.0);
    // This runs at the start and after each reload that succeeded.
    gauge!(RELOAD_SUCCESSFUL).set(1.0);
    drop(histogram!(OVERHEAD_SECONDS));
    drop(histogram!(STORE_COMMIT));
    webhooks.chain([UNKNOWN]).for_each(webhook_at_zero);
    switches.for_each(switch_at_zero);
    accounts
        .chain([NO_ACCOUNT, UNKNOWN])
        .for_each(account_at_zero);
}

fn account_at_zero(account: &str) {
    for result in RESULTS {
        counter!(ACCOUNT_LOOKUPS, "account" => account.to_owned(), "result" => result).absolute(0);
    }
}

fn webhook_at_zero(webhook: &str) {
    let results = Reason::ALL
        .iter()
        .map(|reason| reason.as_str())
        .chain([Reason::SUCCESS]);
    for result in results {
        counter!(LOOKUPS, "webhook" => webhook.to_owned(), "reason" => result).absolute(0);
        drop(histogram!(WEBHOOK_SECONDS, "webhook" => webhook.to_owned(), "reason" => result));
        counter!(TRIES, "webhook" => webhook.to_owned(), "reason" => result).absolute(0);
    }
    gauge!(CIRCUIT_OPEN, "webhook" => webhook.to_owned(), "url" => FIRST_URL).increment(0.0);
    for kind in [CLIENT_CERTIFICATE, BEARER_TOKEN] {
        gauge!(CREDENTIAL_EXPIRES, "kind" => kind, "of" => webhook.to_owned()).increment(0.0);
    }
    for outcome in DELIVERY_OUTCOMES {
        counter!(DELIVERIES, "endpoint" => webhook.to_owned(), "outcome" => outcome).absolute(0);
    }
    for state in DOCUMENT_STATES {
        gauge!(DOCUMENTS, "endpoint" => webhook.to_owned(), "state" => state).increment(0.0);
    }
    gauge!(OLDEST_DOCUMENT, "endpoint" => webhook.to_owned()).increment(0.0);
    gauge!(DELIVERY_PAUSE, "endpoint" => webhook.to_owned()).increment(0.0);
    gauge!(ENDPOINT_PAUSED, "endpoint" => webhook.to_owned()).increment(0.0);
    gauge!(DELIVERY_RESUMES, "endpoint" => webhook.to_owned()).increment(0.0);
}

fn switch_at_zero(switch: &str) {
    gauge!(SWITCH_CONNECTED, "switch" => switch.to_owned()).increment(0.0);
    gauge!(SWITCH_LAG, "switch" => switch.to_owned()).increment(0.0);
    gauge!(SWITCH_CLOCK, "switch" => switch.to_owned()).increment(0.0);
    gauge!(SWITCH_REACHED_AT, "switch" => switch.to_owned()).increment(0.0);
    gauge!(SWITCH_LOST_AT, "switch" => switch.to_owned()).increment(0.0);
    gauge!(PARK_CONNECTED, "switch" => switch.to_owned()).increment(0.0);
    counter!(SWITCH_LOST, "switch" => switch.to_owned()).absolute(0);
    counter!(GAPS, "switch" => switch.to_owned()).absolute(0);
    counter!(LOOKUP_EVENTS_MISSED, "switch" => switch.to_owned()).absolute(0);
    for by in REPAIR_SOURCES {
        counter!(LEGS_REPAIRED, "switch" => switch.to_owned(), "by" => by).absolute(0);
    }
    for outcome in CDR_OUTCOMES {
        counter!(CDRS, "switch" => switch.to_owned(), "outcome" => outcome).absolute(0);
    }
}

/// Describes what is refused.
fn describe_refusals() {
    describe_counter!(
        REJECTED_CONNECTIONS,
        "Connections from addresses that are not allowed"
    );
    describe_counter!(REJECTED_REQUESTS, "HTTP requests refused, by reason");
    describe_counter!(UNCONFIRMED, "Calls that no switch confirmed, by outcome");
    describe_counter!(
        PROTOCOL_ERRORS,
        "Peers on the Event Socket port that broke its protocol"
    );
}

fn describe_webhooks() {
    describe_counter!(LOOKUPS, "Webhook calls, by webhook and reason");
    describe_counter!(ACCOUNT_LOOKUPS, "Webhook calls, by account and result");
    describe_histogram!(
        WEBHOOK_SECONDS,
        Unit::Seconds,
        "From the request to its outcome"
    );
    describe_histogram!(
        OVERHEAD_SECONDS,
        Unit::Seconds,
        "Time of a call that Switchhook took and not the webhook"
    );
    describe_gauge!(
        CIRCUIT_OPEN,
        "Whether the circuit of one of a webhook's URLs is open"
    );
    describe_counter!(TRIES, "Tries, by webhook and reason");
    describe_counter!(
        RESENT,
        "Requests sent once more because their kept connection ended"
    );
}

fn describe() {
    describe_refusals();
    describe_webhooks();
    describe_counter!(CALLS, "Calls handed over, by ending");
    describe_gauge!(ON_HOLD, "Calls on hold now");
    describe_histogram!(STORE_COMMIT, Unit::Seconds, "Time of one store commit");
    describe_counter!(
        DELIVERIES,
        "Attempts to deliver a document, by endpoint and outcome"
    );
    describe_counter!(SPANS, "Trace spans, by outcome");
    describe_gauge!(DOCUMENTS, "Undelivered documents, by endpoint and state");
    describe_gauge!(
        OLDEST_DOCUMENT,
        Unit::Seconds,
        "Age of the oldest waiting document"
    );
    describe_gauge!(
        DELIVERY_PAUSE,
        Unit::Seconds,
        "Pause between two attempts at a failing endpoint"
    );
    describe_gauge!(
        DELIVERY_RESUMES,
        Unit::Seconds,
        "When deliveries to a paused endpoint resume, since 1970"
    );
    describe_gauge!(
        ENDPOINT_PAUSED,
        "Whether an endpoint that answered 410 Gone waits to be resumed"
    );
    describe_gauge!(BUILD_INFO, "1, with the program's version and platform");
    describe_gauge!(
        CREDENTIAL_EXPIRES,
        Unit::Seconds,
        "When a certificate or token expires, since 1970"
    );
    describe_gauge!(
        ZONES_RELEASE,
        "Release of the time zones in use: 2026.06 for 2026f"
    );
    describe_gauge!(
        RELOAD_SUCCESSFUL,
        "Whether the last reload of the configuration succeeded"
    );
    describe_gauge!(
        COMPONENT_UP,
        "Whether a component of the service is healthy"
    );
    describe_counter!(INCOMPLETE, "Calls whose document lacks something");
    describe_counter!(LOG_LINES_LEFT_OUT, "Log lines that were dropped");
    describe_counter!(RECORDINGS, "Requests for recordings, by outcome");
    describe_counter!(
        PUBLISHED,
        "Recordings that documents waited for, by outcome"
    );
    describe_gauge!(
        UNPUBLISHED,
        "Finished calls whose documents wait for recordings"
    );
    describe_counter!(LIMITS, "Limits hit");
    describe_switches();
}

fn describe_switches() {
    describe_gauge!(SWITCH_CONNECTED, "Whether a switch's events are received");
    describe_gauge!(
        SWITCH_LAG,
        Unit::Seconds,
        "How far processing lags behind a switch's events"
    );
    describe_gauge!(
        SWITCH_CLOCK,
        Unit::Seconds,
        "How far a switch's clock is ahead of ours"
    );
    describe_counter!(SWITCH_LOST, "Connections to a switch that were lost");
    describe_gauge!(
        SWITCH_REACHED_AT,
        Unit::Seconds,
        "When a switch was last connected, since 1970"
    );
    describe_gauge!(
        SWITCH_LOST_AT,
        Unit::Seconds,
        "When the connection to a switch was last lost, since 1970"
    );
    describe_gauge!(
        PARK_CONNECTED,
        "Whether a switch's parked calls are accepted"
    );
    describe_counter!(PARKED, "Parked calls that were handed over, by outcome");
    describe_counter!(
        GAPS,
        "Connections to a switch after which events were missing"
    );
    describe_counter!(
        LEGS_REPAIRED,
        "Legs completed from another source than their events"
    );
    describe_counter!(CDRS, "CDRs read or posted, by outcome");
    describe_counter!(
        LOOKUP_EVENTS_MISSED,
        "Lookups of which events of living calls do not tell"
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics_recorder::MetricsRecorder;
    use std::path::Path;

    /// All metric names, read from this file, so that new constants are tested too.
    fn names() -> Vec<&'static str> {
        let constants = include_str!("metric_names.rs").lines();
        let values =
            constants.filter_map(|line| line.strip_prefix("pub const ")?.split('"').nth(1));
        values
            .filter(|name| name.starts_with("switchhook_"))
            .collect()
    }

    #[test]
    fn a_fresh_service_shows_every_metric() {
        let recorder = MetricsRecorder::default();
        metrics::with_local_recorder(&recorder, || {
            let accounts = ["acme"].into_iter();
            start_at_zero(
                ["lookup"].into_iter(),
                ["127.0.0.1:8021"].into_iter(),
                accounts,
            );
        });
        let page = recorder.render();
        assert!(names().len() >= 11);
        for name in names() {
            assert!(page.contains(&format!("# TYPE {name} ")), "{name}\n{page}");
        }
    }

    fn sources(folder: &Path, found: &mut Vec<String>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                sources(&path, found);
            } else if path.extension().is_some_and(|end| end == "rs") {
                found.push(std::fs::read_to_string(path).unwrap());
            }
        }
    }

    #[test]
    fn whatever_is_counted_is_named_here() {
        let mut files = Vec::new();
        sources(
            &Path::new(env!("CARGO_MANIFEST_DIR")).join("src"),
            &mut files,
        );
        let literal = regex::Regex::new(r#"(?:counter|gauge|histogram)!\(\s*""#).unwrap();
        let spelled = files.iter().filter_map(|file| literal.find(file));
        assert_eq!(spelled.count(), 0, "a metric with a name of its own");
    }
}
