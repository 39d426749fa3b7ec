//! The CDRs of one switch as its books use them: what was ordered, and whose they may be.

use std::collections::VecDeque;

use tokio::sync::watch;

use super::cdrs::{Came, Order, Sources};
use switchhook_core::cdr::Cdr;

/// The reader and the inlet of one switch.
pub(crate) struct CdrRecovery {
    sources: Sources,
    /// When what is not answered yet was ordered, µs since 1970.
    ordered_us: VecDeque<i64>,
    /// The names that the switch goes by.
    names: watch::Sender<Vec<String>>,
    /// The name that the switch gives itself.
    own: Option<String>,
}

impl CdrRecovery {
    /// Of a switch with these names.
    pub(super) const fn new(sources: Sources, names: watch::Sender<Vec<String>>) -> Self {
        Self {
            sources,
            ordered_us: VecDeque::new(),
            names,
            own: None,
        }
    }

    /// There is a folder.
    pub(super) const fn reads(&self) -> bool {
        self.sources.reads()
    }

    /// The switch goes by this name, too.
    pub(super) fn is_called(&mut self, name: &str) {
        self.names.send_if_modified(|names| {
            let new = !names.iter().any(|known| known == name);
            if new {
                names.push(name.to_owned());
            }
            new
        });
    }

    /// The switch gives itself this name: what others wrote is none of its own.
    pub(super) fn calls_itself(&mut self, name: &str) {
        self.is_called(name);
        self.own = Some(name.to_owned());
    }

    /// Whether the record is of another switch: several may write to one folder.
    pub(super) fn is_foreign(&self, cdr: &Cdr) -> bool {
        let writer = cdr.switch();
        self.own.as_ref().is_some_and(|own| *own != writer)
    }

    /// Gives the reader an order.
    pub(super) fn order(&mut self, order: Order, now_us: i64) {
        if self.sources.order(order) {
            self.ordered_us.push_back(now_us);
        }
    }

    /// An order is carried out.
    pub(super) fn is_answered(&mut self) {
        self.ordered_us.pop_front();
    }

    /// Since when something is ordered that is not read yet: what may lie unread is not missing.
    pub(super) fn unread_since(&self) -> Option<i64> {
        self.ordered_us.front().copied()
    }

    /// The next CDRs.
    pub(super) async fn next(&mut self) -> Came {
        self.sources.next().await
    }
}
