//! One rendered request, and its text for a person, with its secrets redacted.

use std::fmt;

use bytes::Bytes;
use http::Method;
use http::header::HeaderMap;
use url::Url;

use super::redact;

/// Characters of a URL that are told.
const LINE: usize = 512;

/// A request ready to be sent. `Display` shows it with its secrets hidden.
#[derive(Clone)]
pub struct Prepared {
    /// The method.
    pub method: Method,
    /// Where to; `http` or `https`, without user name and password.
    pub url: Url,
    /// The headers; the `Authorization` that `auth` makes is marked sensitive.
    pub headers: HeaderMap,
    /// The body; empty is none.
    pub body: Bytes,
}

impl Prepared {
    /// Method and URL as a person may see them, secrets hidden; a long one is cut.
    #[must_use]
    pub fn request_line(&self) -> String {
        let url = redact::url(&self.url);
        let end = url.char_indices().nth(LINE).map(|(at, _)| at);
        let kept = &url[..end.unwrap_or(url.len())];
        // A call on hold keeps it: one allocation, of its size.
        [self.method.as_str(), " ", kept, end.map_or("", |_| "…")].concat()
    }

    /// The request as a person may see it: method, URL, headers and body, secrets hidden.
    #[must_use]
    pub fn redacted(&self) -> String {
        let mut out = format!("{} {}\n", self.method, redact::url(&self.url));
        for (name, value) in &self.headers {
            let text = String::from_utf8_lossy(value.as_bytes());
            let text = match value.is_sensitive() {
                true => redact::SECRET,
                false => redact::header(name.as_str(), &text),
            };
            out.push_str(&format!("{name}: {text}\n"));
        }
        if !self.body.is_empty() {
            out.push('\n');
            out.push_str(&String::from_utf8_lossy(&self.body));
        }
        out
    }
}

impl fmt::Display for Prepared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.redacted())
    }
}

impl fmt::Debug for Prepared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.redacted())
    }
}
