//! Why a connection ended.

use std::sync::{Arc, OnceLock};

use crate::error::Error;

/// Why a connection ended. The driver writes it once, before any caller learns of the end.
#[derive(Debug, Default)]
pub(super) struct End(OnceLock<Arc<Error>>);

impl End {
    pub(super) fn set(&self, cause: Error) {
        // The first cause is the true one.
        let _ = self.0.set(Arc::new(cause));
    }

    /// Returns the cause. Without one the task was stopped with its runtime.
    pub(super) fn cause(&self) -> Arc<Error> {
        let cause = self.0.get().cloned();
        cause.unwrap_or_else(|| Arc::new(Error::Closed { unanswered: 0 }))
    }

    /// Returns the error of a call that waits for a reply.
    pub(super) fn lost(&self) -> Error {
        Error::lost(&self.cause())
    }
}
