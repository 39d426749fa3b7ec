//! The settings that are not of one webhook: sections of the file as plain values.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use chrono_tz::Tz;
use ipnet::IpNet;
use url::Url;

use switchhook_core::secret::Secret;

/// `[listen]`: where this program is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listen {
    /// FreeSWITCH's `socket` application connects here.
    pub esl: SocketAddr,
    /// The only addresses that may connect there; empty: all.
    pub allow: Vec<IpNet>,
    /// Before a call's webhook is asked, the switches that are followed are asked for the call.
    pub confirm_calls: bool,
    /// Health, metrics and the operator's page.
    pub http: SocketAddr,
    /// The names, besides addresses and `localhost`, by which it is called.
    pub http_hosts: Vec<String>,
    /// What allows to change something over HTTP; without it nobody may.
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
            http_token: None,
        }
    }
}

/// `[[freeswitch]]`: a switch whose Event Socket (port 8021) is followed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Switch {
    /// Host and port.
    pub address: String,
    /// Password of the Event Socket.
    pub password: Secret,
    /// The switch's name in `cdrId`; `None` takes the name that the switch gives itself.
    pub name: Option<String>,
    /// Under what name calls that its dialplan parks are given to us (`flow.service`);
    /// `None`: none are taken.
    pub park_service: Option<String>,
    /// Where mod_json_cdr writes, to learn what ended while nobody followed.
    pub json_cdr_dir: Option<PathBuf>,
    /// mod_json_cdr may post to `listen.http`, too.
    pub json_cdr_post: bool,
    /// What it says then (`cred`); `None` admits whoever reaches the port.
    pub json_cdr_auth: Option<Credentials>,
}

/// A user and a password that somebody else has to say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credentials {
    /// The user.
    pub username: String,
    /// The password.
    pub password: Secret,
}

/// `[store]`: where documents wait and responses are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Store {
    /// `sqlite:PATH`, relative to the working directory, or `postgres://USER@HOST/DATABASE`;
    /// without a password.
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

/// `[limits]`: how much is taken on at once, and how long the switch may take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Calls that wait for a webhook; a call above it is taken, given line 1
    /// (`OVERLOADED`) and given back.
    pub calls_on_hold: usize,
    /// Connections at `listen.esl`, those above `calls_on_hold` included; at the
    /// limit no more are accepted until one closes.
    pub connections: usize,
    /// Bytes of the header block of one frame from the switch.
    pub frame_header_bytes: usize,
    /// Header lines of one frame from the switch.
    pub frame_headers: usize,
    /// Bytes of the body of one frame from the switch.
    pub frame_body_bytes: usize,
    /// From accepting a connection to the switch's reply to `connect`.
    pub connect_deadline: Duration,
    /// From a command to the switch's reply.
    pub(crate) reply_deadline: Duration,
    /// From the signal to stop until calls still on hold are given back on line 1.
    pub drain_deadline: Duration,
    /// From a call's seeming end until its document is made without what the switch still owes.
    pub(crate) details_deadline: Duration,
    /// Documents being posted at once, over all webhooks.
    pub(crate) deliveries_in_flight: usize,
    /// Runs of widgets that are kept in memory for the operator's page.
    pub calls_remembered: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            calls_on_hold: 10_000,
            connections: 12_000,
            frame_header_bytes: 1024 * 1024,
            frame_headers: 1_024,
            frame_body_bytes: 8 * 1024 * 1024,
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
    /// "Webhook for Account": gets the document of every call whose flow has its
    /// webhook enabled. `None` is *Not Configured*.
    pub default_webhook: Option<String>,
    /// Whose offset the times of documents and reports have.
    pub time_zone: Tz,
    /// Numbers are shown by their last three digits on the page and in logs.
    pub mask_numbers: bool,
}

impl Default for Account {
    fn default() -> Self {
        Self {
            default_webhook: None,
            time_zone: Tz::UTC,
            mask_numbers: false,
        }
    }
}

/// The flow of a call that names no flow.
pub const DEFAULT_FLOW: &str = "default";

/// `[flows.NAME]`: what happens when a call whose `flow.name` is NAME is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flow {
    /// "Enable Webhook for Flow".
    pub webhook: bool,
    /// Webhooks that get a document of their own format afterwards, in this order;
    /// independent of `webhook`.
    pub after: Vec<String>,
    /// Which legs the document has.
    pub legs: LegChoice,
    /// Unit of `duration` in the document.
    pub duration_unit: DurationUnit,
    /// Name of the document's key that holds the call's UUID.
    pub uuid_key: String,
    /// The document's `keys` contain `response_raw` too.
    pub keys_raw: bool,
    /// Name of the document's key that says how the call was learnt; `None`: it does not say.
    pub learnt_key: Option<String>,
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
        }
    }
}

/// Which legs a document has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LegChoice {
    /// Every leg of the call, an agent who never answered included.
    All,
    /// The first leg and those that answered.
    Connected,
}

/// Unit of `duration` in a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DurationUnit {
    /// `"15962"`, as in the format's samples.
    Milliseconds,
    /// `"15"`, as in the format's text.
    Seconds,
}

/// `[egress]`: what webhooks may reach.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Egress {
    /// `http://` is allowed beside `https://`.
    pub allow_plain_http: bool,
    /// Private ranges that are allowed.
    pub allow_addresses: Vec<IpNet>,
    /// The proxy for every request; never one of the environment.
    pub proxy: Option<Url>,
}
