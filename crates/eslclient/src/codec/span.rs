//! Positions inside the bytes of one frame.

/// A range of bytes: its start and the byte after its end.
///
/// Half the size of a range of `usize`. The decoder's limits keep every frame below 4 GiB.
pub(super) type Span = (u32, u32);

/// Narrows a position inside a frame.
pub(super) const fn position(at: usize) -> u32 {
    at as u32
}
