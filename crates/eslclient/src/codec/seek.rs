//! Where a byte is that is not far: names and values are mostly shorter than what a call of
//! `memchr` costs. The bytes are constants, for what is looked for is then no register's.

/// The first of `A` and `B`, when it is most likely among the next eight.
#[inline]
pub(super) fn near<const A: u8, const B: u8>(bytes: &[u8]) -> Option<usize> {
    let Some((first, rest)) = bytes.split_first_chunk() else {
        return slowly::<A, B>(bytes);
    };
    match marks::<A, B>(*first) {
        0 => far::<A, B>(rest).map(|at| at + 8),
        found => Some(lowest(found)),
    }
}

/// The first of `A` and `B`, when it is most likely among the next few dozen.
pub(super) fn far<const A: u8, const B: u8>(bytes: &[u8]) -> Option<usize> {
    let (mut rest, mut at) = (bytes, 0);
    while let Some((block, after)) = rest.split_first_chunk::<16>() {
        if has::<A>(block) | has::<B>(block) {
            return Some(at + within::<A, B>(*block));
        }
        (rest, at) = (after, at + 16);
    }
    slowly::<A, B>(rest).map(|last| at + last)
}

/// Looks at all of them at once, which is one instruction: nothing here may end early.
#[inline]
fn has<const BYTE: u8>(block: &[u8; 16]) -> bool {
    block.iter().fold(false, |any, byte| any | (*byte == BYTE))
}

#[inline]
fn is<const A: u8, const B: u8>(byte: u8) -> bool {
    (byte == A) | (byte == B)
}

/// Where it is in a block that has it.
#[inline]
fn within<const A: u8, const B: u8>(block: [u8; 16]) -> usize {
    let [a, b, c, d, e, f, g, h, last @ ..] = block;
    match marks::<A, B>([a, b, c, d, e, f, g, h]) {
        0 => 8 + lowest(marks::<A, B>(last)),
        found => lowest(found),
    }
}

fn slowly<const A: u8, const B: u8>(bytes: &[u8]) -> Option<usize> {
    bytes.iter().position(|byte| is::<A, B>(*byte))
}

/// The high bit of each of the eight that is one of them; above the lowest, perhaps of others.
#[inline]
fn marks<const A: u8, const B: u8>(eight: [u8; 8]) -> u64 {
    zeros(u64::from_le_bytes(eight) ^ (LOW * u64::from(A)))
        | zeros(u64::from_le_bytes(eight) ^ (LOW * u64::from(B)))
}

const LOW: u64 = u64::from_le_bytes([0x01; 8]);
const HIGH: u64 = u64::from_le_bytes([0x80; 8]);

#[inline]
fn zeros(eight: u64) -> u64 {
    eight.wrapping_sub(LOW) & !eight & HIGH
}

#[inline]
fn lowest(marks: u64) -> usize {
    marks.trailing_zeros() as usize / 8
}

#[cfg(test)]
mod tests {
    use super::{far, near};

    #[test]
    fn the_first_of_a_byte_is_found_wherever_it_is_and_whatever_is_around_it() {
        for length in 0..70 {
            for at in 0..length {
                for other in [0, b'"' - 1, b'"' + 1, 0x80 | b'"', 0xff] {
                    let mut bytes = vec![other; length];
                    assert_eq!(near::<b'"', b'"'>(&bytes), None);
                    assert_eq!(far::<b'"', b'\n'>(&bytes), None);
                    bytes[length - 1] = b'"';
                    bytes[at] = b'"';
                    assert_eq!(
                        near::<b'"', b'"'>(&bytes),
                        Some(at),
                        "{length} {at} {other}"
                    );
                    assert_eq!(far::<b'"', b'"'>(&bytes), Some(at), "{length} {at} {other}");
                    assert_eq!(
                        far::<b'\n', b'"'>(&bytes),
                        Some(at),
                        "{length} {at} {other}"
                    );
                }
            }
        }
    }

    #[test]
    fn of_two_bytes_the_first_is_found() {
        for first in 0..40 {
            for second in first + 1..50 {
                for (one, other) in [(b':', b'\n'), (b'\n', b':')] {
                    let mut bytes = [b'a'; 60];
                    (bytes[first], bytes[second]) = (one, other);
                    assert_eq!(far::<b':', b'\n'>(&bytes), Some(first), "{first} {second}");
                }
            }
        }
    }
}
