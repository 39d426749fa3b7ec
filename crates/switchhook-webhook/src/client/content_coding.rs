//! Decodes the codings of a body (RFC 9110, 8.4.1): gzip of any number of members, deflate with and
//! without zlib's frame, several codings one upon the other, names in any case.
//!
//! reqwest (0.13) reads only the exact names `gzip` and `deflate`, one coding, and one member of
//! gzip, and leaves any other body as it is. So its decoding is off. `findings/content-codings.sh`
//! fails once that has changed; then this module can go.

use std::io::{self, BufRead, BufReader, Read};

use bytes::Bytes;
use flate2::bufread::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};
use http::header::{self, HeaderMap, HeaderValue};

use switchhook_core::outcome::{Failure, Reason};

/// The value of `Accept-Encoding`.
pub(super) const OFFERED: &str = "gzip, deflate";

/// Most codings that are applied one upon the other.
const MAX_CODINGS: usize = 4;

/// The part of a body that was read, decoded.
#[derive(Debug)]
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

/// Decodes a body with this `Content-Encoding`, up to `limit` bytes, as a response's body is.
///
/// # Errors
/// A coding that is not read, or a damaged body.
pub fn decode_content(content_encoding: &str, sent: &[u8], limit: usize) -> Result<Bytes, Failure> {
    let mut headers = HeaderMap::new();
    let value = HeaderValue::from_str(content_encoding);
    let value = value.map_err(|_| unknown("its name"))?;
    headers.insert(header::CONTENT_ENCODING, value);
    match Codings::of(&headers)? {
        Some(codings) => Ok(codings.decode(sent, limit)?.into_bytes()),
        None => Ok(Bytes::copy_from_slice(&sent[..sent.len().min(limit)])),
    }
}

/// The coding of a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Coding {
    Gzip,
    Deflate,
}

/// The codings of a body, in the order in which they were applied.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Codings(Vec<Coding>);

impl Codings {
    /// Reads `Content-Encoding`; `None` if the body is as it is.
    ///
    /// # Errors
    /// A coding that was not offered, by its name.
    pub(super) fn of(headers: &HeaderMap) -> Result<Option<Self>, Failure> {
        let mut codings = Vec::new();
        for value in headers.get_all(header::CONTENT_ENCODING) {
            let value = String::from_utf8_lossy(value.as_bytes());
            for name in value.split(',').map(str::trim) {
                match name.to_ascii_lowercase().as_str() {
                    "" | "identity" => {}
                    "gzip" | "x-gzip" => codings.push(Coding::Gzip),
                    "deflate" => codings.push(Coding::Deflate),
                    other => return Err(unknown(other)),
                }
            }
        }
        if codings.len() > MAX_CODINGS {
            let detail = format!("the response has more than {MAX_CODINGS} codings");
            return Err(Failure::new(Reason::InvalidResponse, detail));
        }
        Ok((!codings.is_empty()).then_some(Self(codings)))
    }

    /// Returns how many bytes of a body are read as it was sent.
    pub(super) fn sent_limit(headers: &HeaderMap, limit: usize) -> usize {
        if headers.contains_key(header::CONTENT_ENCODING) {
            Self::encoded_limit(limit)
        } else {
            limit
        }
    }

    /// Returns how many bytes are read before decoding. A body that does not compress grows by
    /// its frame alone.
    fn encoded_limit(limit: usize) -> usize {
        limit.saturating_add(limit / 8).saturating_add(1024)
    }

    /// Decodes a whole body up to `limit`.
    ///
    /// # Errors
    /// If it is damaged.
    pub(super) fn decode(&self, encoded: &[u8], limit: usize) -> Result<Body, Failure> {
        if encoded.is_empty() {
            return Ok(Body::Whole(Bytes::new()));
        }
        let between = Self::encoded_limit(limit);
        let mut reader: Box<dyn BufRead + '_> = Box::new(encoded);
        for coding in self.0.iter().rev() {
            let decoded = coding.decode(reader).map_err(|_| damaged())?;
            // Also what lies between two codings is limited.
            reader = Box::new(BufReader::new(decoded.take(as_u64(between))));
        }
        let mut decoded = Vec::new();
        let mut reader = reader.take(as_u64(limit.saturating_add(1)));
        reader.read_to_end(&mut decoded).map_err(|_| damaged())?;
        if decoded.len() > limit {
            decoded.truncate(limit);
            return Ok(Body::Cut(decoded.into()));
        }
        Ok(Body::Whole(decoded.into()))
    }
}

impl Coding {
    fn decode<'a>(self, mut encoded: Box<dyn BufRead + 'a>) -> io::Result<Box<dyn Read + 'a>> {
        match self {
            Self::Gzip => Ok(Box::new(MultiGzDecoder::new(encoded))),
            Self::Deflate => {
                // "deflate" means zlib's frame, but some servers send none (RFC 9110, 8.4.1.2).
                let framed = matches!(encoded.fill_buf()?, [first, second, ..]
                    if first & 0x0f == 8 && u16::from_be_bytes([*first, *second]) % 31 == 0);
                Ok(if framed {
                    Box::new(ZlibDecoder::new(encoded))
                } else {
                    Box::new(DeflateDecoder::new(encoded))
                })
            }
        }
    }
}

fn as_u64(bytes: usize) -> u64 {
    u64::try_from(bytes).unwrap_or(u64::MAX)
}

/// Letters of a coding's name that a sentence has.
const NAME_CHARS: usize = 20;

fn unknown(name: &str) -> Failure {
    let is_word = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let name: String = name.chars().filter(is_word).take(NAME_CHARS).collect();
    let detail = format!(
        "the response has the coding {name:?}, which is not read; only {OFFERED} are offered"
    );
    Failure::new(Reason::InvalidResponse, detail)
}

fn damaged() -> Failure {
    let detail = "the response's compression is damaged";
    Failure::new(Reason::InvalidResponse, detail)
}
