//! The forms in which `mod_json_cdr` hands a CDR out: as it is in its `log-dir`; as it is,
//! percent-encoded (`encode`) or in base64 (`encode=base64`) in a POST and in its `err-log-dir`.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::percent_decode;

/// The JSON in `bytes`. Told by its beginning and not by a `Content-Type`: with
/// `disable-100-continue` mod_json_cdr names a wrong one.
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

/// What the switch percent-encodes besides what is not printable ASCII, without the `%`
/// itself (FreeSWITCH: `switch_utils.h`, `SWITCH_URL_UNSAFE`).
const UNSAFE: &[u8] = b"\r\n #&+:;<=>?@[\\]^`{|}\"";

/// Would stand encoded in a text that `encode-values` was applied to.
fn is_encoded(byte: u8) -> bool {
    !(b' '..=b'~').contains(&byte) || byte == b'%' || UNSAFE.contains(&byte)
}

/// Whether a value is as the channel had it: the switch would have encoded some of it.
pub(crate) fn is_plain(value: &str) -> bool {
    value.bytes().any(|byte| byte != b'%' && is_encoded(byte))
}

/// The value before `encode-values`. A `%41` that the switch would not have written stays: the
/// switch does not encode a `%` before two hex digits, so it was there. (`%20` may have been
/// there too; that cannot be told.)
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

/// The byte that the text begins with, when it is encoded.
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

/// `encode-values` cut this value: of one in which every byte is encoded it drops the last
/// (FreeSWITCH: `switch_ivr.c`, `switch_ivr_set_json_chan_vars` gives it no room for that).
pub(crate) fn is_cut(value: &str) -> bool {
    let bytes = value.as_bytes();
    bytes.chunks(3).all(|chunk| escaped(chunk).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The switch's own function, with the room that it is given.
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
