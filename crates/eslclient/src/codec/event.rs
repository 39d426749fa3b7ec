//! An event: its headers indexed once, decoded when read.

use std::borrow::Cow;
use std::fmt;

use super::decoder::{DecodeError, Limits};
use super::index::{Coding, Field, Index, Span};
use super::{json, text};

/// How an event is written on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// `Name: value` lines, values percent-encoded. A `%XX` in a value as the
    /// switch holds it is not escaped, so it is lost: prefer JSON where that matters.
    Plain,
    /// One flat JSON object; values are exact.
    Json,
}

/// One event, or the channel's data that `connect` answers with.
///
/// An empty value reads `_undef_` in a plain event, empty in JSON: that is how
/// the switch writes it (`switch_event_serialize`).
#[derive(Clone, PartialEq, Eq)]
pub struct Event {
    text: String,
    index: Index,
    format: Format,
}

impl Event {
    /// Indexes the event that begins at `start` of a frame's bytes.
    pub(super) fn new(
        bytes: Vec<u8>,
        start: usize,
        format: Format,
        limits: &Limits,
    ) -> Result<Self, DecodeError> {
        // Checked once, so that no value has to be. Bytes that are no UTF-8
        // never hide a line's end or a quote: they become U+FFFD in place.
        let (text, start) = match String::from_utf8(bytes) {
            Ok(text) => (text, start),
            Err(fault) => (text::raw(&fault.as_bytes()[start..]).into_owned(), 0),
        };
        let index = match format {
            Format::Plain => Index::of_lines(&text, start, limits)?,
            Format::Json => json::index(&text, start, limits)?,
        };
        Ok(Self {
            text,
            index,
            format,
        })
    }

    /// The object that it is, when it came as JSON.
    #[must_use]
    pub fn json(&self) -> Option<&str> {
        // No header of the frame around it has a brace.
        let start = self.text.find('{')?;
        (self.format == Format::Json).then(|| self.text[start..].trim_end())
    }

    /// How it came.
    #[must_use]
    pub fn format(&self) -> Format {
        self.format
    }

    /// The event's name, `CHANNEL_HANGUP`; empty when it has none.
    #[must_use]
    pub fn name(&self) -> Cow<'_, str> {
        self.get("Event-Name").unwrap_or_default()
    }

    /// The first header of this name, decoded. Names compare without case, as
    /// the switch does. An array comes as `ARRAY::one|:two` in either format.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<Cow<'_, str>> {
        self.named("", name).next().map(|field| self.value(field))
    }

    /// The value of a channel variable, which stands as `variable_NAME`.
    #[must_use]
    pub fn variable(&self, name: &str) -> Option<Cow<'_, str>> {
        self.named("variable_", name)
            .next()
            .map(|field| self.value(field))
    }

    /// The first header of this name, as it stands on the wire and decoded. On the wire it
    /// is percent-encoded in a plain event, in JSON it has its quotes.
    #[must_use]
    pub fn raw_and_decoded(&self, name: &str) -> Option<(&[u8], Cow<'_, str>)> {
        let field = self.named("", name).next()?;
        Some((self.slice(field.value).as_bytes(), self.value(field)))
    }

    /// Every value of a header that repeats or holds an array, in order.
    #[must_use]
    pub fn values(&self, name: &str) -> Vec<String> {
        let mut all = Vec::new();
        for field in self.named("", name) {
            self.push_values(field, &mut all);
        }
        all
    }

    /// Every header, decoded, in the order of the wire. JSON's `_body` is not a header.
    pub fn iter(&self) -> impl Iterator<Item = (Cow<'_, str>, Cow<'_, str>)> {
        self.iter_matching(|_| true)
    }

    /// The headers whose name is `wanted`; no other's value is decoded.
    pub fn iter_matching(
        &self,
        mut wanted: impl FnMut(&str) -> bool,
    ) -> impl Iterator<Item = (Cow<'_, str>, Cow<'_, str>)> {
        self.index.fields.iter().filter_map(move |field| {
            let name = self.field_name(field);
            wanted(&name).then(|| (name, self.value(field)))
        })
    }

    /// How many headers there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.index.fields.len()
    }

    /// Whether there is no header at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.index.fields.is_empty()
    }

    /// The event's body, of a `BACKGROUND_JOB` for instance; empty when there is none.
    #[must_use]
    pub fn body(&self) -> Cow<'_, str> {
        decode(self.slice(self.index.body), self.index.body_coding)
    }

    /// The fields of this name. Most of the others are told by their tag alone.
    fn named<'a>(&'a self, prefix: &'static str, name: &'a str) -> impl Iterator<Item = &'a Field> {
        let fields = self.index.tagged(prefix, name);
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
            Cow::Owned(json::unescape(name))
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
        Coding::Escaped => Cow::Owned(json::unescape(raw)),
        Coding::Array => Cow::Owned(json::joined(raw)),
    }
}

/// Whether `whole` is `prefix` and `name`, without case.
fn is_joined(whole: &str, prefix: &str, name: &str) -> bool {
    whole
        .as_bytes()
        .split_at_checked(prefix.len())
        .is_some_and(|(first, second)| {
            second.eq_ignore_ascii_case(name.as_bytes())
                && first.eq_ignore_ascii_case(prefix.as_bytes())
        })
}

/// Says which event it is and how large, not what it holds.
impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Event")
            .field("name", &self.name())
            .field("format", &self.format)
            .field("headers", &self.len())
            .finish()
    }
}
