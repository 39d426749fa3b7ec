//! Decodes a body by its charset: a byte order mark wins, then the `Content-Type`, then an XML
//! declaration, then UTF-8 (RFC 7303, 3). Charsets have the labels of the WHATWG Encoding Standard.

use std::borrow::Cow;

use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE};

use super::xml;
use super::{Failure, invalid};
use crate::options::ResponseType;

/// Decodes a body. Text may have unreadable bytes, which become U+FFFD; JSON and XML may not.
///
/// # Errors
/// A charset that is not known, or unreadable bytes.
pub(super) fn decode<'a>(
    content_type: Option<&str>,
    body: &'a [u8],
    kind: ResponseType,
) -> Result<Cow<'a, str>, Failure> {
    let encoding = match Encoding::for_bom(body) {
        Some((encoding, _)) => encoding,
        None => declared(content_type, body, kind)?,
    };
    let (text, _, has_errors) = encoding.decode(body);
    if has_errors && kind != ResponseType::Text {
        let name = encoding.name();
        return Err(invalid(format!("the response is not {name}")));
    }
    Ok(text)
}

fn declared(
    content_type: Option<&str>,
    body: &[u8],
    kind: ResponseType,
) -> Result<&'static Encoding, Failure> {
    let of_xml = || {
        (kind == ResponseType::Xml)
            .then(|| xml::declared(body))
            .flatten()
    };
    if let Some(encoding) = without_mark(body, kind) {
        return Ok(encoding);
    }
    let Some(label) = content_type.and_then(charset).or_else(of_xml) else {
        return Ok(UTF_8);
    };
    match Encoding::for_label(label.as_bytes()) {
        Some(encoding) => Ok(encoding),
        // A label that nobody knows, on a body that is UTF-8.
        None if std::str::from_utf8(body).is_ok() => Ok(UTF_8),
        None => {
            let label: String = label
                .chars()
                .filter(char::is_ascii_graphic)
                .take(40)
                .collect();
            Err(invalid(format!(
                "the response's charset {label:?} is not known"
            )))
        }
    }
}

/// Recognizes UTF-16 without a byte order mark: JSON and XML begin with an ASCII character (RFC
/// 4627, 3; XML 1.0, appendix F).
fn without_mark(body: &[u8], kind: ResponseType) -> Option<&'static Encoding> {
    if kind == ResponseType::Text {
        return None;
    }
    match body {
        [0, second, ..] if *second != 0 => Some(UTF_16BE),
        [first, 0, ..] if *first != 0 => Some(UTF_16LE),
        _ => None,
    }
}

fn charset(content_type: &str) -> Option<String> {
    let parameters = content_type.split(';').skip(1);
    let mut pairs = parameters.filter_map(|parameter| parameter.split_once('='));
    let (_, value) = pairs.find(|(name, _)| name.trim().eq_ignore_ascii_case("charset"))?;
    let value = value.trim().trim_matches(['"', '\'']).trim();
    (!value.is_empty()).then(|| value.to_ascii_lowercase())
}
