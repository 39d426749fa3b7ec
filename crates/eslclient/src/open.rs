//! Opens a connection in either direction.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::address::with_port;
use crate::codec::{Event, Limits};
use crate::command::Command;
use crate::connection::Connection;
use crate::error::Error;
use crate::incoming::{Incoming, Notice};
use crate::reply::Reply;

/// The largest body before the channel's data: only a goodbye has one.
const HANDSHAKE_BODY: usize = 1024;

/// Opens an outbound socket, on which the switch connected to this program.
///
/// Sends `connect` and returns the channel's data at that moment. A real switch replies within
/// 4 ms (measured).
///
/// # Errors
/// * [`Error::Timeout`] if the reply takes longer than `within`.
/// * [`Error::Handshake`] if the peer does not begin as FreeSWITCH does.
/// * [`Error::Refused`] if the switch refuses `connect`.
/// * The errors of [`Connection::next`].
pub async fn open_outbound<S>(
    stream: S,
    limits: Limits,
    within: Duration,
) -> Result<(Connection<S>, Event), Error>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    accept_outbound(Connection::new(stream, limits), limits, within).await
}

/// Opens an outbound socket on a fresh connection, such as one with
/// [`Connection::limit_memory`].
///
/// Until the channel's data has come, a frame has at most 1 KiB of body: a peer is nobody yet.
///
/// # Errors
/// The errors of [`open_outbound`].
pub async fn accept_outbound<S>(
    mut connection: Connection<S>,
    limits: Limits,
    within: Duration,
) -> Result<(Connection<S>, Event), Error>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    connection.set_limits(Limits {
        body_bytes: limits.body_bytes.min(HANDSHAKE_BODY),
        ..limits
    });
    connection.queue(&Command::connect());
    let reply = with_timeout(within, "the reply to connect", first_reply(&mut connection)).await?;
    if let Some(refusal) = reply.refusal() {
        return Err(refusal.of("connect").into());
    }
    let channel = reply
        .into_channel_data(&limits)
        .map_err(|_| Error::Handshake {
            expected: "the channel's data",
        })?;
    connection.set_limits(limits);
    Ok((connection, channel))
}

/// Connects to port 8021 of a switch and authenticates.
///
/// `address` is `HOST` or `HOST:PORT`; without a port it is 8021. `password` is the one in
/// `event_socket.conf.xml`, `ClueCon` in a default configuration.
/// [`Client::connect`](crate::Client::connect) also drives the connection.
///
/// # Errors
/// * [`Error::Connect`] if the TCP connection fails.
/// * [`Error::Timeout`] if all steps together take longer than `within`.
/// * [`Error::NotEventSocket`] if something else answers at this address.
/// * The errors of [`authenticate`].
pub async fn open_inbound(
    address: &str,
    password: &str,
    limits: Limits,
    within: Duration,
) -> Result<Connection<TcpStream>, Error> {
    connect(address, None, password, limits, within).await
}

/// Connects to port 8021 and authenticates, as a user of the directory (name and domain) or with
/// the password of Event Socket.
pub(crate) async fn connect(
    address: &str,
    user: Option<(&str, &str)>,
    password: &str,
    limits: Limits,
    within: Duration,
) -> Result<Connection<TcpStream>, Error> {
    let auth = auth(user, password)?;
    let address = with_port(address);
    let opening = async {
        let stream = TcpStream::connect(&address)
            .await
            .and_then(|stream| stream.set_nodelay(true).map(|()| stream))
            .map_err(|source| Error::Connect {
                address: address.clone(),
                source: Arc::new(source),
            })?;
        log_in(stream, &auth, limits)
            .await
            .map_err(|error| error.at(&address))
    };
    let doing =
        format!("connecting to {address} and authenticating (does Event Socket listen there?)");
    with_timeout(within, doing, opening).await
}

/// Authenticates on a stream, as a user of the directory or with the password of Event Socket.
pub(crate) async fn connect_over<S>(
    stream: S,
    user: Option<(&str, &str)>,
    password: &str,
    limits: Limits,
    within: Duration,
) -> Result<Connection<S>, Error>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let auth = auth(user, password)?;
    with_timeout(within, "authenticating", log_in(stream, &auth, limits)).await
}

fn auth(user: Option<(&str, &str)>, password: &str) -> Result<Command, Error> {
    Ok(match user {
        Some((name, domain)) => Command::userauth(name, domain, password)?,
        None => Command::auth(password)?,
    })
}

/// Authenticates on a stream to port 8021.
///
/// This function has no time limit; [`Client::connect_over`](crate::Client::connect_over) has one,
/// and also drives the connection.
///
/// # Errors
/// * [`Error::Command`] if the password cannot be sent.
/// * [`Error::Denied`] if the switch's ACL refuses the client's address.
/// * [`Error::BadPassword`] if the switch rejects the password.
/// * [`Error::Handshake`] if the peer does not begin as FreeSWITCH does.
/// * The errors of [`Connection::next`].
pub async fn authenticate<S>(
    stream: S,
    password: &str,
    limits: Limits,
) -> Result<Connection<S>, Error>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    log_in(stream, &Command::auth(password)?, limits).await
}

async fn log_in<S>(stream: S, auth: &Command, limits: Limits) -> Result<Connection<S>, Error>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
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
    connection.queue(auth);
    if first_reply(&mut connection).await?.is_ok() {
        Ok(connection)
    } else {
        Err(Error::BadPassword)
    }
}

/// Receives the reply to the only outstanding command. No other frame may precede it.
async fn first_reply<S>(connection: &mut Connection<S>) -> Result<Reply, Error>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    match connection.next().await? {
        Incoming::Reply(_, reply) => Ok(reply),
        Incoming::Rejection(text) => Err(Error::Denied { text }),
        Incoming::Notice(Notice::Disconnected { .. } | Notice::Linger { .. }) => {
            Err(Error::Goodbye {
                unanswered: connection.outstanding(),
            })
        }
        Incoming::Event(_) | Incoming::AuthRequest | Incoming::Other(_) => Err(Error::Handshake {
            expected: "a reply",
        }),
    }
}

async fn with_timeout<T>(
    within: Duration,
    doing: impl Into<Cow<'static, str>>,
    work: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    timeout(within, work).await.unwrap_or(Err(Error::Timeout {
        doing: doing.into(),
        within,
    }))
}
