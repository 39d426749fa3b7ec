//! Escapes in JSON strings (RFC 8259, section 7).

use memchr::memchr;

/// Returns the length of the escape at the front, in bytes; `None` if it is not a JSON escape.
pub(super) fn escape_length(bytes: &[u8]) -> Option<usize> {
    match bytes.get(1)? {
        b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => Some(2),
        b'u' => hex(bytes.get(2..6)?).map(|_| 6),
        _ => None,
    }
}

/// Decodes the text between the quotes of a JSON string.
pub(super) fn unescape(raw: &str) -> String {
    let mut out = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some(next) = memchr(b'\\', rest.as_bytes()) {
        out.push_str(&rest[..next]);
        let (character, used) = decode_escape(&rest.as_bytes()[next..]);
        out.push(character);
        rest = rest.get(next + used..).unwrap_or_default();
    }
    out.push_str(rest);
    out
}

/// Decodes the escape at the front; also returns its length in bytes.
fn decode_escape(raw: &[u8]) -> (char, usize) {
    match raw.get(1) {
        Some(b'u') => decode_unicode(raw),
        Some(b'b') => ('\u{8}', 2),
        Some(b'f') => ('\u{c}', 2),
        Some(b'n') => ('\n', 2),
        Some(b'r') => ('\r', 2),
        Some(b't') => ('\t', 2),
        Some(other) => (char::from(*other), 2),
        None => ('\\', 1),
    }
}

fn decode_unicode(raw: &[u8]) -> (char, usize) {
    let unit = |at: usize| raw.get(at..at + 4).and_then(hex);
    let first = unit(2).unwrap_or(0xfffd);
    let low = match (first, raw.get(6..8)) {
        (0xd800..=0xdbff, Some(b"\\u")) => unit(8).filter(|low| (0xdc00..=0xdfff).contains(low)),
        _ => None,
    };
    let (code, used) = low.map_or((first, 6), |low| {
        (0x10000 + ((first - 0xd800) << 10) + (low - 0xdc00), 12)
    });
    // Half of a surrogate pair is not a character.
    let character = char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER);
    (character, used)
}

fn hex(digits: &[u8]) -> Option<u32> {
    digits.iter().try_fold(0, |value, digit| {
        Some(value * 16 + char::from(*digit).to_digit(16)?)
    })
}
