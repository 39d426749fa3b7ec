//! One connection to a switch's port 8021: its subscription, and the requests that are open on it.
//!
//! Replies come in the order of the commands, between events; a ticket tells which command a reply
//! answers.

use std::collections::{HashMap, HashSet, VecDeque};
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::Instant;

use crate::limits;
use eslclient::{self, Command, Connection, Format, Incoming, Refusal, Reply, Ticket};

use super::call_verifier::{CallClaim, VerifyRequest};
use super::clock_check::{self, ClockCheck};
use super::questions::Questions;
use switchhook_core::clock::now_us;

/// The events that legs, calls and recordings are learnt from. No other is subscribed.
const EVENTS: [&str; 15] = [
    "CHANNEL_CREATE",
    "CHANNEL_ORIGINATE",
    "CHANNEL_ANSWER",
    "CHANNEL_BRIDGE",
    "CHANNEL_UNBRIDGE",
    "CHANNEL_HANGUP",
    "CHANNEL_HANGUP_COMPLETE",
    "CHANNEL_DESTROY",
    "CHANNEL_UUID",
    "RECORD_START",
    "RECORD_STOP",
    "CUSTOM",
    "sofia::transferor",
    "sofia::transferee",
    "conference::maintenance",
];

/// What the events of living calls need besides. Subscribed only if a flow has such events.
const LIVE_EVENTS: [&str; 4] = [
    "CHANNEL_PROGRESS",
    "CHANNEL_PROGRESS_MEDIA",
    "CHANNEL_HOLD",
    "CHANNEL_UNHOLD",
];

/// Channel dumps that are requested at once.
const DUMPS: usize = 32;
/// The times between lists of channels, and the last for all further ones. The switch writes the
/// table behind the list up to some seconds late, so that calls which began just before the
/// subscription are in a later list only.
const LIST_AFTER: [Duration; 3] = [
    Duration::from_secs(2),
    Duration::from_secs(10),
    Duration::from_secs(300),
];

/// A switch that does not answer for this long counts as gone.
const ANSWER_DEADLINE: Duration = Duration::from_secs(20);
/// The silence after which the switch is asked for a sign of life.
const QUESTION_EVERY: Duration = Duration::from_secs(20);

/// Why a connection cannot be used any more.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LinkError {
    /// The connection failed.
    #[error("{error}{cure}", error = .0, cure = limits::hint(.0))]
    Link(#[from] eslclient::Error),
    /// The switch refused a command that following needs.
    #[error("the switch refuses {command:?}: {text}; its event_socket user must be allowed it")]
    Refused {
        /// The command.
        command: &'static str,
        /// Its reply.
        text: String,
    },
}

/// What a follower reads from its connection.
pub(crate) enum LinkEvent {
    /// An event.
    Event(Box<eslclient::Event>),
    /// The switch's name, before any event; or its reply if it refused the command.
    Name(Result<String, String>),
    /// The subscription is in force: events follow.
    Subscribed,
    /// The answer to `show channels as json`.
    Channels(String),
    /// The channels that no longer exist, once every open check is answered.
    Gone(HashSet<String>),
    /// The `uuid_dump` of a channel that was unknown or had a gap.
    Dump(String),
    /// How far the switch's clock is ahead of ours, µs.
    ClockOffset(i64),
    /// The switch refused a command that is not needed.
    Refusal(String),
    /// Nothing of interest.
    Nothing,
}

/// A subscribed connection and its open requests.
pub(crate) struct Link {
    connection: Connection<TcpStream>,
    name: Ticket,
    events: Ticket,
    channels: Ticket,
    /// The list of channels was asked for and has not come.
    awaits_list: bool,
    /// [`LIVE_EVENTS`] are subscribed.
    is_live: bool,
    /// Channels missing from the list, each asked for with `uuid_exists`.
    existence_checks: HashMap<Ticket, String>,
    gone: HashSet<String>,
    clock: ClockCheck,
    /// Calls that the call control wants verified.
    questions: Questions,
    /// Open `uuid_dump` requests.
    dumps: HashSet<Ticket>,
    /// Channels whose dump is still to be requested.
    waiting_for_dump: VecDeque<String>,
    /// When `show channels` was sent, µs since 1970.
    pub listed_at_us: i64,
    last_list: Instant,
    /// How many lists followed the first one.
    lists: usize,
    last_read: Instant,
    last_question: Instant,
}

