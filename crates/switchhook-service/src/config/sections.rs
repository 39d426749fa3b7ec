//! Reads each section of the file into its settings.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;
use toml_edit::Value;
use url::Url;

use switchhook_core::live_events::EventKind;
use switchhook_core::zone::{self, Zone};

use super::secrets::{PASSWORD, optional_secret, refuse_short, secret};
use super::section::Section;
use super::settings::{
    Account, Credentials, DurationUnit, Egress, Flow, LegChoice, Limits, Listen, Privacy, Switch,
};
use super::value::{
    Parsed, Problem, boolean, byte_size, closest_match, display, duration, host_and_port,
    identifier, list, non_empty, number, one_line, one_of, optional, text,
};

use crate::recorder;
use switchhook_core::secret::Secret;

const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;
/// Most characters of a webhook's name.
const NAME_LIMIT: usize = 64;

pub(super) fn listen(mut section: Section<'_>) -> Listen {
    if !section.is_present() {
        let what = "is missing: this section is required";
        section.fault("", Problem::new(what, "add a line [listen]"));
    }
    let default = Listen::default();
    Listen {
        esl: section.get_or("esl", default.esl, socket_address),
        allow: section.get_or("allow", Vec::new(), list(addresses)),
        confirm_calls: section.get_or("confirm_calls", default.confirm_calls, boolean),
        http: section.get_or("http", default.http, socket_address),
        http_hosts: section.get_or("http_hosts", Vec::new(), list(host_name)),
        http_base: section
            .get("http_base", optional(base_path))
            .flatten()
            .unwrap_or_default(),
        http_token: http_token(&mut section),
    }
}

const HTTP_TOKEN: [&str; 3] = ["http_token", "http_token_env", "http_token_file"];

fn http_token(section: &mut Section<'_>) -> Option<Secret> {
    let token = optional_secret(section, &HTTP_TOKEN)?;
    refuse_short(section, &HTTP_TOKEN, &token);
    Some(token)
}

/// Parses the path under which a proxy shows the page.
fn base_path(value: &Value) -> Parsed<String> {
    let path = one_line(value)?;
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | '~');
    let mut segments = path.split('/');
    let begins = segments.next() == Some("");
    let is_name = |name: &str| !name.is_empty() && !name.starts_with('.') && name.chars().all(fits);
    if begins && segments.all(is_name) {
        return Ok(path);
    }
    let what = format!("{} is not a path", display(value));
    let help = "write it with a / at its beginning and none at its end, such as \"/switchhook\"";
    Err(Problem::new(what, help))
}

/// Parses a host name as a browser sends it, without its port.
fn host_name(value: &Value) -> Parsed<String> {
    let name = one_line(value)?;
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    if name.chars().all(fits) {
        return Ok(name.to_ascii_lowercase());
    }
    let what = format!("{} is not the name of a host", display(value));
    Err(Problem::new(
        what,
        "write it without port, such as \"switchhook.example\"",
    ))
}

pub(super) fn socket_address(value: &Value) -> Parsed<SocketAddr> {
    let help = "write it as \"127.0.0.1:8084\" or \"[::1]:8084\"";
    let what = || format!("{} is not an IP address with its port", display(value));
    text(value)?.parse().map_err(|_| Problem::new(what(), help))
}

pub(super) fn switch(mut section: Section<'_>) -> Switch {
    let example = "add address = \"127.0.0.1:8021\"";
    let help = "add password_env, password_file or password, as in event_socket.conf.xml";
    Switch {
        address: section.require("address", example, host_and_port),
        password: secret(&mut section, &PASSWORD, help),
        name: section.get("name", optional(one_line)).flatten(),
        park_service: section.get("park_service", optional(identifier)).flatten(),
        json_cdr_dir: section.get("json_cdr_dir", directory).flatten(),
        json_cdr_post: section.get_or("json_cdr_post", false, boolean),
        json_cdr_auth: credentials(section.subsection("json_cdr_auth")),
    }
}

fn credentials(mut section: Section<'_>) -> Option<Credentials> {
    let help = "add password_env, password_file or password";
    section.is_present().then(|| Credentials {
        username: section.require("username", "add username = \"…\"", one_line),
        password: secret(&mut section, &PASSWORD, help),
    })
}

