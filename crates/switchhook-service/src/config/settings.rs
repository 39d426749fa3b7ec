//! Settings that belong to no single webhook, as plain values.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;
use switchhook_core::live_events::EventKind;
use switchhook_core::zone::Zone;
use url::Url;

use switchhook_core::secret::Secret;

/// `[listen]`: the addresses that this program listens on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listen {
    /// FreeSWITCH's `socket` application connects here.
    pub esl: SocketAddr,
    /// The only addresses that may connect to `esl`; empty allows all.
    pub allow: Vec<IpNet>,
    /// Confirm that a call exists on a followed switch before its webhook is called.
    pub confirm_calls: bool,
    /// Health, metrics and the operator's page.
    pub http: SocketAddr,
    /// Host names that HTTP requests may use, besides addresses and `localhost`.
    pub http_hosts: Vec<String>,
    /// The path under which a proxy shows the page, such as `/switchhook`; empty for the root.
    pub http_base: String,
    /// The token for changes over HTTP; without one, nobody can change anything.
    pub http_token: Option<Secret>,
}

impl Default for Listen {
    fn default() -> Self {
        Self {
            esl: (Ipv4Addr::LOCALHOST, 8084).into(),
            allow: Vec::new(),
            confirm_calls: true,
            http: (Ipv4Addr::LOCALHOST, 8085).into(),
            http_hosts: Vec::new(),
            http_base: String::new(),
            http_token: None,
        }
    }
}

/// `[[freeswitch]]`: a switch whose Event Socket (port 8021) is followed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Switch {
    /// Host and port.
    pub address: String,
    /// The Event Socket's password.
    pub password: Secret,
    /// The switch's name in `cdrId`; `None` uses the name that the switch reports.
    pub name: Option<String>,
    /// The `flow.service` of parked calls that this program takes over; `None`: it takes none.
    pub park_service: Option<String>,
    /// The folder that mod_json_cdr writes to, for calls that ended while nobody followed.
    pub json_cdr_dir: Option<PathBuf>,
    /// mod_json_cdr may post to `listen.http`.
    pub json_cdr_post: bool,
    /// The credentials of those posts (`cred`); `None` admits every client that reaches the port.
    pub json_cdr_auth: Option<Credentials>,
}

/// A user name and password that a client has to present.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credentials {
    /// The user name.
    pub username: String,
    /// The password.
    pub password: Secret,
}

/// `[store]`: the database for documents and responses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Store {
    /// `sqlite:PATH`, relative to the working directory, or `postgres://USER@HOST/DATABASE`. Holds
    /// no password.
    pub url: String,
    /// PostgreSQL's password.
    pub password: Option<Secret>,
}

impl Default for Store {
    fn default() -> Self {
        Self {
            url: "sqlite:switchhook.db".into(),
            password: None,
        }
    }
}

/// `[limits]`: how much is handled at once, and how long the switch may take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Calls that wait for a webhook. A call above the limit goes on at once, on line 1 with
    /// `OVERLOADED`.
    pub calls_on_hold: usize,
    /// Connections at `listen.esl`, including those above `calls_on_hold`. At the limit, no
    /// connection is accepted until one closes.
    pub connections: usize,
    /// Connections at each port that speaks HTTP: the operator's page, and recordings.
    pub http_connections: usize,
    /// Bytes of the header block of one frame from the switch.
    pub frame_header_bytes: usize,
    /// Header lines of one frame from the switch.
    pub frame_headers: usize,
    /// Bytes of the body of one frame from the switch.
    pub frame_body_bytes: usize,
    /// Bytes of unfinished frames over all connections at `listen.esl`.
    pub frame_memory: usize,
    /// From accepting a connection to the switch's reply to `connect`.
    pub connect_deadline: Duration,
    /// From a command to the switch's reply.
    pub(crate) reply_deadline: Duration,
    /// From the signal to stop until calls still on hold leave on line 1.
    pub drain_deadline: Duration,
    /// From the apparent end of a call until its document is built without missing data of the
    /// switch.
    pub(crate) details_deadline: Duration,
    /// Documents in flight at a time, over all webhooks.
    pub(crate) deliveries_in_flight: usize,
    /// Webhook tasks that are kept in memory for the operator's page.
    pub calls_remembered: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            calls_on_hold: 10_000,
            connections: 12_000,
            http_connections: 256,
            frame_header_bytes: 1024 * 1024,
            frame_headers: 1_024,
            frame_body_bytes: 8 * 1024 * 1024,
            frame_memory: 64 * 1024 * 1024,
            connect_deadline: Duration::from_secs(5),
            reply_deadline: Duration::from_secs(10),
            drain_deadline: Duration::from_secs(60),
            details_deadline: Duration::from_secs(60),
            deliveries_in_flight: 64,
            calls_remembered: 1_000,
        }
    }
}

