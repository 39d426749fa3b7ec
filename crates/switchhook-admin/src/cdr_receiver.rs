//! `/json_cdr/NAME`: mod_json_cdr of a switch posts the CDR of a finished leg here.
//!
//! Any response but 2xx makes mod_json_cdr retry, and write the CDR to its `err-log-dir` in the end.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use futures_util::future::BoxFuture;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use crate::attempts::AttemptLimiter;
use crate::listener::Peer;

/// CDRs of one switch received at once; a further post gets 503 with `Retry-After`.
const MAX_POSTS: usize = 16;

/// Returns the places for the posts of one switch.
#[must_use]
pub fn posts() -> Arc<Semaphore> {
    Arc::new(Semaphore::new(MAX_POSTS))
}

/// The time from a request to its response. mod_json_cdr blocks a thread for it.
const DEADLINE: Duration = Duration::from_secs(10);

/// User and password of a request.
pub type BasicCredentials = (String, String);

/// Stores CDRs. The service implements it.
pub trait ReceiveCdr: Send + Sync {
    /// Returns the places for the posts of the switch of this name.
    ///
    /// # Errors
    /// No switch of this name may post, or the credentials are missing or wrong.
    fn authorize(
        &self,
        switch: &str,
        credentials: Option<&BasicCredentials>,
    ) -> Result<Arc<Semaphore>, CdrRejection>;

    /// Stores the CDR that the switch of this name posted.
    fn receive(&self, switch: String, record: Bytes) -> BoxFuture<'_, Result<(), CdrRejection>>;
}

/// Why a CDR is not stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CdrRejection {
    /// No switch of this name may post.
    UnknownSwitch(String),
    /// The credentials are missing or wrong.
    Unauthorized,
    /// The body is no CDR, or a CDR of another switch.
    Invalid(String),
    /// The CDR cannot be stored now; the switch may retry.
    Unavailable(String),
}

/// The state of the route.
#[derive(Clone)]
struct CdrReceiver {
    records: Arc<dyn ReceiveCdr>,
    attempts: Arc<AttemptLimiter>,
    bytes: usize,
}

/// Returns the route, for CDRs of at most `bytes`.
pub(crate) fn router(
    records: Arc<dyn ReceiveCdr>,
    bytes: usize,
    attempts: Arc<AttemptLimiter>,
) -> Router {
    let receiver = CdrReceiver {
        records,
        attempts,
        bytes,
    };
    Router::new()
        .route("/json_cdr/{switch}", post(receive))
        .with_state(receiver)
}

/// Checks the head before it reads the body: strangers take no place from a switch.
async fn receive(
    State(receiver): State<CdrReceiver>,
    Peer(peer): Peer,
    Path(switch): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let credentials = basic_credentials(&headers);
    if credentials.is_some()
        && let Err(too_many) = receiver.attempts.admit(peer.ip()).await
    {
        return too_many.respond();
    }
    let authorized = receiver.records.authorize(&switch, credentials.as_ref());
    let permits = match authorized {
        Ok(permits) => permits,
        Err(rejection) => {
            if credentials.is_some() && rejection == CdrRejection::Unauthorized {
                receiver.attempts.failed(peer.ip(), "cdr_password");
            }
            return reject(&rejection);
        }
    };
    let Ok(_permit) = permits.try_acquire() else {
        return reject(&CdrRejection::Unavailable(format!(
            "{MAX_POSTS} CDRs are being stored already; post again later"
        )));
    };
    let stored = async {
        let record = to_bytes(body, receiver.bytes).await.map_err(|error| {
            let limit = receiver.bytes;
            CdrRejection::Invalid(format!(
                "the body cannot be read: {error}; a CDR may have {limit} bytes (limits.frame_body_bytes)"
            ))
        })?;
        receiver.records.receive(switch, record).await
    };
    let late = || CdrRejection::Unavailable("the CDR was not stored in time; see /readyz".into());
    let stored = timeout(DEADLINE, stored).await;
    match stored.unwrap_or_else(|_| Err(late())) {
        Ok(()) => "stored\n".into_response(),
        Err(rejection) => reject(&rejection),
    }
}

fn reject(rejection: &CdrRejection) -> Response {
    match rejection {
        CdrRejection::UnknownSwitch(message) => {
            (StatusCode::NOT_FOUND, format!("{message}\n")).into_response()
        }
        CdrRejection::Invalid(message) => {
            (StatusCode::BAD_REQUEST, format!("{message}\n")).into_response()
        }
        CdrRejection::Unauthorized => {
            let realm = [(header::WWW_AUTHENTICATE, "Basic realm=\"switchhook\"")];
            let message = "set cred in json_cdr.conf.xml to the value of json_cdr_auth\n";
            (StatusCode::UNAUTHORIZED, realm, message).into_response()
        }
        CdrRejection::Unavailable(message) => {
            let later = [(header::RETRY_AFTER, "5")];
            (
                StatusCode::SERVICE_UNAVAILABLE,
                later,
                format!("{message}\n"),
            )
                .into_response()
        }
    }
}

/// Returns the credentials of `Authorization: Basic` (RFC 7617).
fn basic_credentials(headers: &HeaderMap) -> Option<BasicCredentials> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, encoded) = value.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
    let (user, password) = decoded.split_once(':')?;
    Some((user.to_owned(), password.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_and_a_password_are_read_from_their_header_alone() {
        let message = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::AUTHORIZATION, value.parse().unwrap());
            basic_credentials(&headers)
        };
        let both = Some(("switch".to_owned(), "a:b".to_owned()));
        assert_eq!(
            message(&format!("Basic {}", STANDARD.encode("switch:a:b"))),
            both
        );
        assert_eq!(
            message(&format!("basic  {}", STANDARD.encode("switch:a:b"))),
            both
        );
        for wrong in ["Basic", "Basic %%", "Bearer c3c6cA==", "Basic c3dpdGNo"] {
            assert_eq!(message(wrong), None, "{wrong}");
        }
    }
}
