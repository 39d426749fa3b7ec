//! Plays a call that waits in `park`, controlled over port 8021.

use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use super::Play;
use crate::switch::channel::Channel;
use crate::switch::dialplan::line;
use crate::switch::record::Left;

impl Play {
    /// Waits until the call is transferred, taken by its way out, or hung up.
    pub(super) async fn wait_in_park(&mut self) -> Left {
        // A search by webhook finds a parked call as it finds a call on a socket.
        self.note_host("");
        self.session.park_after(Duration::ZERO);
        self.connected = Some(Instant::now());
        loop {
            tokio::select! {
                () = self.leg.wake.notified() => {}
                () = sleep_until(self.moment_in_park()) => {
                    let now = Instant::now();
                    self.caller_acts(now);
                    self.tasks(now);
                    self.session.tick();
                }
            }
            if !self.leg.lock().is_up() {
                self.go_down();
            }
            if let Some(left) = self.left {
                return left;
            }
            if let Some(destination) = self.moved() {
                self.session.leave();
                self.check_destination(&destination);
                return Left::Released;
            }
        }
    }

    fn moment_in_park(&self) -> Instant {
        [self.session.next(), self.hangs_up_at(), self.fetched_at()]
            .into_iter()
            .flatten()
            .fold(self.entered + self.call.patience, Instant::min)
    }

    fn moved(&self) -> Option<String> {
        self.leg.lock().moved.take()
    }

    /// Checks that the destination is `NAME-line-N XML CONTEXT`, with the N of `flow.line`.
    fn check_destination(&self, destination: &str) {
        let mut channel = self.leg.lock();
        let Some(line) = line(&mut channel) else {
            return;
        };
        let wanted = format!("{}-line-{line} XML flows", self.call.lines());
        if destination != wanted {
            violation(&mut channel, destination, &wanted);
        }
        if channel.variable("flow.untaken").is_some() && self.untaken_is_left(&channel) {
            channel.violation("the way out of a call that nobody took was left behind".into());
        }
    }

    fn untaken_is_left(&self, channel: &Channel) -> bool {
        let id = channel.variable("flow.untaken");
        let id = id.and_then(|id| id.parse::<u32>().ok());
        channel.tasks.iter().any(|task| Some(task.id) == id)
    }
}

fn violation(channel: &mut Channel, destination: &str, wanted: &str) {
    channel.violation(format!("transferred to {destination:?}, not {wanted:?}"));
}
