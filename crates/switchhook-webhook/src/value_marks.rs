//! The two characters that enclose each value in a rendered URL or JSON body, so that the
//! structure around the values can be checked. No template and no escaped value can contain
//! them.

/// Stands before a value.
pub(super) const OPEN: char = '\u{1}';
/// Stands after a value.
pub(super) const CLOSE: char = '\u{2}';

/// Returns whether `character` is one of the two marks.
pub(super) const fn is_mark(character: char) -> bool {
    matches!(character, OPEN | CLOSE)
}
