//! Models the dialplan around `socket` and `park`: the actions before it and the line after it.

use std::time::Duration;

use super::Switch;
use super::channel::{Cause, Channel, TaskAction};
use super::socket_mode::SocketMode;

/// What the caller does.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Caller {
    /// Waits until the dialplan takes a line.
    #[default]
    Waits,
    /// Hangs up this long after it enters the dialplan.
    HangsUp(Duration, Cause),
    /// Is fetched from hold by somebody else this long after it enters the dialplan.
    IsFetched(Duration, Fetch),
    /// Stays, but the switch vanishes this long after it connected.
    Vanishes(Duration, Vanish),
}

impl Caller {
    pub(super) fn is_parked_when_asked(&self) -> bool {
        matches!(self, Self::IsFetched(_, Fetch::ParkedAtTheRelease))
    }
}

/// How a caller is fetched from hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fetch {
    /// A program transfers the caller to an agent (`uuid_transfer`).
    Transferred,
    /// The same, between the command that starts the hold music and its execution: the music stays
    /// queued and begins after the transfer (measured on a real switch).
    TransferredBeforeMusic,
    /// An agent's leg takes the caller (`uuid_bridge`, and `intercept`, which does the same).
    Bridged,
    /// An operator parks the caller elsewhere (`uuid_park`).
    Parked,
    /// The same, as the service asks before the release whether it still has the caller. Only the
    /// event tells of this way (measured on a real switch).
    ParkedAtTheRelease,
}

/// How a switch vanishes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Vanish {
    /// Sends a TCP reset.
    Reset,
    /// Sends nothing more and keeps the connection open.
    Silent,
    /// Ends the connection without a disconnect notice.
    Eof,
}

/// What the dialplan does before it calls the service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HandOver {
    /// Runs `set socket_resume=true`.
    pub resume: bool,
    /// Presets the failure of an absent service: line 1, unless the service decides otherwise.
    pub preset: bool,
    /// Runs `sched_transfer` to line 1 after this time, with the task's number in `flow.way_out`.
    pub way_out: Option<Duration>,
    /// Schedules a hang-up of the dialplan author's own. The service must not cancel it.
    pub own_timer: bool,
    /// Runs `transfer PATH-line-${flow.line} XML flows` afterwards.
    pub transfer: bool,
}

impl HandOver {
    /// A dialplan that does nothing before and nothing afterwards.
    pub const NONE: Self = Self {
        resume: false,
        preset: false,
        way_out: None,
        own_timer: false,
        transfer: false,
    };
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

/// How the dialplan parks a call instead of giving it a socket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parked {
    /// The service that must take the call, as in `flow.service`.
    pub service: String,
    /// The time after which `sched_transfer` moves an untaken call to line 1. The task's number is
    /// in `flow.untaken`.
    pub untaken: Duration,
}

/// Which side ends a conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// The caller hangs up.
    Caller,
    /// The agent hangs up, then the dialplan ends the call.
    Agent,
}

/// What an agent does in the middle of a conversation.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Talk {
    /// Nothing but talk.
    #[default]
    Plain,
    /// Holds the call for so long, and takes it up again.
    Held(Duration),
    /// Asks a second agent, who has this number, and hangs up: the caller talks with the second one
    /// (`att_xfer`).
    GivenTo(String),
}

/// How the dialplan rings agents on line 0, all at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dial {
    /// The agents' numbers.
    pub agents: Vec<String>,
    /// The index of the agent that answers.
    pub answers: usize,
    /// Whether the other agents' phones ring until then. Otherwise they refuse at once.
    pub all_ring: bool,
    /// How long the phones ring.
    pub rings: Duration,
    /// The side that hangs up after [`Call::talks`].
    pub end: End,
    /// The file of the caller's `record_session`, from before the ringing to the end.
    pub record: Option<String>,
    /// Whether the switch deletes that file when it closes it, because nothing was written to it.
    pub discards: bool,
    /// What the agent does in the middle of the conversation.
    pub talk: Talk,
}

impl Default for Dial {
    fn default() -> Self {
        Self {
            agents: Vec::new(),
            answers: 0,
            all_ring: false,
            rings: Duration::ZERO,
            end: End::Caller,
            record: None,
            discards: false,
            talk: Talk::Plain,
        }
    }
}