impl Link {
    /// Subscribes. Asks for the name first, so that stored calls are loaded before the first event;
    /// then for events, then for the list, so that no channel falls between the two. `is_live`: also
    /// for what the events of living calls need.
    ///
    /// # Errors
    /// A command cannot be built.
    pub(super) fn subscribe(
        mut connection: Connection<TcpStream>,
        is_live: bool,
    ) -> Result<Self, LinkError> {
        let name = connection.queue(&api("switchname", "")?);
        // Before CUSTOM: the switch takes names after it for subclasses.
        let live = LIVE_EVENTS.into_iter().filter(|_| is_live);
        let events = Command::event(Format::Json, live.chain(EVENTS));
        let events = events.map_err(eslclient::Error::from)?;
        let events = connection.queue(&events);
        let channels = connection.queue(&api("show", "channels as json")?);
        let now = Instant::now();
        Ok(Self {
            connection,
            name,
            events,
            channels,
            awaits_list: true,
            is_live,
            existence_checks: HashMap::new(),
            gone: HashSet::new(),
            clock: ClockCheck::default(),
            questions: Questions::new(),
            dumps: HashSet::new(),
            waiting_for_dump: VecDeque::new(),
            listed_at_us: now_us(),
            last_list: now,
            lists: 0,
            last_read: now,
            last_question: now,
        })
    }

    /// Waits for the next message. Cancel safe.
    ///
    /// # Errors
    /// The connection ended, or the switch refuses a command that following needs.
    pub(super) async fn next(&mut self) -> Result<LinkEvent, LinkError> {
        let incoming = self.connection.next().await?;
        self.last_read = Instant::now();
        match incoming {
            Incoming::Event(event) => Ok(LinkEvent::Event(Box::new(event))),
            Incoming::Reply(ticket, reply) => self.reply(ticket, &reply),
            Incoming::Notice(_)
            | Incoming::Rejection(_)
            | Incoming::AuthRequest
            | Incoming::Other(_)
            | _ => Ok(LinkEvent::Nothing),
        }
    }

    fn reply(&mut self, ticket: Ticket, reply: &Reply) -> Result<LinkEvent, LinkError> {
        if ticket == self.name {
            return Ok(LinkEvent::Name(reply.result().map_err(Refusal::into_text)));
        }
        if ticket == self.events {
            reply.result().map_err(refused("event json"))?;
            return Ok(LinkEvent::Subscribed);
        }
        if ticket == self.channels {
            self.awaits_list = false;
            return Ok(LinkEvent::Channels(reply.text().into_owned()));
        }
        if let Some(uuid) = self.existence_checks.remove(&ticket) {
            return Ok(self.existence_reply(uuid, reply));
        }
        if let Some(request) = self.questions.replied(ticket) {
            answer_verification(request, reply);
            self.ask_questions();
            return Ok(LinkEvent::Nothing);
        }
        if self.clock.awaits(ticket) {
            let offset = self.clock.replied(reply);
            return Ok(offset.map_or(LinkEvent::Nothing, LinkEvent::ClockOffset));
        }
        if self.dumps.remove(&ticket) {
            self.send_dump_requests();
            // Of a channel that is gone by now, the events tell.
            return Ok(if reply.is_ok() {
                LinkEvent::Dump(reply.text().into_owned())
            } else {
                LinkEvent::Nothing
            });
        }
        let refusal = reply.refusal().map(Refusal::into_text);
        Ok(refusal.map_or(LinkEvent::Nothing, LinkEvent::Refusal))
    }

    /// Takes the reply to `uuid_exists`, which is `true` or `false` (FreeSWITCH: mod_commands.c).
    fn existence_reply(&mut self, uuid: String, reply: &Reply) -> LinkEvent {
        if reply.text().trim() == "false" {
            self.gone.insert(uuid);
        }
        if self.existence_checks.is_empty() {
            LinkEvent::Gone(std::mem::take(&mut self.gone))
        } else {
            LinkEvent::Nothing
        }
    }

    /// Asks of each channel whether it exists. A channel missing from `show channels` may live:
    /// that command reads a table which the switch writes a little later (FreeSWITCH:
    /// switch_core_sqldb.c).
    pub(super) fn check_existence(&mut self, uuids: Vec<String>) {
        for uuid in uuids {
            // A Unique-ID that cannot be an argument of a command cannot be checked.
            if let Ok(command) = Command::api("uuid_exists", &uuid) {
                let ticket = self.connection.queue(&command);
                self.existence_checks.insert(ticket, uuid);
            }
        }
    }

    /// Requests a dump of each channel, a few at a time, so that events come in between. A dump
    /// is about 10 KB.
    pub(super) fn request_dumps(&mut self, uuids: Vec<String>) {
        self.waiting_for_dump.extend(uuids);
        self.send_dump_requests();
    }