/// `[account]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// "Webhook for Account": receives the document of every call whose flow enables its webhook.
    /// `None` is *Not Configured*.
    pub default_webhook: Option<String>,
    /// The time zone of times in documents and reports.
    pub time_zone: Zone,
    /// Show only the last three digits of numbers on the page and in logs.
    pub mask_numbers: bool,
    /// What happens to the number of a caller who asks for privacy.
    pub privacy: Privacy,
}

/// What happens to the number of a caller who asks for privacy (`Privacy: id`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Privacy {
    /// It is withheld.
    Respect,
    /// It is shown.
    Ignore,
}

impl Default for Account {
    fn default() -> Self {
        Self {
            default_webhook: None,
            time_zone: Zone::UTC,
            mask_numbers: false,
            privacy: Privacy::Respect,
        }
    }
}

/// `[flows.NAME]`: what happens after a call whose `flow.name` is NAME.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flow {
    /// "Enable Webhook for Flow".
    pub webhook: bool,
    /// Webhooks that receive a document of their own format afterwards, in this order. Does not
    /// depend on `webhook`.
    pub after: Vec<String>,
    /// The legs in the document.
    pub legs: LegChoice,
    /// The unit of `duration` in the document.
    pub duration_unit: DurationUnit,
    /// The document's key for the call's UUID.
    pub uuid_key: String,
    /// Include `response_raw` in the document's `keys`.
    pub keys_raw: bool,
    /// The document's key that says how the call was learnt; `None` leaves it out.
    pub learnt_key: Option<String>,
    /// What is told of a call while it lives.
    pub events: Vec<EventKind>,
    /// The webhook that is told; `None` for the account's.
    pub events_webhook: Option<String>,
    /// How long an event waits for the one before it.
    pub events_wait: Duration,
    /// When an event is too old to be sent.
    pub events_expire: Duration,
}

impl Default for Flow {
    fn default() -> Self {
        Self {
            webhook: false,
            after: Vec::new(),
            legs: LegChoice::All,
            duration_unit: DurationUnit::Milliseconds,
            uuid_key: "phonon-uuid".into(),
            keys_raw: false,
            learnt_key: None,
            events: Vec::new(),
            events_webhook: None,
            events_wait: Duration::from_secs(2),
            events_expire: Duration::from_secs(300),
        }
    }
}

/// The legs in a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LegChoice {
    /// Every leg of the call, including an agent's leg that never answered.
    All,
    /// The first leg and the legs that were answered.
    Connected,
}

/// The unit of `duration` in a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DurationUnit {
    /// `"15962"`, as in the format's samples.
    Milliseconds,
    /// `"15"`, as in the format's text.
    Seconds,
}

/// `[egress]`: the addresses that webhooks may reach.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Egress {
    /// Allow `http://` besides `https://`.
    pub allow_plain_http: bool,
    /// Private ranges that are allowed.
    pub allow_addresses: Vec<IpNet>,
    /// Names of query parameters and headers, besides the usual ones, whose values are never shown.
    pub secret_params: Vec<String>,
    /// The proxy of every request; the environment's proxy is never used.
    pub proxy: Option<Url>,
    /// Credentials for the proxy.
    pub proxy_auth: Option<Credentials>,
    /// Addresses of names, in lower case, in place of what a name server says.
    pub hosts: BTreeMap<String, Vec<IpAddr>>,
}
