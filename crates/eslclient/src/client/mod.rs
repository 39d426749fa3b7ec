//! One connection that many callers share.

mod batches;
mod call;
mod clock;
mod driver;
mod events;
mod job;
mod options;
mod outlet;
mod request;
mod routes;
mod shared;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use crate::command::{Command, Originate};
use crate::connection::Connection;
use crate::error::Error;
use crate::reply::Reply;
use crate::uuid;
use driver::Driver;
use outlet::Outlet;
use request::{Request, Wait};
use shared::Shared;

pub use call::{Channel, ChannelEvents};
pub use events::Events;
pub use job::Job;
pub use options::{ClientOptions, WhenFull};

/// The requests that wait for the driver. A caller beyond them waits for room.
const REQUESTS: usize = 256;

/// A handle to a connection that a task drives. Clones share the connection.
///
/// [`Client::connect`](Self::connect) opens one to port 8021. Every method may be called from any
/// task, and every future may be dropped: no caller ever gets the reply of another.
///
/// The connection ends when every handle is dropped: every `Client` with its clones, every
/// [`Channel`], [`Job`] and [`ChannelEvents`]. [`Events`] may be dropped before; it keeps nothing.
#[derive(Clone)]
pub struct Client {
    requests: mpsc::Sender<Request>,
    shared: Arc<Shared>,
    deadline: Option<Duration>,
    capacity: usize,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("deadline", &self.deadline)
            .field("stalled", &self.stalled())
            .field("ended", &self.ended())
            .finish_non_exhaustive()
    }
}

