//! Every leg of every call of a switch, over its port 8021.
//!
//! ```text
//! switch -> connection -> call::ledger -> writer -> store
//! ```
//!
//! One task reads events and keeps the ledger, one writes to the store. The queue
//! between them is short: when the store is slow the socket is not read, and the
//! switch keeps up to 100,000 events for us. Nothing is dropped here.

mod books;
mod lag;
mod named;
mod writer;

use std::sync::Arc;
use std::time::Duration;

use metrics::{counter, gauge};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use crate::call::whole::Call;
use crate::eslclient::{self, Command, Connection, Format, Incoming, Limits, Ticket};
use crate::meter;
use crate::store::{FinishedCall, Health, Store};
use crate::webhook::options::Secret;

use books::Books;

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
/// Waits between attempts to reach a switch.
const FIRST_WAIT: Duration = Duration::from_millis(500);
const LONGEST_WAIT: Duration = Duration::from_secs(15);

/// One switch to follow.
#[derive(Debug, Clone)]
pub struct Options {
    /// Host and port of its Event Socket.
    pub address: String,
    /// Its password.
    pub password: Secret,
    /// Its name in documents; `None` for the one it gives itself.
    pub name: Option<String>,
    /// Limits on what it sends.
    pub frames: Limits,
    /// From the connection to the password's acceptance.
    pub connect_deadline: Duration,
    /// How long a call that seems over waits for what the switch still owes.
    pub patience: Duration,
}

/// Makes of a call that is over what is to be stored and sent.
pub trait Closing: Send + Sync {
    /// Everything that the store is to do in one transaction.
    fn finish(&self, call: &Call) -> FinishedCall;
}

/// Follows one switch until it is told to stop.
pub struct Follower {
    options: Options,
    store: Store,
    closing: Arc<dyn Closing>,
    health: watch::Sender<Health>,
}

impl Follower {
    /// A follower that is not connected yet.
    #[must_use]
    pub fn new(options: Options, store: Store, closing: Arc<dyn Closing>) -> Self {
        let health = Health::ill(format!("{} was not reached yet", options.address));
        Self {
            options,
            store,
            closing,
            health: watch::Sender::new(health),
        }
    }

    /// Whether the switch is connected, and what is wrong when it is not.
    #[must_use]
    pub fn health(&self) -> watch::Receiver<Health> {
        self.health.subscribe()
    }

    /// Connects, again and again, until `stop`. Returns when all that was learnt is stored.
    pub async fn run(self, stop: CancellationToken) {
        let (jobs, queue) = writer::queue();
        let writer = tokio::spawn(writer::run(self.store.clone(), queue, stop.clone()));
        let mut books = Books::new(
            self.options.name.clone(),
            self.options.patience,
            Arc::clone(&self.closing),
            jobs,
        );
        tokio::select! {
            () = stop.cancelled() => {}
            () = self.follow(&mut books) => {}
        }
        drop(books);
        if let Err(error) = writer.await {
            warn!(%error, "the writer of the ledger ended badly");
        }
    }

    async fn follow(&self, books: &mut Books) {
        let mut wait = FIRST_WAIT;
        loop {
            match self.connect().await {
                Ok(connection) => {
                    wait = FIRST_WAIT;
                    let error = self.listen(connection, books).await;
                    counter!(meter::SWITCH_LOST, "switch" => self.options.address.clone())
                        .increment(1);
                    self.unreached(&error);
                }
                Err(error) => self.unreached(&error),
            }
            let jitter = wait.mul_f64(fastrand::f64() / 2.0);
            self.pause(wait + jitter, books).await;
            wait = (wait * 2).min(LONGEST_WAIT);
        }
    }

    /// Calls that wait for something end by themselves while the switch is away, too.
    async fn pause(&self, wait: Duration, books: &mut Books) {
        sleep(wait).await;
        books.tick().await;
    }

