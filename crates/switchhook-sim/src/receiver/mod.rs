//! A webhook on loopback that answers in every way a webhook can, chosen by path,
//! and keeps every request for the checks.
//!
//! Written on raw sockets: half of its answers are faults that an HTTP library
//! would not send.

mod answer;
mod request;

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep, timeout_at};
use tokio_util::task::AbortOnDropHandle;

use self::answer::{Answer, End};

pub(crate) use self::answer::{HOSTILE, KEYS, OK, PARTIAL, RUBBISH, SPLIT, TEXT, XML, large};
pub(crate) use self::request::read_request;

/// Requests kept; the oldest are not dropped, later ones are not recorded.
const KEPT: usize = 100_000;
/// Requests that wait to be read by who watches; then their connections wait.
const WATCHED: usize = 64;

/// One request as it arrived.
#[derive(Debug, Clone)]
pub struct Request {
    /// `POST` and so on.
    pub method: String,
    /// Path and query as sent.
    pub target: String,
    /// Header names in lower case, values as sent.
    pub headers: Vec<(String, String)>,
    /// The body, decoded from chunks.
    pub body: Vec<u8>,
    /// When its last byte was read.
    pub arrived: Instant,
    /// When the answer's last byte was written.
    pub answered: Option<Instant>,
    /// When the client was gone before its answer was complete.
    pub abandoned: Option<Instant>,
}

impl Request {
    /// A header's value; `name` in lower case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let header = self.headers.iter().find(|(key, _)| key == name);
        header.map(|(_, value)| value.as_str())
    }

    /// The path without the query.
    #[must_use]
    pub fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }
}

/// The requests, and a signal at each change; or, when somebody watches, each request once
/// and none kept.
#[derive(Debug, Default)]
struct Ledger {
    requests: Mutex<Vec<Request>>,
    changed: watch::Sender<()>,
    watched: Option<mpsc::Sender<Request>>,
}

impl Ledger {
    fn lock(&self) -> MutexGuard<'_, Vec<Request>> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, request: &Request) -> Option<usize> {
        let mut requests = self.lock();
        if self.watched.is_some() || requests.len() >= KEPT {
            return None;
        }
        requests.push(request.clone());
        self.changed.send_replace(());
        Some(requests.len() - 1)
    }

    /// The request that was kept `at` there has ended so.
    async fn ended(&self, at: Option<usize>, mut request: Request, end: End) {
        let now = Some(Instant::now());
        match end {
            End::Complete | End::Broken => request.answered = now,
            End::Abandoned => request.abandoned = now,
        }
        if let Some(watched) = &self.watched {
            // Who watches may have left; nobody needs it then.
            drop(watched.send(request).await);
        } else if let Some(at) = at {
            self.lock()[at] = request;
            self.changed.send_replace(());
        }
    }
}

/// A running receiver; it ends when dropped.
#[derive(Debug)]
pub struct Receiver {
    address: SocketAddr,
    ledger: Arc<Ledger>,
    up: watch::Sender<bool>,
    /// It is bound: connections are taken.
    bound: watch::Receiver<bool>,
    answers: watch::Sender<bool>,
    _task: AbortOnDropHandle<()>,
}

impl Receiver {
    /// Listens on a free loopback port.
    ///
    /// # Errors
    /// When no port can be bound.
    pub async fn start() -> io::Result<Self> {
        let loopback = SocketAddr::from(([127, 0, 0, 1], 0));
        Self::on(loopback, Ledger::default()).await
    }

    /// Listens at `address` and keeps no request: each can be read once, when its answer
    /// has ended.
    ///
    /// # Errors
    /// When the address cannot be bound.
    pub async fn watched(address: SocketAddr) -> io::Result<(Self, mpsc::Receiver<Request>)> {
        let (sender, requests) = mpsc::channel(WATCHED);
        let ledger = Ledger {
            watched: Some(sender),
            ..Ledger::default()
        };
        Ok((Self::on(address, ledger).await?, requests))
    }

    async fn on(address: SocketAddr, ledger: Ledger) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let ledger = Arc::new(ledger);
        let (up, watched) = watch::channel(true);
        let (binding, bound) = watch::channel(true);
        let answers = watch::Sender::new(true);
        let house = House {
            address,
            ledger: Arc::clone(&ledger),
            answers: answers.subscribe(),
            binding,
        };
        let task = tokio::spawn(house.serve(listener, watched));
        Ok(Self {
            address,
            ledger,
            up,
            bound,
            answers,
            _task: AbortOnDropHandle::new(task),
        })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The URL of a path, which begins with a slash.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Every request so far.
    #[must_use]
    pub fn requests(&self) -> Vec<Request> {
        self.ledger.lock().clone()
    }