impl Client {
    /// Starts a task that drives the connection. Call it inside a tokio runtime.
    ///
    /// `capacity` is the number of events that may wait to be read; further ones are held back.
    /// [`Client::start_with`] has more choices.
    pub fn start<S>(connection: Connection<S>, capacity: usize) -> (Self, Events)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let options = ClientOptions::default().capacity(capacity);
        Self::start_with(connection, options)
    }

    /// Starts a task that drives the connection. Call it inside a tokio runtime.
    pub fn start_with<S>(connection: Connection<S>, options: ClientOptions) -> (Self, Events)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (requests, incoming) = mpsc::channel(REQUESTS);
        let shared = Arc::new(Shared::new());
        let events = Arc::new(Outlet::new(Arc::clone(&shared), options.capacity));
        let driver = Driver::new(
            connection,
            incoming,
            Arc::clone(&events),
            Arc::clone(&shared),
            &options,
        );
        tokio::spawn(driver.run());
        let client = Self {
            requests,
            shared: Arc::clone(&shared),
            deadline: options.deadline,
            capacity: options.capacity,
        };
        (client, Events::new(events, shared))
    }

    /// Returns a handle whose commands wait at most so long for their replies; `None` means for
    /// ever.
    ///
    /// ```no_run
    /// # async fn dump(client: eslclient::Client) -> Result<(), eslclient::Error> {
    /// use std::time::Duration;
    ///
    /// let patient = client.within(Duration::from_secs(120));
    /// println!("{}", patient.api("sofia", "status").await?);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn within(&self, deadline: impl Into<Option<Duration>>) -> Self {
        Self {
            deadline: deadline.into(),
            ..self.clone()
        }
    }

    /// Sends a command and waits for its reply.
    ///
    /// Dropping the future does not disturb other callers. The switch may still run the
    /// command.
    ///
    /// # Errors
    /// * [`Error::Timeout`] if the reply takes longer than the deadline: that of
    ///   [`ClientOptions::deadline`], or of [`Client::within`].
    /// * [`Error::EventsNotRead`] if the reply is behind events that the program does not read.
    /// * [`Error::Lost`] if the connection ended before the reply arrived.
    ///
    /// A refusal is a [`Reply`]; [`Reply::result`] makes it an error.
    pub async fn command(&self, command: Command) -> Result<Reply, Error> {
        let mut replies = self.send_batch(vec![command]).await?;
        replies.pop().ok_or_else(|| self.shared.lost())
    }

    /// Sends a command and returns the text of its reply, without the line end.
    ///
    /// # Errors
    /// Returns [`Error::Refused`] if the switch refuses the command, and the errors of
    /// [`Client::command`].
    pub async fn run(&self, command: Command) -> Result<String, Error> {
        let name = command.name();
        let reply = self.command(command).await?;
        reply.result().map_err(|refusal| refusal.of(name).into())
    }

    /// Sends commands in one write and waits for their replies, in the same order.
    ///
    /// No command of another caller comes between them. Dropping the future does not disturb
    /// other callers. The switch may still run the commands.
    ///
    /// # Errors
    /// Returns the errors of [`Client::command`]. The deadline is that of all replies together.
    pub async fn send_batch(&self, commands: Vec<Command>) -> Result<Vec<Reply>, Error> {
        if commands.is_empty() {
            return Ok(Vec::new());
        }
        self.send(commands, None).await
    }

    /// Runs an API command and returns its output without the line end.
    ///
    /// The connection does nothing else until the command ends. Use [`Client::bgapi`] for slow
    /// commands such as `originate`.
    ///
    /// # Errors
    /// * [`Error::Refused`] if the output begins with `-ERR` or `-USAGE`.
    /// * [`Error::Command`] if a line cannot carry the input.
    /// * The errors of [`Client::command`].
    pub async fn api(&self, name: &str, args: &str) -> Result<String, Error> {
        let reply = self.command(Command::api(name, args)?).await?;
        let result = reply.result();
        result.map_err(|refusal| refusal.of(format!("api {name}")).into())
    }

    /// Runs an API command in a thread of the switch, and returns when it runs.
    ///
    /// ```no_run
    /// # async fn call(client: eslclient::Client) -> Result<(), eslclient::Error> {
    /// let job = client.bgapi("originate", "user/1000 &park").await?;
    /// println!("job {}", job.uuid());
    /// println!("{}", job.result().await?);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// The client subscribes to `BACKGROUND_JOB` by itself. Such events of other jobs come to
    /// [`Events`] only if the program subscribed to them too.
    ///
    /// # Errors
    /// The errors of [`Client::api`].
    pub async fn bgapi(&self, name: &str, args: &str) -> Result<Job, Error> {
        let uuid = uuid::random();
        let command = Command::bgapi(name, args, Some(&uuid))?;
        self.start_job(uuid, command).await
    }

    /// Has the switch make a call, in the background.
    ///
    /// [`Job::channel`] waits for the answer.
    ///
    /// ```no_run
    /// # async fn call(client: eslclient::Client) -> Result<(), eslclient::Error> {
    /// use eslclient::{Endpoint, Originate};
    ///
    /// let job = client.originate(&Originate::new(Endpoint::user("1000"))).await?;
    /// match job.channel().await {
    ///     Ok(channel) => println!("{} answered", channel.uuid()),
    ///     Err(error) => match error.refusal().and_then(|refusal| refusal.cause()) {
    ///         Some(cause) => println!("nobody came: {cause}, Q.850 {:?}", cause.q850()),
    ///         None => return Err(error),
    ///     },
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Error::Command`] for the inputs that [`Originate::command`] refuses, and the errors of
    /// [`Client::bgapi`].
    pub async fn originate(&self, call: &Originate) -> Result<Job, Error> {
        let uuid = uuid::random();
        let command = call.background(&uuid)?;
        self.start_job(uuid, command).await
    }

    async fn start_job(&self, uuid: String, command: Command) -> Result<Job, Error> {
        let name = command.name();
        let (sender, result) = oneshot::channel();
        let wait = Wait::Job {
            uuid: uuid.clone(),
            result: sender,
        };
        let replies = self.send(vec![command], Some(wait)).await?;
        let refusal = replies.first().and_then(Reply::refusal);
        match refusal {
            Some(refusal) => Err(refusal.of(name).into()),
            None => Ok(Job::new(uuid, result, self.clone())),
        }
    }

    /// Returns for how long the socket has not been read because events wait to be read.
    #[must_use]
    pub fn stalled(&self) -> Duration {
        self.shared.stalled()
    }

    /// Returns why the connection has ended; `None` while it lives.
    #[must_use]
    pub fn ended(&self) -> Option<Arc<Error>> {
        self.shared.has_ended().then(|| self.shared.end())
    }

    /// Sends commands, and has the driver note who waits before they leave.
    async fn send(&self, commands: Vec<Command>, wait: Option<Wait>) -> Result<Vec<Reply>, Error> {
        let (sender, replies) = oneshot::channel();
        let request = Request {
            commands,
            replies: sender,
            wait: wait.map(Box::new),
        };
        let replied = async {
            let sent = self.requests.send(request).await;
            sent.map_err(|_| self.shared.lost())?;
            replies.await.unwrap_or_else(|_| Err(self.shared.lost()))
        };
        let Some(within) = self.deadline else {
            return replied.await;
        };
        let late = |_| Error::Timeout {
            doing: "the switch's reply".into(),
            within,
        };
        timeout(within, replied).await.map_err(late)?
    }
}
