//! Serves recordings behind signed links that expire, on a port of its own. A link opens one file,
//! with ranges, until it expires, and nothing else.

mod link;

use std::fs::File;
use std::io;
use std::net::IpAddr;
use std::os::fd::AsRawFd as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwapOption;
use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::{HeaderName, HeaderValue, RANGE};
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse as _, Response};
use metrics::counter;
use percent_encoding::percent_decode_str;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tower_http::services::ServeFile;

use super::PublishError;
use super::folder::{Folder, encode_path, open_within};
use crate::limits::record_hit;
pub(crate) use link::LinkError;
use link::LinkKey;
use switchhook_admin::listener::{self, HeldBody, HttpLimits, KeyedPermits, Peer};
use switchhook_core::clock;
use switchhook_core::metric_names;
use switchhook_core::secret::Secret;

/// The path of links, below the address that other systems know.
const PATH_PREFIX: &str = "/recordings/";
/// Downloads at a time; a slow reader holds one permit.
const MAX_DOWNLOADS: usize = 128;
/// Downloads of one address at a time; behind a proxy all have the same.
const MAX_PER_ADDRESS: usize = 64;
/// Downloads of one link at a time.
const MAX_PER_LINK: usize = 4;

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

    /// Returns the link to what the file at a path within the folder is now.
    ///
    /// # Errors
    /// The file cannot be used, see [`Folder::inspect`].
    pub async fn link_to(&self, path_in_folder: &str) -> Result<String, PublishError> {
        let snapshot = self.folder.inspect(path_in_folder, None).await?;
        Ok(self.link(path_in_folder, &snapshot.content_tag()))
    }

    /// Returns the link to the file at a path within the folder, valid from now on. It opens only the
    /// content with this tag: a later file of the same name is another recording.
    #[must_use]
    pub(crate) fn link(&self, path_in_folder: &str, content_tag: &str) -> String {
        let until = now_s().saturating_add(self.expires.as_secs());
        let (encoded, query) = (
            encode_path(path_in_folder),
            self.key.query(path_in_folder, until, content_tag),
        );
        format!("{}{PATH_PREFIX}{encoded}?{query}", self.url)
    }

    /// Checks that this program would serve the link to a file: fetches one byte as a request would,
    /// without the network.
    ///
    /// # Errors
    /// Returns [`PublishError::NotReady`] with the status of the response.
    pub(crate) async fn check_opens(
        &self,
        path_in_folder: &str,
        content_tag: &str,
    ) -> Result<(), PublishError> {
        let failed = |why: String| PublishError::NotReady(format!("its link does not open: {why}"));
        let link = self.link(path_in_folder, content_tag);
        let link = link.strip_prefix(&self.url).unwrap_or_default();
        let request = Request::get(link).header(RANGE, "bytes=0-0");
        let request = request.body(Body::empty());
        let request = request.map_err(|error| failed(error.to_string()))?;
        let uri = request.uri();
        let linked = self.verify(uri.path(), uri.query().unwrap_or_default());
        let linked = linked.map_err(|error| failed(error.to_string()))?;
        let sent = send(linked, request).await;
        let status = sent.map_err(|error| failed(error.to_string()))?.status();
        if status.is_success() {
            Ok(())
        } else {
            Err(failed(format!("it answers {status}")))
        }
    }

    /// Returns the path within the folder and the content tag of a valid link.
    fn verify(&self, path: &str, query: &str) -> Result<LinkedFile, LinkError> {
        let path = path.strip_prefix(PATH_PREFIX).ok_or(LinkError::NotFound)?;
        let path_in_folder = percent_decode_str(path).decode_utf8();
        let path_in_folder = path_in_folder.map_err(|_| LinkError::NotFound)?;
        let content_tag = self.key.verify(&path_in_folder, query, now_s())?.to_owned();
        Ok(LinkedFile {
            folder: self.folder.local.clone(),
            path_in_folder: path_in_folder.into_owned(),
            content_tag,
        })
    }
}

/// The file that a link is for.
#[derive(Debug, Clone, PartialEq, Eq)]
struct LinkedFile {
    folder: PathBuf,
    path_in_folder: String,
    content_tag: String,
}

