//! An event: its headers indexed once, decoded when read.

use std::borrow::Cow;
use std::fmt;

use memchr::memchr;

use super::decoder::{DecodeError, Limits};
use super::{json, plain, text};

/// How an event is written on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// `Name: value` lines, values percent-encoded. A `%XX` in a value as the
    /// switch holds it is not escaped, so it is lost: prefer JSON where that matters.
    Plain,
    /// One flat JSON object; values are exact.
    Json,
}

/// Where a header lies in the event's bytes. In JSON without the name's
/// quotes, the value with all of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Field {
    pub(super) name: (u32, u32),
    pub(super) value: (u32, u32),
}

/// One event, or the channel's data that `connect` answers with.
///
/// An empty value reads `_undef_` in a plain event, empty in JSON: that is how
/// the switch writes it (`switch_event_serialize`).
#[derive(Clone, PartialEq, Eq)]
pub struct Event {
    bytes: Vec<u8>,
    fields: Vec<Field>,
    /// In a plain event the bytes, in JSON the value of `_body`.
    body: (u32, u32),
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
        let (fields, body) = match format {
            Format::Plain => index_lines(&bytes, start, limits)?,
            Format::Json => json::index(&bytes, start, limits)?,
        };
        Ok(Self {
            bytes,
            fields,
            body,
            format,
        })
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
        self.fields
            .iter()
            .find(|field| self.is_named(field, b"", name.as_bytes()))
            .map(|field| self.value(field))
    }

    /// The value of a channel variable, which stands as `variable_NAME`.
    #[must_use]
    pub fn variable(&self, name: &str) -> Option<Cow<'_, str>> {
        self.fields
            .iter()
            .find(|field| self.is_named(field, b"variable_", name.as_bytes()))
            .map(|field| self.value(field))
    }

    /// The first header of this name as it stands on the wire: percent-encoded in a plain
    /// event, in JSON with its quotes.
    #[must_use]
    pub fn raw(&self, name: &str) -> Option<&[u8]> {
        self.fields
            .iter()
            .find(|field| self.is_named(field, b"", name.as_bytes()))
            .map(|field| self.slice(field.value))
    }

    /// Every value of a header that repeats or holds an array, in order.
    #[must_use]
    pub fn values(&self, name: &str) -> Vec<String> {
        let mut all = Vec::new();
        for field in &self.fields {
            if self.is_named(field, b"", name.as_bytes()) {
                self.push_values(field, &mut all);
            }
        }
        all
    }

    /// Every header, decoded, in the order of the wire. JSON's `_body` is not a header.
    pub fn iter(&self) -> impl Iterator<Item = (Cow<'_, str>, Cow<'_, str>)> {
        self.fields
            .iter()
            .map(|field| (self.field_name(field), self.value(field)))
    }

    /// How many headers there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.fields.len()
    }

    /// Whether there is no header at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }

    /// The event's body, of a `BACKGROUND_JOB` for instance; empty when there is none.
    #[must_use]
    pub fn body(&self) -> Cow<'_, str> {
        match self.format {
            Format::Plain => text::raw(self.slice(self.body)),
            Format::Json => json::value(self.slice(self.body)),
        }
    }

    fn push_values(&self, field: &Field, all: &mut Vec<String>) {
        let raw = self.slice(field.value);
        if self.format == Format::Json && raw.first() == Some(&b'[') {
            all.extend(json::elements(raw).map(Cow::into_owned));
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

    fn is_named(&self, field: &Field, prefix: &[u8], name: &[u8]) -> bool {
        let raw = self.slice(field.name);
        if raw.len() == prefix.len() + name.len() {
            return is_joined(raw, prefix, name);
        }
        // Escapes make a JSON name longer than what it says.
        self.format == Format::Json
            && raw.len() > prefix.len() + name.len()
            && memchr(b'\\', raw).is_some()
            && is_joined(json::unescape(raw).as_bytes(), prefix, name)
    }

    fn field_name(&self, field: &Field) -> Cow<'_, str> {
        let raw = self.slice(field.name);
        match self.format {
            Format::Plain => text::raw(raw),
            Format::Json => json::unescape(raw),
        }
    }

    fn value(&self, field: &Field) -> Cow<'_, str> {
        let raw = self.slice(field.value);
        match self.format {
            Format::Plain => text::percent(raw),
            Format::Json => json::value(raw),
        }
    }

    fn slice(&self, (from, to): (u32, u32)) -> &[u8] {
        &self.bytes[from as usize..to as usize]
    }
}

fn is_joined(whole: &[u8], prefix: &[u8], name: &[u8]) -> bool {
    whole.len() == prefix.len() + name.len()
        && whole[..prefix.len()].eq_ignore_ascii_case(prefix)
        && whole[prefix.len()..].eq_ignore_ascii_case(name)
}

/// The index of the lines from `start`, and the body behind their blank line.
///
/// The frame's own length bounds the body. The event's inner Content-Length is
/// not used: an event that a program sent may carry a second one.
fn index_lines(
    bytes: &[u8],
    start: usize,
    limits: &Limits,
) -> Result<(Vec<Field>, (u32, u32)), DecodeError> {
    let mut fields = Vec::with_capacity(capacity(bytes.len() - start));
    let mut at = start;
    loop {
        let end = at + memchr(b'\n', &bytes[at..]).ok_or(DecodeError::CutEvent)?;
        let line = plain::without_cr(&bytes[at..end]);
        if line.is_empty() {
            return Ok((fields, (position(end + 1), position(bytes.len()))));
        }
        if fields.len() == limits.headers {
            return Err(DecodeError::TooManyHeaders {
                limit: limits.headers,
            });
        }
        let (name, value) = plain::split(line).ok_or(DecodeError::BadHeader)?;
        let after = at + line.len();
        fields.push(Field {
            name: (position(at), position(at + name.len())),
            value: (position(after - value.len()), position(after)),
        });
        at = end + 1;
    }
}

/// Headers of real events take 33 to 60 bytes each; a guess too low costs one more allocation.
pub(super) fn capacity(bytes: usize) -> usize {
    (bytes / 30).clamp(4, 1024)
}

/// A place in a frame. The decoder's limits keep every frame below 4 GiB.
pub(super) fn position(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}

/// Says which event it is and how large, not what it holds.
impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Event")
            .field("name", &self.name())
            .field("format", &self.format)
            .field("headers", &self.fields.len())
            .finish()
    }
}
