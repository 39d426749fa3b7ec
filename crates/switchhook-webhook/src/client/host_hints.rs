//! What servers said of their connections: how long they keep them, and that they want HTTP/1.1.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::HeaderMap;
use http::header::HeaderName;
use url::{Position, Url};

use crate::options::{ConnectionOptions, HttpVersion};

/// The longest list of hosts; a longer one is forgotten. Templates may make many host names.
const MAX_HOSTS: usize = 1_024;
/// How long before a server closes a connection it is no longer used: the time of a request on its
/// way.
const MARGIN: Duration = Duration::from_secs(1);
const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");

/// Hints by host and port.
#[derive(Default)]
pub(super) struct HostHints {
    /// Most servers give none; then nothing is looked up.
    any: AtomicBool,
    by_host: Mutex<HashMap<Box<str>, Hint>>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Hint {
    /// How long the server keeps an idle connection.
    keeps: Option<Duration>,
    /// The server answered `HTTP_1_1_REQUIRED`.
    wants_http1: bool,
}

impl HostHints {
    /// Returns `options` as they are for the host of `url`.
    pub(super) fn apply(&self, url: &Url, options: ConnectionOptions) -> ConnectionOptions {
        if !self.any.load(Ordering::Relaxed) {
            return options;
        }
        let Some(hint) = self.lock().get(host(url)).copied() else {
            return options;
        };
        let keeps = hint.keeps.map(|keeps| keeps.saturating_sub(MARGIN));
        ConnectionOptions {
            version: match options.version {
                HttpVersion::Auto if hint.wants_http1 => HttpVersion::Http1,
                version @ (HttpVersion::Auto | HttpVersion::Http1 | HttpVersion::Http2) => version,
            },
            idle: keeps.map_or(options.idle, |keeps| keeps.min(options.idle)),
        }
    }

    /// Notes `Keep-Alive: timeout=` of a response, if the connection would be kept for longer.
    pub(super) fn note_headers(&self, url: &Url, headers: &HeaderMap, kept: Duration) {
        let Some(keeps) = headers
            .get(KEEP_ALIVE)
            .and_then(|value| timeout(value.to_str().ok()?))
        else {
            return;
        };
        if keeps < kept + MARGIN {
            self.note(url, |hint| hint.keeps = Some(keeps));
        }
    }

    /// Notes that a server wants HTTP/1.1.
    pub(super) fn note_http1(&self, url: &Url) {
        self.note(url, |hint| hint.wants_http1 = true);
    }

    fn note(&self, url: &Url, change: impl FnOnce(&mut Hint)) {
        let mut by_host = self.lock();
        if by_host.len() >= MAX_HOSTS {
            by_host.clear();
        }
        change(by_host.entry(host(url).into()).or_default());
        self.any.store(true, Ordering::Relaxed);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Box<str>, Hint>> {
        self.by_host.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn host(url: &Url) -> &str {
    &url[Position::BeforeHost..Position::BeforePath]
}

/// Returns the seconds of `timeout=5, max=100`.
fn timeout(value: &str) -> Option<Duration> {
    let parameters = value.split(',').filter_map(|one| one.split_once('='));
    let mut timeouts = parameters.filter(|(name, _)| name.trim().eq_ignore_ascii_case("timeout"));
    let (_, seconds) = timeouts.next()?;
    Some(Duration::from_secs(u64::from(
        seconds.trim().parse::<u32>().ok()?,
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn idle(said: &str) -> Duration {
        let (hints, url) = (
            HostHints::default(),
            "https://crm.example/a".parse().unwrap(),
        );
        let headers = HeaderMap::from_iter([(KEEP_ALIVE, said.parse().unwrap())]);
        let options = ConnectionOptions::default();
        hints.note_headers(&url, &headers, options.idle);
        let other = "https://crm.example:8443/a".parse().unwrap();
        assert_eq!(hints.apply(&other, options), options);
        hints.apply(&url, options).idle
    }

    #[test]
    fn a_server_that_closes_early_is_left_before() {
        for (said, kept_s) in [
            ("timeout=5", 4),
            ("timeout=5, max=100", 4),
            ("max=100, Timeout = 3", 2),
            ("timeout=1", 0),
            ("timeout=0", 0),
            ("timeout=75", 4),
            ("timeout=99999999999", 4),
            ("timeout=-1", 4),
            ("max=1", 4),
            ("", 4),
        ] {
            assert_eq!(idle(said), Duration::from_secs(kept_s), "{said}");
        }
    }

    #[test]
    fn a_version_that_the_operator_chose_stays() {
        let (hints, url) = (
            HostHints::default(),
            "https://crm.example/".parse().unwrap(),
        );
        hints.note_http1(&url);
        for (version, used) in [
            (HttpVersion::Auto, HttpVersion::Http1),
            (HttpVersion::Http2, HttpVersion::Http2),
        ] {
            let options = ConnectionOptions {
                version,
                ..ConnectionOptions::default()
            };
            assert_eq!(hints.apply(&url, options).version, used);
        }
    }
}
