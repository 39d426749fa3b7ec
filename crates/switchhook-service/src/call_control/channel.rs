//! A channel as the switch describes it when it hands the call over.

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use memchr::memchr;
use switchhook_core::zone::Zone;

use crate::event_headers::EventHeaders;
use eslclient::Event;
use switchhook_core::headers::Headers;
use switchhook_core::numbers::DialledNumber;
use switchhook_core::tenants::{self, Tenants};
use switchhook_core::variables::JSON_KEYS;

use super::socket_mode::SocketMode;
use super::switch_name::SwitchName;
use super::unpark::{TRANSFER_SOURCE, transfer_id};

/// Set by the hook before it hands the call to a socket: then a connection that ends sends the
/// channel on in the dialplan, wherever the channel is by then.
pub(crate) const RESUMES: &str = "socket_resume";
/// The webhook that a parked call asks; unset when the call is released, and by the way out.
pub(crate) const WEBHOOK: &str = "flow.webhook";
/// The task number of the hook's scheduled way out, which unsets it.
pub(crate) const WAY_OUT: &str = "flow.way_out";

/// The header with the name that the switch gave itself.
const SWITCH: &str = "FreeSWITCH-Switchname";
/// The header with the number that was dialled.
const DESTINATION: &str = "Caller-Destination-Number";

/// How a call was handed over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HandOver {
    /// With the `socket` application.
    Socket(SocketMode),
    /// By parking the call.
    Parked(LineExtensions),
}

/// The extensions that a parked call continues at: `NAME-line-0` and `NAME-line-1` in a context
/// of the XML dialplan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineExtensions {
    /// The part before `-line-`.
    pub name: String,
    /// The dialplan context.
    pub context: String,
}

/// What is kept of a channel while it waits. Thousands may wait at once, so it is little.
#[derive(Debug, Clone)]
pub struct Channel {
    /// Its Unique-ID.
    pub uuid: String,
    /// The webhook that the dialplan names, or else the call's route.
    pub webhook: String,
    /// Its `flow.name`, or else its route's.
    pub flow: Option<String>,
    /// Its account, if it is not the default one.
    pub account: Option<String>,
    /// Whether the configuration has the account.
    pub account_known: bool,
    /// Variables that its route sets and the channel did not have; written at the release.
    pub given: Box<[(&'static str, String)]>,
    /// The caller's number, for the log.
    pub caller: String,
    /// The number that was dialled, for the log.
    pub destination: String,
    /// Whether the call is answered, so that media flows both ways.
    pub answered: bool,
    /// The switch that has it.
    pub switch: SwitchName,
    /// The task number of the hook's way out, cancelled at the release.
    pub way_out: Option<u64>,
    /// How the call was handed over.
    pub hand_over: HandOver,
    /// The [`transfer_id`] of the last transfer before the hand-over.
    pub transfer: Option<Box<str>>,
    /// The present value of [`JSON_KEYS`].
    pub json_keys: Option<String>,
    /// The `flow.` variables that a parked channel has; others need not be unset. All parked calls
    /// share one connection, on which each command costs the switch time.
    pub flow_variables: Option<Box<[String]>>,
}

impl Channel {
    /// Reads a `connect` reply. Returns `None` if it names no channel.
    ///
    /// Ambiguous values are taken as they came: a number that begins with `+` is one, and that is
    /// not worth a round trip.
    pub fn read(reply: &ConnectReply) -> Option<Self> {
        let headers = &reply.raw_headers();
        let mode = SocketMode::read(headers);
        Self::of(headers, "socket_path", HandOver::Socket(mode))
    }

    /// Reads a channel from headers. The variable `webhook_variable` names its webhook.
    pub fn of(headers: &dyn Headers, webhook_variable: &str, hand_over: HandOver) -> Option<Self> {
        let text = |name| headers.get(name).map(cut).unwrap_or_default();
        let variable = |name| headers.variable(name).map(cut);
        Some(Self {
            uuid: headers
                .get("Unique-ID")
                .filter(|uuid| is_unique_id(uuid))?
                .into_owned(),
            webhook: variable(webhook_variable).unwrap_or_default(),
            flow: variable(tenants::FLOW),
            account: variable(tenants::ACCOUNT),
            account_known: false,
            given: Box::default(),
            caller: text("Caller-Caller-ID-Number"),
            destination: DialledNumber::of(&text("Caller-Destination-Number"))
                .number
                .to_owned(),
            answered: headers.get("Answer-State").as_deref() == Some("answered"),
            switch: SwitchName::of(&headers.get(SWITCH).unwrap_or_default()),
            way_out: task_number(headers, WAY_OUT),
            transfer: variable(TRANSFER_SOURCE)
                .and_then(|source| transfer_id(&source).map(Into::into)),
            json_keys: headers.variable(JSON_KEYS).map(Cow::into_owned),
            flow_variables: matches!(hand_over, HandOver::Parked(_))
                .then(|| flow_variables(headers)),
            hand_over,
        })
    }

    /// Sets the call's account, flow and webhook from the configuration's routes where the dialplan
    /// does not set them. Returns the time zone of its account.
    pub fn apply_tenant(&mut self, headers: &dyn Headers, tenants: &Tenants) -> Zone {
        let text = |text: Option<&str>| text.map(|text| cut(text.into()));
        if tenants::withholds_caller(tenants, headers) {
            self.caller.clear();
        }
        tenants::match_channel(tenants, headers, |belongs| {
            self.given = tenants::route_variables(&belongs, headers).into();
            self.account = text(belongs.account);
            self.account_known = belongs.settings.is_some();
            self.flow = text(belongs.flow);
            if self.webhook.is_empty() {
                self.webhook = text(belongs.webhook).unwrap_or_default();
            }
            belongs.settings.unwrap_or(&tenants.default).time_zone
        })
    }

    /// Returns the headers with the variables that the route gives the channel.
    pub fn with_route_variables<'a>(
        &'a self,
        headers: &'a dyn Headers,
    ) -> tenants::WithVariables<'a> {
        tenants::WithVariables {
            headers,
            variables: &self.given,
        }
    }

