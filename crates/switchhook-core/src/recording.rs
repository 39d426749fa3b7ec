//! One recorded file of a leg.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

/// A file that a leg was recorded to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Recording {
    /// The file's path on the switch.
    pub path: String,
    /// `Event-Sequence` of the last start; 0 if the start was not seen.
    pub started: u64,
    /// The last start, µs since 1970; `None` if it was not seen.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub started_us: Option<i64>,
    /// The last stop, µs since 1970; `None` if it was not seen.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) stopped_us: Option<i64>,
    /// It holds talks of calls of these accounts, which do not have it; the default account's name
    /// is empty.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub(crate) holds: BTreeSet<String>,
    /// The conference that it is of, by its Unique-ID.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) conference: Option<String>,
    /// It is of a talk with another call's customer, and that call has it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) given: bool,
    /// `Event-Sequence` of the last stop.
    pub stopped: Option<u64>,
    /// The switch deleted the file when it closed it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub discarded: bool,
    /// The file should be reachable for others by now, and is not.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub unreachable: bool,
}

impl Recording {
    /// Creates an open recording to `path`.
    #[must_use]
    pub fn new(path: String) -> Self {
        Self {
            path,
            ..Self::default()
        }
    }

    /// Returns whether the file is complete. Recording to the same path again opens it again.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.stopped.is_some_and(|stopped| stopped >= self.started)
    }

    /// Notes a stop. The switch deletes a file that is empty or shorter than `RECORD_MIN_SEC`
    /// (switch_ivr_async.c `record_callback`).
    pub fn stop(&mut self, sequence: u64, at_us: Option<i64>, completion_cause: Option<&str>) {
        if self.stopped.is_none_or(|stopped| stopped <= sequence) {
            self.stopped = Some(sequence);
            self.stopped_us = at_us;
            self.discarded = matches!(completion_cause, Some("empty-file" | "input-too-short"));
        }
    }

    /// Closes the recording: the channel is gone, so nothing writes to the file any more.
    pub fn close(&mut self) {
        self.stopped = Some(self.stopped.unwrap_or(0).max(self.started));
    }

    /// Returns until when it held what its leg heard, as far as is known, µs since 1970; `None`:
    /// to the leg's end.
    #[must_use]
    pub(crate) fn end_us(&self) -> Option<i64> {
        self.stopped_us.filter(|_| self.is_closed())
    }

    /// Returns the last part of the path.
    #[must_use]
    pub fn file_name(&self) -> &str {
        file_name(&self.path)
    }
}

/// Returns the file's name of a path on the switch's machine, of any system.
pub(crate) fn file_name(path: &str) -> &str {
    path.rsplit(['/', '\\']).next().unwrap_or(path)
}
