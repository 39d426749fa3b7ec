//! A server for the `socket` application.

mod call;

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::sleep;

use crate::client::{Client, ClientOptions};
use crate::codec::{Format, Limits};
use crate::command::Command;
use crate::error::Error;
use crate::open::open_outbound;

pub use call::{Call, Control, Mode};

/// The wait after an error of the listener, such as too many open files.
const PAUSE: Duration = Duration::from_millis(100);

/// A server to which the `socket` application of a dialplan connects.
///
/// In the dialplan:
///
/// ```xml
/// <action application="set" data="socket_resume=true"/>
/// <action application="socket" data="127.0.0.1:8084 async full"/>
/// ```
///
/// With `socket_resume=true` the call goes on with the next action when this program ends or
/// drops the call; without it, the call would stay parked for ever (measured). The protocol has
/// neither a password nor TLS: listen on loopback, or restrict the port to the switch.
///
/// ```no_run
/// use eslclient::{Call, Error, Server};
///
/// async fn greet(call: Call) -> Result<(), Error> {
///     call.channel.answer().await?;
///     call.channel.playback("ivr/ivr-welcome.wav").await?;
///     call.release().await
/// }
///
/// // Without `socket_resume=true` a caller whom an error leaves behind must be hung up here.
///
/// # async fn serve() -> Result<(), Error> {
/// let server = Server::bind("127.0.0.1:8084").await?;
/// server
///     .serve(async |call| {
///         let greeted = match call {
///             Ok(call) => greet(call).await,
///             Err(error) => Err(error),
///         };
///         if let Err(error) = greeted {
///             eprintln!("{error}");
///         }
///     })
///     .await
/// # }
/// ```
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    address: String,
    options: ServerOptions,
}

/// How a [`Server`] takes calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub struct ServerOptions {
    limits: Limits,
    within: Duration,
    client: ClientOptions,
    needs_full: bool,
    linger: Option<Duration>,
    calls: usize,
}

impl Default for ServerOptions {
    /// Returns 5 s for the opening, `async full` required, 5 s of linger and 10,000 calls.
    fn default() -> Self {
        Self {
            limits: Limits::default(),
            within: Duration::from_secs(5),
            client: ClientOptions::default(),
            needs_full: true,
            linger: Some(Duration::from_secs(5)),
            calls: 10_000,
        }
    }
}

impl ServerOptions {
    /// Sets the largest frame that the server accepts.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Sets how long the opening of a call may take; 5 s by default.
    pub fn within(mut self, within: Duration) -> Self {
        self.within = within;
        self
    }

    /// Sets how the client of each call behaves.
    pub fn client(mut self, options: ClientOptions) -> Self {
        self.client = options;
        self
    }

    /// Sets whether `async full` is required; it is by default.
    ///
    /// Without `async`, [`Channel::execute`](crate::Channel::execute) of one application blocks
    /// the next command. Without `full`, the switch refuses `api`, and with it variables.
    pub fn needs_async_full(mut self, needs: bool) -> Self {
        self.needs_full = needs;
        self
    }

    /// Sets how long the socket stays open after the hangup, for the last events, in whole
    /// seconds; 5 s by default, `None` not at all.
    pub fn linger(mut self, time: impl Into<Option<Duration>>) -> Self {
        self.linger = time.into();
        self
    }

    /// Sets how many calls [`Server::serve`] handles at once; 10,000 by default. The next one waits.
    pub fn calls(mut self, calls: usize) -> Self {
        self.calls = calls.clamp(1, Semaphore::MAX_PERMITS);
        self
    }
}

impl Server {
    /// Listens at an address such as `127.0.0.1:8084`.
    ///
    /// # Errors
    /// Returns [`Error::Listen`] if the address cannot be used.
    pub async fn bind(address: &str) -> Result<Self, Error> {
        let listener = TcpListener::bind(address).await;
        let listener = listener.map_err(|source| Error::Listen {
            address: address.to_owned(),
            source: Arc::new(source),
        })?;
        Ok(Self::new(listener))
    }

