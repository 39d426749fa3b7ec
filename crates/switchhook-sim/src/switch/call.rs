//! Plays one call, from entering the dialplan to its end.

mod closing;
mod ending;
mod fetched;
mod parked;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::{Instant, sleep_until, timeout};
use uuid::Uuid;

use super::channel::{Cause, Channel, Leg, Party, TaskAction, micros};
use super::dialplan::{Call, Caller, forget_park};
use super::emit_events::{ANSWER, CREATE};
use super::listener::{Flow, Linger, Listener, linger_notice};
use super::media::{AudioRecorder, Sound};
use super::record::{CallRecord, Left, LegRecord};
use super::session::Session;
use super::wire::{Traffic, Wire};
use super::{Pace, Switch};

/// The time in which a peer must send `connect` (mod_event_socket.c).
const CONNECT: Duration = Duration::from_secs(25);

impl Switch {
    /// Plays `call` and returns its record.
    pub async fn place(self: &Arc<Self>, call: Call) -> CallRecord {
        let mut play = Play::begin(Arc::clone(self), call);
        if play.call.parked.is_some() {
            let left = play.wait_in_park().await;
            return play.finish(left).await;
        }
        let wire = play.connect().await;
        let left = match wire {
            None => Left::NoService,
            Some(wire) => play.converse(wire).await,
        };
        play.finish(left).await
    }
}

struct Play {
    switch: Arc<Switch>,
    call: Call,
    leg: Arc<Leg>,
    session: Session,
    entered: Instant,
    connected: Option<Instant>,
    ended: Option<Instant>,
    kept: Option<Duration>,
    traffic: Traffic,
    line: Option<u8>,
    agents: Vec<LegRecord>,
    /// The variables that the dialplan sees, copied when the caller leaves the service.
    variables: Option<BTreeMap<String, String>>,
    left: Option<Left>,
    /// Whether the caller hung up.
    by_caller: bool,
}

impl Play {
    fn begin(switch: Arc<Switch>, call: Call) -> Self {
        let party = Party {
            caller_name: call.caller_name.clone(),
            caller: call.caller.clone(),
            destination: call.destination.clone(),
        };
        let session = switch.sessions.fetch_add(1, Ordering::Relaxed);
        let ear = AudioRecorder::new(if call.answered {
            Sound::Silence
        } else {
            Sound::Ringing
        });
        let mut channel = Channel::new(Uuid::new_v4().to_string(), party, session, ear);
        switch.fire(&mut channel, CREATE, &[]);
        channel.begin();
        channel.mode = call.mode;
        channel.parked_when_asked = call.behaviour.is_parked_when_asked();
        call.enter(&switch, &mut channel);
        if call.answered {
            channel.set("current_application", "answer");
            channel.open_media(true);
            // The switch's clock advances once a tick, so both times fall into one tick.
            channel.times.answered = channel.times.created;
            switch.fire(&mut channel, ANSWER, &[]);
            channel.media_is_open();
        }
        let leg = Arc::new(Leg::new(channel));
        switch.table().insert(leg.uuid.clone(), Arc::clone(&leg));
        let (application, data) = match &call.parked {
            Some(_) => ("park", String::new()),
            None => ("socket", call.socket_data()),
        };
        let session = Session::enter(Arc::clone(&switch), Arc::clone(&leg), application, &data);
        Self {
            switch,
            call,
            leg,
            session,
            entered: Instant::now(),
            connected: None,
            ended: None,
            kept: None,
            traffic: Traffic::default(),
            line: None,
            agents: Vec::new(),
            variables: None,
            left: None,
            by_caller: false,
        }
    }

    /// Connects to the first host that accepts.
    async fn connect(&mut self) -> Option<Wire> {
        for host in self.call.hosts.clone() {
            self.note_host(&host);
            let limit = self.call.patience;
            if let Ok(Ok(stream)) = timeout(limit, TcpStream::connect(&host)).await {
                self.connected = Some(Instant::now());
                return Some(Wire::new(stream, self.switch.pace.bytewise()));
            }
        }
        None
    }

