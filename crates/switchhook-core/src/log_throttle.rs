//! Limits log lines that a peer can cause, so that it cannot flood the log.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Lets a number of lines through in each period and counts the others.
pub struct LogThrottle {
    lines: u32,
    period: Duration,
    state: Mutex<State>,
}

struct State {
    began: Option<Instant>,
    logged: u32,
    left_out: u64,
}

impl LogThrottle {
    /// Creates a throttle of `per_second` lines each second.
    pub const fn new(per_second: u32) -> Self {
        Self::new_in(per_second, Duration::from_secs(1))
    }

    /// Creates a throttle of `lines` lines each minute.
    pub const fn per_minute(lines: u32) -> Self {
        Self::new_in(lines, Duration::from_secs(60))
    }

    const fn new_in(lines: u32, period: Duration) -> Self {
        Self {
            lines,
            period,
            state: Mutex::new(State {
                began: None,
                logged: 0,
                left_out: 0,
            }),
        }
    }

    /// Calls `log` with the number of lines dropped since the last one, or drops this line.
    pub fn log(&self, log: impl FnOnce(u64)) {
        if let Some(left_out) = self.admit(Instant::now()) {
            log(left_out);
        }
    }

    fn admit(&self, now: Instant) -> Option<u64> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let is_new = |began: Instant| now.duration_since(began) >= self.period;
        if state.began.is_none_or(is_new) {
            state.began = Some(now);
            state.logged = 0;
        }
        if state.logged >= self.lines {
            state.left_out += 1;
            return None;
        }
        state.logged += 1;
        Some(std::mem::take(&mut state.left_out))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_out_is_counted_and_reported_with_the_next_line() {
        let throttle = LogThrottle::new(2);
        let now = Instant::now();
        let later = now + Duration::from_secs(1);
        assert_eq!(throttle.admit(now), Some(0));
        assert_eq!(throttle.admit(now), Some(0));
        assert_eq!(throttle.admit(now), None);
        assert_eq!(throttle.admit(now), None);
        assert_eq!(throttle.admit(later), Some(2));
        assert_eq!(throttle.admit(later), Some(0));
    }
}
