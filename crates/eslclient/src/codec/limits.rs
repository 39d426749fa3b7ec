//! The largest frame that the client accepts.

/// The largest frame that the client accepts.
///
/// A frame beyond a limit ends the connection: the position of the next frame is unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The longest head in bytes, its blank line included. Values above 1 GiB act as 1 GiB.
    pub header_bytes: usize,
    /// The most lines in a head, and the most headers in an event.
    pub headers: usize,
    /// The longest body in bytes. Values above 1 GiB act as 1 GiB.
    pub body_bytes: usize,
}

impl Default for Limits {
    /// Returns 1 MiB for a head, 1,024 headers and 8 MiB for a body.
    ///
    /// An event of the captured calls has at most about 280 headers.
    fn default() -> Self {
        Self {
            header_bytes: 1024 * 1024,
            headers: 1024,
            body_bytes: 8 * 1024 * 1024,
        }
    }
}
