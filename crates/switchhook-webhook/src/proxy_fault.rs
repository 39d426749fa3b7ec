//! A fault of the proxy, told from those of the webhook behind it.

use std::error::Error;
use std::fmt;

use switchhook_core::outcome::{Failure, Reason};

/// What is wrong with the proxy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ProxyFault {
    /// The proxy's `host:port`.
    pub(super) proxy: String,
    /// One sentence with its cure.
    pub(super) what: String,
}

impl fmt::Display for ProxyFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the proxy {} failed: {}", self.proxy, self.what)
    }
}

impl Error for ProxyFault {}

impl From<&ProxyFault> for Failure {
    fn from(fault: &ProxyFault) -> Self {
        Self::new(Reason::ConnectionFailure, fault.to_string())
    }
}
