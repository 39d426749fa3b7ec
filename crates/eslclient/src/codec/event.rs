//! An event: its headers are indexed once and decoded when they are read.

use std::borrow::Cow;
use std::fmt;

use super::error::DecodeError;
use super::index::{Coding, Field, Index};
use super::limits::Limits;
use super::span::{Span, position};
use super::{escape, json, plain, text};
use crate::shortened::Shortened;

/// The prefix of a channel variable's header.
const VARIABLE: &str = "variable_";

/// The format of events on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Format {
    /// `Name: value` lines with percent-encoded values.
    ///
    /// The switch does not escape a `%XX` that is part of a value: a stored `100%25` arrives
    /// as `100%25` and decodes to `100%` (measured). Choose [`Format::Json`] for exact values.
    Plain,
    /// One flat JSON object with exact values.
    Json,
}

/// One event, or the channel data in the reply to `connect`.
///
/// Header names match in any case, as in FreeSWITCH. An empty value is `_undef_` in a plain
/// event and empty in a JSON event (`switch_event_serialize`, `switch_event.c`).
///
/// `Debug` shows every header.
#[derive(Clone, PartialEq, Eq)]
pub struct Event {
    text: String,
    index: Index,
    format: Format,
}

impl Event {
    /// Indexes the event that begins at `start` in a frame's bytes.
    pub(super) fn new(
        bytes: Vec<u8>,
        start: usize,
        format: Format,
        limits: &Limits,
    ) -> Result<Self, DecodeError> {
        // One check here saves one for each value. Invalid UTF-8 becomes U+FFFD in place and
        // never hides a line end or a quote.
        let (text, start) = match String::from_utf8(bytes) {
            Ok(text) => (text, start),
            Err(error) => (text::raw(&error.as_bytes()[start..]).into_owned(), 0),
        };
        let index = match format {
            Format::Plain => plain::index(&text, start, limits)?,
            Format::Json => json::index(&text, start, limits)?,
        };
        Ok(Self {
            text,
            index,
            format,
        })
    }

    /// Makes the event of a frame whose head of `head` bytes is the event, with its lines indexed.
    pub(super) fn indexed(
        bytes: Vec<u8>,
        head: u32,
        mut index: Index,
        limits: &Limits,
    ) -> Result<Self, DecodeError> {
        if index.fields.len() > limits.headers {
            return Err(DecodeError::TooManyHeaders {
                limit: limits.headers,
            });
        }
        let text = match String::from_utf8(bytes) {
            Ok(text) => text,
            // U+FFFD in place of other bytes moves what is behind it.
            Err(error) => return Self::new(error.into_bytes(), 0, Format::Plain, limits),
        };
        index.body = (head, position(text.len()));
        Ok(Self {
            index: index.with_tags(&text),
            text,
            format: Format::Plain,
        })
    }

    /// Returns the size of the event in memory, in bytes.
    pub(crate) fn size(&self) -> usize {
        self.text.len()
    }

    /// Returns the event's JSON text, or `None` for a plain event.
    #[must_use]
    pub fn json(&self) -> Option<&str> {
        // No header of the surrounding frame contains a brace.
        let start = self.text.find('{')?;
        (self.format == Format::Json).then(|| self.text[start..].trim_end())
    }

    /// Returns the format in which the event arrived.
    #[must_use]
    pub fn format(&self) -> Format {
        self.format
    }

