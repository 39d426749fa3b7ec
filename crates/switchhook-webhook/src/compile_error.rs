//! What is wrong with a webhook's configuration, setting by setting.

/// One thing wrong with a webhook's description.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{key}: {what}; {help}")]
pub struct CompileError {
    /// The setting, relative to the webhook: `response.map.queue`, `headers.X-Lead`.
    pub key: String,
    /// What is wrong with it.
    pub what: String,
    /// What to write instead.
    pub help: String,
}

impl CompileError {
    /// A fault with its cure.
    pub fn new(key: impl Into<String>, what: impl Into<String>, help: impl Into<String>) -> Self {
        Self {
            key: key.into(),
            what: what.into(),
            help: help.into(),
        }
    }
}
