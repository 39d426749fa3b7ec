//! One recorded file of a leg.

use serde::{Deserialize, Serialize};

/// A file that a leg was recorded to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Recording {
    /// Path on the switch.
    pub path: String,
    /// `Event-Sequence` of its last start, 0 when that was not seen.
    pub started: u64,
    /// `Event-Sequence` of its last stop.
    pub stopped: Option<u64>,
}

impl Recording {
    /// A recording to `path`, open.
    #[must_use]
    pub fn new(path: String) -> Self {
        Self {
            path,
            ..Self::default()
        }
    }

    /// The file is complete. (The same path may be recorded to again: then it is open again.)
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.stopped.is_some_and(|stopped| stopped >= self.started)
    }

    /// The channel is gone, so nothing writes to the file any more.
    pub fn close(&mut self) {
        self.stopped = Some(self.stopped.unwrap_or(0).max(self.started));
    }

    /// The last part of the path.
    #[must_use]
    pub fn file_name(&self) -> &str {
        let name = self.path.rsplit(['/', '\\']).next();
        name.unwrap_or(&self.path)
    }
}
