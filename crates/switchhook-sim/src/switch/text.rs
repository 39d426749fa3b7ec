//! Implements the switch's own rules for text: splitting, escapes, expansion, encoding.
//!
//! They follow FreeSWITCH's behaviour (switch_utils.c, switch_channel.c), not the client's code, so
//! that the simulation shows a mistake in the client.

/// Splits text as `switch_separate_string(buf, ' ', argv, limit)` does. Quotes protect spaces,
/// backslashes escape, and the last piece keeps the rest of the line.
pub(super) fn split_words(text: &str, limit: usize) -> Vec<String> {
    let bytes = text.as_bytes();
    let (mut words, mut at) = (Vec::new(), 0);
    while at < bytes.len() && words.len() < limit {
        let start = at;
        if words.len() + 1 == limit {
            words.push(clean(&bytes[start..], None));
            break;
        }
        at = end_of_word(bytes, at);
        words.push(clean(&bytes[start..at], None));
        while bytes.get(at) == Some(&b' ') {
            at += 1;
        }
    }
    words
}

fn end_of_word(bytes: &[u8], mut at: usize) -> usize {
    let mut quoted = false;
    while bytes.get(at) == Some(&b' ') {
        at += 1;
    }
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'\\' => at += 1,
            b'\'' => quoted = !quoted,
            b' ' if !quoted => break,
            _ => {}
        }
        at += 1;
    }
    at.min(bytes.len())
}

/// Splits text at another delimiter, as `uuid_setvar_multi` does at `;`.
pub(super) fn split_at(text: &str, delimiter: u8, limit: usize) -> Vec<String> {
    let bytes = text.as_bytes();
    let (mut pieces, mut start, mut at, mut quoted) = (Vec::new(), 0, 0, false);
    while at < bytes.len() && pieces.len() < limit {
        match bytes[at] {
            b'\\' => at += 1,
            b'\'' if quoted || bytes[at + 1..].contains(&b'\'') => quoted = !quoted,
            byte if byte == delimiter && !quoted => {
                pieces.push(clean(&bytes[start..at], Some(delimiter)));
                start = at + 1;
            }
            _ => {}
        }
        at += 1;
    }
    if start < bytes.len() && pieces.len() < limit {
        pieces.push(clean(&bytes[start..], Some(delimiter)));
    }
    pieces
}

/// Cleans a piece as `cleanup_separated_string` does: quotes, edge spaces and escapes.
fn clean(piece: &[u8], delimiter: Option<u8>) -> String {
    let start = piece.iter().take_while(|byte| **byte == b' ').count();
    let (mut out, mut end, mut quoted, mut at) = (Vec::new(), None, false, start);
    while let Some(&byte) = piece.get(at) {
        if let Some(plain) = escaped(piece, at, delimiter) {
            out.push(plain);
            end = Some(out.len());
            at += 2;
            continue;
        }
        if byte == b'\'' && (quoted || piece[at + 1..].contains(&b'\'')) {
            quoted = !quoted;
            if quoted {
                end = Some(out.len());
            }
        } else {
            out.push(byte);
            if byte != b' ' || quoted {
                end = Some(out.len());
            }
        }
        at += 1;
    }
    out.truncate(end.unwrap_or(out.len()));
    String::from_utf8_lossy(&out).into_owned()
}

fn escaped(piece: &[u8], at: usize, delimiter: Option<u8>) -> Option<u8> {
    if piece[at] != b'\\' {
        return None;
    }
    match *piece.get(at + 1)? {
        byte @ (b'\'' | b'"' | b'\\') => Some(byte),
        byte if Some(byte) == delimiter => Some(byte),
        b'n' => Some(b'\n'),
        b'r' => Some(b'\r'),
        b't' => Some(b'\t'),
        b's' => Some(b' '),
        _ => None,
    }
}

/// Returns whether `switch_string_var_check` finds a variable: a `$`, any backslashes, then `{`.
pub(super) fn is_expandable(text: &str) -> bool {
    let mut dollar = false;
    for byte in text.bytes() {
        match byte {
            b'$' => dollar = true,
            b'{' if dollar => return true,
            b'\\' => {}
            _ => dollar = false,
        }
    }
    false
}

fn has_escapes(text: &str) -> bool {
    let bytes = text.as_bytes();
    let mut at = 0;
    while let Some(found) = bytes
        .get(at..)
        .and_then(|rest| rest.iter().position(|b| *b == b'\\'))
    {
        at += found + 1;
        if matches!(bytes.get(at), Some(b'\\' | b'n' | b's' | b't' | b'\'')) {
            return true;
        }
    }
    false
}

/// The result of an expansion, and the API commands that it would have run on the switch.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Expanded {
    /// The text with every variable filled in.
    pub text: String,
    /// API commands that a real switch would have executed.
    pub ran: Vec<String>,
}

/// The greatest depth of expansion, more than any text needs; the switch stops at 100.
const DEPTH: u8 = 16;

/// Expands text as `switch_channel_expand_variables` does: `${name}`, `$${name}` and `${api args}`,
/// recursively. A doubled backslash becomes a single backslash.
pub(super) fn expand(text: &str, variable: &dyn Fn(&str) -> Option<String>) -> Expanded {
    let mut expanded = Expanded::default();
    expanded.text = expand_into(text, variable, &mut expanded.ran, 0);
    expanded
}

