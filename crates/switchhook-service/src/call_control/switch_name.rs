//! The name of a call's switch in two bytes: thousands of calls wait for a few switches.

use std::sync::{PoisonError, RwLock};

/// Names that are remembered; a call of a further switch has none.
const NAMES: usize = 256;
/// The longest name that is remembered, in bytes.
const LONGEST: usize = 128;

static KNOWN: RwLock<Vec<Box<str>>> = RwLock::new(Vec::new());

/// The place of a switch's name among those that are known, from 1; 0 for none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SwitchName(u16);

impl SwitchName {
    /// Remembers a name.
    pub fn of(name: &str) -> Self {
        let place = |known: &[Box<str>]| {
            let at = known.iter().position(|one| **one == *name)?;
            u16::try_from(at + 1).ok().map(Self)
        };
        if name.is_empty() || name.len() > LONGEST {
            return Self::default();
        }
        if let Some(known) = place(&KNOWN.read().unwrap_or_else(PoisonError::into_inner)) {
            return known;
        }
        let mut known = KNOWN.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = place(&known) {
            return known;
        }
        if known.len() >= NAMES {
            return Self::default();
        }
        known.push(name.into());
        place(&known).unwrap_or_default()
    }

    /// Calls `with` with the name; it is empty if none is known.
    pub fn read<T>(self, with: impl FnOnce(&str) -> T) -> T {
        let known = KNOWN.read().unwrap_or_else(PoisonError::into_inner);
        let name = usize::from(self.0).checked_sub(1);
        with(name.and_then(|at| known.get(at)).map_or("", |name| name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_remembered_once_and_too_many_are_not() {
        let one = SwitchName::of("pbx-1");
        assert_eq!(one, SwitchName::of("pbx-1"));
        assert_eq!(one.read(str::to_owned), "pbx-1");
        assert_eq!(SwitchName::of("").read(str::to_owned), "");
        assert_eq!(SwitchName::of(&"x".repeat(1_000)), SwitchName::default());
        for number in 0..=NAMES {
            SwitchName::of(&format!("many-{number}"));
        }
        let last = SwitchName::of("one too many");
        assert_eq!(last, SwitchName::default());
        assert_eq!(one.read(str::to_owned), "pbx-1", "the first ones stay");
    }
}
