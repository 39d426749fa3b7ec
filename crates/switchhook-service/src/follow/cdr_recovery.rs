//! The CDRs of one switch as its tracker uses them: pending reader commands, and whose CDRs
//! they are.

use std::collections::VecDeque;

use tokio::sync::watch;

use super::cdrs::{CdrInput, CdrSources, ReaderCommand};
use switchhook_core::cdr::Cdr;

/// The folder reader and the inbox of one switch.
pub(crate) struct CdrRecovery {
    sources: CdrSources,
    /// When each command that is not completed was sent, µs since 1970.
    pending_us: VecDeque<i64>,
    /// The names by which the switch may be addressed.
    names: watch::Sender<Vec<String>>,
    /// The name that the switch reports for itself.
    own: Option<String>,
}

impl CdrRecovery {
    /// Returns the recovery for a switch with these names.
    pub(super) const fn new(sources: CdrSources, names: watch::Sender<Vec<String>>) -> Self {
        Self {
            sources,
            pending_us: VecDeque::new(),
            names,
            own: None,
        }
    }

    /// Returns whether a folder of CDR files is configured.
    pub(super) const fn has_folder(&self) -> bool {
        self.sources.has_folder()
    }

    /// Adds a name by which the switch may be addressed.
    pub(super) fn add_name(&mut self, name: &str) {
        self.names.send_if_modified(|names| {
            let new = !names.iter().any(|known| known == name);
            if new {
                names.push(name.to_owned());
            }
            new
        });
    }

    /// Sets the name that the switch reports for itself, by which foreign CDRs are recognized.
    pub(super) fn set_own_name(&mut self, name: &str) {
        self.add_name(name);
        self.own = Some(name.to_owned());
    }

    /// Returns whether the CDR is another switch's: several may write to one folder.
    pub(super) fn is_foreign(&self, cdr: &Cdr) -> bool {
        let writer = cdr.switch();
        self.own.as_ref().is_some_and(|own| *own != writer)
    }

    /// Sends the reader a command, at `now_us` (µs since 1970).
    pub(super) fn request(&mut self, command: ReaderCommand, now_us: i64) {
        if self.sources.request(command) {
            self.pending_us.push_back(now_us);
        }
    }

    /// Notes that the oldest command is completed.
    pub(super) fn command_done(&mut self) {
        self.pending_us.pop_front();
    }

    /// Returns since when a command is pending, µs since 1970: a CDR that may lie unread is not
    /// missing.
    pub(super) fn pending_since(&self) -> Option<i64> {
        self.pending_us.front().copied()
    }

    /// Waits for the next CDRs. Cancel safe.
    pub(super) async fn next(&mut self) -> CdrInput {
        self.sources.next().await
    }
}