    async fn connect(&self) -> Result<Connection<TcpStream>, eslclient::Error> {
        let Options {
            address,
            password,
            frames,
            connect_deadline,
            ..
        } = &self.options;
        eslclient::open_inbound(address, password.reveal(), *frames, *connect_deadline).await
    }

    /// Says it once for each change, not at every attempt.
    fn unreached(&self, error: &eslclient::Error) {
        let what = format!("{}: {error}; trying again", self.options.address);
        gauge!(meter::SWITCH_CONNECTED, "switch" => self.options.address.clone()).set(0.0);
        let before = self.health.send_replace(Health::ill(what.clone()));
        if before.what == what {
            debug!("{what}");
        } else {
            warn!("the switch is not followed: {what}");
        }
    }

    /// Reads until the connection is of no use; why it is not.
    async fn listen(
        &self,
        connection: Connection<TcpStream>,
        books: &mut Books,
    ) -> eslclient::Error {
        let mut link = match Link::subscribe(connection) {
            Ok(link) => link,
            Err(error) => return error,
        };
        let mut tick = interval(Duration::from_secs(1));
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                incoming = link.connection.next() => match incoming {
                    Ok(incoming) => self.take(incoming, &mut link, books).await,
                    Err(error) => return error,
                },
                _ = tick.tick() => {
                    if let Err(error) = link.keep_alive() {
                        return error;
                    }
                    books.tick().await;
                }
            }
        }
    }

    async fn take(&self, incoming: Incoming, link: &mut Link, books: &mut Books) {
        link.heard = Instant::now();
        match incoming {
            Incoming::Event(event) => books.event(&event).await,
            Incoming::Reply(ticket, reply) if ticket == link.name => {
                books.switch_is(reply.text().trim(), &self.store).await;
                self.reached(reply.text().trim());
            }
            Incoming::Reply(ticket, reply) if ticket == link.channels => {
                books.channels_alive(&reply.text(), link.asked_us).await;
            }
            Incoming::Reply(_, reply) => {
                if let Err(error) = reply.result() {
                    warn!(switch = %self.options.address, error, "the switch refused a command");
                }
            }
            Incoming::Notice(_)
            | Incoming::Rejection(_)
            | Incoming::AuthRequest
            | Incoming::Other(_) => {}
        }
    }

    fn reached(&self, name: &str) {
        let address = &self.options.address;
        gauge!(meter::SWITCH_CONNECTED, "switch" => address.clone()).set(1.0);
        let before = self.health.send_replace(Health::well());
        if !before.ok {
            info!(switch = name, %address, "following the switch");
        }
    }
}

/// A connection that was subscribed, and what was asked on it.
struct Link {
    connection: Connection<TcpStream>,
    name: Ticket,
    channels: Ticket,
    /// When `show channels` was asked, µs since 1970.
    asked_us: i64,
    heard: Instant,
    questioned: Instant,
}

impl Link {
    /// Events first, so that no channel falls between them and the list.
    fn subscribe(mut connection: Connection<TcpStream>) -> Result<Self, eslclient::Error> {
        connection.queue(&Command::event(Format::Json, EVENTS)?);
        let name = connection.queue(&Command::api("switchname", "")?);
        let channels = connection.queue(&Command::api("show", "channels as json")?);
        let now = Instant::now();
        Ok(Self {
            connection,
            name,
            channels,
            asked_us: books::now_us(),
            heard: now,
            questioned: now,
        })
    }

    /// Asks a switch that has been silent whether it is there.
    ///
    /// # Errors
    /// When it has not answered for too long.
    fn keep_alive(&mut self) -> Result<(), eslclient::Error> {
        let silent = self.heard.elapsed();
        if silent > QUESTION_EVERY + ANSWER_DEADLINE {
            return Err(eslclient::Error::Timeout {
                doing: "the switch's answer",
                within: ANSWER_DEADLINE,
            });
        }
        if silent > QUESTION_EVERY && self.questioned.elapsed() > QUESTION_EVERY {
            self.questioned = Instant::now();
            self.connection.queue(&Command::api("switchname", "")?);
        }
        Ok(())
    }
}
