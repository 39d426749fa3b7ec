//! Finds out who sent a request: by a proxy's header, a token, or a session.

use std::net::IpAddr;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use axum::http::HeaderMap;
use axum::http::header::{AUTHORIZATION, COOKIE, ORIGIN};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use crate::access::hashes::{self, TokenHash};
use crate::access::sessions::{LIFETIME, Sessions};
use crate::access::{Access, User};
use crate::attempts::AttemptLimiter;
use crate::guard::{Guard, SharedGuard, text};

/// The cookie of a session.
const SESSION: &str = "switchhook_session";
/// Passwords that are checked at once: each takes 19 MiB and a processor for tens of milliseconds.
const CHECKS: usize = 2;
/// The longest wait for a password to be checked.
const CHECK_DEADLINE: Duration = Duration::from_secs(10);

/// A hash that no password fits: names that are not known take as long as those that are.
static NOBODYS: LazyLock<String> = LazyLock::new(|| {
    let password = hashes::random_text().unwrap_or_default();
    hashes::hash_password(&password).unwrap_or_default()
});

/// Recognizes users.
pub(crate) struct Login {
    pub(crate) guard: SharedGuard,
    pub(crate) attempts: Arc<AttemptLimiter>,
    sessions: Sessions,
    checks: Semaphore,
    /// The key of [`Access::csrf`]; random in each process.
    key: String,
}

/// What a request proves.
pub(crate) enum Recognized {
    /// Who sent it, or that nobody is known.
    As(Access),
    /// It has a token, and a wrong one.
    WrongToken,
}

impl Login {
    pub(crate) fn new(guard: SharedGuard, attempts: Arc<AttemptLimiter>) -> Self {
        Self {
            guard,
            attempts,
            sessions: Sessions::default(),
            checks: Semaphore::new(CHECKS),
            // Without random numbers nothing can be changed from a session.
            key: hashes::random_text().unwrap_or_default(),
        }
    }

    /// Recognizes the sender of a request from `peer`.
    pub(crate) fn recognize(&self, peer: IpAddr, headers: &HeaderMap, changes: bool) -> Recognized {
        let guard = self.guard.load();
        let origin = guard.client(peer, headers);
        if let Some(access) = guard.named_by_proxy(peer, origin, headers) {
            let csrf = self.csrf(&["proxy ", access.name()]);
            return Recognized::As(access.with_csrf(csrf));
        }
        let token = text(headers, AUTHORIZATION).and_then(|value| value.strip_prefix("Bearer "));
        if let Some(user) = token.and_then(|token| with_token(&guard, token)) {
            return Recognized::As(Access::user(user, origin));
        }
        if let Some((secret, user)) = self.with_session(&guard, headers) {
            let csrf = self.csrf(&["session ", secret]);
            return Recognized::As(Access::user(user, origin).with_csrf(csrf));
        }
        let is_local = guard.is_open_locally() && peer.to_canonical().is_loopback();
        let attempts = token.is_some() || headers.contains_key(AUTHORIZATION) && changes;
        if attempts && (changes || !is_local) && guard.allows_changes() {
            return Recognized::WrongToken;
        }
        Recognized::As(if is_local {
            Access::local(origin)
        } else {
            Access::nobody(origin)
        })
    }

    fn with_session<'h, 'g>(
        &self,
        guard: &'g Guard,
        headers: &'h HeaderMap,
    ) -> Option<(&'h str, &'g User)> {
        let secret = session(headers)?;
        Some((secret, self.sessions.user(secret, &guard.users)?))
    }

