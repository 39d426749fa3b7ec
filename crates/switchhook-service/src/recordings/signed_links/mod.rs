//! Serves recordings behind signed links that expire, on a port of its own. A link opens one file,
//! with ranges, until it expires, and nothing else.

mod link;
mod permit_body;

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwapOption;
use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::{HeaderName, HeaderValue, RANGE};
use axum::http::{Method, StatusCode};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use metrics::counter;
use percent_encoding::percent_decode_str;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tower_http::services::ServeDir;

use super::PublishError;
use super::folder::{Folder, encode_path};
pub(crate) use link::LinkError;
use link::LinkKey;
use permit_body::PermitBody;
use switchhook_core::clock;
use switchhook_core::metric_names;
use switchhook_core::secret::Secret;

/// The path of links, below the address that other systems know.
const PATH_PREFIX: &str = "/recordings/";
/// Downloads at a time; a slow reader holds one permit.
const MAX_DOWNLOADS: usize = 64;

/// A folder of recordings, and the links to its files.
#[derive(Debug)]
pub struct SignedLinks {
    folder: Folder,
    url: String,
    key: LinkKey,
    expires: Duration,
}

impl SignedLinks {
    /// Serves the files of `folder`. Links begin with `url`, are signed with `secret` and are valid
    /// for `expires`.
    #[must_use]
    pub fn new(folder: Folder, url: &str, secret: &Secret, expires: Duration) -> Self {
        Self {
            folder,
            url: url.trim_end_matches('/').to_owned(),
            key: LinkKey::new(secret),
            expires,
        }
    }

    /// Returns the folder.
    #[must_use]
    pub const fn folder(&self) -> &Folder {
        &self.folder
    }

    /// Returns the link to the file at a path within the folder, valid from now on.
    #[must_use]
    pub fn link(&self, path_in_folder: &str) -> String {
        let until = now_s().saturating_add(self.expires.as_secs());
        let (encoded, query) = (
            encode_path(path_in_folder),
            self.key.query(path_in_folder, until),
        );
        format!("{}{PATH_PREFIX}{encoded}?{query}", self.url)
    }

    /// Checks that this program would serve the link to a file: fetches one byte as a request would,
    /// without the network.
    ///
    /// # Errors
    /// Returns [`PublishError::NotReady`] with the status of the response.
    pub(crate) async fn check_opens(&self, path_in_folder: &str) -> Result<(), PublishError> {
        let failed = |why: String| PublishError::NotReady(format!("its link does not open: {why}"));
        let link = self.link(path_in_folder);
        let link = link.strip_prefix(&self.url).unwrap_or_default();
        let request = Request::get(link).header(RANGE, "bytes=0-0");
        let request = request.body(Body::empty());
        let request = request.map_err(|error| failed(error.to_string()))?;
        let uri = request.uri();
        let verified = self.verify(uri.path(), uri.query().unwrap_or_default());
        verified.map_err(|error| failed(error.to_string()))?;
        let status = self.serve_file(request).await.status();
        if status.is_success() {
            Ok(())
        } else {
            Err(failed(format!("it answers {status}")))
        }
    }

    /// Sends the file, or the requested range. The library refuses `..` and absolute paths.
    async fn serve_file(&self, mut request: Request) -> Response {
        let path = request.uri().path().strip_prefix(PATH_PREFIX);
        let uri = path.and_then(|path| format!("/{path}").parse().ok());
        let Some(uri) = uri else {
            return StatusCode::NOT_FOUND.into_response();
        };
        *request.uri_mut() = uri;
        let mut files = ServeDir::new(&self.folder.local).append_index_html_on_directories(false);
        match files.try_call(request).await {
            Ok(response) => response.map(Body::new),
            // Clients do not see the system's error.
            Err(_) => StatusCode::NOT_FOUND.into_response(),
        }
    }

    fn verify(&self, path: &str, query: &str) -> Result<(), LinkError> {
        let path = path.strip_prefix(PATH_PREFIX).ok_or(LinkError::NotFound)?;
        let path_in_folder = percent_decode_str(path).decode_utf8();
        let path_in_folder = path_in_folder.map_err(|_| LinkError::NotFound)?;
        self.key.verify(&path_in_folder, query, now_s())
    }
}

fn now_s() -> u64 {
    clock::since_1970().as_secs()
}

/// The links of the current configuration; a reload replaces them.
pub(crate) type SharedSignedLinks = Arc<ArcSwapOption<SignedLinks>>;

#[derive(Clone)]
struct LinkContext {
    links: SharedSignedLinks,
    permits: Arc<Semaphore>,
}

/// Serves until `stop` is cancelled.
///
/// # Errors
/// Returns the error of the listener's socket.
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

/// Headers that keep a browser from caching or running a file.
const HEADERS: [(&str, &str); 4] = [
    ("cache-control", "private, no-store"),
    ("content-security-policy", "default-src 'none'; sandbox"),
    ("referrer-policy", "no-referrer"),
    ("x-content-type-options", "nosniff"),
];

/// Checks each request's link, and limits the downloads at a time.
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

async fn fetch(State(context): State<LinkContext>, request: Request) -> Response {
    match context.links.load_full() {
        Some(links) => links.serve_file(request).await,
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

#[cfg(test)]
mod tests;
