//! An error in a webhook's configuration.

/// One error in a webhook's configuration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{key}: {what}; {help}")]
pub struct CompileError {
    /// The setting, relative to the webhook, such as `response.map.queue` or `headers.X-Lead`.
    pub key: String,
    /// The problem.
    pub what: String,
    /// The cure.
    pub help: String,
}

impl CompileError {
    /// Creates an error with its cure.
    pub fn new(key: impl Into<String>, what: impl Into<String>, help: impl Into<String>) -> Self {
        Self {
            key: key.into(),
            what: what.into(),
            help: help.into(),
        }
    }
}
