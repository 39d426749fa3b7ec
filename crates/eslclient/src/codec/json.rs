//! Reads an event that is a flat JSON object: each value is a string or an array of strings.
//!
//! Source: `switch_event_serialize_json_obj` in `switch_event.c`.
//!
//! This scanner records positions and copies nothing. An event costs one allocation for
//! its index, and values are decoded only when they are read.

use memchr::{memchr, memchr2};

use super::error::DecodeError;
use super::escape::{escape_length, unescape};
use super::index::{Coding, Field, Index};
use super::limits::Limits;
use super::scan;
use super::span::{Span, position};

/// Indexes the members of the object that begins at `start` and ends with the text.
pub(super) fn index(text: &str, start: usize, limits: &Limits) -> Result<Index, DecodeError> {
    let mut index = Index::with_capacity(text.len() - start);
    let mut scanner = Scanner::new(text, start);
    match members(&mut scanner, &mut index, limits) {
        Ok(()) => Ok(index.with_tags(text)),
        Err(JsonError::Malformed) => Err(DecodeError::BadJson {
            at: scanner.at - start,
        }),
        Err(JsonError::BeyondLimit(limit)) => Err(limit),
    }
}

/// The member with the event's body.
const BODY: &str = "_body";

enum JsonError {
    /// The text is not JSON of the form that the switch writes.
    Malformed,
    BeyondLimit(DecodeError),
}

fn members(scanner: &mut Scanner<'_>, index: &mut Index, limits: &Limits) -> Result<(), JsonError> {
    scanner.expect(b'{').ok_or(JsonError::Malformed)?;
    if !scanner.eat(b'}') {
        loop {
            if scanner
                .simple_members(index, limits)
                .map_err(JsonError::BeyondLimit)?
            {
                let (field, escaped) = scanner.member().ok_or(JsonError::Malformed)?;
                if scanner.text(field.name) == BODY {
                    index.body = field.value;
                    index.body_coding = field.coding;
                } else {
                    index.escaped_names |= escaped;
                    index.push(field, limits).map_err(JsonError::BeyondLimit)?;
                }
            }
            if !scanner.eat(b',') {
                break;
            }
        }
        scanner.expect(b'}').ok_or(JsonError::Malformed)?;
    }
    scanner.skip_space();
    let whole = scanner.at == scanner.bytes.len();
    whole.then_some(()).ok_or(JsonError::Malformed)
}

struct Scanner<'a> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
    /// The position of the next backslash. Most events have few, so one search serves many
    /// strings.
    escape: usize,
}

impl<'a> Scanner<'a> {
    fn new(text: &'a str, at: usize) -> Self {
        Self {
            text,
            bytes: text.as_bytes(),
            at,
            escape: 0,
        }
    }

