//! A connection that comes back.

use std::future::{Future, poll_fn};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::{Duration, SystemTime};

use futures_core::Stream;
use tokio::time::{Instant, Sleep, sleep};

use crate::client::{Client, Events};
use crate::codec::Event;
use crate::command::Command;
use crate::connect::ConnectOptions;
use crate::error::{Error, Retry};
use crate::reply::{Reply, first_refusal};
use crate::subscription::Subscription;

type Opening = dyn Future<Output = Result<Opened, Error>> + Send;

/// A connection to port 8021 that comes back and subscribes again.
///
/// It connects, subscribes and waits only while [`Supervisor::next`] is called, and needs no task
/// of its own. It stops at an error that another attempt cannot cure, such as a wrong password.
///
/// ```no_run
/// use eslclient::{ConnectOptions, Error, EventName, Subscription, Supervisor, Update};
///
/// # async fn watch() -> Result<(), Error> {
/// let hangups = Subscription::to([EventName::ChannelHangupComplete]);
/// let mut switch = Supervisor::new(ConnectOptions::new("127.0.0.1", "ClueCon"), hangups);
/// loop {
///     match switch.next().await? {
///         Update::Connected { missed: Some(gap), .. } => println!("back after {:?}", gap.lasted),
///         Update::Disconnected { error, retry_in } => println!("{error}; again in {retry_in:?}"),
///         Update::Event(event) => println!("{:?} {:?}", event.unique_id(), event.cause()),
///         _ => {}
///     }
/// }
/// # }
/// ```
pub struct Supervisor {
    options: ConnectOptions,
    subscription: Subscription,
    first: Duration,
    longest: Duration,
    /// The wait before the next attempt, without jitter.
    wait: Duration,
    state: State,
    last: Last,
}

enum State {
    Connecting(Pin<Box<Opening>>),
    Connected { events: Events, since: Instant },
    Waiting(Pin<Box<Sleep>>),
    Stopped(Error),
}

/// A connection that is subscribed.
struct Opened {
    client: Client,
    events: Events,
    core: Option<String>,
}

/// What was known when the connection ended.
#[derive(Debug, Default)]
struct Last {
    core: Option<String>,
    sequence: Option<u64>,
    time: Option<SystemTime>,
    /// When the connection ended; `None` before the first one.
    ended: Option<Instant>,
}

/// What a [`Supervisor`] reports.
#[derive(Debug)]
#[non_exhaustive]
pub enum Update {
    /// The connection is there and subscribed.
    Connected {
        /// The handle for commands, until the next [`Update::Disconnected`].
        client: Client,
        /// What may have been missed; `None` for the first connection.
        missed: Option<Gap>,
    },
    /// An event.
    Event(Event),
    /// The connection ended, or an attempt failed.
    Disconnected {
        /// Why.
        error: Error,
        /// When the next attempt begins.
        retry_in: Duration,
    },
}

/// The time without a connection. The switch keeps no events for a client that is away.
///
/// `show channels` and `uuid_exists` tell what lives now. Events between
/// [`last_sequence`](Self::last_sequence) and the first one that comes are lost, unless the
/// switch was restarted.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Gap {
    /// How long there was no connection.
    pub lasted: Duration,
    /// The `Event-Sequence` of the last event before the gap.
    pub last_sequence: Option<u64>,
    /// The time of the last event before the gap.
    pub last_time: Option<SystemTime>,
    /// Whether the switch was restarted: then every call before has ended, and sequences begin
    /// anew. `None` if the switch does not say.
    pub restarted: Option<bool>,
}

impl Supervisor {
    /// Returns a supervisor that is not connected yet.
    #[must_use]
    pub fn new(options: ConnectOptions, subscription: Subscription) -> Self {
        let first = Duration::from_millis(200);
        let state = State::Connecting(opening(&options, &subscription));
        Self {
            options,
            subscription,
            first,
            longest: Duration::from_secs(10),
            wait: first,
            state,
            last: Last::default(),
        }
    }

    /// Sets the first and the longest wait between two attempts; 200 ms and 10 s by default.
    ///
    /// The wait doubles with every attempt that fails, up to the longest. Up to half of it is added
    /// to that at random, so that many clients do not come back at once.
    #[must_use]
    pub fn back_off(mut self, first: Duration, longest: Duration) -> Self {
        self.first = first;
        self.longest = longest.max(first);
        self.wait = first;
        self
    }

