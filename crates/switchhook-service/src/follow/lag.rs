//! How far behind the switch we are.

use metrics::gauge;
use tracing::{info, warn};

use switchhook_core::metric_names;

/// Behind by so much we say so, and again at each doubling.
const SAY_AT_US: i64 = 5_000_000;
/// A switch that has more for us than we read sends it at once. When nothing came for this
/// long, there is nothing more.
const CAUGHT_UP_US: i64 = 3_000_000;
/// Reading is not taken for interrupted below this.
const STALL_US: i64 = 100_000;

/// The age of events when they are read. The smallest age seen on a connection is taken for
/// the difference of the two clocks.
#[derive(Debug, Default)]
pub(crate) struct Lag {
    clocks_us: Option<i64>,
    said_us: i64,
    behind_us: i64,
    noted_us: i64,
}

impl Lag {
    /// A new connection: nothing waits on it.
    pub(super) fn restart(&mut self) {
        *self = Self {
            noted_us: self.noted_us,
            behind_us: self.behind_us,
            ..Self::default()
        };
    }

    /// Notes an event that the switch made at `made_us` and we read at `now_us`.
    pub(super) fn note(&mut self, switch: &str, made_us: i64, now_us: i64) {
        let age = now_us.saturating_sub(made_us);
        let clocks = self.clocks_us.map_or(age, |clocks| clocks.min(age));
        self.clocks_us = Some(clocks);
        self.behind_us = age.saturating_sub(clocks);
        self.noted_us = now_us;
        self.say(switch);
    }

    /// From `since_us` until `now_us` nothing was read: so much may wait by now.
    pub(super) fn stalled(&mut self, since_us: i64, now_us: i64) {
        let stalled = now_us.saturating_sub(since_us);
        if stalled >= STALL_US {
            self.behind_us = self.behind_us.max(stalled);
            self.noted_us = now_us;
        }
    }

    /// The time up to which the switch was heard, as far as we know: who waits for an event
    /// counts by this clock, and does not give up what lies unread.
    pub(super) fn heard_until(&self, now_us: i64) -> i64 {
        let caught_up = now_us.saturating_sub(self.noted_us) >= CAUGHT_UP_US;
        now_us.saturating_sub(if caught_up { 0 } else { self.behind_us })
    }

    fn say(&mut self, switch: &str) {
        let behind_us = self.behind_us;
        #[allow(clippy::cast_precision_loss)] // a gauge: microseconds of a day are exact
        gauge!(metric_names::SWITCH_LAG, "switch" => switch.to_owned()).set(behind_us as f64 / 1e6);
        if behind_us >= SAY_AT_US.max(2 * self.said_us) {
            self.said_us = behind_us;
            warn!(
                switch,
                behind_s = behind_us / 1_000_000,
                "behind the switch's events, and falling back"
            );
        } else if self.said_us > 0 && behind_us < SAY_AT_US / 5 {
            self.said_us = 0;
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
        let mut lag = Lag::default();
        lag.note("fs1", 500 * SECOND, 100 * SECOND);
        assert_eq!(lag.heard_until(100 * SECOND), 100 * SECOND);
        lag.note("fs1", 501 * SECOND, 103 * SECOND);
        assert_eq!(lag.heard_until(103 * SECOND), 101 * SECOND);
    }

    #[test]
    fn what_was_not_read_for_a_while_may_still_wait() {
        let mut lag = Lag::default();
        lag.stalled(10 * SECOND, 130 * SECOND);
        assert_eq!(lag.heard_until(131 * SECOND), 11 * SECOND);
        assert_eq!(lag.heard_until(133 * SECOND), 133 * SECOND, "nothing came");
    }

    #[test]
    fn a_short_wait_is_none() {
        let mut lag = Lag::default();
        lag.stalled(10 * SECOND, 10 * SECOND + STALL_US - 1);
        assert_eq!(lag.heard_until(10 * SECOND), 10 * SECOND);
    }
}