    fn text(&self, (from, to): Span) -> &'a str {
        self.text
            .get(from as usize..to as usize)
            .unwrap_or_default()
    }

    /// Consumes the byte if it comes next. The switch writes no space between tokens, so the
    /// search for space comes second.
    #[inline]
    fn eat(&mut self, byte: u8) -> bool {
        let mut is_next = self.bytes.get(self.at) == Some(&byte);
        if !is_next {
            self.skip_space();
            is_next = self.bytes.get(self.at) == Some(&byte);
        }
        self.at += usize::from(is_next);
        is_next
    }

    fn skip_space(&mut self) {
        while matches!(self.bytes.get(self.at), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn expect(&mut self, byte: u8) -> Option<()> {
        self.eat(byte).then_some(())
    }

    /// Reads members in their usual form: no space, no escape, not the body. Returns true if
    /// a member in another form is next, false if no comma follows.
    fn simple_members(&mut self, index: &mut Index, limits: &Limits) -> Result<bool, DecodeError> {
        let mut at = self.at;
        let mut has_next = true;
        while let Some(field) = simple_member(self.bytes, at) {
            let end = field.value.1 as usize;
            if self.next_escape(at) < end
                || (field.name_length() == BODY.len() && self.text(field.name) == BODY)
            {
                break;
            }
            index.push(field, limits)?;
            at = end + 1;
            has_next = self.bytes.get(at) == Some(&b',');
            if !has_next {
                break;
            }
            at += 1;
        }
        self.at = at;
        Ok(has_next)
    }

    #[inline]
    fn next_escape(&mut self, at: usize) -> usize {
        if self.escape < at {
            let rest = self.bytes.get(at..).unwrap_or_default();
            self.escape = memchr(b'\\', rest).map_or(usize::MAX, |found| at + found);
        }
        self.escape
    }

    /// Reads a member; also returns whether its name has an escape.
    fn member(&mut self) -> Option<(Field, bool)> {
        let (name, name_coding) = self.string()?;
        self.expect(b':')?;
        let (value, coding) = self.value()?;
        let field = Field {
            name,
            value,
            coding,
        };
        Some((field, name_coding == Coding::Escaped))
    }

    fn value(&mut self) -> Option<(Span, Coding)> {
        self.skip_space();
        match self.bytes.get(self.at) {
            Some(b'"') => self.string(),
            Some(b'[') => self.array(),
            Some(_) | None => self.word(),
        }
    }

    /// Reads a string; returns its range without the quotes.
    fn string(&mut self) -> Option<(Span, Coding)> {
        self.expect(b'"')?;
        let from = self.at;
        let mut coding = Coding::AsIs;
        loop {
            self.at += memchr2(b'"', b'\\', self.bytes.get(self.at..)?)?;
            if self.bytes[self.at] == b'"' {
                self.at += 1;
                return Some(((position(from), position(self.at - 1)), coding));
            }
            coding = Coding::Escaped;
            self.at += escape_length(&self.bytes[self.at..])?;
        }
    }

    fn array(&mut self) -> Option<(Span, Coding)> {
        let from = self.at;
        self.expect(b'[')?;
        if !self.eat(b']') {
            loop {
                self.string()?;
                if !self.eat(b',') {
                    break;
                }
            }
            self.expect(b']')?;
        }
        Some(((position(from), position(self.at)), Coding::Array))
    }

    /// Reads a number, `true`, `false` or `null`. The switch writes none of them; a gateway
    /// between it and the client may.
    fn word(&mut self) -> Option<(Span, Coding)> {
        let from = self.at;
        while matches!(
            self.bytes.get(self.at),
            Some(b'0'..=b'9' | b'a'..=b'z' | b'E' | b'+' | b'-' | b'.')
        ) {
            self.at += 1;
        }
        let span = (position(from), position(self.at));
        (self.at > from).then_some((span, Coding::AsIs))
    }
}

#[inline]
fn simple_member(bytes: &[u8], at: usize) -> Option<Field> {
    let rest = bytes.get(at..)?.strip_prefix(b"\"")?;
    let name = scan::far::<b'"', b'"'>(rest)?;
    let rest = rest[name..].strip_prefix(b"\":\"")?;
    let value = scan::near::<b'"', b'"'>(rest)?;
    let from = position(at + 1);
    let name_to = from + position(name);
    let value_from = name_to + 3;
    Some(Field {
        name: (from, name_to),
        value: (value_from, value_from + position(value)),
        coding: Coding::AsIs,
    })
}

/// Writes an array in the notation of plain events, `ARRAY::one|:two`.
pub(super) fn join_array(array: &str) -> String {
    let mut out = String::from("ARRAY::");
    for (at, element) in elements(array).enumerate() {
        if at > 0 {
            out.push_str("|:");
        }
        out.push_str(&element);
    }
    out
}

/// Iterates over the decoded strings of an array.
pub(super) fn elements(array: &str) -> impl Iterator<Item = String> {
    let mut scanner = Scanner::new(array, 1);
    std::iter::from_fn(move || {
        scanner.eat(b',');
        let ((from, to), _) = scanner.string()?;
        array.get(from as usize..to as usize).map(unescape)
    })
}