    /// Returns whether the channel may have a variable. The switch ignores the case of names.
    pub(crate) fn may_have(&self, name: &str) -> bool {
        let has = |names: &[String]| names.iter().any(|has| has.eq_ignore_ascii_case(name));
        self.flow_variables.as_deref().is_none_or(has)
    }

    /// Returns the Unique-ID that commands must name; `None` on the channel's own socket.
    pub fn command_uuid(&self) -> Option<&str> {
        match self.hand_over {
            HandOver::Socket(_) => None,
            HandOver::Parked(_) => Some(&self.uuid),
        }
    }

    /// Returns what is wrong with the mode of its socket, with the cure.
    pub(super) fn mode_fault(&self) -> Option<&'static str> {
        match self.hand_over {
            HandOver::Socket(mode) => mode.fault(),
            HandOver::Parked(_) => None,
        }
    }

    /// Returns whether the call is still where it was handed over, by the present value of
    /// [`TRANSFER_SOURCE`]: the hook's way out and everybody who fetches the call write it anew.
    pub(crate) fn is_still_held(&self, source: Option<&str>) -> bool {
        source.and_then(transfer_id) == self.transfer.as_deref()
    }

    /// Returns whether this value of [`WAY_OUT`] is the number that the hook of this hand-over set.
    pub(crate) fn is_own_way_out(&self, value: Option<&str>) -> bool {
        self.way_out.is_some() && value.and_then(parse_task) == self.way_out
    }
}

/// The longest name or number that is kept, in characters.
const LONGEST: usize = 128;
/// The longest Unique-ID, in bytes.
const LONGEST_UNIQUE_ID: usize = 128;

/// Returns whether a text can be a channel's Unique-ID. The dialplan may choose it
/// (`origination_uuid`).
fn is_unique_id(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_.:@-".contains(&byte);
    (1..=LONGEST_UNIQUE_ID).contains(&text.len()) && text.bytes().all(allowed)
}

/// Returns a name or number for the log and the store, cut to its limit.
fn cut(text: Cow<'_, str>) -> String {
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => text[..end].to_owned(),
        None => text.into_owned(),
    }
}

/// Returns the names of the channel's variables that a webhook may write.
fn flow_variables(headers: &dyn Headers) -> Box<[String]> {
    let mut names = Vec::new();
    headers.visit_variables("flow.", &mut |name, _| names.push(name.to_owned()));
    names.into_boxed_slice()
}

/// Returns the scheduled task's number that a variable holds.
pub(crate) fn task_number(headers: &dyn Headers, variable: &str) -> Option<u64> {
    headers.variable(variable).as_deref().and_then(parse_task)
}

/// Parses a scheduled task's number. FreeSWITCH counts from 1 in a `uint32_t` and reads it back
/// with `atoi` (switch_scheduler.c).
fn parse_task(text: &str) -> Option<u64> {
    text.parse::<u32>()
        .ok()
        .filter(|task| i32::try_from(*task).is_ok_and(|task| task > 0))
        .map(u64::from)
}