    /// Returns the first header with this name, decoded.
    ///
    /// An array reads `ARRAY::one|:two` in both formats; [`Event::values`] splits it.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<Cow<'_, str>> {
        self.named("", name).next().map(|field| self.value(field))
    }

    /// Returns the value of a channel variable, which is the header `variable_NAME`.
    #[must_use]
    pub fn variable(&self, name: &str) -> Option<Cow<'_, str>> {
        self.named(VARIABLE, name)
            .next()
            .map(|field| self.value(field))
    }

    /// Returns the first header with this name, both as bytes of the wire and decoded.
    ///
    /// The bytes are percent-encoded in a plain event. In a JSON event they are the text
    /// between the quotes, escapes included.
    #[must_use]
    pub fn raw_and_decoded(&self, name: &str) -> Option<(&[u8], Cow<'_, str>)> {
        let field = self.named("", name).next()?;
        Some((self.slice(field.value).as_bytes(), self.value(field)))
    }

    /// Returns every value of a header that repeats or holds an array, in order.
    #[must_use]
    pub fn values(&self, name: &str) -> Vec<String> {
        let mut all = Vec::new();
        for field in self.named("", name) {
            self.push_values(field, &mut all);
        }
        all
    }

    /// Iterates over all headers as decoded names and values, in the order of the wire.
    ///
    /// The member `_body` of a JSON event is not a header.
    pub fn iter(&self) -> impl Iterator<Item = (Cow<'_, str>, Cow<'_, str>)> {
        let fields = self.index.fields.iter();
        fields.map(|field| (self.field_name(field), self.value(field)))
    }

    /// Iterates over the channel variables whose name begins with `prefix`, in this case. Others
    /// are not decoded.
    ///
    /// Each item is the variable's name, its value as bytes of the wire (see
    /// [`Event::raw_and_decoded`]), and its value decoded.
    pub fn variables_beginning<'a>(
        &'a self,
        prefix: &'a str,
    ) -> impl Iterator<Item = (Cow<'a, str>, &'a [u8], Cow<'a, str>)> {
        let first = prefix.bytes().next();
        let fields = self.index.fields.iter();
        // One byte rules out most of the others.
        let fields = fields.filter(move |field| self.may_have(field, VARIABLE.len(), first));
        fields.filter_map(move |field| {
            let name = self.variable_name(field, prefix)?;
            let raw = self.slice(field.value).as_bytes();
            Some((name, raw, self.value(field)))
        })
    }

    /// Returns whether the event has any channel variable.
    #[must_use]
    pub fn has_variables(&self) -> bool {
        let first = VARIABLE.bytes().next();
        let mut fields = self.index.fields.iter();
        fields
            .any(|field| self.may_have(field, 0, first) && self.variable_name(field, "").is_some())
    }

    /// Returns whether the byte at this position of a header's name may be `byte`.
    #[inline]
    fn may_have(&self, field: &Field, at: usize, byte: Option<u8>) -> bool {
        let found = self.text.as_bytes().get(field.name.0 as usize + at);
        self.index.escaped_names || byte.is_none() || found.copied() == byte
    }

    /// Returns the name of the variable in a header, if it is one and begins with `prefix`.
    fn variable_name(&self, field: &Field, prefix: &str) -> Option<Cow<'_, str>> {
        let is_wanted = |name: &str| name.starts_with(prefix);
        match self.field_name(field) {
            Cow::Borrowed(name) => {
                let name = name.strip_prefix(VARIABLE);
                name.filter(|name| is_wanted(name)).map(Cow::Borrowed)
            }
            Cow::Owned(name) => {
                let name = name.strip_prefix(VARIABLE);
                let name = name.filter(|name| is_wanted(name));
                name.map(|name| Cow::Owned(name.to_owned()))
            }
        }
    }

    /// Returns the number of headers.
    #[must_use]
    pub fn len(&self) -> usize {
        self.index.fields.len()
    }

    /// Returns whether the event has no header.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.index.fields.is_empty()
    }

    /// Returns the body, such as the output in a `BACKGROUND_JOB`; empty if there is none.
    #[must_use]
    pub fn body(&self) -> Cow<'_, str> {
        decode(self.slice(self.index.body), self.index.body_coding)
    }

    /// Finds the fields with this name. Their tags rule out most of the others.
    fn named<'a>(&'a self, prefix: &'static str, name: &'a str) -> impl Iterator<Item = &'a Field> {
        let fields = self.index.candidates(prefix, name);
        fields.filter(move |field| is_joined(&self.field_name(field), prefix, name))
    }

    fn push_values(&self, field: &Field, all: &mut Vec<String>) {
        if field.coding == Coding::Array {
            all.extend(json::elements(self.slice(field.value)));
            return;
        }
        let value = self.value(field);
        match value.strip_prefix("ARRAY::") {
            Some(list) if self.format == Format::Plain => {
                all.extend(list.split("|:").map(str::to_owned));
            }
            Some(_) | None => all.push(value.into_owned()),
        }
    }

    fn field_name(&self, field: &Field) -> Cow<'_, str> {
        let name = self.slice(field.name);
        if self.index.escaped_names {
            Cow::Owned(escape::unescape(name))
        } else {
            Cow::Borrowed(name)
        }
    }

    fn value(&self, field: &Field) -> Cow<'_, str> {
        decode(self.slice(field.value), field.coding)
    }

    fn slice(&self, (from, to): Span) -> &str {
        self.text
            .get(from as usize..to as usize)
            .unwrap_or_default()
    }
}

fn decode(raw: &str, coding: Coding) -> Cow<'_, str> {
    match coding {
        Coding::AsIs => Cow::Borrowed(raw),
        Coding::Percent => text::percent(raw),
        Coding::Escaped => Cow::Owned(escape::unescape(raw)),
        Coding::Array => Cow::Owned(json::join_array(raw)),
    }
}

/// Returns whether `whole` is `prefix` followed by `name`, in any case.
fn is_joined(whole: &str, prefix: &str, name: &str) -> bool {
    if whole.len() != prefix.len() + name.len() {
        return false;
    }
    let (first, second) = whole.as_bytes().split_at(prefix.len());
    is_same(second, name.as_bytes()) && is_same(first, prefix.as_bytes())
}

/// Compares names in any case. Most are written as the switch writes them.
fn is_same(found: &[u8], name: &[u8]) -> bool {
    found == name || found.eq_ignore_ascii_case(name)
}

/// Shows every header and the body, long values up to a limit. Numbers of callers are among them:
/// keep it out of logs that must not have them.
impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_map();
        for (name, value) in self.iter() {
            shown.entry(&name, &Shortened(&value));
        }
        let body = self.body();
        if !body.is_empty() {
            shown.entry(&"_body", &Shortened(&body));
        }
        shown.finish()
    }
}

/// Writes a map of names and decoded values, a repeated name or an array as a list, and the body
/// as `_body`.
#[cfg(feature = "serde")]
impl serde::Serialize for Event {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeMap as _;

        let mut map = to.serialize_map(None)?;
        let mut seen = std::collections::HashSet::new();
        for (name, _) in self.iter() {
            if !seen.insert(name.to_ascii_lowercase()) {
                continue;
            }
            let mut values = self.values(&name);
            match values.pop() {
                Some(only) if values.is_empty() => map.serialize_entry(&name, &only)?,
                Some(last) => {
                    values.push(last);
                    map.serialize_entry(&name, &values)?;
                }
                None => {}
            }
        }
        let body = self.body();
        if !body.is_empty() {
            map.serialize_entry("_body", &body)?;
        }
        map.end()
    }
}