    fn note_host(&self, host: &str) {
        let bare = host.rsplit_once(':').map_or(host, |(bare, _)| bare);
        let mut channel = self.leg.lock();
        channel.set("socket_path", self.call.path.clone());
        channel.set("socket_host", bare.to_owned());
    }

    /// Runs the connection from its first byte to its last.
    async fn converse(&mut self, mut wire: Wire) -> Left {
        let mut listener = Listener::outbound(Arc::clone(&self.leg));
        loop {
            if self.vanishes_at().is_some_and(|at| at <= Instant::now()) {
                return self.vanish(wire).await;
            }
            let open = tokio::select! {
                biased;
                filled = wire.fill() => {
                    matches!(filled, Ok(true)) && self.obey(&mut wire, &mut listener).await
                }
                () = self.leg.wake.notified() => true,
                () = sleep_until(self.next_moment(&listener)) => self.pass(&mut wire, &mut listener).await,
            };
            if !open {
                return self.close(wire, listener).await;
            }
        }
    }

    fn vanishes_at(&self) -> Option<Instant> {
        match self.call.behaviour {
            Caller::Vanishes(after, _) => Some(self.connected? + after),
            Caller::Waits | Caller::HangsUp(..) | Caller::IsFetched(..) => None,
        }
    }

    fn hangs_up_at(&self) -> Option<Instant> {
        match self.call.behaviour {
            Caller::HangsUp(after, _) => Some(self.entered + after),
            Caller::Waits | Caller::IsFetched(..) | Caller::Vanishes(..) => None,
        }
    }

    /// Returns when the call must act next if the peer sends nothing.
    fn next_moment(&self, listener: &Listener) -> Instant {
        if self.left.is_some() && !self.leg.lock().is_up() {
            // The channel is down and lingers: every event has been sent.
            return self.lingers_until(listener);
        }
        let unconnected = (!listener.connected).then(|| self.entered + CONNECT);
        let talked = self
            .has_moved_on()
            .then(|| self.ended.unwrap_or(self.entered) + self.call.talks);
        [
            self.session.next(),
            self.vanishes_at(),
            self.hangs_up_at(),
            self.fetched_at(),
            unconnected,
            talked,
        ]
        .into_iter()
        .flatten()
        .fold(self.entered + self.call.patience, Instant::min)
    }

    fn lingers_until(&self, listener: &Listener) -> Instant {
        let down = self.ended.unwrap_or(self.entered);
        match listener.linger {
            Linger::No => down,
            Linger::For(time) => down + time,
            Linger::Open => down + self.call.patience,
        }
    }

    /// Runs the commands that have arrived. Returns `false` if the connection must end.
    async fn obey(&mut self, wire: &mut Wire, listener: &mut Listener) -> bool {
        let mut out = Vec::new();
        loop {
            let command = match wire.command() {
                Ok(Some(command)) => command,
                Ok(None) => break,
                Err(_refused) => return false,
            };
            let fresh = !listener.connected;
            let flow = listener.handle(&self.switch, &command, &mut out);
            if !self.call.mode.is_async {
                // The thread of the socket is the channel's own.
                self.session.tick();
            }
            if fresh && listener.connected {
                self.session.park_after(self.parks_after());
                // The phone acknowledges the dialplan's answer at about this time.
                self.leg.lock().acknowledged();
            }
            let sent = wire.send(&out).await.is_ok();
            out.clear();
            if flow == Flow::Close || !sent {
                return false;
            }
        }
        self.deliver_jobs(wire, listener).await && wire.flush().await.is_ok()
    }

    fn parks_after(&self) -> Duration {
        match self.switch.pace {
            Pace::Wire => Duration::ZERO,
            Pace::Ticked | Pace::Faithful => self.call.parks_after,
        }
    }

    async fn deliver_jobs(&self, wire: &mut Wire, listener: &mut Listener) -> bool {
        let mut out = Vec::new();
        for job in std::mem::take(&mut listener.jobs) {
            listener.deliver(&job, &mut out);
        }
        wire.send(&out).await.is_ok()
    }

