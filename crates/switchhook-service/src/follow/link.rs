//! A connection that was subscribed, and what was asked on it.

use std::collections::{HashMap, HashSet, VecDeque};
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::limits;
use eslclient::{self, Command, Connection, Format, Incoming, Reply, Ticket};

use super::call_query::Question;
use super::call_tracker;

/// The events that legs, calls and recordings are learnt from, and no other.
const EVENTS: [&str; 14] = [
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
];

/// Dumps of channels that are asked for at once.
const DUMPS: usize = 32;
/// Between two lists of channels.
const LIST_EVERY: Duration = Duration::from_secs(300);

/// A switch that says nothing for this long after a question is taken for gone.
const ANSWER_DEADLINE: Duration = Duration::from_secs(20);
/// How often it is asked.
const QUESTION_EVERY: Duration = Duration::from_secs(20);

/// Why a connection is of no use any more.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Lost {
    /// The connection itself.
    #[error("{error}{cure}", error = .0, cure = limits::hint(.0))]
    Link(#[from] eslclient::Error),
    /// The switch does not do what nothing goes without.
    #[error("the switch refuses {command:?}: {text}; its event_socket user must be allowed it")]
    Refused {
        /// The command.
        command: &'static str,
        /// What it said.
        text: String,
    },
}

/// What the switch said, as far as a follower wants it.
pub(crate) enum LinkEvent {
    /// An event.
    Event(Box<eslclient::Event>),
    /// Its name; before any event. What it said instead when it would not tell.
    Name(Result<String, String>),
    /// Events come from now on.
    Subscribed,
    /// `show channels as json`.
    Channels(String),
    /// Of the channels in doubt, those that are gone; all were asked for.
    Gone(HashSet<String>),
    /// `uuid_dump` of a channel that nothing was known of.
    Dump(String),
    /// It refused a command that can be done without.
    Refusal(String),
    /// Nothing new.
    Nothing,
}

/// A connection with its questions.
pub(crate) struct Link {
    connection: Connection<TcpStream>,
    name: Ticket,
    events: Ticket,
    channels: Ticket,
    /// Channels that are not in the list, being asked for one by one.
    doubts: HashMap<Ticket, String>,
    gone: HashSet<String>,
    /// Calls that others ask for.
    asked: HashMap<Ticket, oneshot::Sender<bool>>,
    /// Channels in the list of which nothing is known: those that are being dumped, and the rest.
    dumps: HashSet<Ticket>,
    undumped: VecDeque<String>,
    /// When `show channels` was asked, µs since 1970.
    pub asked_us: i64,
    listed: Instant,
    heard: Instant,
    questioned: Instant,
}

impl Link {
    /// The name first, so that the calls of before are there when the first event comes;
    /// then events, so that no channel falls between them and the list.
    pub(super) fn subscribe(mut connection: Connection<TcpStream>) -> Result<Self, Lost> {
        let name = connection.queue(&api("switchname", "")?);
        let events = Command::event(Format::Json, EVENTS).map_err(eslclient::Error::from)?;
        let events = connection.queue(&events);
        let channels = connection.queue(&api("show", "channels as json")?);
        let now = Instant::now();
        Ok(Self {
            connection,
            name,
            events,
            channels,
            doubts: HashMap::new(),
            gone: HashSet::new(),
            asked: HashMap::new(),
            dumps: HashSet::new(),
            undumped: VecDeque::new(),
            asked_us: call_tracker::now_us(),
            listed: now,
            heard: now,
            questioned: now,
        })
    }

    /// The next thing that the switch says.
    pub(super) async fn next(&mut self) -> Result<LinkEvent, Lost> {
        let incoming = self.connection.next().await?;
        self.heard = Instant::now();
        match incoming {
            Incoming::Event(event) => Ok(LinkEvent::Event(Box::new(event))),
            Incoming::Reply(ticket, reply) => self.reply(ticket, &reply),
            Incoming::Notice(_)
            | Incoming::Rejection(_)
            | Incoming::AuthRequest
            | Incoming::Other(_) => Ok(LinkEvent::Nothing),
        }
    }

