//! Reads a response's body up to a limit.

use bytes::{Bytes, BytesMut};
use reqwest::Response;
use url::Url;

use crate::error;
use switchhook_core::outcome::Failure;

/// The part of a body that was read, decompressed.
pub(super) enum Body {
    Whole(Bytes),
    /// The body is longer than the limit; this is the part within it.
    Cut(Bytes),
}

impl Body {
    pub(super) fn into_bytes(self) -> Bytes {
        match self {
            Self::Whole(bytes) | Self::Cut(bytes) => bytes,
        }
    }
}

pub(super) async fn read(
    response: &mut Response,
    limit: usize,
    url: &Url,
) -> Result<Body, Failure> {
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
