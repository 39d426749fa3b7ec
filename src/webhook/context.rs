//! What a template can name: `flow.key.NAME`, `call.NAME`, `channel["NAME"]`, and after
//! the call the fields of its document.
//!
//! A template engine's objects live longer than a borrow, and the channel's headers are
//! borrowed. So a render that asks for a header not fetched yet is told "not there", the
//! header is fetched, and the template is rendered again. The names that a template spells
//! out are fetched before ([`super::names`]), so a second render is the exception; and
//! nothing but what is read is decoded.

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, SecondsFormat};
use minijinja::value::{Enumerator, Object, Value};

use super::json;
use crate::call::headers::Headers;

/// The prefix of a channel variable among a channel's headers.
const VARIABLE: &str = "variable_";
/// The prefix of the flow variables.
const FLOW_KEY: &str = "flow.key.";
/// What the name of a value's exact bytes ends in.
const EXACT: &str = "_b64";

/// Headers that notes which names were read, for whoever must read some of them again
/// (FreeSWITCH leaves `%XX` unescaped in plain replies; see [`super::Webhook::headers_read`]).
pub struct Recorder<'a> {
    inner: &'a dyn Headers,
    read: RefCell<BTreeSet<String>>,
}

impl<'a> Recorder<'a> {
    /// Notes what is read from `inner`.
    pub fn new(inner: &'a dyn Headers) -> Self {
        Self {
            inner,
            read: RefCell::default(),
        }
    }

    /// The headers that were read and are there, `variable_` included, sorted.
    pub fn read(self) -> Vec<String> {
        self.read.into_inner().into_iter().collect()
    }
}

impl Headers for Recorder<'_> {
    fn get(&self, name: &str) -> Option<Cow<'_, str>> {
        let value = self.inner.get(name)?;
        self.read.borrow_mut().insert(name.to_owned());
        Some(value)
    }

    fn visit(&self, visit: &mut dyn FnMut(&str, &str)) {
        self.inner.visit(&mut |name, value| {
            self.read.borrow_mut().insert(name.to_owned());
            visit(name, value);
        });
    }
}

/// The header behind `call.FIELD`, where it is one header as it stands.
///
/// FreeSWITCH: `switch_channel.c` `switch_channel_event_set_basic_data`,
/// `switch_caller.c` `switch_caller_profile_event_set_data`.
pub(super) fn call_header(field: &str) -> Option<&'static str> {
    Some(match field {
        "uuid" => "Unique-ID",
        "call_uuid" => "Channel-Call-UUID",
        "caller_number" => "Caller-Caller-ID-Number",
        "caller_name" => "Caller-Caller-ID-Name",
        "callee_number" => "Caller-Callee-ID-Number",
        "callee_name" => "Caller-Callee-ID-Name",
        "destination_number" => "Caller-Destination-Number",
        "ani" => "Caller-ANI",
        "rdnis" => "Caller-RDNIS",
        "username" => "Caller-Username",
        "direction" => "Call-Direction",
        "context" => "Caller-Context",
        "dialplan" => "Caller-Dialplan",
        "network_address" => "Caller-Network-Addr",
        "channel_name" => "Channel-Name",
        "answer_state" => "Answer-State",
        "switch" => "FreeSWITCH-Switchname",
        "created_us" | "created" => "Caller-Channel-Created-Time",
        "answered_us" | "answered" => "Caller-Channel-Answered-Time",
        _ => return None,
    })
}

/// The headers that the lookup of a channel variable may read.
pub(super) fn variable_headers(name: &str) -> Vec<String> {
    let mut headers = vec![format!("{VARIABLE}{name}")];
    if name.starts_with(FLOW_KEY) {
        headers.push(format!("{VARIABLE}{name}{EXACT}"));
    }
    headers
}

/// The headers that `channel["name"]` may read.
pub(super) fn channel_headers(name: &str) -> [String; 2] {
    [format!("{VARIABLE}{name}"), name.to_owned()]
}

