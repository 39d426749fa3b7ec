//! Defines the calls that the lab places and the expected outcome of each.

mod agents;
mod connections;
mod early;
mod expect;
mod failure;
mod hostile;
mod living;
mod outage;
mod parked;
mod resting;
mod routed;
mod standing;
mod success;
mod tries;

use std::time::Duration;

use serde_json::Value;

use super::options::LabOptions;
use super::receiver::Request;
use super::switch::{Call, Left};

pub(super) use self::expect::{ExpectedAudio, Is, Requests, problems};

/// The address at which the call is placed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Host {
    /// The service under test.
    Service,
    /// A port without a listener.
    Nobody,
    /// First a port without a listener, then the service.
    SecondOfTwo,
}

/// Checks a request and returns what is wrong with it.
type Check = fn(&Request) -> Result<(), String>;

/// One call and its expected outcome.
#[derive(Debug, Clone)]
pub(super) struct Scenario {
    /// Name of the scenario and of its webhook.
    pub name: &'static str,
    /// Path at the receiver, or a whole URL. `{receiver}` and `{closed}` stand for the address of
    /// the receiver and of a port without a listener; `{spare}`, `{stopped}` and `{forgotten}` for
    /// webhooks whose connections no other call uses; `{several}` for a name of the receiver that
    /// has a silent address, too.
    pub url: String,
    /// Lines of the webhook's table in `switchhook.toml`, without `url`.
    pub settings: String,
    /// Whether the config lacks a webhook of this name.
    pub unknown: bool,
    pub host: Host,
    pub call: Call,
    /// The line that the dialplan must take.
    pub line: Option<u8>,
    /// The way in which the call must leave the service.
    pub left: Left,
    /// Every `flow.` variable that must exist; no other may.
    pub variables: Vec<(String, Is)>,
    pub heard: ExpectedAudio,
    /// Whether the caller must be answered at the end.
    pub answered: bool,
    pub requests: Requests,
    /// Keys of the document that are not text, named without `flow.key.`.
    pub typed: Vec<(&'static str, Value)>,
    /// Whether the document must be delivered again, with equal bytes and an equal id.
    pub(crate) repeats: bool,
    /// The check of the request itself.
    pub request: Option<Check>,
    /// The number by which the service finds account, flow and webhook. The call's dialplan names
    /// none of them.
    pub routed: Option<&'static str>,
}

/// Variables that a failure without an HTTP status sets.
const FAILED: [(&str, &str); 3] = [
    ("response_status", "FAILED"),
    ("response_error", "true"),
    ("flow.line", "1"),
];

impl Scenario {
    /// Creates a call that gets JSON at once and succeeds.
    fn success(name: &'static str, path: &str) -> Self {
        Self {
            name,
            url: path.to_owned(),
            settings: String::new(),
            unknown: false,
            host: Host::Service,
            call: Call {
                path: name.to_owned(),
                variables: vec![("flow.key.leadid".into(), "HFC123".into())],
                patience: Duration::from_secs(20),
                ..Call::default()
            },
            line: Some(0),
            left: Left::Released,
            variables: vec![
                variable("response_status", Is::exactly("SUCCESS")),
                variable("response_status_code", Is::exactly("200")),
                variable("response_duration", Is::Seconds(0.0, 3.0)),
                variable("response_error", Is::exactly("false")),
                variable("flow.line", Is::exactly("0")),
            ],
            heard: ExpectedAudio::NoMusic,
            answered: true,
            requests: Requests::One,
            typed: Vec::new(),
            repeats: false,
            request: None,
            routed: None,
        }
    }

    /// Creates a call that fails with `reason`, without an HTTP status.
    fn failure(name: &'static str, path: &str, reason: &str) -> Self {
        let mut variables: Vec<_> = FAILED
            .iter()
            .map(|(name, value)| variable(name, Is::exactly(value)))
            .collect();
        variables.push(variable("error_reason", Is::exactly(reason)));
        variables.push(variable("error_detail", Is::Sentence("")));
        Self {
            line: Some(1),
            variables,
            ..Self::success(name, path)
        }
    }

    /// Adds an HTTP status to a failure.
    fn with_status(self, code: &str, kind: &str) -> Self {
        self.expecting("response_status_code", Is::exactly(code))
            .expecting("response_status_type", Is::exactly(kind))
            .expecting("response_duration", Is::Seconds(0.0, 3.0))
    }

    /// Adds lines to the webhook's settings.
    fn set(mut self, lines: &str) -> Self {
        self.settings.push_str(lines);
        self.settings.push('\n');
        self
    }

    /// Expects a variable. A later expectation replaces an earlier one.
    fn expecting(mut self, name: &str, is: Is) -> Self {
        let (name, is) = variable(name, is);
        self.variables.retain(|(known, _)| *known != name);
        self.variables.push((name, is));
        self
    }

    /// Expects the whole body in `response_raw`.
    fn raw(self, body: &str) -> Self {
        self.expecting("response_raw", Is::exactly(body))
    }

    /// Expects a key with this JSON type in the document.
    fn typed(mut self, name: &'static str, value: Value) -> Self {
        self.typed.push((name, value));
        self
    }

    fn heard(mut self, heard: ExpectedAudio) -> Self {
        self.heard = heard;
        self
    }

    fn requests(mut self, requests: Requests) -> Self {
        self.requests = requests;
        self
    }
}

/// Returns a variable's full name. A name without a dot gets the prefix `flow.key.`.
fn variable(name: &str, is: Is) -> (String, Is) {
    let full = if name.contains('.') {
        name.to_owned()
    } else {
        format!("flow.key.{name}")
    };
    (full, is)
}

/// Returns every scenario for a service with room for all of them.
pub(super) fn all() -> Vec<Scenario> {
    let mut all = success::all();
    all.extend(failure::all());
    all.extend(tries::all());
    all.extend(connections::all());
    all.extend(hostile::all());
    all.extend(agents::all());
    all.extend(routed::all());
    all.extend(early::all(&all));
    all.extend(parked::all(&all));
    all
}

/// Returns the scenarios of [`all`] that these options choose.
pub(super) fn chosen(options: &LabOptions) -> Vec<Scenario> {
    let mut chosen = all();
    // Parked calls need a service that follows the switch.
    chosen.retain(|scenario| {
        options.chooses(scenario.name) && (options.follow || scenario.call.parked.is_none())
    });
    chosen
}

/// Name of the service that takes the lab's parked calls.
pub(super) const PARK_SERVICE: &str = "lab";

pub(super) use self::living::{Living, LivingCall};
pub(super) use self::outage::{Killed, ReceiverDown};
pub(super) use self::resting::Rests;
pub(super) use self::standing::Shift;

/// Returns two calls for a service with room for one: it holds the first and sends the second on.
pub(super) fn overload() -> (Scenario, Scenario) {
    failure::overload()
}
