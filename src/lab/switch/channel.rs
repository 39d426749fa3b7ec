//! One channel: its identity, state, variables and what waits to be done to it.

use std::borrow::Cow;
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use chrono::{DateTime, Utc};
use tokio::sync::Notify;
use tokio::time::Instant;

use super::event::{Event, Text};
use super::media::Ear;
use super::template::{ACK, MEDIA, REPORT, Template, VARIABLES};
use super::text::is_expandable;
use super::wire::Command;

/// The switch's private event queue (switch_core_pvt.h `SWITCH_EVENT_QUEUE_LEN`).
pub(super) const QUEUE: usize = 256;

/// A channel that several connections may reach.
#[derive(Debug)]
pub(super) struct Leg {
    /// Its Unique-ID.
    pub uuid: String,
    channel: Mutex<Channel>,
    /// Somebody else did something to the channel.
    pub wake: Notify,
}

impl Leg {
    pub(super) fn new(channel: Channel) -> Self {
        Self {
            uuid: channel.uuid.clone(),
            channel: Mutex::new(channel),
            wake: Notify::new(),
        }
    }

    /// The channel, for a moment; never across a wait.
    pub(super) fn lock(&self) -> MutexGuard<'_, Channel> {
        self.channel.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where a channel stands in the switch's state machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum State {
    Init,
    Execute,
    Hangup,
    Reporting,
    Destroy,
}

impl State {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Init => "CS_INIT",
            Self::Execute => "CS_EXECUTE",
            Self::Hangup => "CS_HANGUP",
            Self::Reporting | Self::Destroy => "CS_REPORTING",
        }
    }

    pub(super) fn number(self) -> u8 {
        match self {
            Self::Init => 2,
            Self::Execute => 4,
            Self::Hangup => 10,
            Self::Reporting => 11,
            Self::Destroy => 12,
        }
    }
}

/// Why a channel went down, and which end did it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cause {
    /// The switch's name, `NORMAL_CLEARING` for example.
    pub name: String,
    /// `sip_hangup_disposition`: `recv_bye` when the caller hung up.
    pub disposition: &'static str,
}

impl Cause {
    /// The caller hung up.
    #[must_use]
    pub fn by_caller() -> Self {
        Self {
            name: "NORMAL_CLEARING".into(),
            disposition: "recv_bye",
        }
    }

    /// The switch hung up.
    #[must_use]
    pub fn by_switch(name: &str) -> Self {
        Self {
            name: name.into(),
            disposition: "send_bye",
        }
    }

    /// Its Q.850 number (switch_types.h; a cancelled originate counts as 16).
    #[must_use]
    pub fn q850(&self) -> u16 {
        match self.name.as_str() {
            "USER_BUSY" => 17,
            "NO_USER_RESPONSE" => 18,
            "NO_ANSWER" => 19,
            "CALL_REJECTED" => 21,
            "DESTINATION_OUT_OF_ORDER" => 27,
            "NORMAL_TEMPORARY_FAILURE" => 41,
            _ => 16,
        }
    }
}

/// What a scheduled task does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Deed {
    /// `sched_transfer` to line 1.
    WayOut,
    /// A hang-up that the dialplan's author scheduled; not ours to touch.
    Hangup,
}

/// A scheduled task of this channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Task {
    pub id: u32,
    pub at: Instant,
    pub deed: Deed,
}

/// Moments in microseconds since 1970; 0 when it has not happened.
#[derive(Debug, Clone, Default)]
pub(super) struct Times {
    pub created: u64,
    pub answered: u64,
    pub early_media: u64,
    pub transferred: u64,
    pub hungup: u64,
}

/// Microseconds since 1970.
pub(super) fn micros() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| {
        u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
    })
}

/// Who calls whom.
#[derive(Debug, Clone)]
pub(super) struct Party {
    pub caller_name: String,
    pub caller: String,
    pub destination: String,
}

