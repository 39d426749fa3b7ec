//! The header that lets a receiver recognise a request that it gets twice.

use std::fmt::Write as _;

use http::header::{HeaderMap, HeaderName, HeaderValue};

use super::signing::ID_HEADER;

/// The header (draft-ietf-httpapi-idempotency-key-header), with the plain text that receivers
/// compare.
const NAME: HeaderName = HeaderName::from_static("idempotency-key");

/// Adds the header, unless the webhook sets it. A delivery's key is its `webhook-id`, which every
/// attempt has; another request's is random, and the same for all of its tries.
pub(super) fn add(headers: &mut HeaderMap) {
    if headers.contains_key(NAME) {
        return;
    }
    let value = match headers.get(ID_HEADER) {
        Some(id) => id.clone(),
        None => random(),
    };
    headers.insert(NAME, value);
}

/// Returns 128 random bits. They need not be secret.
fn random() -> HeaderValue {
    // A call on hold keeps it in memory, so it is one allocation of its exact size.
    let mut text = String::with_capacity(32);
    // Writing to a String cannot fail.
    let _ = write!(text, "{:032x}", fastrand::u128(..));
    HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static("0"))
}
