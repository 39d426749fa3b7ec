//! Half surrogate pairs in JSON, such as `"\ud83d"`: an emoji that a program cut in two. RFC 8259
//! (8.2) allows the text, but no string can hold it. serde_json (1.0) refuses the whole document.

use std::borrow::Cow;

/// Writes `\ufffd` in place of each half pair.
pub(super) fn repair(json: &str) -> Cow<'_, str> {
    let bytes = json.as_bytes();
    let mut repaired: Option<String> = None;
    let mut kept = 0;
    let mut at = 0;
    // In JSON a backslash stands only in strings.
    while let Some(found) = bytes
        .get(at..)
        .and_then(|rest| rest.iter().position(|b| *b == b'\\'))
    {
        at += found;
        let Some(unit) = code_unit(bytes, at) else {
            at += 2;
            continue;
        };
        let is_pair = is_high(unit) && code_unit(bytes, at + 6).is_some_and(is_low);
        if is_pair {
            at += 12;
            continue;
        }
        if is_high(unit) || is_low(unit) {
            let out = repaired.get_or_insert_default();
            out.push_str(&json[kept..at]);
            out.push_str("\\ufffd");
            kept = at + 6;
        }
        at += 6;
    }
    match repaired {
        None => Cow::Borrowed(json),
        Some(out) => Cow::Owned(out + &json[kept..]),
    }
}

/// Reads `\uXXXX` at a place.
fn code_unit(bytes: &[u8], at: usize) -> Option<u16> {
    let digits = bytes.get(at..at + 6)?.strip_prefix(b"\\u")?;
    let digits = str::from_utf8(digits).ok()?;
    u16::from_str_radix(digits, 16).ok()
}

const fn is_high(unit: u16) -> bool {
    matches!(unit, 0xd800..=0xdbff)
}

const fn is_low(unit: u16) -> bool {
    matches!(unit, 0xdc00..=0xdfff)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// This file can go when this test fails.
    #[test]
    fn serde_json_still_refuses_half_a_pair() {
        let read = serde_json::from_str::<serde_json::Value>(r#""\ud83d""#);
        assert!(read.is_err(), "{read:?}");
    }

    #[test]
    fn half_pairs_become_the_replacement_character_and_nothing_else_changes() {
        for (text, expected) in [
            (r#"["\ud83d"]"#, r#"["\ufffd"]"#),
            (r#"["\ude00x"]"#, r#"["\ufffdx"]"#),
            (r#"["\ud83d\ude00"]"#, r#"["\ud83d\ude00"]"#),
            (r#"["\ud83d\ud83d\ude00"]"#, r#"["\ufffd\ud83d\ude00"]"#),
            (r#"["\\ud83d"]"#, r#"["\\ud83d"]"#),
            (r#"["\\\uD83D\n"]"#, r#"["\\\ufffd\n"]"#),
            (r#"["é\u00e9"]"#, r#"["é\u00e9"]"#),
            (r#"["\ud8"]"#, r#"["\ud8"]"#),
            ("[\"\\", "[\"\\"),
        ] {
            assert_eq!(repair(text), expected, "{text}");
        }
    }
}
