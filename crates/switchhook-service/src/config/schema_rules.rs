//! What the schema for editors says about values beyond their type. The parser decides; a test holds
//! every rule against it, with values inside and outside.

use serde_json::{Value, json};

/// What a value may be.
pub(super) enum Rule {
    /// One of these words.
    Words(&'static [&'static str]),
    /// A whole number within these bounds.
    Whole(i64, i64),
    /// A number from 0 to 1.
    Share,
    /// A number of bytes within these bounds, or a text with a unit.
    Size(i64, i64),
    /// A time with its unit.
    Time,
    /// A time, or an empty text.
    MaybeTime,
    /// A text that a regular expression of ECMA-262 matches.
    Text(&'static str),
}

use Rule::{MaybeTime, Share, Size, Text, Time, Whole, Words};

const KIB: i64 = 1024;
const MIB: i64 = 1024 * KIB;

/// A time with its unit, such as `1h 30m`; the units of humantime.
const TIME: &str = "^\\s*(0|([0-9]+(\\.[0-9]+)?\\s*(nanos|nsec|ns|usec|us|µs|millis|msec|ms|seconds|second|secs|sec|s\
                    |minutes|minute|mins|min|m|hours|hour|hrs|hr|h|days|day|d|weeks|week|wks|wk|w|months|month|M\
                    |years|year|yrs|yr|y)\\s*)+)$";
const SIZE: &str = "^[0-9]+\\s*(B|KiB|MiB)?$";
/// An IP address with its port.
const SOCKET: &str = "^([0-9]+(\\.[0-9]+){3}|\\[[0-9A-Fa-f:.%]+\\]):[0-9]+$";
const HOST_AND_PORT: &str = "^(\\[\\S*\\]|[^:\\s]+):[0-9]+$";
/// An address, or a range of addresses.
const RANGE: &str = "^[0-9A-Fa-f:.]+(/[0-9]+)?$";
const MAYBE_IDENTIFIER: &str = "^$|^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$";
const VARIABLE: &str = "^flow\\.[A-Za-z0-9_.]*[A-Za-z0-9_]$";
const HTTP: &str = "^[Hh][Tt][Tt][Pp][Ss]?:.+$";
const MAYBE_HTTP: &str = "^$|^[Hh][Tt][Tt][Pp][Ss]?:.+$";
const ABSOLUTE: &str = "^/.+";
const STATUS: &str = "^([2-5]xx|\\+?0*[2-5][0-9][0-9])$";
const TRIED_AGAIN: &str = "^(connection|timeout|\\+?0*[3-5]xx|\\+?0*[3-5][0-9][0-9])$";