    /// Returns what happens next. This method is cancel-safe.
    ///
    /// # Errors
    /// Returns an error that another attempt cannot cure ([`Retry::No`] has the list), such as a wrong
    /// password, an address that the switch's ACL refuses, or a name that FreeSWITCH does not have. Every later call returns the same.
    pub async fn next(&mut self) -> Result<Update, Error> {
        poll_fn(|cx| self.poll_update(cx)).await
    }

    fn poll_update(&mut self, cx: &mut Context<'_>) -> Poll<Result<Update, Error>> {
        loop {
            let next = match &mut self.state {
                State::Connecting(opening) => match ready!(opening.as_mut().poll(cx)) {
                    Ok(opened) => return Poll::Ready(Ok(self.connected(opened))),
                    Err(error) => self.retry(error, None),
                },
                State::Connected { events, since } => match ready!(events.poll_event(cx)) {
                    Some(event) => {
                        self.last.sequence = event.sequence();
                        self.last.time = event.time();
                        return Poll::Ready(Ok(Update::Event(event)));
                    }
                    None => {
                        let (error, since) = (events.end(), *since);
                        self.retry(error, Some(since))
                    }
                },
                State::Waiting(pause) => {
                    ready!(pause.as_mut().poll(cx));
                    self.state = State::Connecting(opening(&self.options, &self.subscription));
                    continue;
                }
                State::Stopped(error) => Err(error.clone()),
            };
            return Poll::Ready(next);
        }
    }

    fn connected(&mut self, opened: Opened) -> Update {
        let Opened {
            client,
            events,
            core,
        } = opened;
        let restarted = match (&self.last.core, &core) {
            (Some(before), Some(now)) => Some(before != now),
            (Some(_) | None, Some(_) | None) => None,
        };
        let missed = self.last.ended.map(|ended| Gap {
            lasted: ended.elapsed(),
            last_sequence: self.last.sequence,
            last_time: self.last.time,
            restarted,
        });
        self.last.core = core.or(self.last.core.take());
        let since = Instant::now();
        self.state = State::Connected { events, since };
        Update::Connected { client, missed }
    }

    /// Waits for the next attempt, or stops.
    fn retry(&mut self, error: Error, since: Option<Instant>) -> Result<Update, Error> {
        if error.retry() == Retry::No {
            self.state = State::Stopped(error.clone());
            return Err(error);
        }
        if let Some(since) = since {
            self.last.ended = Some(Instant::now());
            // A switch that accepts and closes at once does not reset the wait.
            if since.elapsed() >= self.longest {
                self.wait = self.first;
            }
        }
        let retry_in = self.wait + self.wait.mul_f64(fraction() / 2.0);
        self.wait = (self.wait * 2).min(self.longest);
        self.state = State::Waiting(Box::pin(sleep(retry_in)));
        Ok(Update::Disconnected { error, retry_in })
    }
}

/// It ends after the error at which the supervisor stops.
impl Stream for Supervisor {
    type Item = Result<Update, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if matches!(self.state, State::Stopped(_)) {
            return Poll::Ready(None);
        }
        self.poll_update(cx).map(Some)
    }
}

impl std::fmt::Debug for Supervisor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let state = match self.state {
            State::Connecting(_) => "connecting",
            State::Connected { .. } => "connected",
            State::Waiting(_) => "waiting",
            State::Stopped(_) => "stopped",
        };
        f.debug_struct("Supervisor")
            .field("address", &self.options.address)
            .field("state", &state)
            .finish_non_exhaustive()
    }
}

/// Connects and subscribes.
fn opening(options: &ConnectOptions, subscription: &Subscription) -> Pin<Box<Opening>> {
    let (options, subscription) = (options.clone(), subscription.clone());
    Box::pin(async move {
        let mut commands = subscription.commands()?;
        let names: Vec<_> = commands.iter().map(Command::name).collect();
        // A user that may not ask still gets its events.
        commands.push(Command::api("global_getvar", "core_uuid")?);
        let (client, events) = Client::connect_with(&options).await?;
        let mut replies = client.send_batch(commands).await?;
        let core = replies.pop().filter(Reply::is_ok);
        first_refusal(names, replies)?;
        let core = core.map(|reply| reply.text().trim().to_owned());
        Ok(Opened {
            client,
            events,
            core,
        })
    })
}

/// Returns a random fraction below 1. Its quality is that of the standard library's hash maps.
fn fraction() -> f64 {
    let bits = RandomState::new().build_hasher().finish() as u32;
    f64::from(bits) / (f64::from(u32::MAX) + 1.0)
}