    /// Takes calls from a listener.
    #[must_use]
    pub fn new(listener: TcpListener) -> Self {
        let address = listener.local_addr();
        Self {
            address: address.map_or_else(|_| "HOST:PORT".to_owned(), |address| address.to_string()),
            listener,
            options: ServerOptions::default(),
        }
    }

    /// Sets how calls are taken.
    #[must_use]
    pub fn with_options(mut self, options: ServerOptions) -> Self {
        self.options = options;
        self
    }

    /// Returns the address at which the server listens, for the dialplan.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Waits for the next connection. [`Arrival::open`] makes it a call; run that in a task of
    /// its own, so that a slow peer delays nobody. This method is cancel-safe.
    ///
    /// # Errors
    /// Returns [`Error::Io`] if the listener fails, such as for too many open files.
    pub async fn accept(&self) -> Result<Arrival, Error> {
        let (stream, peer) = self.listener.accept().await?;
        stream.set_nodelay(true)?;
        Ok(Arrival {
            stream,
            peer,
            address: self.address.clone(),
            options: self.options,
        })
    }

    /// Takes calls for ever, each in a task of its own. `handler` gets each call, or the reason
    /// why a connection did not become one, such as [`Error::Io`] for too many open files.
    ///
    /// The handler returns nothing: it handles its errors itself. Stop the server by dropping this
    /// future: calls that it took go on.
    ///
    /// # Errors
    /// Never returns. The result type lets `serve` stand at the end of a function.
    pub async fn serve<H, F>(&self, handler: H) -> Result<(), Error>
    where
        H: Fn(Result<Call, Error>) -> F + Send + Sync + 'static,
        F: Future<Output = ()> + Send,
    {
        let handler = Arc::new(handler);
        let room = Arc::new(Semaphore::new(self.options.calls));
        loop {
            let Ok(permit) = Arc::clone(&room).acquire_owned().await else {
                // Nobody closes the semaphore.
                continue;
            };
            let arrival = self.accept().await;
            let failed = arrival.is_err();
            let handler = Arc::clone(&handler);
            tokio::spawn(async move {
                let call = match arrival {
                    Ok(arrival) => arrival.open().await,
                    Err(error) => Err(error),
                };
                handler(call).await;
                drop(permit);
            });
            if failed {
                sleep(PAUSE).await;
            }
        }
    }
}

/// A connection that is not a call yet.
#[derive(Debug)]
pub struct Arrival {
    stream: TcpStream,
    peer: SocketAddr,
    address: String,
    options: ServerOptions,
}

impl Arrival {
    /// Returns the address of the peer.
    #[must_use]
    pub fn peer(&self) -> SocketAddr {
        self.peer
    }

    /// Takes control of the call and subscribes to its events.
    ///
    /// # Errors
    /// * [`Error::NotEventSocket`] if the peer is not FreeSWITCH.
    /// * [`Error::NotAsyncFull`] if the dialplan gives less than `async full`; the text has the
    ///   line that gives it.
    /// * [`Error::Timeout`] if the opening takes too long.
    /// * The errors of [`Connection::next`](crate::Connection::next).
    pub async fn open(self) -> Result<Call, Error> {
        let options = self.options;
        let (connection, data) = open_outbound(self.stream, options.limits, options.within)
            .await
            .map_err(|error| error.at(&self.peer.to_string()))?;
        let mode = Mode::of(&data);
        let control = Control::of(&data);
        let is_full = mode == Mode::Async && control == Control::Full;
        if options.needs_full && !is_full {
            let word = |name| data.get(name).unwrap_or_default().into_owned();
            return Err(Error::NotAsyncFull {
                mode: word("Socket-Mode"),
                control: word("Control"),
                address: self.address,
            });
        }
        let (client, events) = Client::start_with(connection, options.client);
        let mut commands = vec![Command::myevents(Format::Json)];
        if control == Control::Full {
            commands.extend(options.linger.map(Command::linger));
        }
        let channel = client.channel(&data.unique_id().unwrap_or_default());
        channel.begin_session(commands).await?;
        Ok(Call {
            channel,
            events,
            data,
            mode,
            control,
            peer: self.peer,
        })
    }
}
