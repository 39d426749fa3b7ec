//! What a template can name: `flow.key.NAME`, `call.NAME`, `channel["NAME"]`, and after
//! the call the fields of its document.
//!
//! A template engine's objects live longer than a borrow, and the channel's headers are
//! borrowed. So a render that asks for a header not fetched yet is told "not there", the
//! header is fetched, and the template is rendered again. The names that a template spells
//! out are fetched before (`names`), so a second render is the exception; and
//! nothing but what is read is decoded.

mod fields;
mod node;
mod recorder;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, SecondsFormat};
use minijinja::value::Value;

use super::json;
pub(super) use fields::{call_header, channel_headers, variable_headers};
pub(super) use node::own_value;
use node::root;
pub use recorder::HeaderRecorder;
use switchhook_core::headers::Headers;
use switchhook_core::sanitize;
use switchhook_core::variables::FLOW_KEY;

/// The prefix of a channel variable among a channel's headers.
const VARIABLE: &str = "variable_";
/// What the name of a value's exact bytes ends in.
const EXACT: &str = "_b64";

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
        root(Arc::clone(self))
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

    /// A channel variable; a flow variable's exact text where the switch still holds the
    /// inert one.
    fn variable(&self, name: &str) -> Option<String> {
        let shown = self.header(&format!("{VARIABLE}{name}"))?;
        if !name.starts_with(FLOW_KEY) || self.probe {
            return Some(shown);
        }
        let base64 = self.header(&format!("{VARIABLE}{name}{EXACT}"));
        let exact = base64.and_then(|base64| sanitize::exact(&shown, &base64));
        Some(exact.map_or(shown, |bytes| String::from_utf8_lossy(&bytes).into_owned()))
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
