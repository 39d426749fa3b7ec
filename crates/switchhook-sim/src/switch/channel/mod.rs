//! Models one channel: its identity, state, variables and queued commands.

mod agent;
mod cause;
mod fields;
mod leg;
mod profile;
mod variables;

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::time::Instant;

use super::event::{Event, Text};
use super::media::AudioRecorder;
use super::socket_mode::SocketMode;
use super::template::{ACK, MEDIA, MEDIA_REPORT, REPORT, VARIABLES};
use super::wire::Command;

pub use self::cause::Cause;
pub(super) use self::cause::{CallState, State};
pub(super) use self::leg::Leg;
pub(super) use self::profile::{Peer, Profile};

/// The length of the switch's private event queue (switch_core_pvt.h `SWITCH_EVENT_QUEUE_LEN`).
pub(super) const QUEUE: usize = 256;

/// The variable that has the number of loops of what `sendmsg` plays, while it plays.
pub(super) const TOTAL_LOOPS: &str = "total_loops";
/// The variable by which a service finds out whether the call was moved.
pub(super) const TRANSFER_SOURCE: &str = "transfer_source";

/// What a scheduled task does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TaskAction {
    /// Runs the dialplan's `sched_transfer` to line 1.
    WayOut,
    /// Hangs up, scheduled by the dialplan's author. The service must not cancel it.
    Hangup,
}

/// A scheduled task of this channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Task {
    pub id: u32,
    pub at: Instant,
    pub(crate) deed: TaskAction,
}

/// Times in microseconds since 1970; 0 if the event has not happened.
#[derive(Debug, Clone, Default)]
pub(super) struct Times {
    pub created: u64,
    pub answered: u64,
    /// When the far end began to ring. On a channel that dials, the first phone that it dialled.
    pub progress: u64,
    pub early_media: u64,
    pub bridged: u64,
    pub transferred: u64,
    pub(crate) hungup: u64,
}

/// Returns the current time in microseconds since 1970.
pub(super) fn micros() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| {
        u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
    })
}

/// The caller and the called number of a channel.
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
    /// The caller id number at the channel's creation.
    pub(crate) first_caller: String,
    /// The destination number at the channel's creation.
    pub(crate) first_destination: String,
    pub profile: Profile,
    /// The header `Channel-Call-UUID`.
    pub call_uuid: String,
    /// The other leg's profile, once there is another leg.
    pub other: Vec<(Text, Text)>,
    pub peer: Option<Peer>,
    pub session: u64,
    pub state: State,
    /// The state whose name events carry; it follows `state` at the next tick.
    pub running: State,
    pub(crate) call_state: CallState,
    pub cause: Option<Cause>,
    pub times: Times,
    variables: Vec<(Text, Text)>,
    /// Commands of `sendmsg` that wait for the session's next tick.
    pub queue: VecDeque<Command>,
    /// Whether `uuid_break` was called (`CF_BREAK`).
    pub broken: bool,
    pub tasks: Vec<Task>,
    /// Where `uuid_transfer` or `transfer` sends the call: `EXTENSION DIALPLAN CONTEXT`.
    pub moved: Option<String>,
    /// The mode of its `socket` application.
    pub mode: SocketMode,
    /// Whether somebody other than the service has the call.
    pub taken: bool,
    /// Whether an operator parks the caller when the service asks who has the call.
    pub parked_when_asked: bool,
    /// Whether the service has asked.
    pub asked: bool,
    /// Whether anything listens, so that events are worth building.
    pub(crate) heeded: bool,
    pub(crate) fired: Vec<Event>,
    pub ear: AudioRecorder,
    /// The file to which the channel is recorded.
    pub recording: Option<String>,
    /// When that file was closed, if it was kept.
    pub recorded: Option<Instant>,
    /// Whether the switch deletes the recording instead of keeping it.
    pub discards: bool,
    /// Variables that the switch sets last.
    pub(crate) parting: Vec<(&'static str, String)>,
    pub violations: Vec<String>,
    /// Variables that a peer wrote, kept for the checks at the end.
    pub written: BTreeMap<String, String>,
}

impl Channel {
    /// Returns a call that has just arrived, its phone ringing.
    pub(super) fn new(uuid: String, party: Party, session: u64, ear: AudioRecorder) -> Self {
        let mut channel = Self::bare(uuid, party, session, ear);
        channel.set_all(&VARIABLES);
        channel
    }

    /// Returns a channel without variables.
    fn bare(uuid: String, party: Party, session: u64, ear: AudioRecorder) -> Self {
        Self {
            call_uuid: uuid.clone(),
            uuid,
            first_caller: party.caller.clone(),
            first_destination: party.destination.clone(),
            party,
            profile: Profile::default(),
            other: Vec::new(),
            peer: None,
            session,
            state: State::Init,
            running: State::Init,
            call_state: CallState::Down,
            cause: None,
            times: Times {
                created: micros(),
                ..Times::default()
            },
            variables: Vec::with_capacity(128),
            queue: VecDeque::new(),
            broken: false,
            tasks: Vec::new(),
            moved: None,
            mode: SocketMode::default(),
            taken: false,
            parked_when_asked: false,
            asked: false,
            heeded: false,
            fired: Vec::new(),
            ear,
            recording: None,
            recorded: None,
            discards: false,
            parting: Vec::new(),
            violations: Vec::new(),
            written: BTreeMap::new(),
        }
    }

    /// Returns whether the music on hold is queued and not begun.
    pub(super) fn music_is_queued(&self) -> bool {
        let playback = |command: &Command| command.header("execute-app-name") == Some("playback");
        self.queue.iter().any(playback)
    }