    /// Waits until a request whose path ends with `suffix` is as `wanted`, at most `limit`.
    pub async fn wait(
        &self,
        suffix: &str,
        limit: Duration,
        wanted: impl Fn(&Request) -> bool,
    ) -> Option<Request> {
        let mut changed = self.ledger.changed.subscribe();
        let find = || {
            let requests = self.ledger.lock();
            let mut ours = requests
                .iter()
                .filter(|request| request.path().ends_with(suffix));
            ours.find(|request| wanted(request)).cloned()
        };
        let until = Instant::now() + limit;
        loop {
            if let Some(request) = find() {
                return Some(request);
            }
            if timeout_at(until, changed.changed()).await.is_err() {
                return find();
            }
        }
    }

    /// The requests whose path ends with `suffix`.
    #[must_use]
    pub(crate) fn requests_of(&self, suffix: &str) -> Vec<Request> {
        let requests = self.ledger.lock();
        requests
            .iter()
            .filter(|request| request.path().ends_with(suffix))
            .cloned()
            .collect()
    }

    /// How many requests there were.
    #[must_use]
    pub fn count(&self) -> usize {
        self.ledger.lock().len()
    }

    /// Refuses connections and drops those that are open, until [`Receiver::up`].
    pub fn down(&self) {
        self.up.send_replace(false);
    }

    /// Answers again, on the same port.
    pub fn up(&self) {
        self.up.send_replace(true);
    }

    /// Completes when connections are taken (again).
    pub async fn listens(&self) {
        // The task that binds lives as long as we do.
        drop(self.bound.clone().wait_for(|bound| *bound).await);
    }

    /// Completes when connections are refused.
    pub async fn refuses(&self) {
        drop(self.bound.clone().wait_for(|bound| !*bound).await);
    }

    /// Takes requests and answers none, until [`Receiver::answer`].
    pub fn hold_answers(&self) {
        self.answers.send_replace(false);
    }

    /// Answers again, also what waits.
    pub fn answer(&self) {
        self.answers.send_replace(true);
    }
}

/// A loopback port on which nobody listens; it stays so with all likelihood.
///
/// # Errors
/// When no port can be bound to find one.
pub fn closed_port() -> io::Result<u16> {
    let socket = std::net::TcpListener::bind("127.0.0.1:0")?;
    Ok(socket.local_addr()?.port())
}

/// What connections need.
struct House {
    address: SocketAddr,
    ledger: Arc<Ledger>,
    answers: watch::Receiver<bool>,
    binding: watch::Sender<bool>,
}

impl House {
    async fn serve(self, listener: TcpListener, mut up: watch::Receiver<bool>) {
        let mut listener = Some(listener);
        while let Some(open) = listener.take() {
            self.binding.send_replace(true);
            self.accept(open, &mut up).await;
            self.binding.send_replace(false);
            if up.wait_for(|up| *up).await.is_err() {
                return;
            }
            listener = bind_again(self.address).await;
        }
    }

    /// Accepts until the receiver goes down, then closes everything.
    async fn accept(&self, listener: TcpListener, up: &mut watch::Receiver<bool>) {
        let mut connections = tokio::task::JoinSet::new();
        loop {
            tokio::select! {
                accepted = listener.accept() => {
                    if let Ok((stream, _)) = accepted {
                        let (ledger, answers) = (Arc::clone(&self.ledger), self.answers.clone());
                        connections.spawn(connection(stream, ledger, answers));
                    } else {
                        // Out of descriptors, most likely: let some be closed.
                        sleep(Duration::from_millis(10)).await;
                    }
                }
                Some(_) = connections.join_next() => {}
                () = goes_down(up) => return,
            }
        }
    }
}

/// Ends when the receiver is to be down, or is dropped.
async fn goes_down(up: &mut watch::Receiver<bool>) {
    drop(up.wait_for(|up| !*up).await);
}

async fn bind_again(address: SocketAddr) -> Option<TcpListener> {
    for _ in 0..50 {
        let socket = TcpSocket::new_v4().ok()?;
        // Without it the port is taken by connections that are still ending.
        socket.set_reuseaddr(true).ok()?;
        if socket.bind(address).is_ok() {
            return socket.listen(1024).ok();
        }
        sleep(Duration::from_millis(20)).await;
    }
    None
}

/// Requests of one connection, one after another, until a fault or the client ends it.
async fn connection(
    mut stream: TcpStream,
    ledger: Arc<Ledger>,
    mut answers: watch::Receiver<bool>,
) {
    // Small answers must not wait for an acknowledgement.
    let _ = stream.set_nodelay(true);
    let mut buffer = Vec::new();
    while let Ok(Some(request)) = read_request(&mut stream, &mut buffer).await {
        let answer = Answer::of(&request);
        let at = ledger.add(&request);
        let end = match may_answer(&stream, &mut answers).await {
            true => answer.give(&mut stream).await,
            false => End::Abandoned,
        };
        ledger.ended(at, request, end).await;
        if end != End::Complete {
            return;
        }
    }
}

/// Waits until answers are given; `false` when the client was gone first.
async fn may_answer(stream: &TcpStream, answers: &mut watch::Receiver<bool>) -> bool {
    let mut byte = [0];
    tokio::select! {
        biased;
        may = answers.wait_for(|answers| *answers) => may.is_ok(),
        peeked = stream.peek(&mut byte) => peeked.is_ok_and(|count| count > 0),
    }
}