/// One channel.
#[derive(Debug)]
pub(super) struct Channel {
    pub uuid: String,
    pub party: Party,
    pub session: u64,
    pub state: State,
    /// The state whose name events carry; it follows `state` at the next tick.
    pub running: State,
    pub cause: Option<Cause>,
    pub times: Times,
    variables: Vec<(Text, Text)>,
    /// `sendmsg` that waits for the session's next tick.
    pub queue: VecDeque<Command>,
    /// `uuid_break` was called (CF_BREAK).
    pub broken: bool,
    pub tasks: Vec<Task>,
    /// Somebody listens: events are worth building.
    pub heeded: bool,
    pub fired: Vec<Event>,
    pub ear: Ear,
    pub violations: Vec<String>,
    /// Variables that a peer wrote, for the checks at the end.
    pub written: BTreeMap<String, String>,
}

impl Channel {
    /// A call that has just arrived, its phone ringing.
    pub(super) fn new(uuid: String, party: Party, session: u64, ear: Ear) -> Self {
        let mut channel = Self {
            uuid,
            party,
            session,
            state: State::Init,
            running: State::Init,
            cause: None,
            times: Times {
                created: micros(),
                ..Times::default()
            },
            variables: Vec::with_capacity(128),
            queue: VecDeque::new(),
            broken: false,
            tasks: Vec::new(),
            heeded: false,
            fired: Vec::new(),
            ear,
            violations: Vec::new(),
            written: BTreeMap::new(),
        };
        channel.set_all(&VARIABLES);
        channel
    }

    /// Nobody has hung up.
    pub(super) fn is_up(&self) -> bool {
        self.state < State::Hangup
    }

    pub(super) fn has_media(&self) -> bool {
        self.times.answered > 0 || self.times.early_media > 0
    }

    /// All variables with their `variable_` prefix, in the switch's order.
    pub(super) fn variables(&self) -> &[(Text, Text)] {
        &self.variables
    }

    /// A variable by name; the switch compares names without case.
    pub(super) fn variable(&self, name: &str) -> Option<&str> {
        let at = self.position(name)?;
        Some(self.variables[at].1.as_ref())
    }

    fn position(&self, name: &str) -> Option<usize> {
        let bare = |header: &Text| {
            header
                .get("variable_".len()..)
                .unwrap_or_default()
                .to_owned()
        };
        self.variables.iter().position(|(header, _)| {
            header.len() == "variable_".len() + name.len()
                && bare(header).eq_ignore_ascii_case(name)
        })
    }

    /// Sets a variable as the switch does: it moves to the end, and an empty value deletes it.
    pub(super) fn set(&mut self, name: &str, value: impl Into<Text>) {
        let value = value.into();
        if let Some(at) = self.position(name) {
            self.variables.remove(at);
        }
        if !value.is_empty() {
            self.variables
                .push((Cow::Owned(format!("variable_{name}")), value));
        }
    }

    /// Deletes a variable.
    pub(super) fn unset(&mut self, name: &str) {
        self.set(name, "");
    }

    /// A peer writes a variable: what a switch would suffer from it is noted.
    pub(super) fn write(&mut self, name: &str, value: &str) {
        if executes(name) {
            self.violation(format!("the variable {name} executes what it holds"));
        }
        if value.starts_with("ARRAY::") {
            self.violation(format!("the value of {name} is parsed as an array"));
        }
        if is_expandable(value) {
            self.violation(format!(
                "executed code! {name} holds something that the dialplan expands"
            ));
        }
        self.written.insert(name.to_owned(), value.to_owned());
        self.set(name, value.to_owned());
    }

    pub(super) fn violation(&mut self, what: String) {
        if !self.violations.contains(&what) {
            self.violations.push(what);
        }
    }

    fn set_all(&mut self, template: &'static Template) {
        let headers: Vec<_> = template.render(&|field| self.field(field)).collect();
        for (name, value) in headers {
            self.variables.retain(|(known, _)| known != &name);
            self.variables.push((name, value));
        }
    }

    /// Answers, or opens early media; the media's variables appear once.
    pub(super) fn open_media(&mut self, answer: bool) {
        if !self.has_media() {
            self.set_all(&MEDIA);
        }
        if answer {
            self.times.answered = micros();
        } else {
            self.times.early_media = micros();
            self.set("endpoint_disposition", "EARLY MEDIA");
        }
    }