fn expand_into(
    text: &str,
    variable: &dyn Fn(&str) -> Option<String>,
    ran: &mut Vec<String>,
    depth: u8,
) -> String {
    if depth > DEPTH || !(is_expandable(text) || has_escapes(text)) {
        return text.to_owned();
    }
    let (mut out, mut rest) = (String::with_capacity(text.len()), text);
    while let Some(at) = rest.find(['\\', '$']) {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        if let Some(after) = literal(rest, &mut out) {
            rest = after;
            continue;
        }
        let opened = rest.trim_start_matches('$').strip_prefix('{');
        let Some((name, after)) = opened.and_then(closing_brace) else {
            out.push('$');
            rest = &rest[1..];
            continue;
        };
        rest = after;
        if let Some(api) = as_api(name) {
            ran.push(api);
        } else if let Some(value) = variable(name) {
            out.push_str(&expand_into(&value, variable, ran, depth + 1));
        }
    }
    out.push_str(rest);
    out
}

/// Copies a backslash sequence, or a `$` that opens nothing, to `out`. Returns `None` if `rest`
/// opens a variable.
fn literal<'a>(rest: &'a str, out: &mut String) -> Option<&'a str> {
    if let Some(after) = rest.strip_prefix("\\$") {
        out.push('$');
        return Some(after.strip_prefix('$').unwrap_or(after));
    }
    if let Some(after) = rest.strip_prefix("\\'") {
        return Some(after);
    }
    if let Some(after) = rest.strip_prefix("\\\\") {
        out.push('\\');
        return Some(after);
    }
    if let Some(after) = rest.strip_prefix('\\') {
        out.push('\\');
        return Some(after);
    }
    if rest.starts_with("${") || rest.starts_with("$${") {
        return None;
    }
    out.push('$');
    Some(&rest[1..])
}

fn closing_brace(text: &str) -> Option<(&str, &str)> {
    let mut depth = 1_u32;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'{' => depth += 1,
            b'}' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return Some((&text[..at], &text[at + 1..]));
        }
    }
    None
}

fn as_api(name: &str) -> Option<String> {
    name.contains([' ', '(']).then(|| name.to_owned())
}

/// The characters that `switch_url_encode` writes as `%XX`, besides control and non-ASCII bytes.
const UNSAFE: &[u8] = b"\r\n #%&+:;<=>?@[\\]^`{|}\"";

/// Encodes a value of a plain event as `switch_url_encode` does. A `%` before two upper-case
/// hexadecimal digits stays unchanged, so the original text is lost.
pub(super) fn url_encode(text: &str, out: &mut Vec<u8>) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    let bytes = text.as_bytes();
    for (at, &byte) in bytes.iter().enumerate() {
        let looks_encoded = byte == b'%'
            && bytes.len() - at > 2
            && HEX.contains(&bytes[at + 1])
            && HEX.contains(&bytes[at + 2]);
        if !looks_encoded && (!(b' '..=b'~').contains(&byte) || UNSAFE.contains(&byte)) {
            out.extend([
                b'%',
                HEX[usize::from(byte >> 4)],
                HEX[usize::from(byte & 15)],
            ]);
        } else {
            out.push(byte);
        }
    }
}

/// Parses a number as C's `atoi` does: leading spaces, a sign, digits; 0 for anything else.
pub(super) fn atoi(text: &str) -> i64 {
    let text = text.trim_start();
    let (sign, digits) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    let end = digits
        .bytes()
        .take_while(u8::is_ascii_digit)
        .count()
        .min(18);
    digits[..end]
        .parse::<i64>()
        .map_or(0, |number| sign * number)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variables(name: &str) -> Option<String> {
        match name {
            "city" => Some("Pune".into()),
            "evil" => Some("${strftime %Y}".into()),
            _ => None,
        }
    }

    #[test]
    fn the_last_word_keeps_its_spaces_and_its_escapes_are_resolved() {
        let words = split_words(r"abc flow.key.x it\'s\na b \\ c\s", 3);
        assert_eq!(words, ["abc", "flow.key.x", "it's\na b \\ c "]);
        assert_eq!(split_words("abc name", 3), ["abc", "name"]);
        assert_eq!(split_words("'two words' b  c", 3), ["two words", "b", "c"]);
    }

    #[test]
    fn a_semicolon_inside_quotes_does_not_split() {
        assert_eq!(split_at("a=1;b='x;y';c=", b';', 64), ["a=1", "b=x;y", "c="]);
    }

    #[test]
    fn expansion_is_recursive_and_names_what_it_would_have_run() {
        let expanded = expand("to ${city} via ${evil}", &variables);
        assert_eq!(expanded.text, "to Pune via ");
        assert_eq!(expanded.ran, ["strftime %Y"]);
        assert_eq!(expand("$100 and 5%", &variables).text, "$100 and 5%");
        assert_eq!(expand(r"a\\b", &variables).text, r"a\b");
    }

    #[test]
    fn a_backslash_between_dollar_and_brace_still_counts_as_expandable() {
        assert!(is_expandable(r"$\\{uuid}"));
        assert!(!is_expandable("$100 {a}"));
    }

    #[test]
    fn plain_encoding_leaves_what_looks_encoded() {
        let mut out = Vec::new();
        url_encode("100%25 ok: é", &mut out);
        assert_eq!(out, b"100%25%20ok%3A%20%C3%A9");
    }

    #[test]
    fn numbers_are_read_as_c_does() {
        assert_eq!(
            (atoi(" 12x"), atoi("-3"), atoi("x"), atoi("")),
            (12, -3, 0, 0)
        );
    }
}
