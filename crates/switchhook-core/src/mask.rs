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
    /// word.
    #[must_use]
    pub fn text(self, text: &str) -> String {
        if !self.0 {
            return text.to_owned();
        }
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(from) = rest.find(|c: char| c.is_ascii_digit()) {
            let (before, digits) = rest.split_at(from);
            out.push_str(before);
            let to = digits.find(|c: char| !c.is_ascii_digit());
            let (digits, after) = digits.split_at(to.unwrap_or(digits.len()));
            if digits.len() >= LEAST_DIGITS && is_free(&out, after) {
                out.push_str(&short(digits))
            } else {
                out.push_str(digits)
            }
            rest = after;
        }
        out.push_str(rest);
        out
    }
}

fn short(digits: &str) -> String {
    format!("•••{}", &digits[digits.len() - SHOWN..])
}

/// Returns whether the digits stand by themselves. In a URL, `%2B` is a "+".
fn is_free(before: &str, after: &str) -> bool {
    let word = |c: char| c.is_alphanumeric();
    let begins = !before.ends_with(word) || before.ends_with("%2B") || before.ends_with("%2b");
    begins && !after.starts_with(word)
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
        ] {
            assert_eq!(mask.text(text), shown);
            assert_eq!(Mask(false).text(text), text);
        }
    }
}