/// What the templates of one request may see.
#[derive(Debug, Default)]
pub(super) struct Scope {
    /// The document of a call that is over.
    document: Value,
    /// Dotted names that other names go through (`flow.key.a` beside `flow.key.a.b`).
    branches: Arc<BTreeSet<String>>,
    /// No call: every name has a value.
    probe: bool,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Headers fetched: `None` is not there.
    known: BTreeMap<String, Option<String>>,
    /// Every header was fetched.
    complete: bool,
    /// Headers asked for and not fetched.
    wanted: BTreeSet<String>,
    /// Every header is asked for.
    wants_all: bool,
    /// The last name that was looked up and has no value.
    missing: Option<String>,
}

impl Scope {
    pub(super) fn new(
        document: Option<&serde_json::Value>,
        branches: Arc<BTreeSet<String>>,
    ) -> Arc<Self> {
        Arc::new(Self {
            document: document.map(json::to_template).unwrap_or_default(),
            branches,
            ..Self::default()
        })
    }

    /// A scope in which every header is `1`.
    pub(super) fn probe(branches: Arc<BTreeSet<String>>) -> Arc<Self> {
        Arc::new(Self {
            branches,
            probe: true,
            ..Self::default()
        })
    }

    /// The root that a template is rendered with.
    pub(super) fn root(self: &Arc<Self>) -> Value {
        Value::from_object(Node {
            scope: Arc::clone(self),
            at: At::Root,
        })
    }

    /// Fetches `names`.
    pub(super) fn fetch<'a>(
        &self,
        names: impl IntoIterator<Item = &'a String>,
        headers: &dyn Headers,
    ) {
        let mut state = self.lock();
        for name in names {
            if !state.known.contains_key(name) {
                let value = headers.get(name).map(Cow::into_owned);
                state.known.insert(name.clone(), value);
            }
        }
    }

    /// Fetches what the last render asked for in vain; whether there was anything.
    pub(super) fn fetch_wanted(&self, headers: &dyn Headers) -> bool {
        let (wanted, all) = {
            let mut state = self.lock();
            (
                std::mem::take(&mut state.wanted),
                std::mem::take(&mut state.wants_all),
            )
        };
        if all {
            let mut state = self.lock();
            headers.visit(&mut |name, value| {
                state.known.insert(name.to_owned(), Some(value.to_owned()));
            });
            state.complete = true;
        }
        self.fetch(&wanted, headers);
        all || !wanted.is_empty()
    }

    /// Forgets which name was missing; before a render.
    pub(super) fn start(&self) {
        self.lock().missing = None;
    }

    /// The last name without a value since [`Self::start`].
    pub(super) fn missing(&self) -> Option<String> {
        self.lock().missing.clone()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn header(&self, name: &str) -> Option<String> {
        if self.probe {
            return Some("1".into());
        }
        let mut state = self.lock();
        match state.known.get(name) {
            Some(value) => value.clone(),
            None if state.complete => None,
            None => {
                state.wanted.insert(name.to_owned());
                None
            }
        }
    }

    /// A channel variable; a flow variable's exact text where the switch holds an inert one.
    fn variable(&self, name: &str) -> Option<String> {
        let shown = self.header(&format!("{VARIABLE}{name}"))?;
        if !name.starts_with(FLOW_KEY) || self.probe {
            return Some(shown);
        }
        let exact = self.header(&format!("{VARIABLE}{name}{EXACT}"));
        let bytes = exact.and_then(|exact| STANDARD.decode(exact).ok());
        let text = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
        Some(text.unwrap_or(shown))
    }

    /// The names of all headers, sorted; asks for them when they are not there yet.
    fn names(&self) -> Vec<String> {
        let mut state = self.lock();
        state.wants_all |= !state.complete && !self.probe;
        let present = state.known.iter().filter(|(_, value)| value.is_some());
        present.map(|(name, _)| name.clone()).collect()
    }

    fn note(&self, name: impl FnOnce() -> String, value: Option<Value>) -> Option<Value> {
        let there = value.filter(|value| value.as_str() != Some(""));
        if there.is_none() {
            self.lock().missing = Some(name());
        }
        there
    }

    fn call_field(&self, field: &str) -> Option<Value> {
        let call = self.document.get_attr("call").ok();
        let merged = call.and_then(|call| call.get_attr(field).ok());
        if let Some(value) = merged.filter(|value| !value.is_undefined()) {
            return Some(value);
        }
        let text = self.header(call_header(field)?)?;
        if !matches!(field, "created" | "answered") || self.probe {
            return Some(text.into());
        }
        let micros = text.parse::<i64>().ok().filter(|micros| *micros > 0)?;
        let time = DateTime::from_timestamp_micros(micros)?;
        Some(time.to_rfc3339_opts(SecondsFormat::Millis, true).into())
    }

    fn channel_field(&self, name: &str) -> Option<Value> {
        let [variable, header] = channel_headers(name);
        let found = self.header(&variable).or_else(|| self.header(&header));
        found.map(Value::from)
    }
}

