//! The dialplan around the `socket` application: what it sets before, the line after.

use std::time::Duration;

use super::Switch;
use super::channel::{Cause, Channel, TaskAction};

/// What the caller does.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Caller {
    /// Waits until a line is taken.
    #[default]
    Waits,
    /// Hangs up so long after entering the dialplan.
    HangsUp(Duration, Cause),
    /// The switch goes away so long after it connected.
    Vanishes(Duration, Vanish),
}

/// How a switch goes away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Vanish {
    /// A TCP reset.
    Reset,
    /// Nothing comes any more, the connection stays.
    Silent,
    /// The connection ends without a disconnect notice.
    Eof,
}

/// What the dialplan does before it calls the service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HandOver {
    /// `set socket_resume=true`.
    pub resume: bool,
    /// Sets the failure of an absent service: line 1 unless somebody says otherwise.
    pub preset: bool,
    /// `sched_transfer` to line 1 after so long, its number in `flow.way_out`.
    pub way_out: Option<Duration>,
    /// The dialplan's author also scheduled a hang-up, which is not the service's to touch.
    pub own_timer: bool,
    /// `transfer PATH-line-${flow.line} XML flows` after it.
    pub transfer: bool,
}

impl Default for HandOver {
    fn default() -> Self {
        Self {
            resume: true,
            preset: true,
            way_out: Some(Duration::from_secs(15)),
            own_timer: true,
            transfer: true,
        }
    }
}

/// The dialplan parks the call instead of giving it a socket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parked {
    /// The service that is to take it, as `flow.service` has it.
    pub service: String,
    /// `sched_transfer` to line 1 after so long, its number in `flow.untaken`: for a call
    /// that nobody takes.
    pub untaken: Duration,
}

/// Who ends a conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// The caller hangs up.
    Caller,
    /// The agent hangs up, then the dialplan ends the call.
    Agent,
}

/// What the dialplan does on line 0: it rings agents, all at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dial {
    /// Their numbers.
    pub agents: Vec<String>,
    /// Which of them answers; the others refuse at once.
    pub answers: usize,
    /// For how long the phones ring.
    pub rings: Duration,
    /// Who hangs up after [`Call::talks`].
    pub end: End,
    /// `record_session` of the caller, from before the ringing to the end.
    pub record: Option<String>,
    /// The switch deletes that file when it closes it, since nothing was written to it.
    pub discards: bool,
}

/// One call to play.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// `HOST:PORT` of the services, tried in order.
    pub hosts: Vec<String>,
    /// The path behind the port: the webhook's name; empty: none is named.
    pub path: String,
    /// The caller's name as the phone shows it.
    pub caller_name: String,
    /// The caller's number.
    pub caller: String,
    /// The number called.
    pub destination: String,
    /// Variables that the dialplan sets before it hands over.
    pub variables: Vec<(String, String)>,
    /// The dialplan answers first.
    pub answered: bool,
    /// What else the dialplan does first.
    pub hand_over: HandOver,
    /// Handed over by `park`; `None`: by `socket`.
    pub parked: Option<Parked>,
    /// What the caller does.
    pub behaviour: Caller,
    /// Whom the caller talks to on line 0.
    pub dial: Option<Dial>,
    /// How long the caller talks on its line before it hangs up.
    pub talks: Duration,
    /// `CHANNEL_HANGUP_COMPLETE` comes so long after the hang-up of a call that took a line.
    pub reports_after: Duration,
    /// A call that takes longer is broken off and said to be stranded.
    pub patience: Duration,
}

impl Default for Call {
    fn default() -> Self {
        Self {
            hosts: Vec::new(),
            path: "lookup".into(),
            caller_name: "Anna".into(),
            caller: "919822003887".into(),
            destination: "7000".into(),
            variables: Vec::new(),
            answered: true,
            hand_over: HandOver::default(),
            parked: None,
            behaviour: Caller::default(),
            dial: None,
            talks: Duration::ZERO,
            reports_after: Duration::ZERO,
            patience: Duration::from_secs(90),
        }
    }
}

/// A hang-up that the dialplan's author scheduled, far away.
const OWN_TIMER: Duration = Duration::from_secs(3600);