/// The headers of a `connect` reply, with the values that were read again.
///
/// The reply does not escape `%XX` in a stored value, so that a value is ambiguous wherever the
/// wire has a `%`: a stored `100%25` arrives as `%25`. Ambiguous headers that are read are noted,
/// so that `api uuid_getvar` can read their exact text.
pub struct ConnectReply {
    event: Event,
    exact: BTreeMap<String, String>,
    ambiguous: RefCell<BTreeSet<String>>,
}

impl ConnectReply {
    /// Takes the reply's headers.
    pub fn new(event: Event) -> Self {
        Self {
            event,
            exact: BTreeMap::new(),
            ambiguous: RefCell::default(),
        }
    }

    /// Returns the headers as they came; reading them notes nothing.
    pub(crate) fn raw_headers(&self) -> EventHeaders<'_> {
        EventHeaders(&self.event)
    }

    /// Returns the ambiguous headers that were read: the name of each, and of the channel variable
    /// that holds its exact text.
    pub(crate) fn ambiguous(&self) -> Vec<(String, String)> {
        let ambiguous = self.ambiguous.borrow();
        ambiguous
            .iter()
            .filter_map(|header| Some((header.clone(), variable_of(header)?.to_owned())))
            .collect()
    }

    /// Sets the exact text of a header.
    ///
    /// Inside `execute_extension`, as in the shipped hook, `uuid_getvar` gives the extension's name
    /// for the number that was dialled; the header has the number (measured). So a destination is
    /// taken only if it can be what the header shows.
    pub fn set_exact(&mut self, header: String, text: String) {
        if header != DESTINATION || self.shows(&header, &text) {
            self.exact.insert(header, text);
        }
    }

    /// Returns whether the switch writes `text` as this header's value: the decoded value is the
    /// decoded text, since it leaves `%XX` as it is.
    fn shows(&self, header: &str, text: &str) -> bool {
        let decoded = percent_encoding::percent_decode_str(text).decode_utf8_lossy();
        let value = self.raw_headers().get(header).map(Cow::into_owned);
        value.is_some_and(|value| value == decoded)
    }

    /// Returns a header's value, and notes the header if it is ambiguous.
    fn read<'a>(&self, name: &str, (raw, value): (&[u8], Cow<'a, str>)) -> Cow<'a, str> {
        // What no variable holds cannot be read again.
        if memchr(b'%', raw).is_some() && variable_of(name).is_some() {
            self.ambiguous.borrow_mut().insert(name.to_owned());
        }
        value
    }
}

impl Headers for ConnectReply {
    fn get(&self, name: &str) -> Option<Cow<'_, str>> {
        if let Some(exact) = self.exact.get(name) {
            return Some(Cow::Borrowed(exact));
        }
        match self.event.get(name)? {
            // Most values are as they came, without a `%`.
            Cow::Borrowed(value) => Some(Cow::Borrowed(value)),
            Cow::Owned(_) => Some(self.read(name, self.event.raw_and_decoded(name)?)),
        }
    }

    fn variable(&self, name: &str) -> Option<Cow<'_, str>> {
        if self.exact.is_empty()
            && let Cow::Borrowed(value) = self.event.variable(name)?
        {
            return Some(Cow::Borrowed(value));
        }
        self.get(&["variable_", name].concat())
    }

    fn visit(&self, visit: &mut dyn FnMut(&str, &str)) {
        for (name, value) in self.event.iter() {
            if let Some(exact) = self.exact.get(&*name) {
                visit(&name, exact);
                continue;
            }
            // A document reads all flow variables, and others only by name.
            if name.starts_with("variable_flow.")
                && let Some(found) = self.event.raw_and_decoded(&name)
            {
                self.read(&name, found);
            }
            visit(&name, &value);
        }
    }

    fn visit_variables(&self, prefix: &str, visit: &mut dyn FnMut(&str, &str)) -> bool {
        for (name, raw, value) in self.event.variables_beginning(prefix) {
            if self.exact.is_empty() && memchr(b'%', raw).is_none() {
                visit(&name, &value);
                continue;
            }
            let header = ["variable_", &name].concat();
            match self.exact.get(&header) {
                Some(exact) => visit(&name, exact),
                None => visit(&name, &self.read(&header, (raw, value))),
            }
        }
        self.event.has_variables()
    }
}

/// Returns the variable that `uuid_getvar` reads a header's value by. For a name that is no
/// variable, FreeSWITCH looks into the caller profile (switch_channel.c
/// `switch_channel_get_variable_dup`).
fn variable_of(header: &str) -> Option<&str> {
    match header {
        "Caller-Caller-ID-Name" => Some("caller_id_name"),
        "Caller-Caller-ID-Number" => Some("caller_id_number"),
        DESTINATION => Some("destination_number"),
        _ => header.strip_prefix("variable_"),
    }
}
