//! Counts the calls on hold against the limit `calls_on_hold`.

use std::sync::atomic::Ordering;

use metrics::gauge;

use crate::limits;
use switchhook_core::metric_names;

use super::CallControl;

/// Counts a call while the guard lives. A connection that has not named its call is not counted.
pub(super) struct OnHoldGuard<'a>(&'a CallControl);

impl<'a> OnHoldGuard<'a> {
    /// Counts one more call. Returns whether there is room for it.
    pub(super) fn enter(call_control: &'a CallControl) -> (Self, bool) {
        let before = call_control.on_hold.fetch_add(1, Ordering::Relaxed);
        gauge!(metric_names::ON_HOLD).increment(1.0);
        let room = before < call_control.options.calls_on_hold;
        if !room {
            limits::record_hit("calls_on_hold");
        }
        (Self(call_control), room)
    }
}

impl Drop for OnHoldGuard<'_> {
    fn drop(&mut self) {
        self.0.on_hold.fetch_sub(1, Ordering::Relaxed);
        gauge!(metric_names::ON_HOLD).decrement(1.0);
    }
}
