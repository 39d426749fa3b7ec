//! Addresses of the page's own links.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// What stays as it is in a segment of a path and in a query (RFC 3986, unreserved).
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// Returns the address of a page: the segments of its path, and its query without empty values. Each
/// value is encoded, so that it cannot lead elsewhere.
pub(crate) fn address(segments: &[&str], query: &[(&str, &str)]) -> String {
    let mut out = String::new();
    for segment in segments {
        out.push('/');
        // A browser would take a dot segment away.
        match *segment {
            "." => out.push_str("%2E"),
            ".." => out.push_str("%2E%2E"),
            segment => out.extend(utf8_percent_encode(segment, UNRESERVED)),
        }
    }
    let given = query.iter().filter(|(_, value)| !value.is_empty());
    for (at, (name, value)) in given.enumerate() {
        out.push(if at == 0 { '?' } else { '&' });
        out.push_str(name);
        out.push('=');
        out.extend(utf8_percent_encode(value, UNRESERVED));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_stays_in_its_place() {
        for (segments, query, shown) in [
            (
                &["calls", "9d34878d-01a0"][..],
                &[][..],
                "/calls/9d34878d-01a0",
            ),
            (&["calls", "a/b?c#d e"], &[], "/calls/a%2Fb%3Fc%23d%20e"),
            (&["calls", "x@y:1"], &[], "/calls/x%40y%3A1"),
            (
                &["webhooks", "a", "try"],
                &[("call", "u&v=1")],
                "/webhooks/a/try?call=u%26v%3D1",
            ),
            (
                &["outbox"],
                &[("webhook", ""), ("state", "dead")],
                "/outbox?state=dead",
            ),
        ] {
            assert_eq!(address(segments, query), shown);
        }
        assert_ne!(address(&["calls", ".."], &[]), "/calls/..");
    }
}
