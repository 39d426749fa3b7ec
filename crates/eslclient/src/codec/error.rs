//! Why bytes cannot be decoded.

/// An error in the bytes that the peer sent.
///
/// Either the peer does not speak Event Socket, or a frame is larger than
/// [`Limits`](crate::Limits) allows.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// A head is longer than [`Limits::header_bytes`](crate::Limits::header_bytes).
    #[error(
        "the peer sent a head of more than {limit} bytes: is it FreeSWITCH? If so, raise Limits::header_bytes"
    )]
    HeadTooLong {
        /// The limit, in bytes.
        limit: usize,
    },
    /// A head or an event has more lines than [`Limits::headers`](crate::Limits::headers).
    #[error(
        "the peer sent more than {limit} headers in one frame: is it FreeSWITCH? If so, raise Limits::headers"
    )]
    TooManyHeaders {
        /// The limit, in headers.
        limit: usize,
    },
    /// The Content-Length is above [`Limits::body_bytes`](crate::Limits::body_bytes).
    #[error(
        "the peer announced a body of {announced} bytes, the limit is {limit}: request less, or raise Limits::body_bytes"
    )]
    BodyTooLong {
        /// The value of Content-Length, in bytes.
        announced: u64,
        /// The limit, in bytes.
        limit: usize,
    },
    /// The unfinished frames of all connections use their [`MemoryBudget`](crate::MemoryBudget).
    #[error(
        "the unfinished frames of all connections would use more than {limit} bytes: fewer peers may send large frames at once"
    )]
    OutOfMemory {
        /// The budget, in bytes.
        limit: usize,
    },
    /// A Content-Length is not a number.
    #[error("the peer sent a Content-Length that is not a number: it does not speak Event Socket")]
    BadContentLength,
    /// A head has two Content-Length lines, so the end of its body is ambiguous.
    #[error(
        "the peer sent two Content-Length headers in one frame: it does not speak Event Socket"
    )]
    TwoContentLengths,
    /// A line of a head or of a plain event has no colon.
    #[error("the peer sent a header line without a colon: it does not speak Event Socket")]
    BadHeader,
    /// The body of a plain event ends inside its headers.
    #[error("the peer sent a plain event that ends in the middle of its headers")]
    CutEvent,
    /// The body of a JSON event is not a flat JSON object.
    #[error("the peer sent a JSON event that is malformed at byte {at}")]
    BadJson {
        /// The position of the error, in bytes from the start of the body.
        at: usize,
    },
    /// The frame does not carry an event.
    #[error("the frame does not carry an event")]
    NotAnEvent,
}

impl DecodeError {
    /// Returns whether a limit of [`Limits`](crate::Limits) was passed.
    #[must_use]
    pub fn is_limit(&self) -> bool {
        matches!(
            self,
            Self::HeadTooLong { .. }
                | Self::TooManyHeaders { .. }
                | Self::BodyTooLong { .. }
                | Self::OutOfMemory { .. }
        )
    }
}
