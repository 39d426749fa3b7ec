//! Plays a service that speaks S3, and Azure's and Google's protocols where they are alike, as far
//! as uploads need it. Objects stay in memory, by path.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse as _, Response};
use percent_encoding::percent_decode_str;
use sha2::{Digest as _, Sha256};
use tokio::sync::watch;

/// The key id of the only account.
pub const KEY_ID: &str = "AKIA0EXAMPLE";

/// A service for one test.
pub struct S3 {
    pub address: SocketAddr,
    kept: Arc<Mutex<Kept>>,
    held: watch::Sender<bool>,
}

type Shared = (Arc<Mutex<Kept>>, watch::Receiver<bool>);

#[derive(Default)]
struct Kept {
    objects: BTreeMap<String, Bytes>,
    /// Parts of the object that is being put together.
    parts: BTreeMap<u32, Bytes>,
    /// The number of requests that are still answered with 503.
    failing: usize,
    /// The number of bytes that each object loses.
    short: usize,
    /// The method and path of each request, in order.
    requests: Vec<String>,
    /// The requests under way now, and the greatest number ever under way.
    under_way: (usize, usize),
}

impl S3 {
    pub async fn start() -> Self {
        let (socket, address) = crate::ports::bound();
        let listener = socket.listen(64).unwrap();
        let kept: Arc<Mutex<Kept>> = Arc::default();
        let (held, is_held) = watch::channel(false);
        let app = axum::Router::new()
            .fallback(answer)
            .layer(DefaultBodyLimit::disable())
            .with_state((Arc::clone(&kept), is_held));
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self {
            address,
            kept,
            held,
        }
    }

    /// Holds requests: they are recorded, and not answered before the hold ends.
    pub fn holds(&self, holds: bool) {
        self.held.send_replace(holds);
    }

    /// Answers the next `times` requests with 503.
    pub fn fails(&self, times: usize) {
        self.kept.lock().unwrap().failing = times;
    }

    /// Loses this many bytes of each object, although the upload is answered with 200.
    pub fn loses(&self, bytes: usize) {
        self.kept.lock().unwrap().short = bytes;
    }

    pub fn object(&self, path: &str) -> Option<Bytes> {
        self.kept.lock().unwrap().objects.get(path).cloned()
    }

    pub fn objects(&self) -> Vec<String> {
        self.kept.lock().unwrap().objects.keys().cloned().collect()
    }

    /// Returns the greatest number of requests that were under way together.
    pub fn most_at_once(&self) -> usize {
        self.kept.lock().unwrap().under_way.1
    }

    pub fn requests(&self) -> Vec<String> {
        self.kept.lock().unwrap().requests.clone()
    }
}

/// Returns whether the request carries a signature. Its correctness is the library's concern.
fn is_signed(headers: &HeaderMap, query: &str, body: &[u8]) -> bool {
    let header = |name: &str| {
        headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    };
    if query.contains("X-Amz-Signature=") {
        return query.contains(&format!("X-Amz-Credential={KEY_ID}"));
    }
    // Azure and Google sign their links and their requests in ways of their own.
    let azure = query.contains("sig=") || header("authorization").starts_with("SharedKey acme:");
    let google =
        query.contains("X-Goog-Signature=") || header("authorization").starts_with("Bearer ");
    if azure || google {
        return true;
    }
    let hash: String = Sha256::digest(body)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let credential = format!("AWS4-HMAC-SHA256 Credential={KEY_ID}/");
    let signed = header("authorization");
    signed.starts_with(&credential)
        && signed.contains("Signature=")
        && header("x-amz-content-sha256") == hash
}

fn begun(kept: &Mutex<Kept>) {
    let (now, most) = &mut kept.lock().unwrap().under_way;
    *now += 1;
    *most = (*most).max(*now);
}

