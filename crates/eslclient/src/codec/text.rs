//! Converts bytes of the wire to text.

use std::borrow::Cow;

use memchr::memchr;

use super::scan;

/// Converts bytes that are not encoded. Invalid UTF-8 becomes U+FFFD.
pub(super) fn raw(bytes: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(bytes)
}

/// Decodes percent-encoded text. A `%` without two hex digits after it stays as it is.
pub(super) fn percent(text: &str) -> Cow<'_, str> {
    let bytes = text.as_bytes();
    // Most values are short and have none.
    let Some(mut next) = scan::near::<b'%', b'%'>(bytes) else {
        return Cow::Borrowed(text);
    };
    let mut out = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    loop {
        out.extend_from_slice(&rest[..next]);
        rest = push_decoded(&mut out, &rest[next..]);
        let Some(found) = memchr(b'%', rest) else {
            break;
        };
        next = found;
    }
    out.extend_from_slice(rest);
    Cow::Owned(into_text(out))
}

/// Converts bytes to text, with a copy only when they are not UTF-8.
fn into_text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap_or_else(|error| raw(error.as_bytes()).into_owned())
}

/// Decodes the `%` escape at the front and returns the bytes after it.
fn push_decoded<'a>(out: &mut Vec<u8>, bytes: &'a [u8]) -> &'a [u8] {
    if let [_, high, low, rest @ ..] = bytes
        && let (Some(high), Some(low)) = (digit(*high), digit(*low))
    {
        out.push(high << 4 | low);
        return rest;
    }
    out.push(b'%');
    &bytes[1..]
}

fn digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    }
}