    fn send_dump_requests(&mut self) {
        while self.dumps.len() < DUMPS {
            let Some(uuid) = self.waiting_for_dump.pop_front() else {
                return;
            };
            if let Ok(command) = Command::api("uuid_dump", &format!("{uuid} json")) {
                self.dumps.insert(self.connection.queue(&command));
            }
        }
    }

    /// Requests the list of channels again: soon, for the calls that the first one did not have yet,
    /// and then every few minutes, since the switch drops events for a client that reads too slowly,
    /// and does not report up to 500 of them.
    ///
    /// # Errors
    /// A command cannot be built.
    pub(super) fn repeat_list(&mut self) -> Result<(), LinkError> {
        let idle = self.existence_checks.is_empty() && self.dumps.is_empty();
        let [.., last] = LIST_AFTER;
        let after = LIST_AFTER.get(self.lists).copied().unwrap_or(last);
        if idle && self.last_list.elapsed() >= after {
            self.lists += 1;
            self.last_list = Instant::now();
            self.listed_at_us = now_us();
            self.channels = self.connection.queue(&api("show", "channels as json")?);
            self.awaits_list = true;
        }
        Ok(())
    }

    /// Subscribes what the events of living calls need, once: a reload may turn them on.
    ///
    /// # Errors
    /// The command cannot be built.
    pub(super) fn follow_live(&mut self) -> Result<(), LinkError> {
        if !self.is_live {
            let events = Command::event(Format::Json, LIVE_EVENTS);
            self.connection
                .queue(&events.map_err(eslclient::Error::from)?);
            self.is_live = true;
        }
        Ok(())
    }

    /// Asks for the switch's clock if that is due. What lives is asked for first.
    ///
    /// # Errors
    /// The command cannot be built.
    pub(super) fn check_clock(&mut self) -> Result<(), LinkError> {
        if self.is_caught_up() && self.clock.is_due() {
            let question = api(clock_check::QUESTION, "")?;
            self.clock.asked(self.connection.queue(&question));
        }
        Ok(())
    }

    /// Returns whether every question about what lives is answered.
    pub(super) fn is_caught_up(&self) -> bool {
        let no_dumps = self.dumps.is_empty() && self.waiting_for_dump.is_empty();
        !self.awaits_list && self.existence_checks.is_empty() && no_dumps
    }

    /// Asks the switch for a call that the events so far do not confirm, once there is a place.
    pub(super) fn verify(&mut self, request: VerifyRequest) {
        self.questions.add(request);
        self.ask_questions();
    }

    fn ask_questions(&mut self) {
        let connection = &mut self.connection;
        self.questions.ask(|claim| {
            let command = Command::api("uuid_dump", &format!("{} json", claim.uuid));
            Some(connection.queue(&command.ok()?))
        });
    }

    /// Returns whether a call waits to be confirmed.
    pub(super) fn has_questions(&self) -> bool {
        !self.questions.is_empty()
    }

    /// Confirms the claims of a call that an event was about.
    pub(super) fn confirm(&mut self, uuid: &str, is_confirmed: impl Fn(&CallClaim) -> bool) {
        self.questions.confirm(uuid, is_confirmed);
    }

    /// Leaves out a time in which the connection was not read from the switch's silence.
    pub(super) fn exclude_busy_time(&mut self, busy: Duration) {
        self.last_read += busy;
    }

    /// Asks a silent switch for a sign of life.
    ///
    /// # Errors
    /// The switch has not answered for too long.
    pub(super) fn keep_alive(&mut self) -> Result<(), LinkError> {
        let silent = self.last_read.elapsed();
        if silent > QUESTION_EVERY + ANSWER_DEADLINE {
            return Err(LinkError::Link(eslclient::Error::Timeout {
                doing: "the switch's answer".into(),
                within: ANSWER_DEADLINE,
            }));
        }
        if silent > QUESTION_EVERY && self.last_question.elapsed() > QUESTION_EVERY {
            self.last_question = Instant::now();
            self.connection.queue(&api("switchname", "")?);
        }
        Ok(())
    }
}

/// Passes on the reply to `uuid_dump` (FreeSWITCH: mod_commands.c). Any other text is no answer.
fn answer_verification(mut request: VerifyRequest, reply: &Reply) {
    if let Some(answer) = request.claim.judge(&reply.text()) {
        request.answer(answer);
    }
}

fn api(name: &str, arguments: &str) -> Result<Command, LinkError> {
    Ok(Command::api(name, arguments).map_err(eslclient::Error::from)?)
}

fn refused(command: &'static str) -> impl FnOnce(Refusal) -> LinkError {
    move |refusal| LinkError::Refused {
        command,
        text: refusal.into_text(),
    }
}
