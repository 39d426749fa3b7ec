//! Converts bytes of the wire to text.

use std::borrow::Cow;

use super::scan;

/// Converts bytes that are not encoded. Invalid UTF-8 becomes U+FFFD.
pub(super) fn raw(bytes: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(bytes)
}

/// Decodes percent-encoded text. A `%` without two hex digits after it stays as it is.
pub(super) fn percent(text: &str) -> Cow<'_, str> {
    let bytes = text.as_bytes();
    // Most values are short and have none.
    let Some(next) = scan::near::<b'%', b'%'>(bytes) else {
        return Cow::Borrowed(text);
    };
    Cow::Owned(into_text(decoded(bytes, next)))
}

/// Decodes text whose first `%` is at `first`.
///
/// Escapes are seldom more than a few bytes apart, so eight bytes are copied and searched at a
/// time: a call of `memchr` and one of `memcpy` for each would cost thrice as much.
fn decoded(bytes: &[u8], first: usize) -> Vec<u8> {
    let mut out = vec![0; bytes.len()];
    out[..first].copy_from_slice(&bytes[..first]);
    let (mut from, mut to) = (first, first);
    while let Some(next) = bytes.get(from) {
        if *next == b'%' {
            let (byte, used) = decode_escape(&bytes[from..]);
            out[to] = byte;
            (from, to) = (from + used, to + 1);
            continue;
        }
        // The text shrinks, so that there is room for eight bytes wherever eight are left.
        let eight = bytes[from..].first_chunk().copied();
        let length = match (eight, out[to..].first_chunk_mut()) {
            (Some(eight), Some(room)) => {
                *room = eight;
                scan::within_eight::<b'%'>(eight)
            }
            (_, _) => {
                out[to] = *next;
                1
            }
        };
        (from, to) = (from + length, to + length);
    }
    out.truncate(to);
    out
}

/// Converts bytes to text, with a copy only when they are not UTF-8.
fn into_text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap_or_else(|error| raw(error.as_bytes()).into_owned())
}

/// Decodes the `%` at the front; also returns the length of its escape in bytes.
#[inline]
fn decode_escape(bytes: &[u8]) -> (u8, usize) {
    if let [_, high, low, ..] = bytes {
        let (high, low) = (DIGITS[usize::from(*high)], DIGITS[usize::from(*low)]);
        if high | low < 16 {
            return (high << 4 | low, 3);
        }
    }
    (b'%', 1)
}

/// The value of each hex digit; 16 for any other byte.
static DIGITS: [u8; 256] = {
    let mut digits = [16; 256];
    let mut value = 0;
    while value < 16 {
        let digit = b"0123456789ABCDEF"[value as usize];
        digits[digit as usize] = value;
        digits[digit.to_ascii_lowercase() as usize] = value;
        value += 1;
    }
    digits
};
