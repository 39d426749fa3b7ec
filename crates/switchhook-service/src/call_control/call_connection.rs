//! The connection that a call on hold is controlled over: a socket of its own, or the connection
//! that all parked calls of a switch share (`park::shared_connection`).

use tokio::io::{AsyncRead, AsyncWrite};

use eslclient::{Command, Connection, Error, Incoming, Refusal, Reply};

/// A message from the switch that concerns one call.
#[derive(Debug)]
pub(crate) enum SwitchMessage {
    /// The switch refused a command, with this text.
    CommandRefused(String),
    /// The call was hung up, or the switch said goodbye after the release.
    CallEnded,
    /// Something else moved the call on.
    MovedOn,
    /// Every queued command is answered.
    AllAnswered,
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
        Ok(match Self::next(self).await? {
            Incoming::Notice(_) => SwitchMessage::CallEnded,
            Incoming::Reply(_, reply) => reply
                .refusal()
                .map(Refusal::into_text)
                .map_or(SwitchMessage::Ignored, SwitchMessage::CommandRefused),
            Incoming::Event(_)
            | Incoming::Rejection(_)
            | Incoming::AuthRequest
            | Incoming::Other(_)
            | _ => SwitchMessage::Ignored,
        })
    }
}
