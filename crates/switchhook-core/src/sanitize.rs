//! Makes text from HTTP inert: FreeSWITCH cannot expand it, now or in a later dialplan.
//!
//! FreeSWITCH expands `${name}` in text that a dialplan reads, and expands the result again
//! (`switch_channel.c` `switch_channel_expand_variables_check`). A value such as `${uuid}` would
//! therefore be replaced, and not only by variables. The switch decides value by value what is
//! expandable (`switch_utils.h` `switch_string_var_check`), while a dialplan may join several
//! values. So this guard is stricter than the switch: a `$` stays only if nothing behind it, in
//! this value or in the next, can turn it into an expansion.
//!
//! Invariants: two inert texts side by side hold no expansion; an inert text made inert again
//! does not change.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// How FreeSWITCH marks an array; it parses such a value instead of storing it (`switch_event.c`
/// `switch_event_add_array`). Compared without regard to case, because the code that writes
/// commands for the switch refuses every spelling.
const ARRAY: &str = "ARRAY::";

/// Replaces a `$` that the switch could expand. FreeSWITCH uses the same character for this.
const REPLACEMENT: char = '%';

/// Returns `text` without anything that FreeSWITCH could expand, now or in a later dialplan,
/// alone or next to another inert text. Borrowed if nothing had to change.
///
/// * A `$` becomes `%` if it ends the text, or if `{` could follow it after the switch has
///   dropped backslashes, quotes and white space.
/// * NUL, which ends a string in C, becomes U+FFFD.
/// * A leading `ARRAY::` becomes `ARRAY%::`.
///
/// `$100` stays `$100`.
#[must_use]
pub fn inert(text: &str) -> Cow<'_, str> {
    let is_array = begins_as_array(text);
    if !is_array && !text.bytes().any(|byte| byte == b'$' || byte == 0) {
        return Cow::Borrowed(text);
    }
    let mut out: Vec<char> = text.chars().collect();
    let mut changed = replace_unsafe(&mut out);
    if is_array {
        out.insert(ARRAY.len() - 2, REPLACEMENT);
        changed = true;
    }
    if changed {
        Cow::Owned(out.into_iter().collect())
    } else {
        Cow::Borrowed(text)
    }
}

/// Returns the exact bytes behind the channel variable's `text`, decoded from the `base64` beside
/// it.
///
/// `None` if the two do not belong together: a dialplan may have set the variable since, without
/// its companion.
#[must_use]
pub fn exact(text: &str, base64: &str) -> Option<Vec<u8>> {
    let bytes = STANDARD.decode(base64).ok()?;
    let is_current = inert(&String::from_utf8_lossy(&bytes)) == text;
    is_current.then_some(bytes)
}

fn begins_as_array(text: &str) -> bool {
    let start = text.as_bytes().get(..ARRAY.len());
    start.is_some_and(|start| start.eq_ignore_ascii_case(ARRAY.as_bytes()))
}

/// Walks from the end, so that one step decides each `$` by what follows it.
fn replace_unsafe(text: &mut [char]) -> bool {
    let mut changed = false;
    // The next value may begin with `{`.
    let mut brace_may_follow = true;
    for c in text.iter_mut().rev() {
        if *c == '$' && brace_may_follow {
            *c = REPLACEMENT;
            changed = true;
        } else if *c == '\0' {
            *c = char::REPLACEMENT_CHARACTER;
            changed = true;
        }
        brace_may_follow = match *c {
            '{' => true,
            c if is_dropped_by_switch(c) => brace_may_follow,
            _ => false,
        };
    }
    changed
}

/// Returns whether FreeSWITCH drops the character when it splits or unescapes arguments
/// (`switch_utils.c` `cleanup_separated_string`), so that its neighbours come together. The list
/// is longer than FreeSWITCH's on purpose.
fn is_dropped_by_switch(c: char) -> bool {
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
        for (text, expected) in [
            ("${uuid}", "%{uuid}"),
            ("${strftime(%Y)}", "%{strftime(%Y)}"),
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
            assert_eq!(inert(text), expected);
        }
    }

    #[test]
    fn exact_bytes_count_while_the_text_is_still_theirs() {
        // "a ${b}", and "a" with a byte that is not UTF-8.
        assert_eq!(exact("a %{b}", "YSAke2J9").as_deref(), Some(&b"a ${b}"[..]));
        assert_eq!(exact("a\u{fffd}", "Yf8=").as_deref(), Some(&b"a\xff"[..]));
        assert_eq!(exact("set since", "YSAke2J9"), None);
        assert_eq!(exact("a ${b}", "YSAke2J9"), None);
        assert_eq!(exact("text", "?"), None);
    }

    /// The switch's own rule, in its strictest reading.
    fn expandable(text: &str) -> bool {
        let mut chars = text
            .chars()
            .filter(|c| !is_dropped_by_switch(*c) || *c == '$')
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
            "${strftime(%Y)}",
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
