//! How a webhook's request ended. The value goes from the webhook client through the session into
//! channel variables, the log and the metrics.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;

/// Writes the enum, the list of all its variants and their words from one table, so that a new
/// reason is in all three.
macro_rules! reasons {
    ($($(#[doc = $doc:literal])+ $variant:ident = $word:literal,)+) => {
        /// Why a webhook call failed and the call takes line 1. The words are the contract's.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Reason {
            $($(#[doc = $doc])+ $variant,)+
        }

        impl Reason {
            /// Every reason, in the order of the contract.
            pub const ALL: &[Self] = &[$(Self::$variant,)+];

            /// Returns the word written to `flow.key.error_reason`.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)+
                }
            }
        }
    };
}

reasons! {
    /// 401 or 407.
    AuthenticationFailure = "AUTHENTICATION_FAILURE",
    /// The deadline passed.
    Timeout = "TIMEOUT",
    /// A mandatory flow variable is missing or cannot be used.
    InvalidFlowVar = "INVALID_FLOW_VAR",
    /// URL or header not valid at run time, or an unknown webhook.
    InvalidRequest = "INVALID_REQUEST",
    /// The body does not parse as its type, or is larger than the limit.
    InvalidResponse = "INVALID_RESPONSE",
    /// A bad or unmatched path.
    InvalidResponseMap = "INVALID_RESPONSE_MAP",
    /// DNS, connect, TLS, reset, or no service.
    ConnectionFailure = "CONNECTION_FAILURE",
    /// Any other status than 2xx.
    HttpStatus = "HTTP_STATUS",
    /// The egress rule refuses the address.
    BlockedAddress = "BLOCKED_ADDRESS",
    /// The circuit is open: the webhook failed too often and gets no requests for a while.
    CircuitOpen = "CIRCUIT_OPEN",
    /// One of Switchhook's own limits was reached.
    Overloaded = "OVERLOADED",
}

impl Reason {
    /// The word that metrics, logs and pages show for a success.
    pub const SUCCESS: &str = "SUCCESS";

    /// Returns the reason of a word. A word that this version does not know counts as a
    /// connection failure.
    #[must_use]
    pub fn from_word(word: &str) -> Self {
        let found = Self::ALL.iter().find(|reason| reason.as_str() == word);
        found.copied().unwrap_or(Self::ConnectionFailure)
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A reason and one plain sentence for a person, without secrets.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}: {detail}")]
pub struct Failure {
    /// The class of the failure.
    pub reason: Reason,
    /// The sentence; written to `flow.key.error_detail`.
    pub detail: String,
    /// The endpoint works and refused this request: its response carries a fault
    /// (`response.fault`).
    pub is_fault: bool,
}

impl Failure {
    /// Creates a failure with its sentence.
    pub fn new(reason: Reason, detail: impl Into<String>) -> Self {
        Self {
            reason,
            detail: detail.into(),
            is_fault: false,
        }
    }

    /// Creates the failure of a response that carries a fault.
    pub fn fault(reason: Reason, detail: impl Into<String>) -> Self {
        Self {
            is_fault: true,
            ..Self::new(reason, detail)
        }
    }

    /// Says how many tries there were, of which this is the last one's failure.
    #[must_use]
    pub fn of_tries(self, tries: &[Try]) -> Self {
        match sent(tries) {
            0 | 1 => self,
            more => Self {
                detail: format!("{more} tries failed, the last: {}", self.detail),
                ..self
            },
        }
    }
}

/// A value that `response.map` found in the response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mapped {
    /// Variable name without `flow.key.`.
    pub name: String,
    /// The text as it came over HTTP: a JSON string without its quotes, any other JSON value as
    /// compact JSON.
    pub text: String,
    /// The value was JSON other than a string. `text` is JSON then, and documents keep the type.
    pub typed: bool,
}

impl Mapped {
    /// Creates a value that is plain text.
    pub fn text(name: impl Into<String>, text: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            text: text.into(),
            typed: false,
        }
    }
}

/// How the time of a request was spent; `None` for a phase that was not reached or cannot be
/// seen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Phases {
    /// From sending to the end of the response's headers.
    pub headers: Option<Duration>,
    /// From the headers to the last byte of the body.
    pub body: Option<Duration>,
    /// Whether the connection that was begun for this request was made. `None` if the request used
    /// another one.
    pub connected: Option<bool>,
}

/// How one request ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// The mapped values, or the failure.
    pub verdict: Result<Vec<Mapped>, Failure>,
    /// The HTTP status; `None` if there was none.
    pub status: Option<u16>,
    /// From sending to the outcome; `None` if nothing was sent.
    pub duration: Option<Duration>,
    /// The body as received, decompressed; empty if there was none.
    pub raw: Bytes,
    /// How `duration` was spent.
    pub phases: Phases,
    /// What was tried, in order; empty if the webhook is tried once (without `retry` and
    /// `fallback_urls`).
    pub tries: Vec<Try>,
}

impl Outcome {
    /// Creates the outcome of a request that failed before it was sent.
    #[must_use]
    pub fn unsent(failure: Failure) -> Self {
        Self {
            verdict: Err(failure),
            status: None,
            duration: None,
            raw: Bytes::new(),
            phases: Phases::default(),
            tries: Vec::new(),
        }
    }

    /// Returns how many tries were sent; `None` if there was only one.
    #[must_use]
    pub fn tries_sent(&self) -> Option<usize> {
        let sent = sent(&self.tries);
        (sent > 1).then_some(sent)
    }

    /// Adds the tries, and says in the failure's sentence how many there were.
    #[must_use]
    pub fn with_tries(self, tries: Vec<Try>) -> Self {
        Self {
            verdict: self.verdict.map_err(|failure| failure.of_tries(&tries)),
            tries,
            ..self
        }
    }
}

/// One of several tries of a request, at the webhook's URL or one of its `fallback_urls`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Try {
    /// The URL for people, secrets redacted.
    pub url: String,
    /// From the beginning of the first try.
    pub began: Duration,
    /// From sending to the outcome; `None` if nothing was sent: the URL's circuit is open, or its
    /// template lacks a variable.
    pub duration: Option<Duration>,
    /// The HTTP status; `None` if there was none.
    pub status: Option<u16>,
    /// Why it failed; `None` for a success.
    pub failure: Option<Failure>,
}

impl fmt::Display for Try {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = match (&self.failure, self.status) {
            (Some(failure), None) => failure.reason.as_str().to_owned(),
            (Some(failure), Some(status)) => format!("{} {status}", failure.reason),
            (None, Some(status)) => format!("{} {status}", Reason::SUCCESS),
            (None, None) => Reason::SUCCESS.to_owned(),
        };
        match self.duration {
            Some(duration) => write!(
                f,
                "{}: {word} after {:.3} s",
                self.url,
                duration.as_secs_f64()
            ),
            None => write!(f, "{}: {word}, not sent", self.url),
        }
    }
}

fn sent(tries: &[Try]) -> usize {
    tries.iter().filter(|one| one.duration.is_some()).count()
}
