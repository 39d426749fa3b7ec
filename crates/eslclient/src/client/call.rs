//! Control of one channel.

use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_core::Stream;
use tokio::sync::oneshot;

use super::Client;
use super::outlet::Outlet;
use super::request::Wait;
use crate::codec::Event;
use crate::command::{Command, Digits, ExecuteOptions};
use crate::error::Error;
use crate::hangup_cause::HangupCause;
use crate::reply::{Reply, first_refusal};
use crate::uuid;

/// The variable that holds the digits which a caller pressed.
const DIGITS: &str = "eslclient_digits";

/// Control of one channel over a shared connection, from [`Client::channel`] or
/// [`Call::channel`](crate::Call::channel).
///
/// Clones control the same channel. Every method may be called while another one waits: the
/// switch queues applications and runs API commands at once.
#[derive(Clone)]
pub struct Channel {
    client: Client,
    uuid: Arc<str>,
}

impl Client {
    /// Returns the control of a channel. It sends nothing: a UUID without a channel shows at the
    /// first command.
    #[must_use]
    pub fn channel(&self, uuid: &str) -> Channel {
        Channel {
            client: self.clone(),
            uuid: uuid.into(),
        }
    }
}

impl fmt::Debug for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Channel")
            .field("uuid", &self.uuid)
            .finish_non_exhaustive()
    }
}

impl Channel {
    /// Returns the channel's UUID.
    #[must_use]
    pub fn uuid(&self) -> &str {
        &self.uuid
    }

    /// Has the client remember why this channel of an outbound socket is hung up. Sends commands.
    pub(crate) async fn begin_session(&self, commands: Vec<Command>) -> Result<(), Error> {
        let session = Wait::Session {
            channel: self.uuid.to_string(),
        };
        let names: Vec<_> = commands.iter().map(Command::name).collect();
        let replies = self.client.send(commands, Some(session)).await?;
        first_refusal(names, replies)
    }

    /// Returns the connection.
    #[must_use]
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Routes the channel's events to a reader of their own, until `CHANNEL_DESTROY`.
    ///
    /// [`Events`](crate::Events) no longer has them. Subscribe to the wanted names first, with
    /// [`Client::subscribe`]. Events that the client subscribes to for itself, such as those that
    /// `execute` waits for, come too.
    ///
    /// # Errors
    /// The errors of [`Client::command`].
    pub async fn events(&self) -> Result<ChannelEvents, Error> {
        let shared = Arc::clone(&self.client.shared);
        let outlet = Arc::new(Outlet::new(shared, self.client.capacity));
        let events = ChannelEvents {
            outlet: Arc::clone(&outlet),
            _client: self.client.clone(),
        };
        let wait = Wait::Channel {
            channel: self.uuid.to_string(),
            outlet,
        };
        self.client.send(Vec::new(), Some(wait)).await?;
        Ok(events)
    }

    /// Runs a dialplan application and waits for its end.
    ///
    /// Returns the event `CHANNEL_EXECUTE_COMPLETE`, whose [`Event::application_response`] and
    /// variables say how it went. The wait has no deadline: a `bridge` ends when the talk ends.
    /// On port 8021 the client subscribes by itself to the events that tell the end.
    ///
    /// The switch expands `${…}` in `arg`. It hangs the call up if `app` is not an application
    /// (measured).
    ///
    /// # Errors
    /// * [`Error::HungUp`] if the channel is hung up when the application ends, also by the application
    ///   itself: at once if it was hung up before this call, which the switch of an outbound socket
    ///   would answer with `+OK`.
    /// * [`Error::Refused`] if there is no such channel.
    /// * The errors of [`Client::command`].
    pub async fn execute(&self, app: &str, arg: &str) -> Result<Event, Error> {
        let id = uuid::random();
        let command = Command::execute(app, arg, self.options(Some(&id)))?;
        let (sender, result) = oneshot::channel();
        let wait = Wait::Execution {
            id,
            channel: self.uuid.to_string(),
            result: sender,
        };
        let replies = self.client.send(vec![command], Some(wait)).await?;
        refused(&replies, app)?;
        let lost = |_| Err(self.client.shared.lost());
        result.await.unwrap_or_else(lost)
    }

    /// Queues a dialplan application and returns when the switch has queued it.
    ///
    /// # Errors
    /// The errors of [`Channel::execute`].
    pub async fn queue(&self, app: &str, arg: &str) -> Result<(), Error> {
        let command = Command::execute(app, arg, self.options(None))?;
        let up = Wait::Up {
            channel: self.uuid.to_string(),
        };
        let replies = self.client.send(vec![command], Some(up)).await?;
        refused(&replies, app)
    }

    /// Answers the call.
    ///
    /// # Errors
    /// The errors of [`Channel::execute`].
    pub async fn answer(&self) -> Result<(), Error> {
        self.execute("answer", "").await.map(drop)
    }

