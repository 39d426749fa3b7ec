//! How to reach a switch, as a value that serves again after a reconnect.

use std::fmt;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

use crate::client::{Client, ClientOptions, Events};
use crate::codec::Limits;
use crate::connection::Connection;
use crate::error::Error;
use crate::open;

/// How to reach port 8021 of a switch.
///
/// ```no_run
/// # async fn connect() -> Result<(), eslclient::Error> {
/// use std::time::Duration;
///
/// use eslclient::{Client, ConnectOptions};
///
/// let options = ConnectOptions::new("fs.example.com", "ClueCon")
///     .user("monitor", "example.com")
///     .within(Duration::from_secs(2));
/// let (client, events) = Client::connect_with(&options).await?;
/// # drop((client, events));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, PartialEq, Eq)]
#[must_use]
pub struct ConnectOptions {
    pub(crate) address: String,
    password: String,
    /// Name and domain of a user of the directory.
    user: Option<(String, String)>,
    limits: Limits,
    within: Duration,
    client: ClientOptions,
}

impl ConnectOptions {
    /// Connects to `HOST` or `HOST:PORT` with the password of `event_socket.conf.xml`.
    ///
    /// Without a port it is 8021. All steps until the switch accepts the password may take 5 s.
    pub fn new(address: &str, password: &str) -> Self {
        Self {
            address: address.to_owned(),
            password: password.to_owned(),
            user: None,
            limits: Limits::default(),
            within: Duration::from_secs(5),
            client: ClientOptions::default(),
        }
    }

    /// Authenticates as a user of the directory, whose password is then that of `esl-password`.
    pub fn user(mut self, name: &str, domain: &str) -> Self {
        self.user = Some((name.to_owned(), domain.to_owned()));
        self
    }

    /// Sets the largest frame that the client accepts.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Sets how long all steps may take until the switch accepts the password.
    pub fn within(mut self, within: Duration) -> Self {
        self.within = within;
        self
    }

    /// Sets how the client behaves.
    pub fn client(mut self, options: ClientOptions) -> Self {
        self.client = options;
        self
    }

    /// Connects and authenticates, without a task that drives the connection.
    ///
    /// # Errors
    /// The errors of [`Client::connect`].
    pub async fn open(&self) -> Result<Connection<TcpStream>, Error> {
        open::connect(
            &self.address,
            self.named_user(),
            &self.password,
            self.limits,
            self.within,
        )
        .await
    }

    fn named_user(&self) -> Option<(&str, &str)> {
        let user = self.user.as_ref();
        user.map(|(name, domain)| (name.as_str(), domain.as_str()))
    }
}

/// Shows everything but the password.
impl fmt::Debug for ConnectOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConnectOptions")
            .field("address", &self.address)
            .field("user", &self.user)
            .field("limits", &self.limits)
            .field("within", &self.within)
            .field("client", &self.client)
            .finish_non_exhaustive()
    }
}

impl Client {
    /// Connects to port 8021 of a switch, authenticates, and starts a task that drives the
    /// connection.
    ///
    /// `address` is `HOST` or `HOST:PORT`. `password` is the one in `event_socket.conf.xml`,
    /// `ClueCon` in a default configuration.
    ///
    /// # Errors
    /// * [`Error::Connect`] if the TCP connection fails.
    /// * [`Error::NotEventSocket`] if something else answers at this address.
    /// * [`Error::Denied`] if the switch's ACL refuses this address.
    /// * [`Error::BadPassword`] if the switch rejects the password.
    /// * [`Error::Timeout`] after 5 s, and the errors of
    ///   [`Connection::next`](crate::Connection::next).
    pub async fn connect(address: &str, password: &str) -> Result<(Self, Events), Error> {
        Self::connect_with(&ConnectOptions::new(address, password)).await
    }

    /// Connects with other options.
    ///
    /// # Errors
    /// The errors of [`Client::connect`].
    pub async fn connect_with(options: &ConnectOptions) -> Result<(Self, Events), Error> {
        let connection = options.open().await?;
        Ok(Self::start_with(connection, options.client))
    }

    /// Authenticates on a stream that is connected already, and starts a task that drives it.
    ///
    /// It serves for what is not plain TCP, such as TLS to a proxy before the switch. The address
    /// of `options` is not used.
    ///
    /// # Errors
    /// The errors of [`Client::connect`], but [`Error::Handshake`] or [`Error::Decode`] in place of
    /// [`Error::NotEventSocket`].
    pub async fn connect_over<S>(
        stream: S,
        options: &ConnectOptions,
    ) -> Result<(Self, Events), Error>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let user = options.named_user();
        let (password, limits) = (&options.password, options.limits);
        let connection = open::connect_over(stream, user, password, limits, options.within).await?;
        Ok(Self::start_with(connection, options.client))
    }
}