    /// Returns what a change must have with it.
    fn csrf(&self, of: &[&str]) -> String {
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(self.key.as_bytes()) else {
            return String::new();
        };
        of.iter().for_each(|part| mac.update(part.as_bytes()));
        let bytes = mac.finalize().into_bytes();
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Returns the user whom a name and a password, or a token alone, belong to.
    ///
    /// # Errors
    /// Too many passwords are being checked.
    pub(crate) async fn check(&self, name: &str, secret: &str) -> Result<Option<User>, String> {
        let guard = self.guard.load_full();
        if name.is_empty() {
            return Ok(with_token(&guard, secret).cloned());
        }
        let user = guard.users.iter().find(|user| user.name == name).cloned();
        let hash = user.as_ref().and_then(|user| user.password.clone());
        let secret = secret.to_owned();
        let busy = || "too many passwords are being checked; try again".to_owned();
        let permit = timeout(CHECK_DEADLINE, self.checks.acquire()).await;
        let _permit = permit.map_err(|_| busy())?.map_err(|_| busy())?;
        let fits = spawn_blocking(move || {
            let known = hash.as_ref().map(|hash| hash.reveal());
            hashes::password_fits(&secret, known.unwrap_or(&NOBODYS)) && known.is_some()
        });
        let fits = fits.await.map_err(|error| error.to_string())?;
        Ok(user.filter(|_| fits))
    }

    /// Begins a session; returns its cookie.
    ///
    /// # Errors
    /// The system has no random numbers.
    pub(crate) fn begin(
        &self,
        user: &User,
        path: &str,
        headers: &HeaderMap,
    ) -> Result<String, String> {
        let secret = self.sessions.begin(user)?;
        Ok(cookie(&secret, LIFETIME, path, headers))
    }

    /// Ends the session of a request; returns the cookie that removes the other one.
    pub(crate) fn end(&self, path: &str, headers: &HeaderMap) -> String {
        session(headers)
            .into_iter()
            .for_each(|secret| self.sessions.end(secret));
        cookie("", Duration::ZERO, path, headers)
    }
}

fn with_token<'g>(guard: &'g Guard, token: &str) -> Option<&'g User> {
    let hash = TokenHash::of(token);
    guard.users.iter().find(|user| user.token == Some(hash))
}

/// Returns the secret of a request's session.
fn session(headers: &HeaderMap) -> Option<&str> {
    let cookies = headers.get_all(COOKIE).into_iter();
    let cookies = cookies.filter_map(|value| value.to_str().ok());
    let mut pairs = cookies.flat_map(|value| value.split(';'));
    pairs.find_map(|pair| pair.trim().strip_prefix(SESSION)?.strip_prefix('='))
}

/// Returns a cookie that no script reads and no other site's request has. Behind https it is sent
/// over https alone.
fn cookie(secret: &str, lifetime: Duration, path: &str, headers: &HeaderMap) -> String {
    let seconds = lifetime.as_secs();
    let over_tls = text(headers, ORIGIN).is_some_and(|origin| origin.starts_with("https://"))
        || headers
            .get("x-forwarded-proto")
            .is_some_and(|proto| proto == "https");
    let secure = if over_tls { "; Secure" } else { "" };
    format!("{SESSION}={secret}; Path={path}; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_is_for_this_page_alone_and_behind_https_for_https_alone() {
        let mut headers = HeaderMap::new();
        let plain = cookie("s", LIFETIME, "/", &headers);
        assert_eq!(
            plain,
            "switchhook_session=s; Path=/; Max-Age=43200; HttpOnly; SameSite=Strict"
        );
        for (name, value) in [
            ("origin", "https://hook.example"),
            ("x-forwarded-proto", "https"),
        ] {
            headers.clear();
            headers.insert(name, value.parse().unwrap());
            assert_eq!(
                cookie("s", LIFETIME, "/", &headers),
                format!("{plain}; Secure")
            );
        }
        for (value, wanted) in [
            ("switchhook_session=a", Some("a")),
            ("other=1; switchhook_session=b", Some("b")),
            ("switchhook_sessions=c", None),
            ("", None),
        ] {
            headers.clear();
            headers.insert("cookie", value.parse().unwrap());
            assert_eq!(session(&headers), wanted, "{value}");
        }
    }
}
