//! From the bytes of the wire to text.

use std::borrow::Cow;

use memchr::memchr;

/// The text of bytes that the switch sent as they are; what is not UTF-8
/// becomes U+FFFD.
pub(super) fn raw(bytes: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(bytes)
}

/// The text of percent-encoded text. A `%` that no two hex digits follow stands for itself.
pub(super) fn percent(text: &str) -> Cow<'_, str> {
    let bytes = text.as_bytes();
    let Some(mut next) = memchr(b'%', bytes) else {
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
    Cow::Owned(owned(out))
}

/// Takes bytes over as text, copying them only when they are not UTF-8.
fn owned(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap_or_else(|fault| raw(fault.as_bytes()).into_owned())
}

/// Writes what the `%` at the front stands for and returns what follows it.
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
