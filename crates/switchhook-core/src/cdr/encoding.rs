//! Undoes the encodings of `mod_json_cdr`. It writes plain JSON to its `log-dir`; in a POST and
//! in its `err-log-dir` the record is plain, percent-encoded (`encode`) or base64
//! (`encode=base64`).

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::percent_decode;

/// Returns the JSON in `bytes`. The first bytes decide the form, not the `Content-Type`: with
/// `disable-100-continue` mod_json_cdr sends a wrong one.
pub(crate) fn json(bytes: &[u8]) -> Cow<'_, [u8]> {
    let bytes = bytes.trim_ascii();
    let bytes = bytes.strip_prefix(b"cdr=").unwrap_or(bytes);
    if bytes.starts_with(b"%7B") {
        return percent_decode(bytes).into();
    }
    // `{"` in base64.
    if bytes.starts_with(b"eyJ")
        && let Ok(json) = STANDARD.decode(bytes)
    {
        return json.into();
    }
    bytes.into()
}

/// Characters that the switch percent-encodes besides those that are not printable ASCII, without
/// the `%` itself (FreeSWITCH: `switch_utils.h`, `SWITCH_URL_UNSAFE`).
const UNSAFE: &[u8] = b"\r\n #&+:;<=>?@[\\]^`{|}\"";

/// Returns whether `encode-values` would have encoded the byte.
fn is_encoded(byte: u8) -> bool {
    !(b' '..=b'~').contains(&byte) || byte == b'%' || UNSAFE.contains(&byte)
}

/// Returns whether a value was not encoded: it holds a byte that the switch would have encoded.
pub(crate) fn is_plain(value: &str) -> bool {
    value.bytes().any(|byte| byte != b'%' && is_encoded(byte))
}

/// Decodes a value that `encode-values` encoded. A `%41` stays: the switch encodes no letters,
/// and it leaves a `%` before two hex digits alone, so the `%41` was in the value. (`%20` may
/// have been there too; nothing tells the two apart.)
pub(crate) fn decoded(value: &str) -> String {
    let mut bytes = Vec::with_capacity(value.len());
    let mut rest = value.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        match escaped(rest) {
            Some(byte) => {
                bytes.push(byte);
                rest = &rest[3..];
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Returns the byte that the text starts with, if it is encoded.
fn escaped(text: &[u8]) -> Option<u8> {
    let [
        b'%',
        high @ (b'0'..=b'9' | b'A'..=b'F'),
        low @ (b'0'..=b'9' | b'A'..=b'F'),
        ..,
    ] = text
    else {
        return None;
    };
    let digit = |hex: u8| {
        if hex > b'9' {
            hex - b'A' + 10
        } else {
            hex - b'0'
        }
    };
    Some(digit(*high) << 4 | digit(*low)).filter(|byte| is_encoded(*byte))
}

/// Returns whether `encode-values` cut this value. The switch drops the last byte of a value in
/// which every byte is encoded (FreeSWITCH: `switch_ivr.c`, `switch_ivr_set_json_chan_vars`
/// allocates too little).
pub(crate) fn is_cut(value: &str) -> bool {
    let bytes = value.as_bytes();
    bytes.chunks(3).all(|chunk| escaped(chunk).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The switch's own function, with the room it is given.
    fn encode(value: &str) -> String {
        let room = (value.len() * 3).saturating_sub(1);
        let mut out = String::new();
        let bytes = value.as_bytes();
        for (at, byte) in bytes.iter().enumerate() {
            let hex = |at: usize| {
                bytes
                    .get(at)
                    .is_some_and(|b| b"0123456789ABCDEF".contains(b))
            };
            let is_kept = *byte == b'%' && hex(at + 1) && hex(at + 2);
            if is_kept || !is_encoded(*byte) {
                out.push(char::from(*byte));
            } else if out.len() + 3 > room {
                break;
            } else {
                out.push_str(&format!("%{byte:02X}"));
            }
        }
        out
    }

    #[test]
    fn values_come_back_as_they_were_unless_they_are_cut() {
        let table = [
            "100% off",
            "a%41b",
            "sofia/lab/1@127.0.0.1:5060",
            "Müller",
            "x",
            "50%",
        ];
        for value in table {
            assert_eq!(decoded(&encode(value)), value);
            assert!(!is_cut(&encode(value)), "{value}");
        }
        for value in ["@", "मोहन", "==", "日本"] {
            assert_ne!(decoded(&encode(value)), value);
            assert!(is_cut(&encode(value)), "{value}");
        }
    }

    #[test]
    fn one_byte_that_would_be_encoded_tells_a_plain_text() {
        assert!(is_plain("2026-11-23 19:24:35"));
        assert!(is_plain("é"));
        assert!(!is_plain("2026-11-23%2019%3A24%3A35"));
        assert!(!is_plain("plain"));
    }

    #[test]
    fn every_form_holds_the_same_json() {
        let plain = br#"{"a":"b"}"#;
        let form = [
            plain.to_vec(),
            b" {\"a\":\"b\"}\n".to_vec(),
            b"cdr={\"a\":\"b\"}".to_vec(),
            b"%7B%22a%22%3A%22b%22%7D\n".to_vec(),
            b"cdr=%7B%22a%22%3A%22b%22%7D".to_vec(),
            STANDARD.encode(plain).into_bytes(),
            format!("cdr={}", STANDARD.encode(plain)).into_bytes(),
        ];
        for form in form {
            assert_eq!(&*json(&form), plain, "{}", String::from_utf8_lossy(&form));
        }
        assert_eq!(&*json(b"eyJ no base64"), b"eyJ no base64");
        assert_eq!(&*json(b""), b"");
    }
}