pub(super) fn limits(mut section: Section<'_>) -> Limits {
    let default = Limits::default();
    let second = Duration::from_secs(1);
    // The switch waits 25 s for our `connect`, so a longer deadline for its reply is useless.
    let connect = Duration::from_millis(100)..=25 * second;
    let reply = Duration::from_millis(100)..=60 * second;
    let drain = Duration::ZERO..=3600 * second;
    let details = Duration::from_millis(100)..=3600 * second;
    Limits {
        calls_on_hold: section.get_or(
            "calls_on_hold",
            default.calls_on_hold,
            number(1..=1_000_000),
        ),
        connections: section.get_or("connections", default.connections, number(1..=1_100_000)),
        http_connections: section.get_or(
            "http_connections",
            default.http_connections,
            number(8..=100_000),
        ),
        frame_header_bytes: section.get_or(
            "frame_header_bytes",
            default.frame_header_bytes,
            byte_size(16 * KIB..=4 * MIB),
        ),
        frame_headers: section.get_or("frame_headers", default.frame_headers, number(200..=16_384)),
        frame_body_bytes: section.get_or(
            "frame_body_bytes",
            default.frame_body_bytes,
            byte_size(64 * KIB..=256 * MIB),
        ),
        frame_memory: section.get_or(
            "frame_memory",
            default.frame_memory,
            byte_size(MIB..=4096 * MIB),
        ),
        connect_deadline: section.get_or(
            "connect_deadline",
            default.connect_deadline,
            duration(connect),
        ),
        reply_deadline: section.get_or("reply_deadline", default.reply_deadline, duration(reply)),
        drain_deadline: section.get_or("drain_deadline", default.drain_deadline, duration(drain)),
        details_deadline: section.get_or(
            "details_deadline",
            default.details_deadline,
            duration(details),
        ),
        deliveries_in_flight: section.get_or(
            "deliveries_in_flight",
            default.deliveries_in_flight,
            number(1..=10_000),
        ),
        calls_remembered: section.get_or(
            "calls_remembered",
            default.calls_remembered,
            number(0..=1_000_000),
        ),
    }
}

pub(super) fn account(mut section: Section<'_>) -> Account {
    let default = Account::default();
    Account {
        default_webhook: section.get("default_webhook", optional(text)).flatten(),
        time_zone: section.get_or("time_zone", default.time_zone, time_zone),
        mask_numbers: section.get_or("mask_numbers", default.mask_numbers, boolean),
        privacy: section.get_or(
            "privacy",
            default.privacy,
            one_of(&[("respect", Privacy::Respect), ("ignore", Privacy::Ignore)]),
        ),
    }
}

pub(super) fn time_zone(value: &Value) -> Parsed<Zone> {
    let name = text(value)?;
    let problem = || {
        let meant = closest_match(&name, zone::names());
        let help = match meant {
            Some(meant) => format!("did you mean \"{meant}\"?"),
            None => "write a name of the time zone database, such as \"Asia/Kolkata\"".into(),
        };
        Problem::new(format!("{} is not a time zone", display(value)), help)
    };
    Zone::named(&name).ok_or_else(problem)
}

/// The words of `events`.
const EVENTS: &[(&str, EventKind)] = &{
    let mut words = [("", EventKind::Started); EventKind::CHOICES.len()];
    let mut at = 0;
    while at < words.len() {
        let kind = EventKind::CHOICES[at];
        words[at] = (kind.as_str(), kind);
        at += 1;
    }
    words
};

pub(super) fn flow(name: &str, mut section: Section<'_>) -> Flow {
    if name.is_empty() || name.chars().any(char::is_control) {
        section.fault(
            "",
            Problem::new(
                "is not a name for a flow",
                "write a name without control characters",
            ),
        );
    }
    for key in ["events_webhook", "events_wait", "events_expire"] {
        if section.has(key) && !section.has("events") {
            let help = "add events = [\"started\", \"answered\", \"ended\"]";
            let problem = Problem::new("has no effect without events", help);
            section.context.warn(&section.path_of(key), problem);
        }
    }
    let default = Flow::default();
    let second = Duration::from_secs(1);
    let wait = Duration::ZERO..=60 * second;
    let expire = second..=24 * 3600 * second;
    let legs = &[("all", LegChoice::All), ("connected", LegChoice::Connected)];
    let units = &[
        ("ms", DurationUnit::Milliseconds),
        ("s", DurationUnit::Seconds),
    ];
    Flow {
        webhook: section.get_or("webhook", default.webhook, boolean),
        after: section.get_or("after", default.after, list(non_empty)),
        legs: section.get_or("legs", default.legs, one_of(legs)),
        duration_unit: section.get_or("duration_unit", default.duration_unit, one_of(units)),
        uuid_key: section.get_or("uuid_key", default.uuid_key, uuid_key),
        keys_raw: section.get_or("keys_raw", default.keys_raw, boolean),
        learnt_key: section.get("learnt_key", learnt_key).flatten(),
        events: section.get_or("events", default.events, list(one_of(EVENTS))),
        events_webhook: section.get("events_webhook", optional(text)).flatten(),
        events_wait: section.get_or("events_wait", default.events_wait, duration(wait)),
        events_expire: section.get_or("events_expire", default.events_expire, duration(expire)),
    }
}

fn learnt_key(value: &Value) -> Parsed<Option<String>> {
    match optional(one_line)(value)? {
        Some(_) => uuid_key(value).map(Some),
        None => Ok(None),
    }
}

/// Parses a key of the document that does not clash with the document's own keys.
fn uuid_key(value: &Value) -> Parsed<String> {
    let key = one_line(value)?;
    let taken = [
        "callDetails",
        "keys",
        "recordingUrls",
        "incomplete",
        "missing",
    ];
    if taken.contains(&key.as_str()) {
        let what = format!("{key:?} is already a key of the document");
        return Err(Problem::new(
            what,
            "choose another, such as \"phonon-uuid\"",
        ));
    }
    Ok(key)
}