    fn reply(&mut self, ticket: Ticket, reply: &Reply) -> Result<LinkEvent, Lost> {
        if ticket == self.name {
            return Ok(LinkEvent::Name(reply.result()));
        }
        if ticket == self.events {
            reply.result().map_err(refused("event json"))?;
            return Ok(LinkEvent::Subscribed);
        }
        if ticket == self.channels {
            return Ok(LinkEvent::Channels(reply.text().into_owned()));
        }
        if let Some(uuid) = self.doubts.remove(&ticket) {
            return Ok(self.doubt(uuid, reply));
        }
        if let Some(answer) = self.asked.remove(&ticket) {
            confirmed(answer, reply);
            return Ok(LinkEvent::Nothing);
        }
        if self.dumps.remove(&ticket) {
            self.dump();
            // A channel that is gone by now has its events.
            return Ok(match reply.is_ok() {
                true => LinkEvent::Dump(reply.text().into_owned()),
                false => LinkEvent::Nothing,
            });
        }
        let refusal = reply.refusal();
        Ok(refusal.map_or(LinkEvent::Nothing, LinkEvent::Refusal))
    }

    /// FreeSWITCH: mod_commands.c `uuid_exists` answers `true` or `false`.
    fn doubt(&mut self, uuid: String, reply: &Reply) -> LinkEvent {
        if reply.text().trim() == "false" {
            self.gone.insert(uuid);
        }
        match self.doubts.is_empty() {
            true => LinkEvent::Gone(std::mem::take(&mut self.gone)),
            false => LinkEvent::Nothing,
        }
    }

    /// Asks for each of these channels whether it lives. `show channels` reads a table that
    /// the switch writes a little later (FreeSWITCH: switch_core_sqldb.c), so its word that
    /// a channel is not there is not enough.
    pub(super) fn ask_for(&mut self, uuids: Vec<String>) {
        for uuid in uuids {
            // A Unique-ID that is no argument of a command cannot be asked for.
            if let Ok(command) = Command::api("uuid_exists", &uuid) {
                let ticket = self.connection.queue(&command);
                self.doubts.insert(ticket, uuid);
            }
        }
    }

    /// Asks for what there is to know of these channels, a few at a time: of each the switch
    /// sends some 10 KB, and events come in between.
    pub(super) fn ask_about(&mut self, uuids: Vec<String>) {
        self.undumped.extend(uuids);
        self.dump();
    }

    fn dump(&mut self) {
        while self.dumps.len() < DUMPS {
            let Some(uuid) = self.undumped.pop_front() else {
                return;
            };
            if let Ok(command) = Command::api("uuid_dump", &format!("{uuid} json")) {
                self.dumps.insert(self.connection.queue(&command));
            }
        }
    }

    /// Asks for the list of channels once more, now and again: the switch drops events for a
    /// client that reads too slowly, and says nothing of up to 500 of them.
    pub(super) fn list_again(&mut self) -> Result<(), Lost> {
        let idle = self.doubts.is_empty() && self.dumps.is_empty();
        if idle && self.listed.elapsed() >= LIST_EVERY {
            self.listed = Instant::now();
            self.asked_us = call_tracker::now_us();
            self.channels = self.connection.queue(&api("show", "channels as json")?);
        }
        Ok(())
    }

    /// Asks for a call that its events have not told of yet.
    pub(super) fn confirm(&mut self, question: Question) {
        match Command::api("uuid_exists", &question.uuid) {
            Ok(command) => {
                let ticket = self.connection.queue(&command);
                self.asked.insert(ticket, question.answer);
            }
            // No switch has a call whose name cannot be asked for.
            Err(_) => drop(question.answer.send(false)),
        }
    }

    /// We did something else for so long, and could not hear the switch meanwhile.
    pub(super) fn pardon(&mut self, busy: Duration) {
        self.heard += busy;
    }

    /// Asks a switch that has been silent whether it is there.
    ///
    /// # Errors
    /// When it has not answered for too long.
    pub(super) fn keep_alive(&mut self) -> Result<(), Lost> {
        let silent = self.heard.elapsed();
        if silent > QUESTION_EVERY + ANSWER_DEADLINE {
            return Err(Lost::Link(eslclient::Error::Timeout {
                doing: "the switch's answer",
                within: ANSWER_DEADLINE,
            }));
        }
        if silent > QUESTION_EVERY && self.questioned.elapsed() > QUESTION_EVERY {
            self.questioned = Instant::now();
            self.connection.queue(&api("switchname", "")?);
        }
        Ok(())
    }
}

/// FreeSWITCH: mod_commands.c `uuid_exists`. Any other answer is none.
fn confirmed(answer: oneshot::Sender<bool>, reply: &Reply) {
    match reply.text().trim() {
        "true" => drop(answer.send(true)),
        "false" => drop(answer.send(false)),
        _ => {}
    }
}

fn api(name: &str, arguments: &str) -> Result<Command, Lost> {
    Ok(Command::api(name, arguments).map_err(eslclient::Error::from)?)
}

fn refused(command: &'static str) -> impl FnOnce(String) -> Lost {
    move |text| Lost::Refused { command, text }
}
