//! How a call on hold is spoken to: on a socket of its own, or over the connection that
//! all parked calls of a switch share (`park::call`).

use tokio::io::{AsyncRead, AsyncWrite};

use eslclient::{Command, Connection, Error, Gone, Incoming, Reply};

/// What came of the switch, as far as a call wants it.
#[derive(Debug)]
pub(crate) enum SwitchMessage {
    /// It refused a command.
    Refused(String),
    /// It let go of the call: hung up, or the goodbye to our own leaving.
    Over,
    /// The call went on without us.
    MovedOn,
    /// It has answered everything that was queued.
    Done,
    /// Nothing that changes anything.
    Nothing,
}

/// A way to speak to the switch for one call.
pub(crate) trait Wire: Send {
    /// Queues a command. It goes out with the next [`Wire::next`] or [`Wire::ask`], in one
    /// write with all that was queued before.
    fn queue(&mut self, command: Command);

    /// Sends a command and waits for its reply; what else is heard meanwhile is dropped.
    ///
    /// # Errors
    /// When the call or the connection is gone.
    fn ask(&mut self, command: Command) -> impl Future<Output = Result<Reply, Gone>> + Send;

    /// The next thing that concerns the call. Safe to cancel.
    ///
    /// # Errors
    /// When the connection is over.
    fn next(&mut self) -> impl Future<Output = Result<SwitchMessage, Error>> + Send;
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Wire for Connection<S> {
    fn queue(&mut self, command: Command) {
        Self::queue(self, &command);
    }

    async fn ask(&mut self, command: Command) -> Result<Reply, Gone> {
        let asked = Self::queue(self, &command);
        loop {
            match Self::next(self).await {
                Ok(Incoming::Reply(ticket, reply)) if ticket == asked => return Ok(reply),
                Ok(Incoming::Notice(_)) | Err(_) => return Err(Gone),
                Ok(_) => {}
            }
        }
    }

    async fn next(&mut self) -> Result<SwitchMessage, Error> {
        Ok(match Self::next(self).await? {
            Incoming::Notice(_) => SwitchMessage::Over,
            Incoming::Reply(_, reply) => reply
                .refusal()
                .map_or(SwitchMessage::Nothing, SwitchMessage::Refused),
            Incoming::Event(_)
            | Incoming::Rejection(_)
            | Incoming::AuthRequest
            | Incoming::Other(_) => SwitchMessage::Nothing,
        })
    }
}
