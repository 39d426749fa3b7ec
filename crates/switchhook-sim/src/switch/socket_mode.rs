//! The mode of the `socket` application.

/// The words behind the address of `socket`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SocketMode {
    /// `async`.
    pub is_async: bool,
    /// `full`.
    pub is_full: bool,
}

impl Default for SocketMode {
    fn default() -> Self {
        Self {
            is_async: true,
            is_full: true,
        }
    }
}
