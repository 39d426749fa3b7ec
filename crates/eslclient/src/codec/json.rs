//! The flat JSON object that the switch writes an event as: each value a
//! string, or an array of strings. FreeSWITCH: `switch_event_serialize_json_obj`.
//!
//! A scanner of our own because it keeps places rather than copies: one
//! allocation for the index, nothing decoded that nobody reads.

use memchr::{memchr, memchr2};

use super::decoder::{DecodeError, Limits};
use super::index::{Coding, Field, Index, Span, position};
use super::seek;

/// Finds every member of the object that begins at `start` and ends with the text, and `_body`.
pub(super) fn index(text: &str, start: usize, limits: &Limits) -> Result<Index, DecodeError> {
    let mut index = Index::sized(text.len() - start);
    let mut scan = Scan::new(text, start);
    match members(&mut scan, &mut index, limits) {
        Ok(()) => Ok(index.finished(text)),
        Err(Fault::Broken) => Err(DecodeError::BadJson {
            at: scan.at - start,
        }),
        Err(Fault::Beyond(limit)) => Err(limit),
    }
}

/// The member that holds the event's body.
const BODY: &str = "_body";

enum Fault {
    /// It is no JSON, or none that the switch writes.
    Broken,
    Beyond(DecodeError),
}

fn members(scan: &mut Scan<'_>, index: &mut Index, limits: &Limits) -> Result<(), Fault> {
    scan.expect(b'{').ok_or(Fault::Broken)?;
    if !scan.eat(b'}') {
        loop {
            if scan.simple_members(index, limits).map_err(Fault::Beyond)? {
                let (field, escaped) = scan.member().ok_or(Fault::Broken)?;
                if scan.text(field.name) == BODY {
                    index.body = field.value;
                    index.body_coding = field.coding;
                } else {
                    index.escaped_names |= escaped;
                    index.push(field, limits).map_err(Fault::Beyond)?;
                }
            }
            if !scan.eat(b',') {
                break;
            }
        }
        scan.expect(b'}').ok_or(Fault::Broken)?;
    }
    scan.skip_space();
    let whole = scan.at == scan.bytes.len();
    whole.then_some(()).ok_or(Fault::Broken)
}

struct Scan<'a> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
    /// Where the next backslash is: most events have few, so that it is not looked for in
    /// every string.
    escape: usize,
}

impl<'a> Scan<'a> {
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

    /// Takes the byte if it comes next. The switch writes no space between
    /// tokens, so that is looked for second.
    #[inline]
    fn eat(&mut self, byte: u8) -> bool {
        let mut there = self.bytes.get(self.at) == Some(&byte);
        if !there {
            self.skip_space();
            there = self.bytes.get(self.at) == Some(&byte);
        }
        self.at += usize::from(there);
        there
    }

    fn skip_space(&mut self) {
        while matches!(self.bytes.get(self.at), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn expect(&mut self, byte: u8) -> Option<()> {
        self.eat(byte).then_some(())
    }

    /// Members as the switch writes nearly all: no space, no escape, not the body. Whether
    /// the next one is another kind; else no comma follows.
    fn simple_members(&mut self, index: &mut Index, limits: &Limits) -> Result<bool, DecodeError> {
        let mut at = self.at;
        let mut is_due = true;
        while let Some(field) = simple_member(self.bytes, at) {
            let end = field.value.1 as usize;
            if self.next_escape(at) < end
                || (field.length() == BODY.len() && self.text(field.name) == BODY)
            {
                break;
            }
            index.push(field, limits)?;
            at = end + 1;
            is_due = self.bytes.get(at) == Some(&b',');
            if !is_due {
                break;
            }
            at += 1;
        }
        self.at = at;
        Ok(is_due)
    }

    #[inline]
    fn next_escape(&mut self, at: usize) -> usize {
        if self.escape < at {
            let rest = self.bytes.get(at..).unwrap_or_default();
            self.escape = memchr(b'\\', rest).map_or(usize::MAX, |found| at + found);
        }
        self.escape
    }

    /// A member, and whether its name has an escape.
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

    /// A string, and where it lies without its quotes.
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
            self.at += escape(&self.bytes[self.at..])?;
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

    /// A number, `true`, `false` or `null`: the switch writes none, a gateway in between may.
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
    let name = seek::far::<b'"', b'"'>(rest)?;
    let rest = rest[name..].strip_prefix(b"\":\"")?;
    let value = seek::near::<b'"', b'"'>(rest)?;
    let from = position(at + 1);
    let name_to = from + position(name);
    let value_from = name_to + 3;
    Some(Field {
        name: (from, name_to),
        value: (value_from, value_from + position(value)),
        coding: Coding::AsIs,
    })
}

/// The length of the escape that the bytes begin with; `None` when it is none.
fn escape(bytes: &[u8]) -> Option<usize> {
    match bytes.get(1)? {
        b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => Some(2),
        b'u' => hex(bytes.get(2..6)?).map(|_| 6),
        _ => None,
    }
}

/// An indexed array as the plain format writes it.
pub(super) fn joined(array: &str) -> String {
    let mut out = String::from("ARRAY::");
    for (at, element) in elements(array).enumerate() {
        if at > 0 {
            out.push_str("|:");
        }
        out.push_str(&element);
    }
    out
}

/// The strings of an indexed array.
pub(super) fn elements(array: &str) -> impl Iterator<Item = String> {
    let mut scan = Scan::new(array, 1);
    std::iter::from_fn(move || {
        scan.eat(b',');
        let ((from, to), _) = scan.string()?;
        array.get(from as usize..to as usize).map(unescape)
    })
}

/// The text of a string without its quotes.
pub(super) fn unescape(raw: &str) -> String {
    let mut out = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some(next) = memchr(b'\\', rest.as_bytes()) {
        out.push_str(&rest[..next]);
        let (character, used) = escaped(&rest.as_bytes()[next..]);
        out.push(character);
        rest = rest.get(next + used..).unwrap_or_default();
    }
    out.push_str(rest);
    out
}

/// What the escape at the front stands for, and its length.
fn escaped(raw: &[u8]) -> (char, usize) {
    match raw.get(1) {
        Some(b'u') => unicode(raw),
        Some(b'b') => ('\u{8}', 2),
        Some(b'f') => ('\u{c}', 2),
        Some(b'n') => ('\n', 2),
        Some(b'r') => ('\r', 2),
        Some(b't') => ('\t', 2),
        Some(other) => (char::from(*other), 2),
        None => ('\\', 1),
    }
}

fn unicode(raw: &[u8]) -> (char, usize) {
    let unit = |at: usize| raw.get(at..at + 4).and_then(hex);
    let first = unit(2).unwrap_or(0xfffd);
    let low = match (first, raw.get(6..8)) {
        (0xd800..=0xdbff, Some(b"\\u")) => unit(8).filter(|low| (0xdc00..=0xdfff).contains(low)),
        _ => None,
    };
    let (code, used) = low.map_or((first, 6), |low| {
        (0x10000 + ((first - 0xd800) << 10) + (low - 0xdc00), 12)
    });
    // Half a surrogate pair is no character.
    let character = char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER);
    (character, used)
}

fn hex(digits: &[u8]) -> Option<u32> {
    digits.iter().try_fold(0, |value, digit| {
        Some(value * 16 + char::from(*digit).to_digit(16)?)
    })
}
