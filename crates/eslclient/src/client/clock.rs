//! When to ask a silent switch, and when to give up.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep};

/// What the driver does when a time has passed.
pub(super) enum Alarm {
    /// Asks the switch for a sign of life.
    Question,
    /// Gives the switch up: it was silent for this long.
    Silent(Duration),
    /// Fails what waits behind events that the program does not read.
    Blocked,
}

/// When to ask a silent switch, and when to give up.
///
/// The time is read once for all frames that arrive together.
pub(super) struct Clock {
    silence: Option<Timer>,
    patience: Duration,
    /// Runs while reading is paused and something waits for the switch.
    blocked: Option<Pin<Box<Sleep>>>,
}

struct Timer {
    every: Duration,
    sleep: Pin<Box<Sleep>>,
    /// When the silence began.
    since: Instant,
    /// Whether the switch sent something, or was not read, since `since` was set.
    heard: bool,
    /// Whether the switch was asked since it was last heard.
    asked: bool,
}

impl Clock {
    pub(super) fn new(keep_alive: Option<Duration>, patience: Duration) -> Self {
        Self {
            silence: keep_alive.map(|every| Timer {
                every,
                sleep: Box::pin(sleep(every)),
                since: Instant::now(),
                heard: false,
                asked: false,
            }),
            patience,
            blocked: None,
        }
    }

    /// Notes that the switch sent something.
    #[inline]
    pub(super) fn heard(&mut self) {
        if let Some(timer) = &mut self.silence {
            timer.heard = true;
        }
    }

    pub(super) fn poll(
        &mut self,
        cx: &mut Context<'_>,
        reading: bool,
        blocked: bool,
    ) -> Poll<Alarm> {
        if !blocked {
            self.blocked = None;
        } else if self
            .blocked
            .get_or_insert_with(|| Box::pin(sleep(self.patience)))
            .as_mut()
            .poll(cx)
            .is_ready()
        {
            self.blocked = None;
            return Poll::Ready(Alarm::Blocked);
        }
        let Some(timer) = &mut self.silence else {
            return Poll::Pending;
        };
        // The silence of a switch that is not read is not its own.
        timer.heard |= !reading;
        timer.poll(cx)
    }
}

impl Timer {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Alarm> {
        if std::mem::take(&mut self.heard) {
            self.since = Instant::now();
            self.asked = false;
        }
        while self.sleep.as_mut().poll(cx).is_ready() {
            let now = Instant::now();
            let due = self.since + self.every;
            if now < due {
                self.sleep.as_mut().reset(due);
                continue;
            }
            self.since = now;
            self.sleep.as_mut().reset(now + self.every);
            return Poll::Ready(if std::mem::replace(&mut self.asked, true) {
                Alarm::Silent(self.every)
            } else {
                Alarm::Question
            });
        }
        Poll::Pending
    }
}
