//! The flat JSON object that the switch writes an event as: each value a
//! string, or an array of strings. FreeSWITCH: `switch_event_serialize_json_obj`.
//!
//! A scanner of our own because it keeps places rather than copies: one
//! allocation for the index, nothing decoded that nobody reads.

use std::borrow::Cow;

use memchr::{memchr, memchr2};

use super::decoder::{DecodeError, Limits};
use super::event::{Field, capacity, position};
use super::text;

/// Finds every member of the object that begins at `start` and ends with the bytes, and `_body`.
pub(super) fn index(
    bytes: &[u8],
    start: usize,
    limits: &Limits,
) -> Result<(Vec<Field>, (u32, u32)), DecodeError> {
    let mut scan = Scan { bytes, at: start };
    let mut fields = Vec::with_capacity(capacity(bytes.len() - start));
    let body = members(&mut scan, &mut fields, limits).map_err(|fault| match fault {
        Fault::Broken => DecodeError::BadJson {
            at: scan.at - start,
        },
        Fault::TooMany => DecodeError::TooManyHeaders {
            limit: limits.headers,
        },
    })?;
    Ok((fields, body))
}

enum Fault {
    Broken,
    TooMany,
}

fn members(
    scan: &mut Scan<'_>,
    fields: &mut Vec<Field>,
    limits: &Limits,
) -> Result<(u32, u32), Fault> {
    let mut body = (0, 0);
    scan.expect(b'{')?;
    if !scan.eat(b'}') {
        loop {
            let field = scan.member()?;
            if scan.slice(field.name) == b"_body" {
                body = field.value;
            } else if fields.len() == limits.headers {
                return Err(Fault::TooMany);
            } else {
                fields.push(field);
            }
            if !scan.eat(b',') {
                break;
            }
        }
        scan.expect(b'}')?;
    }
    scan.skip_space();
    if scan.at == scan.bytes.len() {
        Ok(body)
    } else {
        Err(Fault::Broken)
    }
}

struct Scan<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Scan<'_> {
    fn slice(&self, (from, to): (u32, u32)) -> &[u8] {
        &self.bytes[from as usize..to as usize]
    }

    fn skip_space(&mut self) {
        while matches!(self.bytes.get(self.at), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn eat(&mut self, byte: u8) -> bool {
        self.skip_space();
        let there = self.bytes.get(self.at) == Some(&byte);
        self.at += usize::from(there);
        there
    }

    fn expect(&mut self, byte: u8) -> Result<(), Fault> {
        self.eat(byte).then_some(()).ok_or(Fault::Broken)
    }

    fn member(&mut self) -> Result<Field, Fault> {
        let (from, to) = self.string()?;
        self.expect(b':')?;
        let value = self.value()?;
        Ok(Field {
            // Without its quotes.
            name: (from + 1, to - 1),
            value,
        })
    }

    fn value(&mut self) -> Result<(u32, u32), Fault> {
        self.skip_space();
        match self.bytes.get(self.at) {
            Some(b'"') => self.string(),
            Some(b'[') => self.array(),
            Some(_) | None => self.word(),
        }
    }

    fn string(&mut self) -> Result<(u32, u32), Fault> {
        self.skip_space();
        let from = self.at;
        self.expect(b'"')?;
        loop {
            let rest = self.bytes.get(self.at..).unwrap_or_default();
            self.at += memchr2(b'"', b'\\', rest).ok_or(Fault::Broken)?;
            if self.bytes[self.at] == b'"' {
                self.at += 1;
                return Ok((position(from), position(self.at)));
            }
            self.at += escape(&self.bytes[self.at..]).ok_or(Fault::Broken)?;
        }
    }

    fn array(&mut self) -> Result<(u32, u32), Fault> {
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
        Ok((position(from), position(self.at)))
    }

    /// A number, `true`, `false` or `null`: the switch writes none, a gateway in between may.
    fn word(&mut self) -> Result<(u32, u32), Fault> {
        let from = self.at;
        while matches!(
            self.bytes.get(self.at),
            Some(b'0'..=b'9' | b'a'..=b'z' | b'E' | b'+' | b'-' | b'.')
        ) {
            self.at += 1;
        }
        if self.at == from {
            return Err(Fault::Broken);
        }
        Ok((position(from), position(self.at)))
    }
}

/// The length of the escape that the bytes begin with; `None` when it is none.
fn escape(bytes: &[u8]) -> Option<usize> {
    match bytes.get(1)? {
        b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => Some(2),
        b'u' => hex(bytes.get(2..6)?).map(|_| 6),
        _ => None,
    }
}

/// A value as indexed: a string, an array as the plain format writes it, or a bare word.
pub(super) fn value(raw: &[u8]) -> Cow<'_, str> {
    match raw.first() {
        Some(b'"') => unescape(&raw[1..raw.len() - 1]),
        Some(b'[') => {
            let mut joined = String::from("ARRAY::");
            for (at, element) in elements(raw).enumerate() {
                if at > 0 {
                    joined.push_str("|:");
                }
                joined.push_str(&element);
            }
            Cow::Owned(joined)
        }
        Some(_) | None => text::raw(raw),
    }
}

/// The strings of an indexed array.
pub(super) fn elements(raw: &[u8]) -> impl Iterator<Item = Cow<'_, str>> {
    let mut scan = Scan { bytes: raw, at: 1 };
    std::iter::from_fn(move || {
        scan.eat(b',');
        let (from, to) = scan.string().ok()?;
        Some(unescape(&raw[from as usize + 1..to as usize - 1]))
    })
}

/// The text of a string without its quotes; borrowed when it has no escape.
pub(super) fn unescape(raw: &[u8]) -> Cow<'_, str> {
    let Some(mut next) = memchr(b'\\', raw) else {
        return text::raw(raw);
    };
    let mut out = Vec::with_capacity(raw.len());
    let mut rest = raw;
    loop {
        out.extend_from_slice(&rest[..next]);
        rest = push_escaped(&mut out, &rest[next..]);
        let Some(found) = memchr(b'\\', rest) else {
            break;
        };
        next = found;
    }
    out.extend_from_slice(rest);
    Cow::Owned(text::owned(out))
}

/// Writes what the escape at the front stands for and returns what follows it.
fn push_escaped<'a>(out: &mut Vec<u8>, raw: &'a [u8]) -> &'a [u8] {
    let plain = match raw.get(1) {
        Some(b'u') => return push_unicode(out, raw),
        Some(b'b') => 0x08,
        Some(b'f') => 0x0c,
        Some(b'n') => b'\n',
        Some(b'r') => b'\r',
        Some(b't') => b'\t',
        Some(other) => *other,
        None => b'\\',
    };
    out.push(plain);
    raw.get(2..).unwrap_or_default()
}

fn push_unicode<'a>(out: &mut Vec<u8>, raw: &'a [u8]) -> &'a [u8] {
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
    out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
    raw.get(used..).unwrap_or_default()
}

fn hex(digits: &[u8]) -> Option<u32> {
    digits.iter().try_fold(0, |value, digit| {
        Some(value * 16 + char::from(*digit).to_digit(16)?)
    })
}