/// One call to play.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// `HOST:PORT` of the services, tried in order.
    pub hosts: Vec<String>,
    /// The path behind the port, which names the webhook; empty if the dialplan names none.
    pub path: String,
    /// The caller's name as the phone shows it.
    pub caller_name: String,
    /// The caller's number.
    pub caller: String,
    /// The number called.
    pub destination: String,
    /// Variables that the dialplan sets before it hands the call over.
    pub variables: Vec<(String, String)>,
    /// Whether the dialplan answers first.
    pub answered: bool,
    /// What else the dialplan does first.
    pub hand_over: HandOver,
    /// The mode of the `socket` application.
    pub mode: SocketMode,
    /// How long after its answer to `connect` the switch parks the call, except at
    /// [`Pace::Wire`](super::Pace::Wire).
    pub parks_after: Duration,
    /// Hands the call over by `park`; with `None`, by `socket`.
    pub parked: Option<Parked>,
    /// What the caller does.
    pub behaviour: Caller,
    /// The agents that the dialplan rings on line 0.
    pub dial: Option<Dial>,
    /// Unique-ID of the standing agent with whom a program connects the caller on line 0.
    pub joins: Option<String>,
    /// How long the caller talks on its line before it hangs up.
    pub talks: Duration,
    /// The delay of `CHANNEL_HANGUP_COMPLETE` after the hang-up of a call that took a line.
    pub reports_after: Duration,
    /// The time after which the call is broken off and recorded as stranded.
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
            mode: SocketMode::default(),
            parks_after: PARKS_AFTER,
            parked: None,
            behaviour: Caller::default(),
            dial: None,
            joins: None,
            talks: Duration::ZERO,
            reports_after: Duration::ZERO,
            patience: Duration::from_secs(90),
        }
    }
}

/// How often the switch looks whether `connect` was answered (mod_event_socket.c
/// `socket_function`, `switch_cond_next`).
const PARKS_AFTER: Duration = Duration::from_millis(1);
/// The delay of the hang-up that the dialplan's author scheduled: longer than any call.
const OWN_TIMER: Duration = Duration::from_secs(3600);

/// The failure of an absent service, as the shipped include sets it.
const ABSENT: [(&str, &str); 4] = [
    ("flow.key.response_status", "FAILED"),
    ("flow.key.response_error", "true"),
    ("flow.key.error_reason", "CONNECTION_FAILURE"),
    ("flow.line", "1"),
];

impl Call {
    /// Returns the argument of `socket` in the dialplan.
    pub(super) fn socket_data(&self) -> String {
        let host = |host: &String| match self.path.as_str() {
            "" => host.clone(),
            path => format!("{host}/{path}"),
        };
        let hosts: Vec<String> = self.hosts.iter().map(host).collect();
        let words = [(self.mode.is_async, " async"), (self.mode.is_full, " full")];
        let words = words.into_iter().filter(|(is_set, _)| *is_set);
        let words: String = words.map(|(_, word)| word).collect();
        format!("{}{words}", hosts.join("|"))
    }

    /// Returns the text before `-line-0` and `-line-1`: the webhook's name, or the shipped hook's
    /// default for a call that names none.
    pub(super) fn lines(&self) -> &str {
        match self.path.as_str() {
            "" => "routed",
            path => path,
        }
    }

    /// Runs the actions before `socket` or `park`.
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

    /// Sets the variables of a parked call: the service that takes it, its webhook and its lines.
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

/// Unsets what the way out of a parked call unsets, so that no service moves the call any more.
pub(super) fn forget_park(channel: &mut Channel) {
    for name in ["flow.way_out", "flow.untaken", "flow.webhook"] {
        channel.unset(name);
    }
}

/// Returns the line on which the dialplan goes on: `transfer lookup-line-${flow.line}`.
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

/// Checks the scheduled tasks once the service has left: the way out must be gone, all other tasks
/// must remain.
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

/// Checks that no two written values expand once a dialplan puts them side by side.
pub(super) fn check_neighbours(channel: &mut Channel) {
    let opens = |value: &&String| value.trim_end_matches('\\').ends_with('$');
    let goes_on = |value: &&String| value.trim_start_matches('\\').starts_with('{');
    let values: Vec<&String> = channel.written.values().collect();
    if values.iter().any(opens) && values.iter().any(goes_on) {
        let what = "executed code! one value ends in $ and another begins with {: side by side they expand";
        channel.violation(what.into());
    }
}
