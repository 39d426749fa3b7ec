//! Runs the session thread of a channel inside `socket … async full`. The channel is parked and
//! runs what `sendmsg` queued, one tick after another (switch_ivr.c `switch_ivr_park` and
//! `switch_ivr_parse_event`, switch_core_session.c `switch_core_session_exec`).

mod application;

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use uuid::Uuid;

use super::channel::{CallState, Cause, Channel, Leg, State, TOTAL_LOOPS, micros};
use super::emit_events::{ANSWER, EARLY_MEDIA, HANGUP_COMPLETE, PARK, STATE, UNPARK};
use super::media::Sound;
use super::text::{atoi, expand};
use super::wire::Command;
use super::{Pace, Switch};
use application::{Running, collect_digits, end, plays_for, set};

pub(super) use application::{announce_end, announce_start};

/// The switch's tick.
pub(super) const TICK: Duration = Duration::from_millis(20);

/// How far the park of a session is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Park {
    /// It begins at this time; `None` before the peer of a socket has sent `connect`.
    Ahead(Option<Instant>),
    /// It has begun, and the queue runs.
    Begun,
    /// It does not come: the socket is not `async`, or its end reset the channel.
    Never,
}

/// One session thread.
#[derive(Debug)]
pub(super) struct Session {
    switch: Arc<Switch>,
    leg: Arc<Leg>,
    running: Vec<Running>,
    started: Instant,
    park: Park,
    /// The name `socket` or `park`, its data, and the UUID of its execution.
    entered: (&'static str, String, String),
}

impl Session {
    /// Enters the application that keeps the call: `socket` or `park`.
    pub(super) fn enter(
        switch: Arc<Switch>,
        leg: Arc<Leg>,
        application: &'static str,
        data: &str,
    ) -> Self {
        let uuid = Uuid::new_v4().to_string();
        let mut channel = leg.lock();
        announce_start(&switch, &mut channel, application, data, &uuid);
        let park = if channel.mode.is_async {
            Park::Ahead(None)
        } else {
            Park::Never
        };
        drop(channel);
        Self {
            switch,
            leg,
            running: Vec::new(),
            started: Instant::now(),
            park,
            entered: (application, data.to_owned(), uuid),
        }
    }

    /// Parks the channel after `delay`: the session's thread looks only now and then whether
    /// `connect` was answered (mod_event_socket.c `socket_function`).
    pub(super) fn park_after(&mut self, delay: Duration) {
        if let Park::Ahead(_) = self.park {
            self.park = Park::Ahead(Some(Instant::now() + delay));
            self.park_if_due();
        }
    }

    /// Begins the park if its time has come.
    pub(super) fn park_if_due(&mut self) {
        if matches!(self.park, Park::Ahead(Some(at)) if at <= Instant::now()) {
            self.park = Park::Begun;
            self.switch.fire(&mut self.leg.lock(), PARK, &[]);
        }
    }

    /// Returns whether the park is still to begin. The end of the socket cannot end it then.
    pub(super) fn park_is_ahead(&self) -> bool {
        matches!(self.park, Park::Ahead(_))
    }

    /// Resets the channel at the end of its socket (CS_RESET). A channel that is reset before its
    /// park is not parked (switch_ivr.c `switch_ivr_park`).
    pub(super) fn reset(&mut self) {
        if self.park_is_ahead() {
            self.park = Park::Never;
        }
    }

    /// Returns when the session must run next; `None` while the call only waits.
    pub(super) fn next(&self) -> Option<Instant> {
        if let Park::Ahead(Some(parks_at)) = self.park {
            return Some(parks_at);
        }
        let channel = self.leg.lock();
        let free = self.running.last().is_none_or(|top| !top.locked);
        let pending = (free && !channel.queue.is_empty())
            || (channel.broken && !self.running.is_empty())
            || !channel.is_up()
            || channel.moved.is_some()
            || !channel.fired.is_empty();
        let tick = pending.then(|| self.next_tick());
        let until = self.running.last().and_then(|top| top.until);
        [tick, until, channel.next_task()]
            .into_iter()
            .flatten()
            .min()
    }

