//! Long text in `Debug`.

use std::fmt;

/// The bytes of one value that `Debug` shows.
const SHOWN: usize = 512;

/// Shows a text as `Debug` does, up to a limit.
pub(crate) struct Shortened<'a>(pub(crate) &'a str);

impl fmt::Debug for Shortened<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(text) = self;
        if text.len() <= SHOWN {
            return fmt::Debug::fmt(text, f);
        }
        let end = (0..=SHOWN).rev().find(|at| text.is_char_boundary(*at));
        let start = text.get(..end.unwrap_or_default()).unwrap_or_default();
        write!(f, "{start:?}… ({} bytes)", text.len())
    }
}