impl LinkedFile {
    /// Opens the file, if it is the one that the link was made for.
    fn open(&self) -> io::Result<File> {
        let (file, tag) = open_within(&self.folder, &self.path_in_folder)?;
        if tag == self.content_tag {
            Ok(file)
        } else {
            Err(io::ErrorKind::NotFound.into())
        }
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
    by_address: KeyedPermits<IpAddr>,
    by_link: KeyedPermits<String>,
}

/// Serves until `stop` is cancelled.
pub(crate) async fn serve(
    listener: TcpListener,
    links: SharedSignedLinks,
    limits: HttpLimits,
    stop: CancellationToken,
) {
    let context = LinkContext {
        links,
        by_address: KeyedPermits::new(MAX_DOWNLOADS, MAX_PER_ADDRESS),
        by_link: KeyedPermits::new(MAX_DOWNLOADS, MAX_PER_LINK),
    };
    let app = Router::new().fallback(fetch).with_state(context);
    let at_limit = || record_hit("http_connections");
    listener::serve(listener, app, limits, at_limit, stop).await;
}

/// Headers that keep a browser from caching or running a file.
const HEADERS: [(&str, &str); 4] = [
    ("cache-control", "private, no-store"),
    ("content-security-policy", "default-src 'none'; sandbox"),
    ("referrer-policy", "no-referrer"),
    ("x-content-type-options", "nosniff"),
];

/// Why a request gets no file.
enum Refused {
    Link(LinkError),
    Busy,
}

/// Sends the file of a valid link, or the requested range, and limits the downloads at a time.
async fn fetch(State(context): State<LinkContext>, Peer(peer): Peer, request: Request) -> Response {
    let (outcome, mut response) = match open(&context, peer.ip(), request).await {
        Ok(response) => ("sent", response),
        Err(Refused::Busy) => {
            let message = "try again later\n";
            let busy = (StatusCode::SERVICE_UNAVAILABLE, message).into_response();
            ("busy", busy)
        }
        Err(Refused::Link(error)) => {
            let refused = (error.status(), format!("{error}\n")).into_response();
            (error.outcome(), refused)
        }
    };
    counter!(metric_names::RECORDINGS, "outcome" => outcome).increment(1);
    for (name, value) in HEADERS {
        let value = HeaderValue::from_static(value);
        response
            .headers_mut()
            .insert(HeaderName::from_static(name), value);
    }
    response
}

/// Returns the file's response; its body holds the places of the address and of the link.
async fn open(context: &LinkContext, peer: IpAddr, request: Request) -> Result<Response, Refused> {
    let linked = check_request(context, &request).map_err(Refused::Link)?;
    let by_link = context.by_link.try_acquire(linked.path_in_folder.clone());
    let by_address = context.by_address.try_acquire(peer);
    let (Some(by_link), Some(by_address)) = (by_link, by_address) else {
        return Err(Refused::Busy);
    };
    let response = send(linked, request).await.map_err(Refused::Link)?;
    let held = (by_link, by_address);
    Ok(response.map(|body| Body::new(HeldBody::new(body, held))))
}

fn check_request(context: &LinkContext, request: &Request) -> Result<LinkedFile, LinkError> {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return Err(LinkError::NotFound);
    }
    let links = context.links.load();
    let links = links.as_ref().ok_or(LinkError::NotFound)?;
    let uri = request.uri();
    links.verify(uri.path(), uri.query().unwrap_or_default())
}

/// Sends the opened file: what happens to its name meanwhile does not matter.
async fn send(linked: LinkedFile, request: Request) -> Result<Response, LinkError> {
    let kind = mime_guess::from_path(&linked.path_in_folder).first_or_octet_stream();
    let opening = tokio::task::spawn_blocking(move || linked.open());
    let Ok(Ok(file)) = opening.await else {
        return Err(LinkError::NotFound);
    };
    let mut serving = ServeFile::new_with_mime(path_of(&file), &kind);
    // Clients do not see the system's error.
    let response = serving.try_call(request).await;
    let response = response.map_err(|_| LinkError::NotFound)?;
    if response.status() == StatusCode::NOT_FOUND {
        return Err(LinkError::NotFound);
    }
    Ok(response.map(Body::new))
}

/// Returns a path that opens this very file again.
fn path_of(file: &File) -> PathBuf {
    PathBuf::from(format!("/proc/self/fd/{}", file.as_raw_fd()))
}

#[cfg(test)]
mod tests;
