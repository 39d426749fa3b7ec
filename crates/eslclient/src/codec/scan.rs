//! Finds a byte that is near.
//!
//! Most names and values are so short that a call of `memchr` costs more than the search.
//! The bytes are const parameters: then the compiler keeps them in the instructions.

/// Finds the first `A` or `B`; fastest when it is among the next eight bytes.
#[inline]
pub(super) fn near<const A: u8, const B: u8>(bytes: &[u8]) -> Option<usize> {
    let Some((first, rest)) = bytes.split_first_chunk() else {
        return bytewise::<A, B>(bytes);
    };
    match marks::<A, B>(*first) {
        0 => far::<A, B>(rest).map(|at| at + 8),
        found => Some(lowest(found)),
    }
}

/// Finds the first `A` or `B`; fastest when it is among the next few dozen bytes.
pub(super) fn far<const A: u8, const B: u8>(bytes: &[u8]) -> Option<usize> {
    let (mut rest, mut at) = (bytes, 0);
    while let Some((block, after)) = rest.split_first_chunk::<16>() {
        if has::<A>(block) | has::<B>(block) {
            return Some(at + within::<A, B>(*block));
        }
        (rest, at) = (after, at + 16);
    }
    bytewise::<A, B>(rest).map(|last| at + last)
}

/// Compares all 16 bytes without an early exit, so that the compiler uses one instruction.
#[inline]
fn has<const BYTE: u8>(block: &[u8; 16]) -> bool {
    block.iter().fold(false, |any, byte| any | (*byte == BYTE))
}

#[inline]
fn is<const A: u8, const B: u8>(byte: u8) -> bool {
    (byte == A) | (byte == B)
}

/// Finds the byte in a block that contains it.
#[inline]
fn within<const A: u8, const B: u8>(block: [u8; 16]) -> usize {
    let [a, b, c, d, e, f, g, h, last @ ..] = block;
    match marks::<A, B>([a, b, c, d, e, f, g, h]) {
        0 => 8 + lowest(marks::<A, B>(last)),
        found => lowest(found),
    }
}

/// Finds the first `BYTE` of eight; 8 if there is none.
#[inline]
pub(super) fn within_eight<const BYTE: u8>(eight: [u8; 8]) -> usize {
    // The lowest mark of none is at bit 64.
    lowest(zeros(u64::from_le_bytes(eight) ^ (LOW * u64::from(BYTE))))
}

fn bytewise<const A: u8, const B: u8>(bytes: &[u8]) -> Option<usize> {
    bytes.iter().position(|byte| is::<A, B>(*byte))
}

/// Sets the high bit of each byte that is `A` or `B`. Bits above the lowest may be false.
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
    fn a_byte_is_found_at_every_position_beside_every_neighbour() {
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
    fn the_first_of_two_bytes_is_found() {
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