    /// Returns the next moment at which the session thread runs.
    pub(super) fn next_tick(&self) -> Instant {
        let now = Instant::now();
        if self.switch.pace == Pace::Wire {
            return now;
        }
        let ticks = (now - self.started).as_nanos() / TICK.as_nanos() + 1;
        self.started + TICK * u32::try_from(ticks).unwrap_or(u32::MAX)
    }

    /// Runs one tick: first a break, then what has ended, then the queue.
    pub(super) fn tick(&mut self) {
        self.park_if_due();
        if self.park_is_ahead() {
            return;
        }
        let leg = Arc::clone(&self.leg);
        let mut channel = leg.lock();
        if channel.broken && !self.running.is_empty() {
            self.end_all(&mut channel);
            channel.broken = false;
        }
        self.end_finished(&mut channel);
        while channel.is_up()
            && channel.moved.is_none()
            && self.running.last().is_none_or(|top| !top.locked)
        {
            let Some(command) = channel.queue.pop_front() else {
                break;
            };
            self.obey(&mut channel, &command);
        }
        self.listen(&mut channel);
    }

    /// Leaves the application and ends everything that runs. `socket` still runs the queued
    /// commands; `park` drops them.
    pub(super) fn leave(&mut self) {
        let leg = Arc::clone(&self.leg);
        let mut channel = leg.lock();
        self.end_all(&mut channel);
        let parked = self.entered.0 == "park";
        if parked && channel.is_up() && !channel.queue.is_empty() {
            channel.violation("what was queued is not done before the transfer".into());
        }
        while channel.is_up() && !parked {
            let Some(command) = channel.queue.pop_front() else {
                break;
            };
            self.obey(&mut channel, &command);
            self.end_all(&mut channel);
        }
        // Also a channel that was moved or hung up before its park enters it, and leaves at once.
        if self.park_is_ahead() {
            self.switch.fire(&mut channel, PARK, &[]);
        }
        if self.park != Park::Never {
            self.switch.fire(&mut channel, UNPARK, &[]);
        }
        self.park = Park::Never;
        let (application, data, uuid) = &self.entered;
        announce_end(&self.switch, &mut channel, application, data, uuid);
        self.listen(&mut channel);
    }

    fn obey(&mut self, channel: &mut Channel, command: &Command) {
        match command.header("call-command").unwrap_or_default() {
            "execute" => self.execute(channel, command),
            "hangup" => {
                let cause = command.header("hangup-cause").unwrap_or("NORMAL_CLEARING");
                self.switch
                    .hang_up_channel(channel, Cause::by_switch(cause));
            }
            other => channel.violation(format!("sendmsg with the call-command {other:?}")),
        }
    }

    fn execute(&mut self, channel: &mut Channel, command: &Command) {
        let Some(name) = command.header("execute-app-name") else {
            channel.violation("sendmsg execute without execute-app-name".into());
            return;
        };
        let argument = command
            .header("execute-app-arg")
            .filter(|argument| !argument.is_empty());
        let text = command.header("content-type") == Some("text/plain");
        let argument = argument
            .or(command.body.as_deref().filter(|_| text))
            .unwrap_or_default();
        channel.set("current_loop", "1");
        let loops = command.header("loops").map_or(1, atoi);
        channel.set(TOTAL_LOOPS, loops.to_string());
        let running = Running {
            application: name.to_owned(),
            data: self.expanded(channel, argument),
            uuid: command
                .header("event-uuid")
                .map_or_else(|| Uuid::new_v4().to_string(), str::to_owned),
            since: Instant::now(),
            until: None,
            loops,
            locked: command.header("event-lock") == Some("true"),
        };
        self.start(channel, running);
    }

    /// Returns the argument as the application gets it. Code in it counts as a violation.
    fn expanded(&self, channel: &mut Channel, argument: &str) -> String {
        let variable = |name: &str| {
            let own = channel.variable(name).map(str::to_owned);
            own.or_else(|| self.switch.global(name).map(str::to_owned))
        };
        let expanded = expand(argument, &variable);
        for code in expanded.ran {
            channel.violation(format!("executed code! {code}"));
        }
        expanded.text
    }

