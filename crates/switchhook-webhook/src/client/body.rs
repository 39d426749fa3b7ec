//! Reads a response's body up to a limit, and decodes its codings.

use bytes::{Bytes, BytesMut};
use reqwest::Response;
use url::Url;

pub(super) use super::content_coding::Body;
use super::content_coding::Codings;
use crate::error;
use switchhook_core::outcome::Failure;

/// Reads a body of at most `limit` bytes after decoding.
///
/// # Errors
/// If the connection breaks, or the body cannot be decoded.
pub(super) async fn read(
    response: &mut Response,
    limit: usize,
    url: &Url,
) -> Result<Body, Failure> {
    let codings = Codings::of(response.headers())?;
    let encoded_limit = match codings {
        Some(_) => Codings::encoded_limit(limit),
        None => limit,
    };
    let body = read_encoded(response, encoded_limit, url).await?;
    match (codings, body) {
        (None, body) => Ok(body),
        (Some(codings), Body::Whole(bytes)) => codings.decode(&bytes, limit),
        // More than the limit even before it is decoded.
        (Some(_), Body::Cut(_)) => Ok(Body::Cut(Bytes::new())),
    }
}

async fn read_encoded(response: &mut Response, limit: usize, url: &Url) -> Result<Body, Failure> {
    let chunk = |error: reqwest::Error| error::client_failure(&error, url);
    // Most bodies are one chunk, which is not copied.
    let Some(first) = response.chunk().await.map_err(chunk)? else {
        return Ok(Body::Whole(Bytes::new()));
    };
    if first.len() > limit {
        return Ok(Body::Cut(first.slice(..limit)));
    }
    let Some(second) = response.chunk().await.map_err(chunk)? else {
        return Ok(Body::Whole(first));
    };
    let mut all = BytesMut::from(first);
    let mut next = Some(second);
    while let Some(bytes) = next {
        let room = limit - all.len();
        if bytes.len() > room {
            all.extend_from_slice(&bytes[..room]);
            return Ok(Body::Cut(all.freeze()));
        }
        all.extend_from_slice(&bytes);
        next = response.chunk().await.map_err(chunk)?;
    }
    Ok(Body::Whole(all.freeze()))
}
