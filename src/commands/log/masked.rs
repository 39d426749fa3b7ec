//! Masks callers' numbers in lines of the log, those of libraries too.

use std::borrow::Cow;
use std::sync::atomic::{AtomicBool, Ordering};

use switchhook_core::mask::Mask;

/// Set before the first call.
static IS_ON: AtomicBool = AtomicBool::new(false);

/// The units behind which a bare number of the text format is a measurement.
const UNITS: [&str; 5] = ["_ms=", "_us=", "_s=", "bytes=", "lines="];

/// Masks numbers in every further line, or no longer.
pub fn mask_numbers(mask: Mask) {
    IS_ON.store(mask.0, Ordering::Relaxed);
}

/// Returns a line as `account.mask_numbers` has it.
pub(super) fn line(text: &str, json: bool) -> Cow<'_, str> {
    match (IS_ON.load(Ordering::Relaxed), json) {
        (false, _) => Cow::Borrowed(text),
        (true, true) => Cow::Owned(json_line(text)),
        (true, false) => Cow::Owned(text_line(text)),
    }
}

/// Masks what stands in quotes. Outside of them JSON has its own numbers.
fn json_line(line: &str) -> String {
    let mut out = String::with_capacity(line.len());
    let mut rest = line;
    while let Some((before, text)) = rest.split_once('"') {
        let end = end_of_string(text);
        out.push_str(before);
        out.push('"');
        out.push_str(&escaped(&text[..end]));
        rest = &text[end..];
        if let Some(after) = rest.strip_prefix('"') {
            out.push('"');
            rest = after;
        }
    }
    out + rest
}

fn end_of_string(text: &str) -> usize {
    let mut is_escaped = false;
    let ends = |c: char| {
        let ends = c == '"' && !is_escaped;
        is_escaped = c == '\\' && !is_escaped;
        ends
    };
    text.find(ends).unwrap_or(text.len())
}

/// Masks everything but measurements.
fn text_line(line: &str) -> String {
    let mut out = String::with_capacity(line.len());
    let mut rest = line;
    while let Some(at) = UNITS
        .iter()
        .filter_map(|unit| Some(rest.find(unit)? + unit.len()))
        .min()
    {
        let (before, from) = rest.split_at(at);
        let number = |c: char| c.is_ascii_digit() || matches!(c, '.' | '-');
        let end = from.find(|c| !number(c)).unwrap_or(from.len());
        out.push_str(&escaped(before));
        out.push_str(&from[..end]);
        rest = &from[end..];
    }
    out + &escaped(rest)
}

/// Masks a text in which characters are escaped: the `n` of `\n` is no letter before a number.
fn escaped(text: &str) -> String {
    let mask = Mask(true);
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        let (before, from) = rest.split_at(at);
        let (escape, after) = from.split_at(escape_length(from));
        out.push_str(&mask.text(before));
        out.push_str(escape);
        rest = after;
    }
    out + &mask.text(rest)
}

/// Returns the bytes of the escape at the start: `\n`, `\u0007` of JSON, `\u{7}` and `\x1b` of Rust.
fn escape_length(text: &str) -> usize {
    let mut rest = text.char_indices().skip(1);
    let length = match rest.next().map(|(_, kind)| kind) {
        Some('u') if text[2..].starts_with('{') => text.find('}').map(|end| end + 1),
        Some('u') => Some(6),
        Some('x') => Some(4),
        Some(_) | None => rest.next().map(|(end, _)| end),
    };
    length
        .filter(|length| text.is_char_boundary(*length))
        .unwrap_or(text.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_keep_their_measurements_and_their_form() {
        for (line, shown) in [
            (
                r#"{"timestamp":"2026-11-30T16:00:00.123456Z","bytes":1048576,"s":15.123456}"#,
                r#"{"timestamp":"2026-11-30T16:00:00.123456Z","bytes":1048576,"s":15.123456}"#,
            ),
            (
                r#"{"caller":"+4930123456","why":"\n4930123456 \u00074930123456 \"4930123456"}"#,
                r#"{"caller":"+•••456","why":"\n•••456 \u0007•••456 \"•••456"}"#,
            ),
            (r#"{"half":"4930123456"#, r#"{"half":"•••456"#),
            (r#"{"end":"\"#, r#"{"end":"\"#),
        ] {
            assert_eq!(json_line(line), shown);
        }
        for (line, shown) in [
            (
                "2026-11-30T16:00:00.123456Z  INFO x: call held_ms=1048576.123456 max_bytes=1048576",
                "2026-11-30T16:00:00.123456Z  INFO x: call held_ms=1048576.123456 max_bytes=1048576",
            ),
            (
                r#"caller="+4930123456" to=4930123456 why="\u{7}4930123456\n4930123456""#,
                r#"caller="+•••456" to=•••456 why="\u{7}•••456\n•••456""#,
            ),
            ("took_ms=4930123456", "took_ms=4930123456"),
            ("4930123456\\", "•••456\\"),
            ("\\é4930123456", "\\é•••456"),
        ] {
            assert_eq!(text_line(line), shown);
        }
    }
}
