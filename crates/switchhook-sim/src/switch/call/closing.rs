//! Plays the end of a socket: the switch vanishes, or either side closes.

use std::time::Duration;

use tokio::time::{Instant, sleep_until, timeout};

use super::Play;
use crate::switch::dialplan::{Caller, Vanish};
use crate::switch::listener::{Listener, goodbye};
use crate::switch::record::Left;
use crate::switch::wire::Wire;

/// How long a vanished switch watches whether the peer closes its connection.
const WATCH: Duration = Duration::from_secs(3);

impl Play {
    /// Makes the switch vanish in the middle of the call.
    pub(super) async fn vanish(&mut self, mut wire: Wire) -> Left {
        self.leave(Left::Vanished);
        let Caller::Vanishes(_, how) = self.call.behaviour else {
            return Left::Vanished;
        };
        self.traffic = wire.traffic.clone();
        let since = Instant::now();
        match how {
            Vanish::Reset => wire.reset(),
            Vanish::Eof => drop(wire),
            Vanish::Silent => {
                let closed = timeout(WATCH, wire.swallow()).await;
                self.kept = closed.is_ok().then(|| since.elapsed());
            }
        }
        Left::Vanished
    }

    /// Closes the connection after either side ended it.
    pub(super) async fn close(&mut self, mut wire: Wire, listener: Listener) -> Left {
        let flushed = wire.send(&goodbye(Some(&self.leg.uuid))).await;
        if flushed.is_ok() {
            // The peer may have closed already, after its own goodbye.
            let _ = wire.flush().await;
        }
        self.traffic = std::mem::take(&mut wire.traffic);
        drop(wire);
        let (up, resumes) = self.disconnected(&listener);
        if up && resumes && self.left == Some(Left::Rescued) {
            self.leg
                .lock()
                .violation("resume after the way out: the caller is in CS_RESET for ever".into());
        }
        if up {
            self.check_end_of_socket(resumes);
        }
        if !up || self.left.is_some() {
            self.kept = self.ended.map(|at| at.elapsed());
            return self.left.unwrap_or(Left::HungUp);
        }
        if resumes && !self.call.mode.is_async {
            let what = "resume on a socket without async: the caller is in CS_RESET for ever";
            self.leg.lock().violation(what.into());
            return Left::Stranded;
        }
        // Once the park has begun, the end of the socket also ends the park, and the dialplan goes
        // on (mod_event_socket.c `listener_run`; measured).
        self.session.park_if_due();
        if resumes {
            self.session.reset();
        } else if self.session.park_is_ahead() {
            let what = "the socket ended before its park began, without resume: the caller is parked for ever";
            self.leg.lock().violation(what.into());
            return Left::Stranded;
        }
        sleep_until(self.session.next_tick()).await;
        self.session.leave();
        Left::Released
    }

    /// Collects what the connection recorded. Returns whether the call is up and whether it goes on
    /// in the dialplan.
    fn disconnected(&self, listener: &Listener) -> (bool, bool) {
        let mut channel = self.leg.lock();
        for what in &listener.violations {
            channel.violation(what.clone());
        }
        channel.heeded = false;
        (
            channel.is_up(),
            channel.variable("socket_resume") == Some("true"),
        )
    }
}
