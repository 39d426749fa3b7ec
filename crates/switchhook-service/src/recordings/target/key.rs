//! The names of objects: readable, and safe in every URL.
//!
//! A switch may write any file name, and callers choose parts of it. Targets, proxies and receivers
//! disagree about blanks, `#`, `%`, `+` and letters outside ASCII in a URL. So a part of a key has
//! only letters and digits of ASCII, `.`, `_` and `-`. A part that had something else gets a hash of
//! its first form, and so does a part that looks as if it had one: two names never share a key.

use sha2::{Digest as _, Sha256};

/// Stands between a changed name and its hash.
const MARK: &str = "__";
/// Bytes of the hash, which are written in hexadecimal.
const HASH_BYTES: usize = 8;
/// Most characters of a changed name before its hash: file systems take 255 bytes.
const MAX_CHANGED_CHARS: usize = 200;
/// Most characters of an ending such as `wav`.
const MAX_ENDING_CHARS: usize = 8;

/// Returns one part of a key for a file's or a folder's name, or for a call's Unique-ID.
pub(super) fn safe_part(name: &str) -> String {
    let is_safe = !name.is_empty() && name.chars().all(is_safe_char) && !name.ends_with('.');
    if is_safe && !looks_hashed(name) {
        return name.to_owned();
    }
    let (stem, ending) = split_ending(name);
    let mut safe = String::new();
    for c in stem.chars().take(MAX_CHANGED_CHARS) {
        if is_safe_char(c) {
            safe.push(c);
        } else if !safe.ends_with('_') {
            safe.push('_');
        }
    }
    let digest = Sha256::digest(name.as_bytes());
    let hash: String = digest
        .iter()
        .take(HASH_BYTES)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    format!("{}{MARK}{hash}{ending}", safe.trim_end_matches('_'))
}

const fn is_safe_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-')
}

/// Splits off a safe ending with its dot.
fn split_ending(name: &str) -> (&str, &str) {
    let is_ending = |ending: &str| {
        (2..=MAX_ENDING_CHARS + 1).contains(&ending.len())
            && ending[1..].chars().all(|c| c.is_ascii_alphanumeric())
    };
    match name.rfind('.').map(|at| name.split_at(at)) {
        Some((stem, ending)) if is_ending(ending) => (stem, ending),
        Some(_) | None => (name, ""),
    }
}

/// Whether a name has the form of a changed one.
fn looks_hashed(name: &str) -> bool {
    let (stem, _) = split_ending(name);
    stem.rsplit_once(MARK).is_some_and(|(_, hash)| {
        hash.len() == 2 * HASH_BYTES && hash.chars().all(|c| c.is_ascii_hexdigit())
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn a_safe_name_stays_and_another_is_readable_with_a_hash() {
        for (name, part) in [
            ("a.wav", "a.wav"),
            ("2026-11-30_queue.3.WAV", "2026-11-30_queue.3.WAV"),
            (".hidden", ".hidden"),
            ("call__1.wav", "call__1.wav"),
            ("a b#1.wav", "a_b_1__ef4f324a3bcad2e1.wav"),
        ] {
            assert_eq!(safe_part(name), part, "{name}");
        }
    }

    #[test]
    fn every_part_is_safe_and_no_two_are_the_same() {
        let hashed = safe_part("a b.wav");
        let long = "ü".repeat(127);
        let names = [
            "a b.wav",
            "a_b.wav",
            "a  b.wav",
            "a#b.wav",
            "a%b.wav",
            "a%20b.wav",
            "a?b.wav",
            "a+b.wav",
            "a~b.wav",
            "a*b.wav",
            "a{}b.wav",
            "müller.wav",
            "mu\u{308}ller.wav",
            "شكرا.wav",
            "☎.wav",
            "",
            ".",
            "..",
            "...",
            "a.",
            "a..",
            " ",
            "a/b",
            "a\\b",
            "a\nb",
            "a.wav ",
            "a. wav",
            "a.wäv",
            "a:b",
            "a&b=c;d,e@f!g'h(i)j$k.wav",
            &hashed,
            &long,
            "a\"b<c>d|e^f`g[h].wav",
        ];
        let mut seen = BTreeMap::new();
        for name in names {
            let part = safe_part(name);
            assert!(!part.is_empty() && part.chars().all(is_safe_char), "{part}");
            assert!(part.len() <= 255 && !part.ends_with('.'), "{part}");
            assert_eq!(seen.insert(part.clone(), name), None, "{name:?}: {part}");
        }
    }

    proptest::proptest! {
        #[test]
        fn two_names_never_meet(one in ".{0,40}", other in ".{0,40}") {
            let same = safe_part(&one) == safe_part(&other);
            proptest::prop_assert_eq!(same, one == other);
        }
    }
}