    /// Handles ticks, timers and the caller's actions. Returns `false` if the connection must end.
    async fn pass(&mut self, wire: &mut Wire, listener: &mut Listener) -> bool {
        let now = Instant::now();
        if self.left.is_some() && !self.leg.lock().is_up() {
            return now < self.lingers_until(listener);
        }
        if !listener.connected && now >= self.entered + CONNECT {
            return false;
        }
        self.caller_acts(now);
        self.tasks(now);
        self.session.tick();
        if !self.leg.lock().is_up() {
            self.go_down();
        }
        if !self.deliver(wire, listener).await {
            return false;
        }
        self.left.is_none() || self.leg.lock().is_up() || listener.linger != Linger::No
    }

    fn caller_acts(&mut self, now: Instant) {
        if self.fetched_at().is_some_and(|at| at <= now)
            && let Caller::IsFetched(_, how) = self.call.behaviour
        {
            self.fetch(how);
        }
        match &self.call.behaviour {
            Caller::HangsUp(after, cause) if now >= self.entered + *after => {
                self.by_caller = true;
                self.switch.hang_up(&self.leg, cause.clone());
            }
            Caller::HangsUp(..) | Caller::Waits | Caller::IsFetched(..) | Caller::Vanishes(..) => {}
        }
        let stranded = now >= self.entered + self.call.patience;
        let talked = self.has_moved_on() && now >= self.ended.unwrap_or(now) + self.call.talks;
        if stranded && self.left.is_none() {
            self.leave(Left::Stranded);
            self.leg
                .lock()
                .violation("the caller was still on hold when its patience ended".into());
        }
        if stranded || talked {
            self.switch.hang_up(&self.leg, Cause::by_caller());
        }
    }

    /// Returns whether the call goes on while its socket may still be open.
    fn has_moved_on(&self) -> bool {
        matches!(self.left, Some(Left::Rescued | Left::Fetched))
    }

    /// Runs the scheduled tasks that are due.
    fn tasks(&mut self, now: Instant) {
        let leg = Arc::clone(&self.leg);
        let mut channel = leg.lock();
        let due = channel.tasks.iter().position(|task| task.at <= now);
        let Some(task) = due.map(|at| channel.tasks.remove(at)) else {
            return;
        };
        self.switch.owners().remove(&task.id);
        match task.deed {
            TaskAction::WayOut => {
                channel.times.transferred = micros();
                // The hook's extension `way-out-NAME` does this.
                channel.unset("flow.way_out");
                channel.unset("socket_resume");
                channel.set("flow.line", "1");
                self.transfer(&mut channel, 1);
                forget_park(&mut channel);
                drop(channel);
                self.session.leave();
                self.line = Some(1);
                self.leave(Left::Rescued);
            }
            TaskAction::Hangup => {
                self.switch
                    .hang_up_channel(&mut channel, Cause::by_switch("ALLOTTED_TIMEOUT"));
            }
        }
    }

    /// Fixes what the dialplan sees, because the caller has left the service.
    fn leave(&mut self, left: Left) {
        if self.left.is_none() {
            let mut channel = self.leg.lock();
            channel.ear.close();
            self.variables = Some(channel.all_variables());
            self.left = Some(left);
            self.ended = Some(Instant::now());
        }
    }

    /// Sends the last events of a channel that has hung up and removes it from the switch.
    fn go_down(&mut self) {
        if self.left.is_none() {
            self.session.leave();
        }
        self.leave(if self.by_caller {
            Left::HungUp
        } else {
            Left::HungUpByService
        });
        self.session.go_down();
        self.switch.table().remove(&self.leg.uuid);
        // A rescued caller left earlier; lingering counts from the hang-up.
        self.ended = Some(Instant::now());
    }

    async fn deliver(&self, wire: &mut Wire, listener: &Listener) -> bool {
        let (fired, name, up) = {
            let mut channel = self.leg.lock();
            (
                std::mem::take(&mut channel.fired),
                channel.name(),
                channel.is_up(),
            )
        };
        let mut out = Vec::new();
        fired
            .iter()
            .for_each(|event| listener.deliver(event, &mut out));
        if !up && listener.linger != Linger::No {
            out.extend(linger_notice(&self.leg.uuid, &name, listener.linger));
        }
        wire.send(&out).await.is_ok() && wire.flush().await.is_ok()
    }
}
