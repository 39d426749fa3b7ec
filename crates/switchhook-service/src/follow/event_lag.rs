//! Measures how far reading lags behind the switch's events.
//!
//! The two clocks may differ, so the smallest age seen on a connection counts as their difference.

use metrics::gauge;
use tracing::{info, warn};

use switchhook_core::metric_names;

/// The lag that is logged, and again at each doubling.
const LOG_AT_US: i64 = 5_000_000;
/// After this long without an event there is nothing left to read: a switch that has unread
/// events sends them at once.
const CAUGHT_UP_US: i64 = 3_000_000;
/// Shorter pauses in reading are ignored.
const PAUSE_US: i64 = 100_000;

/// The age of events when they are read, in microseconds.
#[derive(Debug, Default)]
pub(crate) struct EventLag {
    clock_offset_us: Option<i64>,
    logged_us: i64,
    behind_us: i64,
    updated_us: i64,
}

impl EventLag {
    /// Starts over for a new connection, on which nothing waits.
    pub(super) fn restart(&mut self) {
        *self = Self {
            updated_us: self.updated_us,
            behind_us: self.behind_us,
            ..Self::default()
        };
    }

    /// Notes an event that the switch made at `made_us` and that was read at `now_us`.
    pub(super) fn note(&mut self, switch: &str, made_us: i64, now_us: i64) {
        let age = now_us.saturating_sub(made_us);
        let offset = self.clock_offset_us.map_or(age, |offset| offset.min(age));
        self.clock_offset_us = Some(offset);
        self.behind_us = age.saturating_sub(offset);
        self.updated_us = now_us;
        self.log(switch);
    }

    /// Notes that nothing was read from `since_us` until `now_us`: events may have gathered since.
    pub(super) fn reading_paused(&mut self, since_us: i64, now_us: i64) {
        let pause = now_us.saturating_sub(since_us);
        if pause >= PAUSE_US {
            self.behind_us = self.behind_us.max(pause);
            self.updated_us = now_us;
        }
    }

    /// Returns the time up to which every event was read, as far as is known. Waits for an event
    /// are measured by this clock, so that an unread event does not count as missing.
    pub(super) fn complete_until(&self, now_us: i64) -> i64 {
        let caught_up = now_us.saturating_sub(self.updated_us) >= CAUGHT_UP_US;
        now_us.saturating_sub(if caught_up { 0 } else { self.behind_us })
    }

    fn log(&mut self, switch: &str) {
        let behind_us = self.behind_us;
        #[allow(clippy::cast_precision_loss)] // a gauge: microseconds of a day are exact
        gauge!(metric_names::SWITCH_LAG, "switch" => switch.to_owned()).set(behind_us as f64 / 1e6);
        if behind_us >= LOG_AT_US.max(2 * self.logged_us) {
            self.logged_us = behind_us;
            warn!(
                switch,
                behind_s = behind_us / 1_000_000,
                "behind the switch's events, and falling back"
            );
        } else if self.logged_us > 0 && behind_us < LOG_AT_US / 5 {
            self.logged_us = 0;
            info!(switch, "caught up with the switch's events");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i64 = 1_000_000;

    #[test]
    fn clocks_that_differ_are_no_lag() {
        let mut lag = EventLag::default();
        lag.note("fs1", 500 * SECOND, 100 * SECOND);
        assert_eq!(lag.complete_until(100 * SECOND), 100 * SECOND);
        lag.note("fs1", 501 * SECOND, 103 * SECOND);
        assert_eq!(lag.complete_until(103 * SECOND), 101 * SECOND);
    }

    #[test]
    fn what_was_not_read_for_a_while_may_still_wait() {
        let mut lag = EventLag::default();
        lag.reading_paused(10 * SECOND, 130 * SECOND);
        assert_eq!(lag.complete_until(131 * SECOND), 11 * SECOND);
        assert_eq!(
            lag.complete_until(133 * SECOND),
            133 * SECOND,
            "nothing came"
        );
    }

    #[test]
    fn a_short_wait_is_none() {
        let mut lag = EventLag::default();
        lag.reading_paused(10 * SECOND, 10 * SECOND + PAUSE_US - 1);
        assert_eq!(lag.complete_until(10 * SECOND), 10 * SECOND);
    }
}