/// The failure of a service that is not there, as the shipped include sets it.
const ABSENT: [(&str, &str); 4] = [
    ("flow.key.response_status", "FAILED"),
    ("flow.key.response_error", "true"),
    ("flow.key.error_reason", "CONNECTION_FAILURE"),
    ("flow.line", "1"),
];

impl Call {
    /// What stands behind `socket` in the dialplan.
    pub(super) fn socket_data(&self) -> String {
        let host = |host: &String| match self.path.as_str() {
            "" => host.clone(),
            path => format!("{host}/{path}"),
        };
        let hosts: Vec<String> = self.hosts.iter().map(host).collect();
        format!("{} async full", hosts.join("|"))
    }

    /// What stands before `-line-0` and `-line-1`: the webhook, or what the shipped hook says
    /// for a call that names none.
    pub(super) fn lines(&self) -> &str {
        match self.path.as_str() {
            "" => "routed",
            path => path,
        }
    }

    /// The actions before `socket` or `park`.
    pub(super) fn enter(&self, switch: &Switch, channel: &mut Channel) {
        if self.hand_over.resume && self.parked.is_none() {
            channel.set("socket_resume", "true");
        }
        for (name, value) in &self.variables {
            channel.set(name, value.clone());
        }
        if self.hand_over.preset {
            for (name, value) in ABSENT {
                channel.set(name, value);
            }
        }
        if self.hand_over.own_timer {
            channel.schedule(
                switch.next_task(&channel.uuid),
                OWN_TIMER,
                TaskAction::Hangup,
            );
        }
        if let Some(delay) = self.hand_over.way_out {
            let id = switch.next_task(&channel.uuid);
            channel.schedule(id, delay, TaskAction::WayOut);
            channel.set("last_sched_id", id.to_string());
            channel.set("flow.way_out", id.to_string());
        }
        if let Some(parked) = &self.parked {
            self.give(parked, switch, channel);
        }
    }

    /// Who is to take a parked call, what it asks, where it goes on.
    fn give(&self, parked: &Parked, switch: &Switch, channel: &mut Channel) {
        channel.set("flow.service", parked.service.clone());
        if !self.path.is_empty() {
            channel.set("flow.webhook", self.path.clone());
        }
        channel.set("flow.lines", self.lines().to_owned());
        channel.set("flow.lines_context", "flows");
        let id = switch.next_task(&channel.uuid);
        channel.schedule(id, parked.untaken, TaskAction::WayOut);
        channel.set("last_sched_id", id.to_string());
        channel.set("flow.untaken", id.to_string());
    }
}

/// What the way out of a parked call unsets, so that nobody moves it any more.
pub(super) fn forget_park(channel: &mut Channel) {
    for name in ["flow.way_out", "flow.untaken", "flow.webhook"] {
        channel.unset(name);
    }
}

/// `transfer lookup-line-${flow.line}`: the line that the dialplan goes on with.
pub(super) fn line(channel: &mut Channel) -> Option<u8> {
    match channel.variable("flow.line").map(str::to_owned).as_deref() {
        Some("0") => Some(0),
        Some("1") => Some(1),
        other => {
            channel.violation(format!(
                "flow.line is {other:?}: the dialplan has no such extension"
            ));
            None
        }
    }
}

/// What is wrong once the service has left: the way out must be gone, other tasks must not.
pub(super) fn check_tasks(channel: &mut Channel, hand_over: &HandOver) {
    let left = |deed: TaskAction| channel.tasks.iter().any(|task| task.deed == deed);
    let (way_out, own) = (left(TaskAction::WayOut), left(TaskAction::Hangup));
    if way_out {
        channel.violation("the scheduled way out was left behind and will move the caller".into());
    }
    if hand_over.own_timer && !own {
        channel.violation("a hang-up that the dialplan's author scheduled was cancelled".into());
    }
}

/// Two values that a dialplan may put side by side, which expand only together.
pub(super) fn check_neighbours(channel: &mut Channel) {
    let opens = |value: &&String| value.trim_end_matches('\\').ends_with('$');
    let goes_on = |value: &&String| value.trim_start_matches('\\').starts_with('{');
    let values: Vec<&String> = channel.written.values().collect();
    if values.iter().any(opens) && values.iter().any(goes_on) {
        let what = "executed code! one value ends in $ and another begins with {: side by side they expand";
        channel.violation(what.into());
    }
}
