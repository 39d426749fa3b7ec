//! A hash that every version computes alike: it is stored, or shared by instances.

/// Returns the FNV-1a hash of some bytes.
#[must_use]
pub fn fnv1a(bytes: &[u8]) -> u64 {
    let basis = 0xcbf2_9ce4_8422_2325_u64;
    bytes.iter().fold(basis, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The author's vectors (isthe.com/chongo/tech/comp/fnv).
    #[test]
    fn it_is_the_published_function() {
        assert_eq!(fnv1a(b""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(fnv1a(b"a"), 0xaf63_dc4c_8601_ec8c);
        assert_eq!(fnv1a(b"foobar"), 0x8594_4171_f739_67e8);
    }
}
