//! Attempts to deliver a document.

use std::time::Duration;

use serde::Serialize;

/// How many attempts of a document's history are kept.
pub const ATTEMPTS_KEPT: u32 = 50;

/// How an attempt went, for the history.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AttemptResult {
    /// How long the attempt took.
    pub took: Duration,
    /// HTTP status, when there was one.
    pub status: Option<u16>,
    /// Why the attempt failed, without secrets.
    pub error: Option<String>,
}

/// An attempt in a document's history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Attempt {
    /// When the attempt began, by the store's clock.
    pub started_ms: i64,
    /// How long the attempt took.
    pub took_ms: i64,
    /// HTTP status, when there was one.
    pub status: Option<u16>,
    /// Why the attempt failed, without secrets.
    pub error: Option<String>,
}