    /// The caller's phone acknowledged the answer.
    pub(super) fn acknowledged(&mut self) {
        let headers: Vec<_> = ACK.render(&|field| self.field(field)).collect();
        // The switch drops what it sets again before it sets it.
        self.variables
            .retain(|(name, _)| !headers.iter().any(|(again, _)| again == name));
        self.variables.extend(headers);
    }

    /// The variables that only a finished call has.
    pub(super) fn report(&mut self) {
        self.set_all(&REPORT);
    }

    /// Every variable by name, without the prefix.
    pub(super) fn all_variables(&self) -> BTreeMap<String, String> {
        let bare = |name: &Text| name.trim_start_matches("variable_").to_owned();
        self.variables
            .iter()
            .map(|(name, value)| (bare(name), value.to_string()))
            .collect()
    }

    /// The value of a place in a template.
    pub(super) fn field(&self, name: &str) -> Option<String> {
        let times = &self.times;
        Some(match name {
            "uuid" => self.uuid.clone(),
            "caller" => self.party.caller.clone(),
            "caller_name" => self.party.caller_name.clone(),
            "destination" => self.party.destination.clone(),
            "channel_name" => self.name(),
            "session_id" => self.session.to_string(),
            "state" => self.running.name().into(),
            "state_number" => self.state.number().to_string(),
            "call_state" => self.call_state().into(),
            "answer_state" => self.answer_state().into(),
            "cause" => self.cause.as_ref()?.name.clone(),
            "q850" => self.cause.as_ref()?.q850().to_string(),
            "disposition" => self.cause.as_ref()?.disposition.into(),
            "created" => times.created.to_string(),
            "answered" => times.answered.to_string(),
            "progress_media" => times.early_media.to_string(),
            "transferred" => times.transferred.to_string(),
            "hungup" => times.hungup.to_string(),
            "last_app" => self.variable("current_application")?.to_owned(),
            "last_arg" => self.variable("current_application_data")?.to_owned(),
            "sip_id" | "to_tag" | "sdp_id" | "rtp_port" | "ssrc" => self.sip_field(name),
            _ => self.time_field(name)?,
        })
    }

    /// Values that the phones and media make up; any will do, the same for one call.
    fn sip_field(&self, name: &str) -> String {
        let seed = self.session;
        match name {
            "sip_id" => format!("{}-{}", seed, &self.uuid[..self.uuid.len().min(8)]),
            "to_tag" => self.uuid.chars().filter(|c| *c != '-').take(13).collect(),
            "sdp_id" => (self.times.created / 1_000_000).to_string(),
            "rtp_port" => (16_384 + (seed * 2) % 16_384).to_string(),
            _ => (1_328_000_000 + seed).to_string(),
        }
    }

    fn time_field(&self, name: &str) -> Option<String> {
        let times = &self.times;
        let lasted = times.hungup.saturating_sub(times.created);
        let answered = Some(times.answered).filter(|at| *at > 0);
        let billed = answered.map_or(0, |at| times.hungup.saturating_sub(at));
        let to_answer = answered.map_or(0, |at| at.saturating_sub(times.created));
        let (base, unit) = name.rsplit_once('_')?;
        let value = match base {
            "start" => times.created,
            "answer" => answered.or((unit == "s").then_some(0))?,
            "end" => times.hungup,
            "progress_media" => times.early_media,
            "duration" => lasted,
            "billed" => billed,
            "to_answer" => to_answer,
            _ => return None,
        };
        Some(match unit {
            "s" => (value / 1_000_000).to_string(),
            "ms" => (value / 1_000).to_string(),
            "us" => value.to_string(),
            "stamp" => stamp(value),
            _ => return None,
        })
    }

    /// The channel's name, as mod_sofia makes it.
    pub(super) fn name(&self) -> String {
        format!("sofia/lab/{}@127.0.0.1:5080", self.party.caller)
    }

