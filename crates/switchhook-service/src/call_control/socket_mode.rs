//! The mode of the `socket` application that a dialplan hands a call over with.

use switchhook_core::headers::Headers;

/// The words behind the address: `socket HOST async full`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SocketMode {
    /// `async`: commands run beside the socket, and music can be ended.
    pub is_async: bool,
    /// `full`: variables can be written and schedules cancelled.
    pub is_full: bool,
}

impl SocketMode {
    /// Reads the `connect` reply. A switch that says nothing has the mode that we need.
    pub(super) fn read(headers: &dyn Headers) -> Self {
        let is = |name, word: &str| headers.get(name).is_none_or(|it| it == word);
        Self {
            is_async: is("Socket-Mode", "async"),
            is_full: is("Control", "full"),
        }
    }

    /// Returns what is wrong with the hook and its cure; `None` if a webhook can be asked.
    pub(super) fn fault(self) -> Option<&'static str> {
        match (self.is_async, self.is_full) {
            (true, true) => None,
            (true, false) => Some(
                "the dialplan hands the call over with `socket` without \"full\": no variable can be \
                 written; write `socket HOST:PORT/WEBHOOK async full`",
            ),
            (false, true) => Some(
                "the dialplan hands the call over with `socket` without \"async\": hold music could \
                 not be ended; write `socket HOST:PORT/WEBHOOK async full`",
            ),
            (false, false) => Some(
                "the dialplan hands the call over with `socket` without \"async full\"; write \
                 `socket HOST:PORT/WEBHOOK async full`",
            ),
        }
    }
}
