//! Text that came over HTTP, made harmless for a switch that runs what it expands.
//!
//! FreeSWITCH expands recursively: a channel variable that holds `${system(…)}`
//! runs a shell command when a dialplan later reads it (`switch_channel.c`
//! `switch_channel_expand_variables_check`). Its own test looks for `$`, any `\`,
//! then `{` (`switch_utils.h` `switch_string_var_check`), value by value; two values
//! that a dialplan writes side by side pass it, one ending in `$` and the next
//! beginning with `{`. So a `$` is kept only where no text behind it, in this value
//! or in the next, can make an expansion of it.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// How FreeSWITCH marks an array; such a value is parsed, not stored
/// (`switch_event.c` `switch_event_add_array`). In any case of letters here, because
/// the commands for the switch refuse it in any.
const ARRAY: &str = "ARRAY::";

/// What stands in place of a `$` that the switch could expand: the switch's own cure.
const INSTEAD: char = '%';

/// `text` with everything gone that FreeSWITCH could expand, now or in any later
/// dialplan, alone or next to another inert text. Borrowed when nothing had to change.
///
/// * a `$` that `{` could follow once the switch has stripped backslashes, quotes
///   and white space, or that ends the text, becomes `%`;
/// * NUL, which ends a string in C, becomes U+FFFD;
/// * a leading `ARRAY::` becomes `ARRAY%::`.
///
/// `$100` stays `$100`. Inert text stays inert when it is made inert again.
#[must_use]
pub fn inert(text: &str) -> Cow<'_, str> {
    let array = begins_as_array(text);
    if !array && !text.bytes().any(|byte| byte == b'$' || byte == 0) {
        return Cow::Borrowed(text);
    }
    let mut out: Vec<char> = text.chars().collect();
    let mut changed = defuse(&mut out);
    if array {
        out.insert(ARRAY.len() - 2, INSTEAD);
        changed = true;
    }
    if changed {
        Cow::Owned(out.into_iter().collect())
    } else {
        Cow::Borrowed(text)
    }
}

/// The exact bytes of what a channel holds as `text`, from the base64 beside it.
///
/// `None` when they are not what `text` was made of: a dialplan has set the variable
/// itself since, and knows nothing of the companion.
#[must_use]
pub fn exact(text: &str, base64: &str) -> Option<Vec<u8>> {
    let bytes = STANDARD.decode(base64).ok()?;
    let still = inert(&String::from_utf8_lossy(&bytes)) == text;
    still.then_some(bytes)
}

fn begins_as_array(text: &str) -> bool {
    let start = text.as_bytes().get(..ARRAY.len());
    start.is_some_and(|start| start.eq_ignore_ascii_case(ARRAY.as_bytes()))
}

/// Walks from the end, so that each `$` is judged in one step by what follows it.
fn defuse(text: &mut [char]) -> bool {
    let mut changed = false;
    // The next value may begin with `{`.
    let mut brace_may_follow = true;
    for c in text.iter_mut().rev() {
        if *c == '$' && brace_may_follow {
            *c = INSTEAD;
            changed = true;
        } else if *c == '\0' {
            *c = char::REPLACEMENT_CHARACTER;
            changed = true;
        }
        brace_may_follow = match *c {
            '{' => true,
            c if vanishes(c) => brace_may_follow,
            _ => false,
        };
    }
    changed
}

/// Characters that FreeSWITCH drops when it splits or unescapes arguments
/// (`switch_utils.c` `cleanup_separated_string`), so that what stood behind them
/// comes to stand behind the `$`. More than it drops today, on purpose.
fn vanishes(c: char) -> bool {
    matches!(c, '\\' | '\'' | '"' | '`' | '$') || c.is_whitespace() || c.is_control()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn money_and_plain_text_stay_as_they_are() {
        for text in [
            "",
            "$100",
            "US$ 5",
            "a$b",
            "{\"a\":1}",
            "100%",
            "it's $5 {net}",
            "$$5",
        ] {
            assert!(
                matches!(inert(text), Cow::Borrowed(same) if same == text),
                "{text}"
            );
        }
    }

    #[test]
    fn what_the_switch_could_expand_is_gone() {
        for (text, harmless) in [
            ("${system(id)}", "%{system(id)}"),
            ("$${x}", "$%{x}"),
            ("$\\\\{x}", "%\\\\{x}"),
            ("$'{x}", "%'{x}"),
            ("$ {x}", "% {x}"),
            ("ends in $", "ends in %"),
            ("ends in $\\", "ends in %\\"),
            ("$$", "$%"),
            ("ARRAY::a|:b", "ARRAY%::a|:b"),
            ("Array::a", "Array%::a"),
            ("nul\0", "nul\u{fffd}"),
        ] {
            assert_eq!(inert(text), harmless);
        }
    }

    #[test]
    fn exact_bytes_count_while_the_text_is_still_theirs() {
        // "a ${b}", and "a" with a byte that is no UTF-8.
        assert_eq!(exact("a %{b}", "YSAke2J9").as_deref(), Some(&b"a ${b}"[..]));
        assert_eq!(exact("a\u{fffd}", "Yf8=").as_deref(), Some(&b"a\xff"[..]));
        assert_eq!(exact("set since", "YSAke2J9"), None);
        assert_eq!(exact("a ${b}", "YSAke2J9"), None);
        assert_eq!(exact("text", "?"), None);
    }

    /// The switch's own rule, in its most suspicious reading.
    fn expandable(text: &str) -> bool {
        let mut chars = text
            .chars()
            .filter(|c| !vanishes(*c) || *c == '$')
            .peekable();
        while let Some(c) = chars.next() {
            if c == '$' && chars.peek() == Some(&'{') {
                return true;
            }
        }
        false
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]
        #[test]
        fn two_inert_values_side_by_side_hold_nothing_to_expand(
            a in hostile(), b in hostile(),
        ) {
            let both = format!("{}{}", inert(&a), inert(&b));
            prop_assert!(!expandable(&both), "{a:?} {b:?} gave {both:?}");
            prop_assert!(!both.contains('\0') && !inert(&a).starts_with(ARRAY));
            let once = inert(&a);
            prop_assert_eq!(inert(&once), once.as_ref());
        }
    }

    fn hostile() -> impl Strategy<Value = String> {
        let piece = prop::sample::select(vec![
            "$",
            "{",
            "}",
            "\\",
            "'",
            "\"",
            " ",
            "\n",
            "${system(id)}",
            "$${",
            "ARRAY::",
            "|:",
            "a",
            "1",
            "\0",
            "é",
        ]);
        prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
    }
}
