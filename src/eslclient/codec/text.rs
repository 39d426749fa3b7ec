//! From the bytes of the wire to text.

use std::borrow::Cow;

use memchr::memchr;
use percent_encoding::percent_decode;

/// The text of bytes that the switch sent as they are; what is not UTF-8
/// becomes U+FFFD.
pub(super) fn raw(bytes: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(bytes)
}

/// The text of percent-encoded bytes. A `%` that no two hex digits follow stands for itself.
pub(super) fn percent(bytes: &[u8]) -> Cow<'_, str> {
    if memchr(b'%', bytes).is_none() {
        return raw(bytes);
    }
    match Cow::from(percent_decode(bytes)) {
        Cow::Borrowed(same) => raw(same),
        Cow::Owned(decoded) => Cow::Owned(owned(decoded)),
    }
}

/// Takes bytes over as text, copying them only when they are not UTF-8.
pub(super) fn owned(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes)
        .unwrap_or_else(|fault| String::from_utf8_lossy(fault.as_bytes()).into_owned())
}
