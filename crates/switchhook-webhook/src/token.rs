//! OAuth 2.0 client credentials (RFC 6749, 4.4). All calls of a webhook share one token: one call
//! fetches it while the others wait, and it is kept until shortly before it expires.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderValue};
use http::{Method, StatusCode};
use serde_json::Value;
use tokio::sync::Mutex;
use tokio::time::Instant;
use url::{Url, form_urlencoded};

use super::compile_error::CompileError;
use super::options::{OAuth2, SecretIn};
use super::prepared::Prepared;
use super::{error, url as address};
use switchhook_core::outcome::{Failure, Reason};

/// Bytes read of a token response.
pub(super) const MAX_RESPONSE_BYTES: usize = 64 * 1024;
/// Lifetime of a token whose response gives none.
const DEFAULT_LIFETIME: Duration = Duration::from_secs(300);
/// Longest lifetime; the secret may change meanwhile.
const MAX_LIFETIME: Duration = Duration::from_secs(24 * 3600);
/// How long before its end a token is renewed, but not before half of its lifetime.
const RENEW_BEFORE: Duration = Duration::from_secs(30);

/// The token endpoint of a webhook, and the cached token.
pub(super) struct Tokens {
    url: Url,
    /// Absent if the body has the secret.
    authorization: Option<HeaderValue>,
    body: Bytes,
    cached: Mutex<Cached>,
}

#[derive(Default)]
struct Cached {
    token: Option<Token>,
    failed: Option<(Instant, TokenFault)>,
    /// Number of tokens fetched.
    count: u64,
}

/// Why there is no token.
#[derive(Debug, Clone)]
pub(super) struct TokenFault {
    pub(super) failure: Failure,
    pub(super) refusal: TokenRefusal,
}

/// What the token endpoint answered instead of a token. It decides whether and when another try
/// follows.
#[derive(Debug, Clone, Default)]
pub(super) struct TokenRefusal {
    /// The HTTP status; `None` if there was none.
    pub(super) status: Option<u16>,
    /// The `Retry-After` header.
    pub(super) retry_after: Option<String>,
}

impl From<Failure> for TokenFault {
    fn from(failure: Failure) -> Self {
        let refusal = TokenRefusal::default();
        Self { failure, refusal }
    }
}

/// A token as a header, with its number.
#[derive(Clone)]
pub(super) struct Token {
    pub(super) header: HeaderValue,
    number: u64,
    until: Instant,
}

impl Tokens {
    pub(super) fn compile(options: &OAuth2, errors: &mut Vec<CompileError>) -> Option<Self> {
        let key = "auth.oauth2.token_url";
        let help = "write the URL of the token endpoint: https://login.example/oauth2/token";
        if let Err((what, help)) = address::check_template(&options.token_url) {
            errors.push(CompileError::new(key, what, help));
            return None;
        }
        let Ok(url) = options.token_url.parse() else {
            errors.push(CompileError::new(key, "this is not a URL", help));
            return None;
        };
        let authorization = match options.secret_in {
            SecretIn::Basic => Some(basic(options)?),
            SecretIn::Body => None,
        };
        Some(Self {
            url,
            authorization,
            body: form(options).into(),
            cached: Mutex::default(),
        })
    }

    pub(super) fn url(&self) -> &Url {
        &self.url
    }

    /// Returns the request for a token.
    pub(super) fn request(&self) -> Prepared {
        let mut headers = HeaderMap::with_capacity(3);
        if let Some(authorization) = &self.authorization {
            headers.insert(header::AUTHORIZATION, authorization.clone());
        }
        let form = HeaderValue::from_static("application/x-www-form-urlencoded");
        headers.insert(header::CONTENT_TYPE, form);
        let json = HeaderValue::from_static("application/json");
        headers.insert(header::ACCEPT, json);
        Prepared {
            method: Method::POST,
            url: self.url.clone(),
            fallback_urls: Vec::new(),
            headers,
            body: self.body.clone(),
        }
    }

