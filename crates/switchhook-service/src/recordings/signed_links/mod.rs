//! Recordings behind links that are signed and expire, at a port of their own: whoever has a
//! link may fetch that one file until then, with ranges, and nothing else.

mod link;
mod permit_body;

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use arc_swap::ArcSwapOption;
use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::{HeaderName, HeaderValue};
use axum::http::{Method, StatusCode};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use metrics::counter;
use percent_encoding::percent_decode_str;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tower_http::services::ServeDir;

use super::folder::{Folder, encoded};
use link::Key;
pub(crate) use link::Refused;
use permit_body::PermitBody;
use switchhook_core::metric_names;
use switchhook_core::secret::Secret;

/// Where links lead to, below the address that others know.
const PLACE: &str = "/recordings/";
/// Files that are sent at once; a slow reader keeps one place.
const AT_ONCE: usize = 64;

/// A folder of recordings, and who may fetch them.
#[derive(Debug)]
pub struct SignedLinks {
    folder: Folder,
    url: String,
    key: Key,
    expires: Duration,
}

impl SignedLinks {
    /// The files of `folder`; links begin with `url`, are signed with `secret` and hold for
    /// `expires`.
    #[must_use]
    pub fn new(folder: Folder, url: &str, secret: &Secret, expires: Duration) -> Self {
        Self {
            folder,
            url: url.trim_end_matches('/').to_owned(),
            key: Key::new(secret),
            expires,
        }
    }

    /// What is served.
    #[must_use]
    pub const fn folder(&self) -> &Folder {
        &self.folder
    }

    /// The link to a file at this place of the folder, from now on.
    #[must_use]
    pub fn link(&self, within: &str) -> String {
        let until = now().saturating_add(self.expires.as_secs());
        let (encoded, query) = (encoded(within), self.key.query(within, until));
        format!("{}{PLACE}{encoded}?{query}", self.url)
    }

    fn admits(&self, path: &str, query: &str) -> Result<(), Refused> {
        let path = path.strip_prefix(PLACE).ok_or(Refused::Nothing)?;
        let within = percent_decode_str(path).decode_utf8();
        let within = within.map_err(|_| Refused::Nothing)?;
        self.key.admits(&within, query, now())
    }
}

fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.unwrap_or_default().as_secs()
}

/// The shelf as it is configured now; another after a reload.
pub(crate) type SharedSignedLinks = Arc<ArcSwapOption<SignedLinks>>;

#[derive(Clone)]
struct LinkContext {
    shelves: SharedSignedLinks,
    places: Arc<Semaphore>,
}

/// Serves until `stop` is cancelled.
///
/// # Errors
/// What the listener's socket says when it fails.
pub(crate) async fn serve(
    listener: TcpListener,
    shelves: SharedSignedLinks,
    stop: CancellationToken,
) -> std::io::Result<()> {
    let desk = LinkContext {
        shelves,
        places: Arc::new(Semaphore::new(AT_ONCE)),
    };
    let app = Router::new()
        .fallback(fetch)
        .layer(from_fn_with_state(desk.clone(), guard))
        .with_state(desk);
    axum::serve(listener, app)
        .with_graceful_shutdown(stop.cancelled_owned())
        .await
}

/// What a browser is not to make of a file.
const HEADERS: [(&str, &str); 4] = [
    ("cache-control", "private, no-store"),
    ("content-security-policy", "default-src 'none'; sandbox"),
    ("referrer-policy", "no-referrer"),
    ("x-content-type-options", "nosniff"),
];

/// Before everything: who may, and how many at once.
async fn guard(State(desk): State<LinkContext>, request: Request, next: Next) -> Response {
    let mut response = match admitted(&desk, &request) {
        Err(refused) => {
            counter!(metric_names::RECORDINGS, "outcome" => refused.word()).increment(1);
            (refused.status(), format!("{refused}\n")).into_response()
        }
        Ok(()) => match Arc::clone(&desk.places).try_acquire_owned() {
            Err(_) => {
                counter!(metric_names::RECORDINGS, "outcome" => "busy").increment(1);
                (StatusCode::SERVICE_UNAVAILABLE, "try again later\n").into_response()
            }
            Ok(place) => {
                let response = next.run(request).await;
                let outcome = if response.status().is_success() {
                    "sent"
                } else {
                    "absent"
                };
                counter!(metric_names::RECORDINGS, "outcome" => outcome).increment(1);
                response.map(|body| Body::new(PermitBody::new(body, place)))
            }
        },
    };
    for (name, value) in HEADERS {
        let value = HeaderValue::from_static(value);
        response
            .headers_mut()
            .insert(HeaderName::from_static(name), value);
    }
    response
}

fn admitted(desk: &LinkContext, request: &Request) -> Result<(), Refused> {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return Err(Refused::Nothing);
    }
    let shelf = desk.shelves.load();
    let shelf = shelf.as_ref().ok_or(Refused::Nothing)?;
    let uri = request.uri();
    shelf.admits(uri.path(), uri.query().unwrap_or_default())
}

/// The file, or the part of it that is asked for. The library takes no `..` and no whole path.
async fn fetch(State(desk): State<LinkContext>, mut request: Request) -> Response {
    let shelf = desk.shelves.load_full();
    let path = request
        .uri()
        .path()
        .strip_prefix(PLACE)
        .map(|path| format!("/{path}"));
    let uri = path.and_then(|path| path.parse().ok());
    let (Some(shelf), Some(uri)) = (shelf, uri) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    *request.uri_mut() = uri;
    let mut files = ServeDir::new(&shelf.folder.here).append_index_html_on_directories(false);
    match files.try_call(request).await {
        Ok(response) => response.map(Body::new),
        // What the system says of a file is nothing for strangers.
        Err(_) => StatusCode::NOT_FOUND.into_response(),
    }
}

#[cfg(test)]
mod tests;