    /// Plays a file or a stream to its end.
    ///
    /// On a call that is not answered it begins early media; it does not answer.
    ///
    /// # Errors
    /// * [`Error::Playback`] if the switch does not find the file, or cannot play it.
    /// * The errors of [`Channel::execute`].
    pub async fn playback(&self, file: &str) -> Result<Event, Error> {
        let event = self.execute("playback", file).await?;
        // The application's words for a failure (`mod_dptools.c`).
        let response = event.application_response().unwrap_or_default();
        if !matches!(&*response, "FILE NOT FOUND" | "PLAYBACK ERROR") {
            drop(response);
            return Ok(event);
        }
        Err(Error::Playback {
            file: file.to_owned(),
            response: response.into_owned(),
        })
    }

    /// Plays a prompt and collects digits; `None` if the caller pressed none that fit.
    ///
    /// # Errors
    /// [`Error::Command`] if a file's name cannot be sent, and the errors of
    /// [`Channel::execute`].
    pub async fn ask(&self, digits: &Digits) -> Result<Option<String>, Error> {
        let arguments = digits.arguments(DIGITS)?;
        let event = self.execute("play_and_get_digits", &arguments).await?;
        let pressed = event.variable(DIGITS).filter(|digits| !digits.is_empty());
        Ok(pressed.map(|digits| digits.into_owned()))
    }

    /// Sets a channel variable to exactly this value: a short one at once, a long one a little later
    /// (see [`Command::set_variable`]).
    ///
    /// # Errors
    /// [`Error::Command`] for the inputs that [`Command::set_variable`] refuses, and the errors
    /// of [`Client::run`].
    pub async fn set_variable(&self, name: &str, value: &str) -> Result<(), Error> {
        let command = Command::set_variable(&self.uuid, name, value)?;
        self.client.run(command).await.map(drop)
    }

    /// Returns the value of a channel variable as it is stored; `None` if it is unset.
    ///
    /// # Errors
    /// [`Error::Refused`] if the channel has ended, and the errors of [`Client::command`].
    pub async fn variable(&self, name: &str) -> Result<Option<String>, Error> {
        let command = Command::get_variable(&self.uuid, name)?;
        let reply = self.client.command(command).await?;
        let value = reply.variable();
        value.map_err(|refusal| refusal.of("api uuid_getvar").into())
    }

    /// Transfers the channel to an extension of the XML dialplan, at once.
    ///
    /// # Errors
    /// [`Error::Command`] for the inputs that [`Command::transfer`] refuses, and the errors of
    /// [`Client::run`].
    pub async fn transfer(&self, extension: &str, context: &str) -> Result<(), Error> {
        let command = Command::transfer(&self.uuid, extension, context)?;
        self.client.run(command).await.map(drop)
    }

    /// Ends the application that runs, such as a playback.
    ///
    /// # Errors
    /// The errors of [`Client::run`].
    pub async fn break_(&self) -> Result<(), Error> {
        self.client
            .run(Command::break_(&self.uuid, false)?)
            .await
            .map(drop)
    }

    /// Hangs the channel up, also while it rings.
    ///
    /// On an outbound socket that lingers it is no error that the channel was hung up before.
    ///
    /// # Errors
    /// [`Error::Command`] for a cause that FreeSWITCH does not have, and the errors of
    /// [`Client::run`].
    pub async fn hangup(&self, cause: &HangupCause) -> Result<(), Error> {
        let command = Command::hangup(Some(&self.uuid), cause.as_str())?;
        self.client.run(command).await.map(drop)
    }

    /// Gives the call of an outbound socket back to its dialplan, which goes on with the next
    /// action.
    ///
    /// Do not call it after a transfer: the channel would be stuck (measured). Drop the call and
    /// its channel instead.
    ///
    /// # Errors
    /// The errors of [`Client::command`], and [`Error::Refused`] on port 8021, which has no
    /// `resume`.
    pub async fn release(&self) -> Result<(), Error> {
        let commands = vec![Command::resume(), Command::exit()];
        self.client.run_all(commands).await
    }

    fn options<'a>(&'a self, event_uuid: Option<&'a str>) -> ExecuteOptions<'a> {
        ExecuteOptions {
            uuid: Some(&self.uuid),
            event_uuid,
            ..ExecuteOptions::default()
        }
    }
}

fn refused(replies: &[Reply], app: &str) -> Result<(), Error> {
    match replies.first().and_then(Reply::refusal) {
        Some(refusal) => Err(refusal.of(format!("execute {app}")).into()),
        None => Ok(()),
    }
}

/// The events of one channel, from [`Channel::events`].
///
/// It is a [`Stream`](futures_core::Stream) too.
#[derive(Debug)]
pub struct ChannelEvents {
    outlet: Arc<Outlet>,
    /// Keeps the connection.
    _client: Client,
}

impl ChannelEvents {
    /// Returns the next event; `None` after `CHANNEL_DESTROY`, or when the connection ended.
    /// This method is cancel-safe.
    pub async fn next(&mut self) -> Option<Event> {
        poll_fn(|cx| self.outlet.poll_next(cx)).await
    }

    /// Returns the number of events that were dropped, with
    /// [`WhenFull::Lose`](crate::WhenFull::Lose).
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.outlet.lost()
    }
}

impl Stream for ChannelEvents {
    type Item = Event;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Event>> {
        self.outlet.poll_next(cx)
    }
}

impl Drop for ChannelEvents {
    fn drop(&mut self) {
        self.outlet.abandon();
    }
}
