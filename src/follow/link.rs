//! A connection that was subscribed, and what was asked on it.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::Instant;

use crate::eslclient::{self, Command, Connection, Format, Incoming, Reply, Ticket};

use super::books;

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

/// A switch that says nothing for this long after a question is taken for gone.
const ANSWER_DEADLINE: Duration = Duration::from_secs(20);
/// How often it is asked.
const QUESTION_EVERY: Duration = Duration::from_secs(20);

/// Why a connection is of no use any more.
#[derive(Debug, thiserror::Error)]
pub enum Lost {
    /// The connection itself.
    #[error(transparent)]
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
pub enum Heard {
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
    /// It refused a command that can be done without.
    Refusal(String),
    /// Nothing new.
    Nothing,
}

/// A connection with its questions.
pub struct Link {
    connection: Connection<TcpStream>,
    name: Ticket,
    events: Ticket,
    channels: Ticket,
    /// Channels that are not in the list, being asked for one by one.
    doubts: HashMap<Ticket, String>,
    gone: HashSet<String>,
    /// When `show channels` was asked, µs since 1970.
    pub asked_us: i64,
    heard: Instant,
    questioned: Instant,
}

impl Link {
    /// The name first, so that the calls of before are there when the first event comes;
    /// then events, so that no channel falls between them and the list.
    pub fn subscribe(mut connection: Connection<TcpStream>) -> Result<Self, Lost> {
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
            asked_us: books::now_us(),
            heard: now,
            questioned: now,
        })
    }

    /// The next thing that the switch says.
    pub async fn next(&mut self) -> Result<Heard, Lost> {
        let incoming = self.connection.next().await?;
        self.heard = Instant::now();
        match incoming {
            Incoming::Event(event) => Ok(Heard::Event(Box::new(event))),
            Incoming::Reply(ticket, reply) => self.reply(ticket, &reply),
            Incoming::Notice(_)
            | Incoming::Rejection(_)
            | Incoming::AuthRequest
            | Incoming::Other(_) => Ok(Heard::Nothing),
        }
    }

    fn reply(&mut self, ticket: Ticket, reply: &Reply) -> Result<Heard, Lost> {
        if ticket == self.name {
            return Ok(Heard::Name(reply.result()));
        }
        if ticket == self.events {
            reply.result().map_err(refused("event json"))?;
            return Ok(Heard::Subscribed);
        }
        if ticket == self.channels {
            return Ok(Heard::Channels(reply.text().into_owned()));
        }
        if let Some(uuid) = self.doubts.remove(&ticket) {
            return Ok(self.doubt(uuid, reply));
        }
        let refusal = reply.result().err();
        Ok(refusal.map_or(Heard::Nothing, Heard::Refusal))
    }

    /// FreeSWITCH: mod_commands.c `uuid_exists` answers `true` or `false`.
    fn doubt(&mut self, uuid: String, reply: &Reply) -> Heard {
        if reply.text().trim() == "false" {
            self.gone.insert(uuid);
        }
        match self.doubts.is_empty() {
            true => Heard::Gone(std::mem::take(&mut self.gone)),
            false => Heard::Nothing,
        }
    }

    /// Asks for each of these channels whether it lives. `show channels` reads a table that
    /// the switch writes a little later (FreeSWITCH: switch_core_sqldb.c), so its word that
    /// a channel is not there is not enough.
    pub fn ask_for(&mut self, uuids: Vec<String>) -> Result<(), Lost> {
        for uuid in uuids {
            let ticket = self.connection.queue(&api("uuid_exists", &uuid)?);
            self.doubts.insert(ticket, uuid);
        }
        Ok(())
    }

    /// We did something else for so long, and could not hear the switch meanwhile.
    pub fn pardon(&mut self, busy: Duration) {
        self.heard += busy;
    }

    /// Asks a switch that has been silent whether it is there.
    ///
    /// # Errors
    /// When it has not answered for too long.
    pub fn keep_alive(&mut self) -> Result<(), Lost> {
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

fn api(name: &str, arguments: &str) -> Result<Command, Lost> {
    Ok(Command::api(name, arguments).map_err(eslclient::Error::from)?)
}

fn refused(command: &'static str) -> impl FnOnce(String) -> Lost {
    move |text| Lost::Refused { command, text }
}
