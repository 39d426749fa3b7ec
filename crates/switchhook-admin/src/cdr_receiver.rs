//! `/json_cdr/NAME`: where mod_json_cdr posts the record of a leg that ended.

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

/// ReceiveCdr that are received at once; the one who posts more is told to come again.
const AT_ONCE: usize = 16;
/// From the request to its answer. mod_json_cdr keeps a thread waiting.
const DEADLINE: Duration = Duration::from_secs(10);

/// A user and a password, as a request says them.
pub type Basic = (String, String);

/// Who takes the records.
pub trait ReceiveCdr: Send + Sync {
    /// Stores the record that a switch of that name posted.
    fn take(
        &self,
        switch: String,
        said: Option<Basic>,
        record: Bytes,
    ) -> BoxFuture<'_, Result<(), Refusal>>;
}

/// Why a record is not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// No switch of this name may post.
    Unknown(String),
    /// It says not who it is.
    Unauthorized,
    /// It is none, or not this switch's.
    Bad(String),
    /// Not now.
    NotNow(String),
}

/// Where records go.
#[derive(Clone)]
struct CdrReceiver {
    records: Arc<dyn ReceiveCdr>,
    places: Arc<Semaphore>,
    bytes: usize,
}

/// The route, for records of at most `bytes`.
pub(crate) fn router(records: Arc<dyn ReceiveCdr>, bytes: usize) -> Router {
    let places = Arc::new(Semaphore::new(AT_ONCE));
    let desk = CdrReceiver {
        records,
        places,
        bytes,
    };
    Router::new()
        .route("/json_cdr/{switch}", post(take))
        .with_state(desk)
}

async fn take(
    State(desk): State<CdrReceiver>,
    Path(switch): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let Ok(_place) = desk.places.try_acquire() else {
        return answer(&Refusal::NotNow(format!(
            "{AT_ONCE} records are being stored already"
        )));
    };
    let taken = async {
        let record = to_bytes(body, desk.bytes).await.map_err(|error| {
            let limit = desk.bytes;
            Refusal::Bad(format!(
                "not read: {error}; a record may have {limit} bytes (limits.frame_body_bytes)"
            ))
        })?;
        desk.records.take(switch, basic(&headers), record).await
    };
    let late = || Refusal::NotNow("it was not stored in time; see /readyz".into());
    let taken = timeout(DEADLINE, taken).await;
    match taken.unwrap_or_else(|_| Err(late())) {
        Ok(()) => "stored\n".into_response(),
        Err(refusal) => answer(&refusal),
    }
}

/// Everything but 2xx makes mod_json_cdr try again, and write to its err-log-dir in the end.
fn answer(refusal: &Refusal) -> Response {
    match refusal {
        Refusal::Unknown(what) => (StatusCode::NOT_FOUND, format!("{what}\n")).into_response(),
        Refusal::Bad(what) => (StatusCode::BAD_REQUEST, format!("{what}\n")).into_response(),
        Refusal::Unauthorized => {
            let asked = [(header::WWW_AUTHENTICATE, "Basic realm=\"switchhook\"")];
            let what = "set cred in json_cdr.conf.xml as json_cdr_auth has it\n";
            (StatusCode::UNAUTHORIZED, asked, what).into_response()
        }
        Refusal::NotNow(what) => {
            let later = [(header::RETRY_AFTER, "5")];
            (StatusCode::SERVICE_UNAVAILABLE, later, format!("{what}\n")).into_response()
        }
    }
}

/// What `Authorization: Basic` says (RFC 7617).
fn basic(headers: &HeaderMap) -> Option<Basic> {
    let said = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, said) = said.split_once(' ')?;
    let is_basic = scheme.eq_ignore_ascii_case("basic");
    let said = is_basic.then(|| STANDARD.decode(said.trim()).ok())??;
    let said = String::from_utf8(said).ok()?;
    let (user, password) = said.split_once(':')?;
    Some((user.to_owned(), password.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_and_a_password_are_read_from_their_header_alone() {
        let said = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::AUTHORIZATION, value.parse().unwrap());
            basic(&headers)
        };
        let both = Some(("switch".to_owned(), "a:b".to_owned()));
        assert_eq!(
            said(&format!("Basic {}", STANDARD.encode("switch:a:b"))),
            both
        );
        assert_eq!(
            said(&format!("basic  {}", STANDARD.encode("switch:a:b"))),
            both
        );
        for wrong in ["Basic", "Basic %%", "Bearer c3c6cA==", "Basic c3dpdGNo"] {
            assert_eq!(said(wrong), None, "{wrong}");
        }
    }
}