/// Each rule, with the path of its value: `*` is a section of any name, `[]` an element of a list.
pub(super) const RULES: &[(&str, Rule)] = &[
    ("listen.esl", Text(SOCKET)),
    ("listen.http", Text(SOCKET)),
    ("listen.allow.[]", Text(RANGE)),
    (
        "listen.http_base",
        Text("^$|^(/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)+$"),
    ),
    ("listen.http_hosts.[]", Text("^[A-Za-z0-9._-]+$")),
    ("users.*.role", Words(&["viewer", "operator"])),
    ("users.*.token_hash", Text("^sha256:[0-9A-Fa-f]{64}$")),
    ("users.*.password_hash", Text("^\\$argon2id\\$.+")),
    ("trusted_proxy.header", Text("^[A-Za-z0-9_-]+$")),
    ("trusted_proxy.from.[]", Text(RANGE)),
    ("trusted_proxy.others", Words(&["", "viewer", "operator"])),
    ("freeswitch.[].address", Text(HOST_AND_PORT)),
    ("freeswitch.[].park_service", Text(MAYBE_IDENTIFIER)),
    ("store.url", Text("^(sqlite|postgres|postgresql):")),
    ("keep.calls", MaybeTime),
    ("keep.answers", MaybeTime),
    ("keep.delivered", MaybeTime),
    ("keep.dead", MaybeTime),
    ("keep.audit", MaybeTime),
    ("limits.calls_on_hold", Whole(1, 1_000_000)),
    // More than calls_on_hold.
    ("limits.connections", Whole(2, 1_100_000)),
    ("limits.http_connections", Whole(8, 100_000)),
    ("limits.frame_header_bytes", Size(16 * KIB, 4 * MIB)),
    ("limits.frame_headers", Whole(200, 16_384)),
    ("limits.frame_body_bytes", Size(64 * KIB, 256 * MIB)),
    ("limits.frame_memory", Size(MIB, 4096 * MIB)),
    ("limits.connect_deadline", Time),
    ("limits.reply_deadline", Time),
    ("limits.drain_deadline", Time),
    ("limits.details_deadline", Time),
    ("limits.deliveries_in_flight", Whole(1, 10_000)),
    ("limits.calls_remembered", Whole(0, 1_000_000)),
    ("account.privacy", Words(&["respect", "ignore"])),
    ("flows.*.legs", Words(&["all", "connected"])),
    ("flows.*.duration_unit", Words(&["ms", "s"])),
    (
        "webhooks.*.method",
        Words(&["POST", "GET", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"]),
    ),
    (
        "webhooks.*.auth.oauth2.secret_in",
        Words(&["basic", "body"]),
    ),
    ("webhooks.*.tls.min_version", Words(&["1.2", "1.3"])),
    (
        "webhooks.*.before_answer",
        Words(&["early_media", "silence", "answer"]),
    ),
    ("webhooks.*.timeout", Time),
    ("webhooks.*.retry.attempts", Whole(1, 5)),
    ("webhooks.*.retry.on.[]", Text(TRIED_AGAIN)),
    ("webhooks.*.retry.attempt_timeout", MaybeTime),
    ("webhooks.*.http2_streams", Whole(1, 10_000)),
    ("webhooks.*.http_version", Words(&["auto", "1.1", "2"])),
    ("webhooks.*.idle_timeout", Time),
    ("webhooks.*.response.type", Words(&["json", "xml", "text"])),
    (
        "webhooks.*.response.map.*.as",
        Words(&["text", "word", "digits"]),
    ),
    ("webhooks.*.response.limit", Size(1, 16 * MIB)),
    ("webhooks.*.variables.response_status", Text(VARIABLE)),
    ("webhooks.*.variables.response_status_code", Text(VARIABLE)),
    ("webhooks.*.variables.response_status_type", Text(VARIABLE)),
    ("webhooks.*.variables.response_duration", Text(VARIABLE)),
    ("webhooks.*.variables.response_attempts", Text(VARIABLE)),
    ("webhooks.*.variables.response_raw", Text(VARIABLE)),
    ("webhooks.*.variables.response_error", Text(VARIABLE)),
    ("webhooks.*.variables.error_reason", Text(VARIABLE)),
    ("webhooks.*.variables.error_detail", Text(VARIABLE)),
    ("webhooks.*.variables.line", Text(VARIABLE)),
    ("webhooks.*.breaker.failures", Whole(0, 1_000)),
    ("webhooks.*.breaker.pause", Time),
    ("webhooks.*.delivery.rate", Whole(1, 100_000)),
    ("webhooks.*.delivery.in_flight", Whole(1, 10_000)),
    ("webhooks.*.delivery.taken.[]", Text(STATUS)),
    ("egress.allow_addresses.[]", Text(RANGE)),
    ("egress.proxy", Text(MAYBE_HTTP)),
    ("recorder.share", Share),
    ("recorder.files", Whole(1, 1_000_000)),
    ("recorder.bytes", Size(MIB, 1024 * 1024 * MIB)),
    ("traces.url", Text(MAYBE_HTTP)),
    ("traces.share", Share),
    (
        "traces.link",
        Text("^$|^[Hh][Tt][Tt][Pp][Ss]?:.*\\{trace_id\\}.*$"),
    ),
    ("recordings.serve.folder", Text(ABSOLUTE)),
    ("recordings.serve.switch_folder", Text(ABSOLUTE)),
    ("recordings.serve.url", Text(HTTP)),
    ("recordings.serve.listen", Text(SOCKET)),
    ("recordings.serve.expires", Time),
    ("recordings.upload.folder", Text(ABSOLUTE)),
    ("recordings.upload.switch_folder", Text(ABSOLUTE)),
    (
        "recordings.upload.to",
        Text("^((s3|az|gs)://[A-Za-z0-9._-]+(/.*)?|file:///.+)$"),
    ),
    ("recordings.upload.endpoint", Text(HTTP)),
    ("recordings.upload.expires", Time),
    ("recordings.upload.bytes", Size(1, 64 * 1024 * MIB)),
    ("recordings.upload.at_once", Whole(1, 64)),
    ("recordings.wait", Time),
];

impl Rule {
    /// Adds the rule to the schema of its value.
    pub(super) fn add_to(&self, schema: &mut Value) {
        match self {
            Words(words) => schema["enum"] = json!(words),
            Whole(least, most) => {
                schema["type"] = json!(["integer"]);
                schema["minimum"] = json!(least);
                schema["maximum"] = json!(most);
            }
            Share => {
                schema["minimum"] = json!(0);
                schema["maximum"] = json!(1);
            }
            Size(least, most) => {
                schema["pattern"] = json!(SIZE);
                schema["minimum"] = json!(least);
                schema["maximum"] = json!(most);
            }
            Time => schema["pattern"] = json!(TIME),
            MaybeTime => schema["pattern"] = json!(format!("^$|{TIME}")),
            Text(pattern) => schema["pattern"] = json!(pattern),
        }
    }
}
