//! How far behind the switch we are.

use metrics::gauge;
use tracing::{info, warn};

use crate::meter;

/// Behind by so much we say so, and again at each doubling.
const SAY_AT_US: i64 = 5_000_000;

/// The age of events when they are read. The smallest age ever seen is taken for the
/// difference of the two clocks.
#[derive(Debug, Default)]
pub struct Lag {
    clocks_us: Option<i64>,
    said_us: i64,
}

impl Lag {
    /// Notes an event that the switch made at `made_us` and we read at `now_us`.
    pub fn note(&mut self, switch: &str, made_us: i64, now_us: i64) {
        let age = now_us - made_us;
        let clocks = self.clocks_us.map_or(age, |clocks| clocks.min(age));
        self.clocks_us = Some(clocks);
        self.say(switch, age - clocks);
    }

    fn say(&mut self, switch: &str, behind_us: i64) {
        #[allow(clippy::cast_precision_loss)] // a gauge: microseconds of a day are exact
        gauge!(meter::SWITCH_LAG, "switch" => switch.to_owned()).set(behind_us as f64 / 1e6);
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
