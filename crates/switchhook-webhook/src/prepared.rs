//! A rendered request, and its text for people with secrets redacted.

use std::fmt;

use bytes::Bytes;
use http::Method;
use http::header::HeaderMap;
use switchhook_core::outcome::Failure;
use switchhook_core::secret::REDACTED;
use url::Url;

use super::redact;

/// Characters of a URL that are kept in a request line.
const MAX_URL_CHARS: usize = 512;

/// A request ready to be sent. `Display` redacts its secrets.
#[derive(Clone)]
pub struct Prepared {
    /// The method.
    pub method: Method,
    /// The URL: `http` or `https`, without user name and password.
    pub url: Url,
    /// The URLs of further tries, or why there is none.
    pub fallback_urls: Vec<Result<Url, Failure>>,
    /// The headers. The `Authorization` from `auth` is marked sensitive.
    pub headers: HeaderMap,
    /// The body; empty for none.
    pub body: Bytes,
}

impl Prepared {
    /// Returns method and URL for people, secrets redacted; a long URL is cut.
    #[must_use]
    pub fn request_line(&self) -> String {
        let url = redact::url(&self.url);
        let end = url.char_indices().nth(MAX_URL_CHARS).map(|(at, _)| at);
        let kept = &url[..end.unwrap_or(url.len())];
        // A call on hold keeps it in memory, so it is one allocation of its exact size.
        [self.method.as_str(), " ", kept, end.map_or("", |_| "…")].concat()
    }

    /// Returns method, URL, headers and body for people, secrets redacted.
    #[must_use]
    pub fn redacted(&self) -> String {
        let mut out = format!("{} {}\n", self.method, redact::url(&self.url));
        for (name, value) in &self.headers {
            let text = String::from_utf8_lossy(value.as_bytes());
            let text = if value.is_sensitive() {
                REDACTED
            } else {
                redact::header(name.as_str(), &text)
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
