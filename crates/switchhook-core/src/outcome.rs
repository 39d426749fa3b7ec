//! How a webhook's request ended: the value that travels from `webhook` over
//! the session to the channel's variables, the log and the metrics.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;

/// Why a widget took line 1. The words are the contract's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reason {
    /// 401 or 407.
    AuthenticationFailure,
    /// The deadline passed.
    Timeout,
    /// A mandatory flow variable is missing or cannot be used.
    InvalidFlowVar,
    /// URL or header not valid at run time, or an unknown webhook.
    InvalidRequest,
    /// The body does not parse as its type, or is larger than the limit.
    InvalidResponse,
    /// A bad or unmatched path.
    InvalidResponseMap,
    /// DNS, connect, TLS, reset, or no service.
    ConnectionFailure,
    /// Any other status than 2xx.
    HttpStatus,
    /// The egress rule refuses the address.
    BlockedAddress,
    /// The webhook failed so often that it is not asked for a while.
    CircuitOpen,
    /// A limit of ours.
    Overloaded,
}

impl Reason {
    /// Every reason, in the order of the contract.
    pub const ALL: [Self; 11] = [
        Self::AuthenticationFailure,
        Self::Timeout,
        Self::InvalidFlowVar,
        Self::InvalidRequest,
        Self::InvalidResponse,
        Self::InvalidResponseMap,
        Self::ConnectionFailure,
        Self::HttpStatus,
        Self::BlockedAddress,
        Self::CircuitOpen,
        Self::Overloaded,
    ];

    /// The word that metrics, logs and pages have where there is no reason.
    pub const SUCCESS: &str = "SUCCESS";

    /// The word written to `flow.key.error_reason`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AuthenticationFailure => "AUTHENTICATION_FAILURE",
            Self::Timeout => "TIMEOUT",
            Self::InvalidFlowVar => "INVALID_FLOW_VAR",
            Self::InvalidRequest => "INVALID_REQUEST",
            Self::InvalidResponse => "INVALID_RESPONSE",
            Self::InvalidResponseMap => "INVALID_RESPONSE_MAP",
            Self::ConnectionFailure => "CONNECTION_FAILURE",
            Self::HttpStatus => "HTTP_STATUS",
            Self::BlockedAddress => "BLOCKED_ADDRESS",
            Self::CircuitOpen => "CIRCUIT_OPEN",
            Self::Overloaded => "OVERLOADED",
        }
    }

    /// The reason of this word; one that this version does not know is a failure of the
    /// connection.
    #[must_use]
    pub fn named(word: &str) -> Self {
        let found = Self::ALL.into_iter().find(|reason| reason.as_str() == word);
        found.unwrap_or(Self::ConnectionFailure)
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A reason and one plain sentence that says it to a person, with no secret in it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}: {detail}")]
pub struct Failure {
    /// The class of the failure.
    pub reason: Reason,
    /// The sentence; written to `flow.key.error_detail`.
    pub detail: String,
}

impl Failure {
    /// A failure with its sentence.
    pub fn new(reason: Reason, detail: impl Into<String>) -> Self {
        Self {
            reason,
            detail: detail.into(),
        }
    }
}

/// A value that `response.map` found in the response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mapped {
    /// Variable name without `flow.key.`.
    pub name: String,
    /// The text exactly as it came over HTTP (a JSON string without its quotes,
    /// any other JSON value as compact JSON).
    pub text: String,
    /// The value was JSON and not a string: `text` is JSON, and documents keep its type.
    pub typed: bool,
}

impl Mapped {
    /// A value that is plain text.
    pub fn text(name: impl Into<String>, text: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            text: text.into(),
            typed: false,
        }
    }
}

/// Where the time of a request went; `None` for what was not reached or cannot be seen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Phases {
    /// Until the response's status line and headers were there.
    pub headers: Option<Duration>,
    /// From the headers to the last byte of the body.
    pub body: Option<Duration>,
}

/// How one request ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// The mapped values of a success, or why it failed.
    pub verdict: Result<Vec<Mapped>, Failure>,
    /// The HTTP status, when there was one.
    pub status: Option<u16>,
    /// From sending to the outcome; `None` when nothing was sent.
    pub duration: Option<Duration>,
    /// The body as received, decompressed; empty when there was none.
    pub raw: Bytes,
    /// Where `duration` went.
    pub phases: Phases,
}

impl Outcome {
    /// A failure before anything was sent.
    #[must_use]
    pub fn unsent(failure: Failure) -> Self {
        Self {
            verdict: Err(failure),
            status: None,
            duration: None,
            raw: Bytes::new(),
            phases: Phases::default(),
        }
    }
}
