//! Lines of the log that others cause: only so many a second.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Lets a number of lines through each second, and counts those that it leaves out.
pub struct LogThrottle {
    a_second: u32,
    state: Mutex<State>,
}

struct State {
    began: Option<Instant>,
    said: u32,
    left_out: u64,
}

impl LogThrottle {
    /// At most `a_second` lines each second.
    pub const fn new(a_second: u32) -> Self {
        Self {
            a_second,
            state: Mutex::new(State {
                began: None,
                said: 0,
                left_out: 0,
            }),
        }
    }

    /// Says it with the number of lines that were left out before it, or leaves it out.
    pub fn say(&self, say: impl FnOnce(u64)) {
        if let Some(left_out) = self.may(Instant::now()) {
            say(left_out);
        }
    }

    fn may(&self, now: Instant) -> Option<u64> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let is_new = |began: Instant| now.duration_since(began) >= Duration::from_secs(1);
        if state.began.is_none_or(is_new) {
            state.began = Some(now);
            state.said = 0;
        }
        if state.said >= self.a_second {
            state.left_out += 1;
            return None;
        }
        state.said += 1;
        Some(std::mem::take(&mut state.left_out))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_out_is_counted_and_told_with_the_next_line() {
        let sparing = LogThrottle::new(2);
        let now = Instant::now();
        let later = now + Duration::from_secs(1);
        assert_eq!(sparing.may(now), Some(0));
        assert_eq!(sparing.may(now), Some(0));
        assert_eq!(sparing.may(now), None);
        assert_eq!(sparing.may(now), None);
        assert_eq!(sparing.may(later), Some(2));
        assert_eq!(sparing.may(later), Some(0));
    }
}