/// Where in the tree of names a node stands.
#[derive(Debug)]
enum At {
    Root,
    Call,
    Channel,
    /// A dotted prefix of channel variables: `flow`, `flow.key`, …
    Dotted(String),
}

#[derive(Debug)]
struct Node {
    scope: Arc<Scope>,
    at: At,
}

impl Node {
    fn child(&self, at: At) -> Value {
        Value::from_object(Self {
            scope: Arc::clone(&self.scope),
            at,
        })
    }

    fn root(&self, name: &str) -> Option<Value> {
        match name {
            "flow" => Some(self.child(At::Dotted("flow".into()))),
            "call" => Some(self.child(At::Call)),
            "channel" => Some(self.child(At::Channel)),
            "document" => Some(self.scope.document.clone()),
            other => {
                let value = self.scope.document.get_attr(other).ok();
                value.filter(|value| !value.is_undefined())
            }
        }
    }

    fn dotted(&self, prefix: &str, name: &str) -> Option<Value> {
        let full = format!("{prefix}.{name}");
        if full == "flow.key" || self.scope.branches.contains(&full) {
            return Some(self.child(At::Dotted(full)));
        }
        let value = self.scope.variable(&full).map(Value::from);
        self.scope.note(|| full, value)
    }

    /// The names below a dotted prefix, without the exact forms of others.
    fn names_below(&self, prefix: &str) -> Vec<String> {
        let start = format!("{VARIABLE}{prefix}.");
        let all = self.scope.names();
        let below = all.iter().filter_map(|name| name.strip_prefix(&start));
        let names: BTreeSet<&str> = below.collect();
        let is_exact_form = |name: &str| {
            name.strip_suffix(EXACT)
                .is_some_and(|base| names.contains(base))
        };
        let kept = names.iter().filter(|name| !is_exact_form(name));
        kept.map(|name| (*name).to_owned()).collect()
    }
}

impl Object for Node {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.get_value_by_str(key.as_str()?)
    }

    fn get_value_by_str(self: &Arc<Self>, name: &str) -> Option<Value> {
        let scope = &self.scope;
        match &self.at {
            At::Root => self.root(name),
            At::Call => scope.note(|| format!("call.{name}"), scope.call_field(name)),
            At::Channel => scope.note(|| format!("channel[\"{name}\"]"), scope.channel_field(name)),
            At::Dotted(prefix) => self.dotted(prefix, name),
        }
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        let names = match &self.at {
            At::Root | At::Call => return Enumerator::Empty,
            At::Channel => {
                let bare = |name: String| name.strip_prefix(VARIABLE).map(str::to_owned);
                let all = self.scope.names().into_iter();
                all.map(|name| bare(name.clone()).unwrap_or(name)).collect()
            }
            At::Dotted(prefix) => self.names_below(prefix),
        };
        Enumerator::Values(names.into_iter().map(Value::from).collect())
    }

    /// A name that is both a variable and a prefix of others reads as the variable.
    fn render(self: &Arc<Self>, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.at {
            At::Dotted(name) => f.write_str(&self.scope.variable(name).unwrap_or_default()),
            At::Root | At::Call | At::Channel => f.write_str("{}"),
        }
    }
}

/// What a branch reads as where it is printed: the variable of its own name, there or
/// not. `None` for everything else, `flow.key` as a whole too.
pub(super) fn own_value(value: &Value) -> Option<Value> {
    let node = value.downcast_object_ref::<Node>()?;
    let At::Dotted(name) = &node.at else {
        return None;
    };
    if matches!(name.as_str(), "flow" | "flow.key") {
        return None;
    }
    let own = node.scope.variable(name).map(Value::from);
    Some(node.scope.note(|| name.clone(), own).unwrap_or_default())
}
