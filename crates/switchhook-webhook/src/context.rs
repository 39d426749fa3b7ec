//! The names that templates can use: `flow.key.NAME`, `call.NAME`, `channel["NAME"]`, and after
//! the call the fields of its document.
//!
//! The template engine's objects outlive a borrow, but the channel's headers are borrowed. So a
//! render that needs a header which was not fetched finds nothing there; the header is fetched,
//! and the template is rendered again. Names that a template spells out are fetched before
//! (`template_names`), so second renders are rare, and only headers that are read get decoded.

mod fields;
mod names;
mod node;
mod probe;
mod recorder;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use minijinja::value::Value;

use super::json;
pub(super) use fields::{call_header, channel_headers, variable_headers};
pub use names::{TEMPLATE_NAMES, TemplateName};
pub(super) use names::{is_only_after, misspelt};
pub(super) use node::own_value;
use node::root;
pub(super) use probe::ProbeValue;
pub use recorder::HeaderRecorder;
use switchhook_core::headers::Headers;
use switchhook_core::headers::VARIABLE;
use switchhook_core::numbers::DialledNumber;
use switchhook_core::sanitize;
use switchhook_core::timestamp;
use switchhook_core::variables::{EXACT, FLOW_KEY, JSON_KEYS};

/// The values that the templates of one request can see.
#[derive(Debug, Default)]
pub(super) struct Scope {
    /// The document of a finished call.
    document: Value,
    /// Names that are prefixes of other names (`flow.key.a` beside `flow.key.a.b`).
    branches: Arc<BTreeSet<String>>,
    /// For checks without a call: the value of every name.
    probe: Option<ProbeValue>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Fetched headers; `None` if absent.
    known: BTreeMap<String, Option<String>>,
    /// All headers were fetched.
    complete: bool,
    /// Headers that a render needed and that are not fetched yet.
    wanted: BTreeSet<String>,
    /// A render needs all headers.
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

    /// Creates a scope in which every name has the value `probe`.
    pub(super) fn probe(probe: ProbeValue, branches: Arc<BTreeSet<String>>) -> Arc<Self> {
        Arc::new(Self {
            branches,
            probe: Some(probe),
            ..Self::default()
        })
    }

    /// Returns the root object for rendering.
    pub(super) fn root(self: &Arc<Self>) -> Value {
        root(Arc::clone(self))
    }

    /// Fetches the headers `names`.
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

    /// Fetches the headers that the last render needed. Returns whether there were any.
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

    /// Forgets the missing name; called before a render.
    pub(super) fn start(&self) {
        self.lock().missing = None;
    }

    /// Returns the last name without a value since [`Self::start`].
    pub(super) fn missing(&self) -> Option<String> {
        self.lock().missing.clone()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn header(&self, name: &str) -> Option<String> {
        if let Some(probe) = self.probe {
            return probe.text();
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

    /// Returns a channel variable; of a flow variable the exact text, if the switch still holds
    /// the inert form of it.
    fn variable(&self, name: &str) -> Option<String> {
        let shown = self.header(&format!("{VARIABLE}{name}"))?;
        if !name.starts_with(FLOW_KEY) || self.probe.is_some() {
            return Some(shown);
        }
        let base64 = self.header(&format!("{VARIABLE}{name}{EXACT}"));
        let exact = base64.and_then(|base64| sanitize::exact(&shown, &base64));
        Some(exact.map_or(shown, |bytes| String::from_utf8_lossy(&bytes).into_owned()))
    }

    /// Returns a flow variable: a number, `true` or `false` if it came as one in JSON, else a text.
    fn flow_value(&self, name: &str) -> Option<Value> {
        if let Some(probe) = self.probe {
            return probe.value();
        }
        let text = self.variable(name)?;
        let typed = json::scalar(&text).filter(|_| self.came_as_json(name));
        Some(typed.unwrap_or_else(|| Value::from(text)))
    }

    /// Whether `flow.json_keys` names a flow variable.
    fn came_as_json(&self, name: &str) -> bool {
        let Some(name) = name.strip_prefix(FLOW_KEY) else {
            return false;
        };
        let keys = self.header(&format!("{VARIABLE}{JSON_KEYS}"));
        keys.is_some_and(|keys| keys.split(',').any(|key| key.trim() == name))
    }

    /// Returns whether a flow variable is a text; `None` if it is empty or missing.
    pub(super) fn is_text(&self, name: &str) -> Option<bool> {
        let value = self.flow_value(name)?;
        match value.as_str() {
            Some("") => None,
            text => Some(text.is_some()),
        }
    }

    /// Returns the names of all headers, sorted; requests them if they are not fetched yet.
    fn names(&self) -> Vec<String> {
        let mut state = self.lock();
        state.wants_all |= !state.complete && self.probe.is_none();
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
        if let Some(probe) = self.probe {
            let is_list = field == "recordings";
            return if is_list {
                probe.anything()
            } else {
                probe.value()
            };
        }
        let text = self.header(call_header(field)?)?;
        match field {
            "destination_number" => Some(DialledNumber::of(&text).number.into()),
            "routing_number" => DialledNumber::of(&text).routing.map(Value::from),
            "created" | "answered" => {
                let micros = text.parse::<i64>().ok().filter(|micros| *micros > 0)?;
                timestamp::rfc3339_utc(micros).map(Value::from)
            }
            _ => Some(text.into()),
        }
    }

    fn channel_field(&self, name: &str) -> Option<Value> {
        let [variable, header] = channel_headers(name);
        let found = self.header(&variable).or_else(|| self.header(&header));
        found.map(Value::from)
    }
}
