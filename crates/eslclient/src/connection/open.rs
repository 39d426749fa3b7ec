//! What is said first, in either direction.

use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::{Connection, Error, Incoming, Notice, Reply};
use crate::codec::{Event, Limits};
use crate::command::Command;

/// Begins an outbound socket: the switch connected to us. Sends `connect` and
/// gives the channel's data as it stood then.
///
/// # Errors
/// [`Error::Timeout`] when that takes longer than `within`, [`Error::Handshake`]
/// when the peer does not speak as the switch does, [`Error::Refused`], and those
/// of [`Connection::next`].
pub async fn open_outbound<S>(
    stream: S,
    limits: Limits,
    within: Duration,
) -> Result<(Connection<S>, Event), Error>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut connection = Connection::new(stream, limits);
    connection.queue(&Command::connect());
    let reply = by(within, "the answer to connect", reply(&mut connection)).await?;
    if let Some(text) = reply.refusal() {
        return Err(Error::Refused { text });
    }
    let channel = reply
        .into_channel_data(&limits)
        .map_err(|_| Error::Handshake {
            expected: "the channel's data",
        })?;
    Ok((connection, channel))
}

/// Connects to port 8021 of a switch and says the password.
///
/// # Errors
/// [`Error::Connect`], [`Error::Denied`] by the ACL, [`Error::BadPassword`],
/// [`Error::Timeout`] when all of it takes longer than `within`, and those of [`authenticate`].
pub async fn open_inbound(
    address: &str,
    password: &str,
    limits: Limits,
    within: Duration,
) -> Result<Connection<TcpStream>, Error> {
    by(
        within,
        "connecting to the switch and saying the password",
        async {
            let stream = TcpStream::connect(address)
                .await
                .and_then(|stream| stream.set_nodelay(true).map(|()| stream))
                .map_err(|source| Error::Connect {
                    address: address.to_owned(),
                    source,
                })?;
            authenticate(stream, password, limits).await
        },
    )
    .await
}

/// Says the password on a stream to port 8021. It waits for the switch without
/// end; [`open_inbound`] has a deadline.
///
/// # Errors
/// [`Error::Denied`], [`Error::BadPassword`], [`Error::Handshake`], and those of
/// [`Connection::next`].
pub async fn authenticate<S>(
    stream: S,
    password: &str,
    limits: Limits,
) -> Result<Connection<S>, Error>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let auth = Command::auth(password)?;
    let mut connection = Connection::new(stream, limits);
    match connection.next().await? {
        Incoming::AuthRequest => {}
        Incoming::Rejection(text) => return Err(Error::Denied { text }),
        Incoming::Reply(..) | Incoming::Event(_) | Incoming::Notice(_) | Incoming::Other(_) => {
            return Err(Error::Handshake {
                expected: "auth/request",
            });
        }
    }
    connection.queue(&auth);
    if reply(&mut connection).await?.is_ok() {
        Ok(connection)
    } else {
        Err(Error::BadPassword)
    }
}

/// The reply to the one command that is out, with nothing before it.
async fn reply<S>(connection: &mut Connection<S>) -> Result<Reply, Error>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    match connection.next().await? {
        Incoming::Reply(_, reply) => Ok(reply),
        Incoming::Rejection(text) => Err(Error::Denied { text }),
        Incoming::Notice(Notice::Disconnected { .. } | Notice::Linger { .. }) => {
            Err(Error::Closed {
                unanswered: connection.outstanding(),
            })
        }
        Incoming::Event(_) | Incoming::AuthRequest | Incoming::Other(_) => Err(Error::Handshake {
            expected: "a reply",
        }),
    }
}

async fn by<T>(
    within: Duration,
    doing: &'static str,
    work: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    timeout(within, work)
        .await
        .unwrap_or(Err(Error::Timeout { doing, within }))
}
