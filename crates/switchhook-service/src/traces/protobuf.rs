//! Writes and reads the part of protobuf that OTLP's traces need.
//!
//! A message is a sequence of fields: a varint of number and wire type, then the value
//! (<https://protobuf.dev/programming-guides/encoding/>).

const VARINT: u64 = 0;
const FIXED64: u64 = 1;
const LENGTH: u64 = 2;
const FIXED32: u64 = 5;

/// A message that is being written. As in proto3, a field that is zero or empty is left out; the
/// methods `…_always` write it, for a `oneof` and for repeated messages.
#[derive(Debug, Clone, Default)]
pub(super) struct Message(Vec<u8>);

impl Message {
    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    /// Writes an integer, an enum or a `bool`.
    pub(super) fn varint(self, field: u64, value: u64) -> Self {
        if value == 0 {
            return self;
        }
        self.varint_always(field, value)
    }

    pub(super) fn varint_always(mut self, field: u64, value: u64) -> Self {
        self.key(field, VARINT);
        self.number(value);
        self
    }

    pub(super) fn fixed64(mut self, field: u64, value: u64) -> Self {
        if value != 0 {
            self.key(field, FIXED64);
            self.0.extend_from_slice(&value.to_le_bytes());
        }
        self
    }

    pub(super) fn fixed32(mut self, field: u64, value: u32) -> Self {
        if value != 0 {
            self.key(field, FIXED32);
            self.0.extend_from_slice(&value.to_le_bytes());
        }
        self
    }

    /// Writes text or bytes.
    pub(super) fn bytes(self, field: u64, bytes: impl AsRef<[u8]>) -> Self {
        if bytes.as_ref().is_empty() {
            return self;
        }
        self.bytes_always(field, bytes)
    }

    pub(super) fn bytes_always(mut self, field: u64, bytes: impl AsRef<[u8]>) -> Self {
        let bytes = bytes.as_ref();
        self.key(field, LENGTH);
        self.number(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        self.0.extend_from_slice(bytes);
        self
    }

    pub(super) fn message_always(self, field: u64, message: &Self) -> Self {
        self.bytes_always(field, &message.0)
    }

    /// Appends the fields of another message.
    pub(super) fn fields(mut self, other: &Self) -> Self {
        self.0.extend_from_slice(&other.0);
        self
    }

    fn key(&mut self, field: u64, wire_type: u64) {
        self.number(field << 3 | wire_type);
    }

    fn number(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push(value.to_le_bytes()[0] | 0x80);
            value >>= 7;
        }
        self.0.push(value.to_le_bytes()[0]);
    }
}

/// The value of a field that was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Value<'a> {
    Varint(u64),
    Bytes(&'a [u8]),
}

/// Reads the fields of a message with a varint or a length; ends at the end of the message or at
/// the first byte that is no protobuf.
pub(super) struct Fields<'a>(pub(super) &'a [u8]);

impl<'a> Fields<'a> {
    fn take(&mut self, count: u64) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(usize::try_from(count).ok()?)?;
        self.0 = rest;
        Some(taken)
    }

    fn number(&mut self) -> Option<u64> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = u64::from(*self.take(1)?.first()?);
            value |= (byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(value);
            }
        }
        None
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = (u64, Value<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let key = self.number()?;
            let value = match key & 7 {
                VARINT => Value::Varint(self.number()?),
                LENGTH => {
                    let length = self.number()?;
                    Value::Bytes(self.take(length)?)
                }
                FIXED64 => {
                    self.take(8)?;
                    continue;
                }
                FIXED32 => {
                    self.take(4)?;
                    continue;
                }
                _ => return None,
            };
            return Some((key >> 3, value));
        }
    }
}