    fn call_state(&self) -> &'static str {
        match self.running {
            State::Reporting | State::Destroy => "HANGUP",
            State::Init => "DOWN",
            State::Execute | State::Hangup if self.times.answered > 0 => "ACTIVE",
            State::Execute | State::Hangup if self.times.early_media > 0 => "EARLY",
            State::Execute | State::Hangup => "RINGING",
        }
    }

    fn answer_state(&self) -> &'static str {
        if self.cause.is_some() {
            "hangup"
        } else if self.times.answered > 0 {
            "answered"
        } else if self.times.early_media > 0 {
            "early"
        } else {
            "ringing"
        }
    }

    /// Cancels one task by its number, or all of them by the channel's UUID; how many went.
    pub(super) fn cancel_tasks(&mut self, which: &str) -> usize {
        let before = self.tasks.len();
        match which.parse::<u32>() {
            Ok(id) => self.tasks.retain(|task| task.id != id),
            Err(_) => self.tasks.clear(),
        }
        before - self.tasks.len()
    }

    /// The next task that is due, and when.
    pub(super) fn next_task(&self) -> Option<Instant> {
        self.tasks.iter().map(|task| task.at).min()
    }

    /// Schedules `deed` after `delay`.
    pub(super) fn schedule(&mut self, id: u32, delay: Duration, deed: Deed) {
        self.tasks.push(Task {
            id,
            at: Instant::now() + delay,
            deed,
        });
    }
}

fn stamp(micros: u64) -> String {
    let micros = i64::try_from(micros).unwrap_or(i64::MAX);
    let time = DateTime::<Utc>::from_timestamp_micros(micros).unwrap_or_default();
    time.format("%Y-%m-%d %H:%M:%S").to_string()
}

/// The core's variables that execute what they hold (switch_types.h).
fn executes(name: &str) -> bool {
    const PREFIXES: [&str; 4] = [
        "execute_on_",
        "api_on_",
        "exec_after_bridge_",
        "record_post_process_exec_",
    ];
    const NAMES: [&str; 4] = [
        "api_after_bridge",
        "api_before_bridge",
        "api_hangup_hook",
        "api_reporting_hook",
    ];
    let name = name.to_ascii_lowercase();
    NAMES.contains(&name.as_str()) || PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

#[cfg(test)]
mod tests {
    use super::super::media::Sound;
    use super::*;

    fn channel() -> Channel {
        let party = Party {
            caller_name: "Anna".into(),
            caller: "9822".into(),
            destination: "7000".into(),
        };
        Channel::new("u-1".into(), party, 7, Ear::new(Sound::Ringing))
    }

    #[tokio::test]
    async fn a_variable_set_again_moves_to_the_end_and_an_empty_one_is_deleted() {
        let mut channel = channel();
        channel.set("flow.line", "1");
        channel.set("x", "2");
        channel.set("Flow.Line", "0");
        let last = channel
            .variables()
            .last()
            .map(|(_, value)| value.to_string());
        assert_eq!(last.as_deref(), Some("0"));
        assert_eq!(channel.variable("flow.line"), Some("0"));
        channel.unset("flow.line");
        assert_eq!(channel.variable("flow.line"), None);
    }

    #[tokio::test]
    async fn what_would_hurt_a_switch_is_noted() {
        let mut channel = channel();
        channel.write("flow.key.a", "${system x}");
        channel.write("api_hangup_hook", "x");
        channel.write("flow.key.b", "ARRAY::x");
        assert_eq!(channel.violations.len(), 3);
        channel.write("flow.key.c", "$100");
        assert_eq!(channel.violations.len(), 3);
    }

    #[tokio::test]
    async fn one_task_is_cancelled_by_number_and_all_of_them_by_uuid() {
        let mut channel = channel();
        channel.schedule(5, Duration::from_secs(15), Deed::WayOut);
        channel.schedule(6, Duration::from_secs(3600), Deed::Hangup);
        assert_eq!(channel.cancel_tasks("5"), 1);
        assert_eq!(channel.cancel_tasks("u-1"), 1);
    }
}