    fn start(&mut self, channel: &mut Channel, mut app: Running) {
        announce_start(
            &self.switch,
            channel,
            &app.application,
            &app.data,
            &app.uuid,
        );
        channel.broken = false;
        match app.application.as_str() {
            "playback" | "endless_playback" | "loop_playback" => {
                if !channel.has_media() {
                    self.early_media(channel);
                }
                app.until = plays_for(&app).map(|time| Instant::now() + time);
                self.running.push(app);
                return;
            }
            "sleep" => {
                let time = u64::try_from(atoi(&app.data)).unwrap_or(0);
                app.until = Some(Instant::now() + Duration::from_millis(time));
                self.running.push(app);
                return;
            }
            name => self.run_now(channel, name, &app.data),
        }
        end(&self.switch, channel, &app);
    }

    /// Runs an application that takes no time.
    fn run_now(&self, channel: &mut Channel, name: &str, data: &str) {
        match name {
            "answer" if channel.times.answered == 0 => {
                channel.open_media(true);
                self.switch.fire(channel, ANSWER, &[]);
                channel.media_is_open();
                channel.acknowledged();
            }
            "pre_answer" if !channel.has_media() => self.early_media(channel),
            "set" | "export" => self.set(channel, data),
            "play_and_get_digits" => collect_digits(channel, data),
            "multiset" => data.split(' ').for_each(|pair| self.set(channel, pair)),
            "unset" => channel.unset(data),
            "sched_cancel" => drop(channel.cancel_tasks(data)),
            "transfer" => channel.moved = Some(data.to_owned()),
            "hangup" => {
                let cause = Some(data).filter(|data| !data.is_empty());
                let cause = Cause::by_switch(cause.unwrap_or("NORMAL_CLEARING"));
                self.switch.hang_up_channel(channel, cause);
            }
            // A channel under control cannot be parked again; the rest has no effect here.
            // Ends the application inside which it runs.
            "break" => channel.broken = true,
            "park" | "answer" | "pre_answer" | "log" | "info" | "ring_ready" => {}
            unknown => {
                channel.violation(format!(
                    "unknown application {unknown:?} hangs the caller up"
                ));
                self.switch
                    .hang_up_channel(channel, Cause::by_switch("DESTINATION_OUT_OF_ORDER"));
            }
        }
    }

    /// Sets a variable. mod_dptools.c `base_set` expands the pair again, after the expansion at the
    /// application's start.
    fn set(&self, channel: &mut Channel, pair: &str) {
        let pair = self.expanded(channel, pair);
        set(channel, &pair);
    }

    fn early_media(&self, channel: &mut Channel) {
        channel.open_media(false);
        self.switch.fire(channel, EARLY_MEDIA, &[]);
        channel.media_is_open();
    }

    fn end_finished(&mut self, channel: &mut Channel) {
        let now = Instant::now();
        while let Some(mut top) = self
            .running
            .pop_if(|top| top.until.is_some_and(|at| at <= now))
        {
            top.loops -= 1;
            if top.loops == 0 || top.application == "sleep" {
                end(&self.switch, channel, &top);
            } else {
                top.until = plays_for(&top).map(|time| now + time);
                self.running.push(top);
            }
        }
    }

    fn end_all(&mut self, channel: &mut Channel) {
        while let Some(top) = self.running.pop() {
            end(&self.switch, channel, &top);
        }
    }

    /// Updates the audio recorder with the sound that plays now.
    fn listen(&self, channel: &mut Channel) {
        let playing = self
            .running
            .iter()
            .rev()
            .find(|app| app.application != "sleep");
        let sound = match playing {
            Some(app) => Sound::of(&app.data),
            None if channel.has_media() => Sound::Silence,
            None => Sound::Ringing,
        };
        channel.ear.hears(sound);
    }

    /// Takes the channel down, with the states and events after a hang-up.
    pub(super) fn go_down(&self) {
        let mut channel = self.leg.lock();
        self.switch.go_down(&mut channel);
    }
}

impl Switch {
    /// Moves a channel that hangs up through its states, with their events.
    pub(super) fn go_down(&self, channel: &mut Channel) {
        channel.running = State::Hangup;
        self.fire(channel, STATE, &[]);
        channel.times.hungup = micros();
        self.close_recording(channel);
        channel.state = State::Reporting;
        channel.running = State::Reporting;
        channel.call_state = CallState::Hangup;
        self.fire(channel, STATE, &[]);
        channel.report();
        self.fire(channel, HANGUP_COMPLETE, &[]);
    }
}