    /// Returns the cached token, or the one that `fetch` gets, and whether it was cached. Calls
    /// that waited for another call's fetch share its result. If that fetch was cancelled, the
    /// next call fetches.
    ///
    /// # Errors
    /// Why there is no token.
    pub(super) async fn get<F>(
        &self,
        fetch: impl FnOnce() -> F,
    ) -> Result<(Token, bool), TokenFault>
    where
        F: Future<Output = Result<(HeaderValue, Duration), TokenFault>>,
    {
        let started = Instant::now();
        let mut cached = self.cached.lock().await;
        if let Some(token) = cached.token.as_ref().filter(|token| token.until > started) {
            return Ok((token.clone(), true));
        }
        if let Some((_, fault)) = cached.failed.as_ref().filter(|(at, _)| *at > started) {
            return Err(fault.clone());
        }
        match fetch().await {
            Ok((header, lifetime)) => {
                cached.count += 1;
                let token = Token {
                    header,
                    number: cached.count,
                    until: Instant::now() + lifetime - RENEW_BEFORE.min(lifetime / 2),
                };
                cached.token = Some(token.clone());
                cached.failed = None;
                Ok((token, false))
            }
            Err(fault) => {
                cached.failed = Some((Instant::now(), fault.clone()));
                Err(fault)
            }
        }
    }

    /// Drops a token that the webhook refused.
    pub(super) async fn forget(&self, refused: &Token) {
        let mut cached = self.cached.lock().await;
        let is_it = |token: &mut Token| token.number == refused.number;
        drop(cached.token.take_if(is_it));
    }

    /// Reads a token and its lifetime from a response.
    ///
    /// # Errors
    /// Why there is none, without the text of the response.
    pub(super) fn read(
        &self,
        status: StatusCode,
        body: &[u8],
    ) -> Result<(HeaderValue, Duration), Failure> {
        let answer: Option<Value> = serde_json::from_slice(body).ok();
        if !status.is_success() {
            let word = answer.as_ref().and_then(error_word);
            let word = word.map_or_else(String::new, |word| format!(" ({word})"));
            let host_port = error::host_port(&self.url);
            return Err(no_token(
                refusal(status),
                &format!("{host_port} answered {status}{word}"),
            ));
        }
        let unusable = |what: &str| {
            let host_port = error::host_port(&self.url);
            no_token(Reason::InvalidResponse, &format!("{host_port} sent {what}"))
        };
        let answer = answer.ok_or_else(|| unusable("a response that is not JSON"))?;
        let kind = answer.get("token_type").and_then(Value::as_str);
        if !kind.is_none_or(is_bearer) {
            return Err(unusable("a token that is not a bearer token"));
        }
        let token = answer.get("access_token").and_then(Value::as_str);
        let header = token.filter(|token| !token.is_empty()).and_then(bearer);
        let header = header.ok_or_else(|| unusable("no usable token"))?;
        Ok((header, lifetime(&answer)))
    }
}

fn no_token(reason: Reason, why: &str) -> Failure {
    Failure::new(reason, format!("no token for the webhook: {why}"))
}

/// Credentials are refused with 400 or 401 (RFC 6749, 5.2), or with 403 or 407 by a server in
/// front of the endpoint. Other statuses, such as 503 or a redirect, say nothing about
/// credentials.
fn refusal(status: StatusCode) -> Reason {
    match status.as_u16() {
        400 | 401 | 403 | 407 => Reason::AuthenticationFailure,
        _ => Reason::HttpStatus,
    }
}

/// Returns an error code such as `invalid_client` (RFC 6749, 5.2); other text is never repeated.
fn error_word(answer: &Value) -> Option<&str> {
    let word = answer.get("error")?.as_str()?;
    let fits = |c: char| c.is_ascii_lowercase() || c == '_';
    (word.len() <= 40 && word.chars().all(fits)).then_some(word)
}

fn lifetime(answer: &Value) -> Duration {
    let lifetime = answer.get("expires_in").and_then(|value| match value {
        Value::String(text) => text.parse().ok(),
        Value::Number(number) => number.as_u64(),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    });
    lifetime
        .map_or(DEFAULT_LIFETIME, Duration::from_secs)
        .min(MAX_LIFETIME)
}

