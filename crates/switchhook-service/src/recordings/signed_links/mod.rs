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

use super::folder::{Folder, encode_path};
pub(crate) use link::LinkError;
use link::LinkKey;
use permit_body::PermitBody;
use switchhook_core::metric_names;
use switchhook_core::secret::Secret;

/// Where links lead to, below the address that others know.
const PATH_PREFIX: &str = "/recordings/";
/// Files that are sent at once; a slow reader keeps one permit.
const MAX_DOWNLOADS: usize = 64;

/// A folder of recordings, and who may fetch them.
#[derive(Debug)]
pub struct SignedLinks {
    folder: Folder,
    url: String,
    key: LinkKey,
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
            key: LinkKey::new(secret),
            expires,
        }
    }

    /// What is served.
    #[must_use]
    pub const fn folder(&self) -> &Folder {
        &self.folder
    }

    /// The link to a file at this permit of the folder, from now on.
    #[must_use]
    pub fn link(&self, within: &str) -> String {
        let until = now().saturating_add(self.expires.as_secs());
        let (encoded, query) = (encode_path(within), self.key.query(within, until));
        format!("{}{PATH_PREFIX}{encoded}?{query}", self.url)
    }

    fn verify(&self, path: &str, query: &str) -> Result<(), LinkError> {
        let path = path.strip_prefix(PATH_PREFIX).ok_or(LinkError::NotFound)?;
        let within = percent_decode_str(path).decode_utf8();
        let within = within.map_err(|_| LinkError::NotFound)?;
        self.key.verify(&within, query, now())
    }
}

fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.unwrap_or_default().as_secs()
}

/// The links as it is configured now; another after a reload.
pub(crate) type SharedSignedLinks = Arc<ArcSwapOption<SignedLinks>>;

#[derive(Clone)]
struct LinkContext {
    links: SharedSignedLinks,
    permits: Arc<Semaphore>,
}

/// Serves until `stop` is cancelled.
///
/// # Errors
/// What the listener's socket says when it fails.
pub(crate) async fn serve(
    listener: TcpListener,
    links: SharedSignedLinks,
    stop: CancellationToken,
) -> std::io::Result<()> {
    let context = LinkContext {
        links,
        permits: Arc::new(Semaphore::new(MAX_DOWNLOADS)),
    };
    let app = Router::new()
        .fallback(fetch)
        .layer(from_fn_with_state(context.clone(), guard))
        .with_state(context);
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
async fn guard(State(context): State<LinkContext>, request: Request, next: Next) -> Response {
    let mut response = match check_request(&context, &request) {
        Err(error) => {
            counter!(metric_names::RECORDINGS, "outcome" => error.outcome()).increment(1);
            (error.status(), format!("{error}\n")).into_response()
        }
        Ok(()) => match Arc::clone(&context.permits).try_acquire_owned() {
            Err(_) => {
                counter!(metric_names::RECORDINGS, "outcome" => "busy").increment(1);
                (StatusCode::SERVICE_UNAVAILABLE, "try again later\n").into_response()
            }
            Ok(permit) => {
                let response = next.run(request).await;
                let outcome = if response.status().is_success() {
                    "sent"
                } else {
                    "absent"
                };
                counter!(metric_names::RECORDINGS, "outcome" => outcome).increment(1);
                response.map(|body| Body::new(PermitBody::new(body, permit)))
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

fn check_request(context: &LinkContext, request: &Request) -> Result<(), LinkError> {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return Err(LinkError::NotFound);
    }
    let links = context.links.load();
    let links = links.as_ref().ok_or(LinkError::NotFound)?;
    let uri = request.uri();
    links.verify(uri.path(), uri.query().unwrap_or_default())
}

/// The file, or the part of it that is asked for. The library takes no `..` and no whole path.
async fn fetch(State(context): State<LinkContext>, mut request: Request) -> Response {
    let links = context.links.load_full();
    let path = request
        .uri()
        .path()
        .strip_prefix(PATH_PREFIX)
        .map(|path| format!("/{path}"));
    let uri = path.and_then(|path| path.parse().ok());
    let (Some(links), Some(uri)) = (links, uri) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    *request.uri_mut() = uri;
    let mut files = ServeDir::new(&links.folder.local).append_index_html_on_directories(false);
    match files.try_call(request).await {
        Ok(response) => response.map(Body::new),
        // What the system says of a file is nothing for strangers.
        Err(_) => StatusCode::NOT_FOUND.into_response(),
    }
}

#[cfg(test)]
mod tests;