    /// Returns whether the channel is up: neither end has hung up.
    pub(super) fn is_up(&self) -> bool {
        self.state < State::Hangup
    }

    pub(super) fn has_media(&self) -> bool {
        self.times.answered > 0 || self.times.early_media > 0
    }

    /// Begins the dialplan, with the call ringing.
    pub(super) fn begin(&mut self) {
        self.state = State::Execute;
        self.running = State::Execute;
        self.call_state = CallState::Ringing;
        self.set("call_uuid", self.uuid.clone());
    }

    /// Answers, or opens early media. The media's variables appear once. Fire the event between
    /// this call and [`Channel::media_is_open`].
    pub(super) fn open_media(&mut self, answer: bool) {
        if !self.has_media() {
            self.set_all(&MEDIA);
        }
        if answer {
            self.times.answered = micros();
        } else {
            self.times.early_media = micros();
        }
    }

    /// Applies what follows the event of an answer or of early media.
    pub(super) fn media_is_open(&mut self) {
        let answered = self.times.answered > 0;
        self.call_state = if answered {
            CallState::Active
        } else {
            CallState::Early
        };
        self.set(
            "endpoint_disposition",
            if answered { "ANSWER" } else { "EARLY MEDIA" },
        );
    }

    /// Notes that the caller's phone acknowledged the answer.
    pub(super) fn acknowledged(&mut self) {
        if self.times.answered > 0 && self.variable("sip_cseq").is_none() {
            self.set_all(&ACK);
        }
    }

    /// Applies the variables that mod_sofia sets when the caller's phone ends the call.
    pub(super) fn ended_by_phone(&mut self) {
        self.set("sip_term_status", "200");
        self.set("proto_specific_hangup_cause", "sip:200");
        self.set("sip_term_cause", "16");
    }

    /// Sets the variables that only a finished call has.
    pub(super) fn report(&mut self) {
        let disposition = self.cause.as_ref().map(|cause| cause.disposition);
        // The switch notes a phone's hang-up at once and its own later.
        let noted = self.variable("sip_hangup_disposition").is_some();
        if let Some(disposition) =
            disposition.filter(|disposition| disposition.starts_with("recv") && !noted)
        {
            if let Some(agent) = self.variable("sip_user_agent").map(str::to_owned) {
                self.set("sip_user_agent", agent);
            }
            self.set("sip_hangup_disposition", disposition);
        }
        self.set_all(&REPORT);
        if self.has_media() {
            self.set_all(&MEDIA_REPORT);
        }
        for (name, value) in std::mem::take(&mut self.parting) {
            self.set(name, value);
        }
    }

    /// Marks the recording that was just closed as deleted: nothing was written to it
    /// (switch_ivr_async.c `record_callback`).
    pub(super) fn discard(&mut self) {
        let told = [
            ("record_file_size", "44"),
            ("record_samples", "0"),
            ("record_seconds", "0"),
            ("record_ms", "0"),
            ("RECORD_DISCARDED", "true"),
            ("record_completion_cause", "empty-file"),
        ];
        for (name, value) in told {
            self.set(name, value);
        }
    }

    /// Cancels one task by its number, or every task by the channel's UUID. Returns the count of
    /// cancelled tasks.
    pub(super) fn cancel_tasks(&mut self, which: &str) -> usize {
        let before = self.tasks.len();
        match which.parse::<u32>() {
            Ok(id) => self.tasks.retain(|task| task.id != id),
            Err(_) => self.tasks.clear(),
        }
        before - self.tasks.len()
    }

    /// Returns when the next task is due.
    pub(super) fn next_task(&self) -> Option<Instant> {
        self.tasks.iter().map(|task| task.at).min()
    }

    /// Schedules `deed` after `delay`.
    pub(super) fn schedule(&mut self, id: u32, delay: Duration, deed: TaskAction) {
        self.tasks.push(Task {
            id,
            at: Instant::now() + whole_seconds(delay, micros()),
            deed,
        });
    }
}

/// Rounds a delay as the switch's scheduler does, whose clock has whole seconds. `+2` is due when
/// the second after the next begins, 1 to 2 s from now (switch_scheduler.c). A delay below one
/// second, which no dialplan can give, stays unchanged.
fn whole_seconds(delay: Duration, now_us: u64) -> Duration {
    let begun = Duration::from_micros(now_us % 1_000_000);
    delay
        .checked_sub(begun)
        .filter(|_| delay.subsec_nanos() == 0)
        .unwrap_or(delay)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::switch::media::Sound;

    pub(super) fn channel() -> Channel {
        let party = Party {
            caller_name: "Anna".into(),
            caller: "9822".into(),
            destination: "7000".into(),
        };
        Channel::new("u-1".into(), party, 7, AudioRecorder::new(Sound::Ringing))
    }

    #[tokio::test]
    async fn one_task_is_cancelled_by_number_and_all_of_them_by_uuid() {
        let mut channel = channel();
        channel.schedule(5, Duration::from_secs(15), TaskAction::WayOut);
        channel.schedule(6, Duration::from_secs(3600), TaskAction::Hangup);
        assert_eq!(channel.cancel_tasks("5"), 1);
        assert_eq!(channel.cancel_tasks("u-1"), 1);
    }

    #[test]
    fn tasks_are_due_when_a_second_begins() {
        let after = |delay, now_us| whole_seconds(Duration::from_millis(delay), now_us).as_millis();
        // In the capture states-resume-after-the-way-out, +2 fell at 0.49 s.
        assert_eq!(after(2000, 1_795_602_946_490_000), 1510);
        assert_eq!(after(2000, 1_795_602_946_000_000), 2000);
        assert_eq!(after(200, 1_795_602_946_900_000), 200);
    }
}