fn bearer(token: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(&format!("Bearer {token}")).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// Whether a `token_type` means a bearer token. RFC 6749 (7.1) has no regard for case, and
/// gateways write `BearerToken` (Apigee), `bearer_token` or `JWT`.
fn is_bearer(kind: &str) -> bool {
    let letters = kind.chars().filter(char::is_ascii_alphanumeric);
    let word: String = letters.map(|c| c.to_ascii_lowercase()).collect();
    matches!(
        word.as_str(),
        "" | "bearer" | "bearertoken" | "accesstoken" | "jwt"
    )
}

fn form(options: &OAuth2) -> String {
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.append_pair("grant_type", "client_credentials");
    if options.secret_in == SecretIn::Body {
        form.append_pair("client_id", &options.client_id);
        form.append_pair("client_secret", options.client_secret.reveal());
    }
    let named = [
        ("scope", &options.scope),
        ("audience", &options.audience),
        ("resource", &options.resource),
    ];
    for (name, value) in named {
        if let Some(value) = value {
            form.append_pair(name, value);
        }
    }
    form.extend_pairs(&options.params).finish()
}

/// RFC 6749, 2.3.1: both parts form-encoded, then Basic.
fn basic(options: &OAuth2) -> Option<HeaderValue> {
    let encode = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    let (id, secret) = (
        encode(&options.client_id),
        encode(options.client_secret.reveal()),
    );
    let encoded = STANDARD.encode(format!("{id}:{secret}"));
    let mut value = HeaderValue::from_str(&format!("Basic {encoded}")).ok()?;
    value.set_sensitive(true);
    Some(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use switchhook_core::secret::Secret;

    fn tokens() -> Tokens {
        let options = OAuth2 {
            token_url: "https://login.example/token".into(),
            client_id: "switch".into(),
            client_secret: Secret::new("correct-horse"),
            ..OAuth2::default()
        };
        Tokens::compile(&options, &mut Vec::new()).unwrap()
    }

    async fn get(tokens: &Tokens, life_s: u64) -> (u64, bool) {
        let header = HeaderValue::from_static("Bearer a");
        let fetch = async || Ok((header, Duration::from_secs(life_s)));
        let (token, was_there) = tokens.get(fetch).await.unwrap();
        (token.number, was_there)
    }

    #[tokio::test(start_paused = true)]
    async fn a_token_is_renewed_shortly_before_it_expires() {
        let tokens = tokens();
        assert_eq!(get(&tokens, 3600).await, (1, false));
        tokio::time::advance(Duration::from_secs(3569)).await;
        assert_eq!(get(&tokens, 3600).await, (1, true));
        tokio::time::advance(Duration::from_secs(2)).await;
        assert_eq!(get(&tokens, 10).await, (2, false));
        // Half of a short lifetime is used.
        tokio::time::advance(Duration::from_secs(4)).await;
        assert_eq!(get(&tokens, 10).await, (2, true));
        tokio::time::advance(Duration::from_secs(2)).await;
        assert_eq!(get(&tokens, 10).await, (3, false));
    }

    #[tokio::test]
    async fn an_attempt_that_is_broken_off_leaves_its_place_to_the_next() {
        let tokens = tokens();
        let never = async || std::future::pending().await;
        {
            let mut attempt = Box::pin(tokens.get(never));
            assert!(futures_util::poll!(&mut attempt).is_pending());
        }
        assert_eq!(get(&tokens, 60).await, (1, false));
    }

    #[test]
    fn a_bearer_token_is_known_by_the_names_that_gateways_give_it() {
        for kind in [
            "Bearer",
            "bearer",
            "BEARER",
            "BearerToken",
            "Bearer Token",
            "bearer_token",
            "JWT",
            "access_token",
            "",
        ] {
            assert!(is_bearer(kind), "{kind}");
        }
        for kind in ["mac", "DPoP", "N_A", "PoP", "Basic"] {
            assert!(!is_bearer(kind), "{kind}");
        }
    }

    #[test]
    fn lives_are_believed_within_reason() {
        for (answer, seconds) in [
            (r#"{"expires_in":60}"#, 60),
            (r#"{"expires_in":"90"}"#, 90),
            (r#"{"expires_in":-1}"#, 300),
            (r#"{"expires_in":99999999999}"#, 86_400),
            ("{}", 300),
        ] {
            let answer = serde_json::from_str(answer).unwrap();
            assert_eq!(lifetime(&answer), Duration::from_secs(seconds), "{answer}");
        }
    }
}
