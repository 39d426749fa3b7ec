//! Masks telephone numbers for readers who must not learn who called.

/// Numbers with fewer digits are extensions and stay as they are.
const LEAST_DIGITS: usize = 6;
/// Digits that stay visible, so that calls can be told apart.
const SHOWN: usize = 3;

/// Whether numbers are masked down to their last three digits.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Mask(pub bool);

impl Mask {
    /// Masks the number of a call party.
    #[must_use]
    pub fn number(self, number: &str) -> String {
        if !self.0 {
            return number.to_owned();
        }
        let part =
            |c: char| c.is_ascii_digit() || matches!(c, '+' | ' ' | '(' | ')' | '-' | '.' | '/');
        let digits: String = number.chars().filter(char::is_ascii_digit).collect();
        if number.chars().all(part) && digits.len() >= LEAST_DIGITS {
            short(&digits)
        } else {
            self.text(number)
        }
    }

    /// Masks every number within a text: each run of six or more digits that is not part of a
    /// word. UUIDs stay as they are, so that calls can be found.
    #[must_use]
    pub fn text(self, text: &str) -> String {
        if !self.0 {
            return text.to_owned();
        }
        let mut out = String::with_capacity(text.len());
        let mut at = 0;
        while let Some(from) = find(text, at, |c| c.is_ascii_digit()) {
            out.push_str(&text[at..from]);
            let digits = find(text, from, |c| !c.is_ascii_digit()).unwrap_or(text.len());
            let end = if let Some(end) = uuid_end(text, from) {
                out.push_str(&text[from..end]);
                end
            } else if digits - from >= LEAST_DIGITS && is_free(&text[..from], &text[digits..]) {
                out.push_str(&short(&text[from..digits]));
                digits
            } else {
                out.push_str(&text[from..digits]);
                digits
            };
            at = end;
        }
        out.push_str(&text[at..]);
        out
    }
}

/// Returns where the next such character is, from a byte on.
fn find(text: &str, from: usize, fits: impl Fn(char) -> bool) -> Option<usize> {
    text[from..].find(fits).map(|at| from + at)
}

/// Returns the end of the UUID in whose text the byte `at` is.
fn uuid_end(text: &str, at: usize) -> Option<usize> {
    let part = |byte: &u8| byte.is_ascii_hexdigit() || *byte == b'-';
    let bytes = text.as_bytes();
    let before = bytes[..at].iter().rev().take_while(|byte| part(byte));
    let start = at - before.count();
    let end = at + bytes[at..].iter().take_while(|byte| part(byte)).count();
    let groups = text[start..end].split('-').map(str::len);
    let is_alone = |byte: Option<&u8>| !byte.is_some_and(u8::is_ascii_alphanumeric);
    let is_alone =
        is_alone(start.checked_sub(1).and_then(|at| bytes.get(at))) && is_alone(bytes.get(end));
    (is_alone && groups.eq([8, 4, 4, 4, 12])).then_some(end)
}

fn short(digits: &str) -> String {
    format!("•••{}", &digits[digits.len() - SHOWN..])
}

/// Returns whether the digits stand by themselves. In a URL, `%2B` is a "+" and `%3A` a ":".
fn is_free(before: &str, after: &str) -> bool {
    let is_word = |c: char| c.is_alphanumeric();
    let escape = before.as_bytes().last_chunk();
    let is_escape =
        |[mark, digits @ ..]: &[u8; 3]| *mark == b'%' && digits.iter().all(u8::is_ascii_hexdigit);
    let begins = !before.ends_with(is_word) || escape.is_some_and(is_escape);
    begins && !after.starts_with(is_word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keep_three_digits_and_the_rest_is_as_it_was() {
        let mask = Mask(true);
        for (number, shown) in [
            ("+4930123456", "•••456"),
            ("+49 (30) 123-456", "•••456"),
            ("1001", "1001"),
            ("alice", "alice"),
            ("", ""),
            ("sip:4930123456@pbx", "sip:•••456@pbx"),
        ] {
            assert_eq!(mask.number(number), shown);
            assert_eq!(Mask(false).number(number), number);
        }
        for (text, shown) in [
            (
                "GET /callers/%2B4930123456?x=1",
                "GET /callers/%2B•••456?x=1",
            ),
            (
                "{\"from\":\"+4930123456\",\"ms\":\"15962\"}",
                "{\"from\":\"+•••456\",\"ms\":\"15962\"}",
            ),
            ("msg_0198c5a0b7e67cc1", "msg_0198c5a0b7e67cc1"),
            ("é4930123456 4930123456", "é4930123456 •••456"),
            ("/to/tel%3A4930123456?x", "/to/tel%3A•••456?x"),
            (
                "12345678-1234-4234-9234-123456789012 4930123456",
                "12345678-1234-4234-9234-123456789012 •••456",
            ),
            (
                "call=12345678-1234-4234-9234-123456789012",
                "call=12345678-1234-4234-9234-123456789012",
            ),
            ("12345678-1234", "•••678-1234"),
        ] {
            assert_eq!(mask.text(text), shown);
            assert_eq!(Mask(false).text(text), text);
        }
    }
}
