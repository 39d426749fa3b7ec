//! Reads a response's body up to a limit, and decodes its codings.

use bytes::{Bytes, BytesMut};
use reqwest::Response;
use url::Url;

pub(super) use super::content_coding::Body;
use super::content_coding::Codings;
use crate::error;
use switchhook_core::outcome::Failure;

/// Reads a body as it was sent, as far as it may be needed for `limit` bytes of its content.
///
/// # Errors
/// If the connection breaks.
pub(super) async fn read(
    response: &mut Response,
    limit: usize,
    url: &Url,
) -> Result<Body, Failure> {
    let limit = Codings::sent_limit(response.headers(), limit);
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

/// Decodes what [`read`] read; apart from it, so that a waiting request has no room for it.
///
/// # Errors
/// If the body has a coding that is not read, or is damaged.
pub(super) fn decode(response: &Response, sent: Body, limit: usize) -> Result<Body, Failure> {
    match (Codings::of(response.headers())?, sent) {
        (None, sent) => Ok(sent),
        (Some(codings), Body::Whole(bytes)) => codings.decode(&bytes, limit),
        // More than the limit even before it is decoded.
        (Some(_), Body::Cut(_)) => Ok(Body::Cut(Bytes::new())),
    }
}
