//! The connection that a call on hold is controlled over: a socket of its own, or the connection
//! that all parked calls of a switch share (`park::shared_connection`).

use tokio::io::{AsyncRead, AsyncWrite};

use eslclient::{Command, Connection, Error, Event, Incoming, Reply};

use super::unpark::{ParkExit, Unpark};
use crate::event_headers::EventHeaders;

/// A message from the switch that concerns one call.
#[derive(Debug)]
pub(crate) enum SwitchMessage {
    /// The switch refused a command, with this text.
    CommandRefused(String),
    /// The call was hung up, or the switch said goodbye after the release.
    CallEnded,
    /// The call left its park: we released it, or somebody else moved it.
    Unparked(Box<Unpark>),
    /// The call was parked, by this hand-over or elsewhere.
    Parked,
    /// Every queued command is answered.
    AllAnswered,
    /// A [`TRANSFER_SOURCE`](super::unpark::TRANSFER_SOURCE), as it was requested.
    TransferSource(String),
    /// A message of no interest.
    Ignored,
}

/// Sends commands to the switch for one call, and receives its messages.
pub(crate) trait CallConnection: Send {
    /// Queues a command. It goes out with the next [`CallConnection::next`] or [`CallConnection::ask`], in one
    /// write with all that was queued before.
    fn queue(&mut self, command: Command);

    /// Sends a command and waits for its reply. Other messages are dropped meanwhile.
    ///
    /// # Errors
    /// The call or the connection is gone.
    fn ask(&mut self, command: Command) -> impl Future<Output = Result<Reply, Error>> + Send;

    /// Returns how the call left its park, if the switch has said so and nobody was told yet.
    /// Always `None` on a socket.
    fn take_exit(&mut self) -> Option<ParkExit> {
        None
    }

    /// Waits for the next message. Cancel safe.
    ///
    /// # Errors
    /// The connection ended.
    fn next(&mut self) -> impl Future<Output = Result<SwitchMessage, Error>> + Send;
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> CallConnection for Connection<S> {
    fn queue(&mut self, command: Command) {
        Self::queue(self, &command);
    }

    async fn ask(&mut self, command: Command) -> Result<Reply, Error> {
        let sent = Self::queue(self, &command);
        loop {
            match Self::next(self).await {
                Ok(Incoming::Reply(ticket, reply)) if ticket == sent => return Ok(reply),
                Ok(Incoming::Notice(_)) => return Err(Error::Goodbye { unanswered: 1 }),
                Ok(_) => {}
                Err(error) => return Err(error),
            }
        }
    }

    async fn next(&mut self) -> Result<SwitchMessage, Error> {
        loop {
            return Ok(match Self::next(self).await? {
                Incoming::Notice(_) => SwitchMessage::CallEnded,
                Incoming::Reply(_, reply) => match message(&reply) {
                    Some(message) => message,
                    // A release has many of these. There are no more than commands.
                    None => continue,
                },
                Incoming::Event(event) => parking(&event),
                Incoming::Rejection(_) | Incoming::AuthRequest | Incoming::Other(_) | _ => {
                    SwitchMessage::Ignored
                }
            });
        }
    }
}

/// Reads a reply; `None` if it tells nothing. Of the replies on a socket, only a transfer source
/// begins with a digit.
fn message(reply: &Reply) -> Option<SwitchMessage> {
    let text = reply.text();
    match text.as_bytes().first()? {
        b'-' => {
            let refusal = reply.refusal()?;
            Some(SwitchMessage::CommandRefused(refusal.into_text()))
        }
        first if first.is_ascii_digit() => Some(SwitchMessage::TransferSource(text.into_owned())),
        _ => None,
    }
}

impl From<ParkExit> for SwitchMessage {
    fn from(exit: ParkExit) -> Self {
        match exit {
            ParkExit::HungUp => Self::CallEnded,
            ParkExit::MovedOn(unpark) => Self::Unparked(Box::new(unpark)),
        }
    }
}

/// Reads an event of a socket's own channel.
fn parking(event: &Event) -> SwitchMessage {
    match &*event.name() {
        "CHANNEL_UNPARK" => ParkExit::of_unpark(&EventHeaders(event)).into(),
        "CHANNEL_PARK" => SwitchMessage::Parked,
        _ => SwitchMessage::Ignored,
    }
}