pub(super) fn egress(mut section: Section<'_>) -> Egress {
    let default = Egress::default();
    let plain = section.get_or("allow_plain_http", default.allow_plain_http, boolean);
    let proxy = section.get("proxy", optional(proxy)).flatten();
    let proxy_auth = credentials(section.subsection("proxy_auth"));
    if proxy_auth.is_some() && !section.has("proxy") {
        let help = "add proxy = \"http://proxy.example:3128\"";
        let path = section.path_of("proxy_auth");
        let problem = Problem::new("has no effect without proxy", help);
        section.context.warn(&path, problem);
    }
    Egress {
        allow_plain_http: plain,
        allow_addresses: section.get_or("allow_addresses", Vec::new(), list(addresses)),
        secret_params: section.get_or("secret_params", Vec::new(), list(non_empty)),
        proxy,
        proxy_auth,
        hosts: hosts(&mut section),
    }
}

/// Reads the addresses of names, which a name server need not know.
fn hosts(section: &mut Section<'_>) -> BTreeMap<String, Vec<IpAddr>> {
    let names = section.named_sections("hosts", Some("addresses"));
    let addresses = |(name, mut section): (String, Section<'_>)| {
        let help = "write its addresses in brackets, such as [\"192.0.2.1\"]";
        let addresses: Vec<IpAddr> = section.require("addresses", help, list(one_address));
        if addresses.is_empty() {
            section.fault("addresses", Problem::new("is empty", help));
        }
        (name.to_ascii_lowercase(), addresses)
    };
    names.into_iter().map(addresses).collect()
}

fn one_address(value: &Value) -> Parsed<IpAddr> {
    let help = "write an address such as \"192.0.2.1\"";
    let problem = |_| Problem::new(format!("{} is not an address", display(value)), help);
    text(value)?.parse().map_err(problem)
}

/// Parses a range of addresses, or one address.
pub(super) fn addresses(value: &Value) -> Parsed<IpNet> {
    let text = text(value)?;
    let one = || text.parse::<IpAddr>().map(IpNet::from).ok();
    let help = "write a range such as \"10.0.0.0/8\", or one address";
    let problem = || {
        Problem::new(
            format!("{} is not a range of addresses", display(value)),
            help,
        )
    };
    text.parse().ok().or_else(one).ok_or_else(problem)
}

fn proxy(value: &Value) -> Parsed<Url> {
    let help = "write it as \"http://proxy.example:3128\"";
    http_url(value, "an HTTP proxy", help)
}

/// Parses an HTTP URL without user and password, because logs show it.
pub(super) fn http_url(value: &Value, of: &str, help: &str) -> Parsed<Url> {
    let problem = || Problem::new(format!("is not the address of {of}"), help);
    let url: Url = text(value)?.parse().map_err(|_| problem())?;
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        return Err(problem());
    }
    if !url.username().is_empty() || url.password().is_some() {
        let what = "has a user or password, which logs would show";
        return Err(Problem::new(what, help));
    }
    Ok(url)
}

fn directory(value: &Value) -> Parsed<Option<PathBuf>> {
    Ok(optional(one_line)(value)?.map(PathBuf::from))
}

/// Whether `name` may be a webhook's name: it is also the path of a `socket` application.
pub(super) fn is_webhook_name(name: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    !name.is_empty() && name.len() <= NAME_LIMIT && name.chars().all(allowed)
}

pub(super) fn recorder(mut section: Section<'_>) -> recorder::RecorderOptions {
    let default = recorder::RecorderOptions::default();
    let all = 1024 * 1024 * MIB;
    recorder::RecorderOptions {
        share: section.get_or("share", default.share, share),
        failures_only: section.get_or("failures_only", default.failures_only, boolean),
        folder: section
            .get("folder", directory)
            .flatten()
            .unwrap_or(default.folder),
        files: section.get_or("files", default.files, number(1..=1_000_000)),
        bytes: section
            .get("bytes", byte_size(MIB..=all))
            .and_then(|bytes| u64::try_from(bytes).ok())
            .unwrap_or(default.bytes),
    }
}

/// Parses a number from 0 to 1 and returns it in millionths.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "it is from 0 to 1"
)]
pub(super) fn share(value: &Value) -> Parsed<u32> {
    let whole = || value.as_integer().and_then(|one| i32::try_from(one).ok());
    let share = value.as_float().or_else(|| whole().map(f64::from));
    let problem = || {
        let what = format!("{} is not a share", display(value));
        Problem::new(
            what,
            "write a number from 0 (none) to 1 (all), such as 0.01",
        )
    };
    let share = share.filter(|share| (0.0..=1.0).contains(share));
    let millionths = |share: f64| (share * f64::from(recorder::ALL_CALLS)).round() as u32;
    share.map(millionths).ok_or_else(problem)
}