async fn answer(
    State((kept, mut held)): State<Shared>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let query = uri.query().unwrap_or_default();
    let path = percent_decode_str(uri.path()).decode_utf8().unwrap();
    let path = path.trim_start_matches('/').to_owned();
    kept.lock()
        .unwrap()
        .requests
        .push(format!("{method} {path}"));
    begun(&kept);
    drop(held.wait_for(|held| !held).await);
    // Give other requests time to arrive.
    tokio::time::sleep(Duration::from_millis(20)).await;
    let mut kept = kept.lock().unwrap();
    kept.under_way.0 -= 1;
    if kept.failing > 0 {
        kept.failing -= 1;
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    if !is_signed(&headers, query, &body) {
        return StatusCode::FORBIDDEN.into_response();
    }
    match (method.as_str(), query) {
        ("GET", query) if query.contains("list-type=2") => listed(&kept, query),
        ("GET", _) => match kept.objects.get(&path) {
            Some(object) => object.clone().into_response(),
            None => StatusCode::NOT_FOUND.into_response(),
        },
        ("HEAD", _) => match kept.objects.get(&path) {
            Some(object) => head(object.len() - kept.short),
            None => StatusCode::NOT_FOUND.into_response(),
        },
        ("POST", "uploads" | "uploads=") => xml(
            "<InitiateMultipartUploadResult><UploadId>u1</UploadId></InitiateMultipartUploadResult>",
        ),
        ("PUT", query) if query.contains("partNumber=") => {
            let number = query.split("partNumber=").nth(1).unwrap();
            let number = number.split('&').next().unwrap().parse().unwrap();
            kept.parts.insert(number, body);
            tagged()
        }
        ("POST", query) if query.contains("uploadId=") => {
            let parts = std::mem::take(&mut kept.parts);
            let whole: Vec<u8> = parts.into_values().flatten().collect();
            kept.objects.insert(path, whole.into());
            xml("<CompleteMultipartUploadResult><ETag>\"t\"</ETag></CompleteMultipartUploadResult>")
        }
        ("POST", "delete" | "delete=") => {
            let text = String::from_utf8(body.to_vec()).unwrap();
            let keys = text.split("<Key>").skip(1);
            let mut said = String::new();
            for key in keys.map(|rest| rest.split("</Key>").next().unwrap()) {
                let bucket = path.trim_end_matches('/');
                kept.objects.remove(&format!("{bucket}/{key}"));
                write!(said, "<Deleted><Key>{key}</Key></Deleted>").unwrap();
            }
            xml(&format!("<DeleteResult>{said}</DeleteResult>"))
        }
        ("PUT", _) => {
            kept.objects.insert(path, body);
            tagged()
        }
        ("DELETE", _) => {
            kept.objects.remove(&path);
            StatusCode::NO_CONTENT.into_response()
        }
        _ => StatusCode::BAD_REQUEST.into_response(),
    }
}

fn listed(kept: &Kept, query: &str) -> Response {
    let prefix = query.split("prefix=").nth(1).unwrap();
    let prefix = percent_decode_str(prefix.split('&').next().unwrap());
    let prefix = format!("acme/{}", prefix.decode_utf8().unwrap());
    let mut found = String::new();
    for (path, object) in kept
        .objects
        .iter()
        .filter(|(path, _)| path.starts_with(&prefix))
    {
        let (key, size) = (path.trim_start_matches("acme/"), object.len());
        write!(
            found,
            "<Contents><Key>{key}</Key><Size>{size}</Size><ETag>\"t\"</ETag>\
             <LastModified>2026-11-23T12:00:00.000Z</LastModified></Contents>"
        )
        .unwrap();
    }
    xml(&format!(
        "<ListBucketResult><IsTruncated>false</IsTruncated>{found}</ListBucketResult>"
    ))
}

fn xml(text: &str) -> Response {
    ([("content-type", "application/xml")], text.to_owned()).into_response()
}

fn tagged() -> Response {
    [("etag", "\"t\"")].into_response()
}

fn head(bytes: usize) -> Response {
    let headers = [
        ("etag", "\"t\"".to_owned()),
        ("last-modified", "Mon, 23 Nov 2026 12:00:00 GMT".to_owned()),
        ("content-length", bytes.to_string()),
    ];
    headers.into_response()
}
