//! Lines of `Name: value`: the head of every frame, and the whole of a plain event.

/// Splits a line, without its end, into name and value; `None` when it has no
/// colon. One space after the colon is the switch's, further ones the value's.
pub(super) fn split(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let colon = near(b':', line)?;
    let value = &line[colon + 1..];
    Some((&line[..colon], value.strip_prefix(b" ").unwrap_or(value)))
}

/// A line without the `\r` that some gateways put before its end.
pub(super) fn without_cr(line: &[u8]) -> &[u8] {
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// The lines of a block up to its blank line, or to its end when it has none.
pub(super) struct Lines<'a> {
    rest: &'a [u8],
}

impl<'a> Lines<'a> {
    pub(super) fn new(block: &'a [u8]) -> Self {
        Self { rest: block }
    }
}

impl<'a> Iterator for Lines<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let end = near(b'\n', self.rest)?;
        let line = without_cr(&self.rest[..end]);
        self.rest = &self.rest[end + 1..];
        (!line.is_empty()).then_some(line)
    }
}

/// Where the byte is, which is not far: eight bytes at a time, for most names and values are
/// shorter than what a call of `memchr` costs.
#[inline]
pub(super) fn near(byte: u8, bytes: &[u8]) -> Option<usize> {
    const LOW: u64 = u64::from_le_bytes([0x01; 8]);
    const HIGH: u64 = u64::from_le_bytes([0x80; 8]);
    let wanted = LOW * u64::from(byte);
    let (mut rest, mut at) = (bytes, 0);
    while let Some((eight, after)) = rest.split_first_chunk() {
        // The lowest high bit that is left stands where the first zero is.
        let zeros = u64::from_le_bytes(*eight) ^ wanted;
        let found = zeros.wrapping_sub(LOW) & !zeros & HIGH;
        if found != 0 {
            return Some(at + found.trailing_zeros() as usize / 8);
        }
        (rest, at) = (after, at + 8);
    }
    let last = rest.iter().position(|other| *other == byte)?;
    Some(at + last)
}

#[cfg(test)]
mod tests {
    use super::near;

    #[test]
    fn the_first_of_a_byte_is_found_wherever_it_is_and_whatever_is_around_it() {
        for length in 0..40 {
            for at in 0..length {
                for other in [0, b'"' - 1, b'"' + 1, 0x80 | b'"', 0xff] {
                    let mut bytes = vec![other; length];
                    assert_eq!(near(b'"', &bytes), None);
                    bytes[length - 1] = b'"';
                    bytes[at] = b'"';
                    assert_eq!(near(b'"', &bytes), Some(at), "{length} {at} {other}");
                }
            }
        }
    }
}
