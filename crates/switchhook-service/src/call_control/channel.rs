//! What the switch says of a channel when it gives it to us.

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use chrono_tz::Tz;
use memchr::memchr;

use eslclient::Event;
use switchhook_core::headers::Headers;
use switchhook_core::tenants::{self, Tenants};
use switchhook_core::variables::JSON_KEYS;

/// Set by the hook before it hands the call over to a socket, unset by its way out.
const RESUMES: &str = "socket_resume";
/// The webhook that a parked call asks; unset when it is let go, and by the way out.
pub(crate) const ASKS: &str = "flow.webhook";
/// The number of the hook's way out, which unsets it.
pub(crate) const WAY_OUT: &str = "flow.way_out";

/// How a call was handed over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Way {
    /// By the `socket` application.
    Socket {
        /// The dialplan goes on by itself when the socket ends (`socket_resume`).
        resumes: bool,
    },
    /// By parking it.
    Parked(Lines),
}

/// Where a parked call goes on: `NAME-line-0` or `NAME-line-1` of a context of the XML
/// dialplan. Both are words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lines {
    /// What stands before `-line-`.
    pub name: String,
    /// The context.
    pub context: String,
}

/// What is kept of a channel while it waits: little, for there may be many.
#[derive(Debug, Clone)]
pub struct Channel {
    /// Its Unique-ID.
    pub uuid: String,
    /// The webhook that the dialplan asked for, or else the call's route.
    pub widget: String,
    /// Its `flow.name`, or else its route's.
    pub flow: Option<String>,
    /// Its account, when it is not the default one.
    pub account: Option<String>,
    /// Variables that its route says and it did not have, to be written when it is let go.
    pub given: Box<[(&'static str, String)]>,
    /// The caller's number, for the log.
    pub caller: String,
    /// The number that was dialled, for the log.
    pub destination: String,
    /// The call is answered: media flows both ways.
    pub answered: bool,
    /// The scheduled way out of the hook, cancelled when we leave.
    pub way_out: Option<u64>,
    /// How it was handed over.
    pub way: Way,
    /// [`JSON_KEYS`] as it stands.
    pub json_keys: Option<String>,
    /// The flow's variables that it has, of a parked call: others need not be unset. All
    /// parked calls share a connection, on which each command takes the switch its time.
    pub has: Option<Box<[String]>>,
}

impl Channel {
    /// Reads a `connect` reply; `None` when it names no channel.
    ///
    /// As it came: what is in doubt here is not worth a round trip, for a number that
    /// begins with `+` is.
    pub fn read(reply: &ConnectReply) -> Option<Self> {
        let headers = &reply.as_it_came();
        let resumes = headers.variable(RESUMES).as_deref() == Some("true");
        Self::of(headers, "socket_path", Way::Socket { resumes })
    }

    /// The channel of these headers, whose variable `asks` names the webhook.
    pub fn of(headers: &dyn Headers, asks: &str, way: Way) -> Option<Self> {
        let text = |name| headers.get(name).map(Cow::into_owned).unwrap_or_default();
        let variable = |name| headers.variable(name).map(Cow::into_owned);
        Some(Self {
            uuid: headers
                .get("Unique-ID")
                .filter(|uuid| !uuid.is_empty())?
                .into_owned(),
            widget: variable(asks).unwrap_or_default(),
            flow: variable(tenants::FLOW),
            account: variable(tenants::ACCOUNT),
            given: Box::default(),
            caller: text("Caller-Caller-ID-Number"),
            destination: text("Caller-Destination-Number"),
            answered: headers.get("Answer-State").as_deref() == Some("answered"),
            way_out: task(headers, WAY_OUT),
            json_keys: variable(JSON_KEYS),
            has: matches!(way, Way::Parked(_)).then(|| flow_variables(headers)),
            way,
        })
    }

    /// Finds out whose the call is, and what it asks when the dialplan does not say; the time
    /// zone of its account.
    pub fn settle(&mut self, headers: &dyn Headers, tenants: &Tenants) -> Tz {
        let text = |text: Option<&str>| text.map(str::to_owned);
        tenants::belong(tenants, headers, |belongs| {
            self.given = tenants::given(&belongs, headers).into();
            self.account = text(belongs.account);
            self.flow = text(belongs.flow);
            if self.widget.is_empty() {
                self.widget = text(belongs.webhook).unwrap_or_default();
            }
            belongs.of.unwrap_or(&tenants.default).time_zone
        })
    }

    /// Its headers with what it is given.
    pub fn with<'a>(&'a self, headers: &'a dyn Headers) -> tenants::With<'a> {
        tenants::With {
            headers,
            given: &self.given,
        }
    }

    /// Whether a variable may be there. The switch compares names without case.
    pub(crate) fn may_have(&self, name: &str) -> bool {
        let has = |names: &[String]| names.iter().any(|has| has.eq_ignore_ascii_case(name));
        self.has.as_deref().is_none_or(has)
    }

    /// The channel as a command of the session must name it; `None` on its own socket.
    pub fn addressed(&self) -> Option<&str> {
        match self.way {
            Way::Socket { .. } => None,
            Way::Parked(_) => Some(&self.uuid),
        }
    }

    /// The variable that the hook's way out unsets: whether it has taken the call on.
    /// `None` when nothing can have.
    pub fn sign(&self) -> Option<&'static str> {
        match self.way {
            Way::Socket { resumes } => resumes.then_some(RESUMES),
            Way::Parked(_) => Some(WAY_OUT),
        }
    }

    /// Whether the call is still where it was handed over, by the value of [`Channel::sign`].
    /// A parked one has the number of this very way out: it may be parked anew by now.
    pub(crate) fn is_where_it_was(&self, sign: Option<&str>) -> bool {
        match self.way {
            Way::Socket { .. } => sign.is_some(),
            Way::Parked(_) => sign.and_then(number) == self.way_out,
        }
    }
}

/// The names of the variables that a widget may write.
fn flow_variables(headers: &dyn Headers) -> Box<[String]> {
    let mut names = Vec::new();
    headers.visit(&mut |header, _| {
        let name = header.strip_prefix("variable_");
        names.extend(
            name.filter(|name| name.starts_with("flow."))
                .map(str::to_owned),
        );
    });
    names.into_boxed_slice()
}

/// The scheduled task that a variable holds.
pub(crate) fn task(headers: &dyn Headers, variable: &str) -> Option<u64> {
    headers.variable(variable).as_deref().and_then(number)
}

/// A scheduled task's number, as FreeSWITCH counts them (switch_scheduler.c: from 1, `uint32_t`
/// read back with `atoi`).
fn number(text: &str) -> Option<u64> {
    text.parse::<u32>()
        .ok()
        .filter(|task| i32::try_from(*task).is_ok_and(|task| task > 0))
        .map(u64::from)
}

/// The `connect` reply's headers, and what was asked of the switch again.
///
/// The reply leaves `%XX` in a stored value unescaped, so that its text is in doubt
/// wherever the wire has a `%`: a stored `100%25` arrives as `%25`. Headers in doubt
/// that were read are noted, to be read again with `api uuid_getvar`.
pub struct ConnectReply {
    event: Event,
    exact: BTreeMap<String, String>,
    doubtful: RefCell<BTreeSet<String>>,
}

impl ConnectReply {
    /// The headers as they came.
    pub fn new(event: Event) -> Self {
        Self {
            event,
            exact: BTreeMap::new(),
            doubtful: RefCell::default(),
        }
    }

