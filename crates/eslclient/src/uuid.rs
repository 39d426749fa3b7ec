//! Random UUIDs.

use std::hash::{BuildHasher, Hasher, RandomState};

/// Returns a random UUID (version 4), for [`Originate::uuid`](crate::Originate::uuid).
///
/// It is no secret: the randomness of the standard library's hash maps is enough for jobs,
/// applications and channels.
#[must_use]
pub fn random() -> String {
    let half = || RandomState::new().build_hasher().finish();
    let bits = u128::from(half()) << 64 | u128::from(half());
    let bits = bits & !(0xf << 76) & !(0x3 << 62) | 0x4 << 76 | 0x2 << 62;
    let digits = format!("{bits:032x}");
    let parts = [0..8, 8..12, 12..16, 16..20, 20..32].map(|part| &digits[part]);
    parts.join("-")
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::random;

    #[test]
    fn uuids_differ_and_have_the_form_of_version_4() {
        let all: HashSet<_> = (0..10_000).map(|_| random()).collect();
        assert_eq!(all.len(), 10_000);
        for uuid in all {
            assert_eq!(uuid.len(), 36);
            assert_eq!(&uuid[14..15], "4", "{uuid}");
            assert!("89ab".contains(&uuid[19..20]), "{uuid}");
            let digits = uuid.replace('-', "");
            assert!(digits.len() == 32 && u128::from_str_radix(&digits, 16).is_ok());
        }
    }
}