    /// The headers, with nothing noted.
    pub fn as_it_came(&self) -> AsItCame<'_> {
        AsItCame(&self.event)
    }

    /// The headers that were read and are in doubt: name of the header, and of the
    /// channel variable that holds its exact text.
    pub(crate) fn doubtful(&self) -> Vec<(String, String)> {
        let doubtful = self.doubtful.borrow();
        doubtful
            .iter()
            .filter_map(|header| Some((header.clone(), variable_of(header)?.to_owned())))
            .collect()
    }

    /// Replaces a header by its exact text.
    pub fn correct(&mut self, header: String, text: String) {
        self.exact.insert(header, text);
    }

    /// What an event holds of a header; noted when that is in doubt.
    fn read<'a>(&self, name: &str, (raw, value): (&[u8], Cow<'a, str>)) -> Cow<'a, str> {
        if memchr(b'%', raw).is_some() {
            self.doubtful.borrow_mut().insert(name.to_owned());
        }
        value
    }
}

impl Headers for ConnectReply {
    fn get(&self, name: &str) -> Option<Cow<'_, str>> {
        if let Some(exact) = self.exact.get(name) {
            return Some(Cow::Borrowed(exact));
        }
        let found = self.event.raw_and_decoded(name)?;
        Some(self.read(name, found))
    }

    fn visit(&self, visit: &mut dyn FnMut(&str, &str)) {
        self.visit_those(&mut |_| true, visit);
    }

    fn visit_those(&self, wanted: &mut dyn FnMut(&str) -> bool, visit: &mut dyn FnMut(&str, &str)) {
        for (name, value) in self.event.iter_those(wanted) {
            if let Some(exact) = self.exact.get(&*name) {
                visit(&name, exact);
                continue;
            }
            // A document reads the flow's variables, and of the rest only by name.
            if name.starts_with("variable_flow.")
                && let Some(found) = self.event.raw_and_decoded(&name)
            {
                self.read(&name, found);
            }
            visit(&name, &value);
        }
    }
}

/// The headers of an event, with nothing noted.
pub struct AsItCame<'a>(pub &'a Event);

impl Headers for AsItCame<'_> {
    fn get(&self, name: &str) -> Option<Cow<'_, str>> {
        self.0.get(name)
    }

    fn visit(&self, visit: &mut dyn FnMut(&str, &str)) {
        for (name, value) in self.0.iter() {
            visit(&name, &value);
        }
    }
}

/// The variable that `uuid_getvar` knows a header's value by
/// (FreeSWITCH: switch_channel.c `switch_channel_get_variable_dup` looks into the
/// caller profile for what is no variable).
fn variable_of(header: &str) -> Option<&str> {
    match header {
        "Caller-Caller-ID-Name" => Some("caller_id_name"),
        "Caller-Caller-ID-Number" => Some("caller_id_number"),
        "Caller-Destination-Number" => Some("destination_number"),
        _ => header.strip_prefix("variable_"),
    }
}
