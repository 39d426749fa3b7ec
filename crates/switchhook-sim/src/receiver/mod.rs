//! Runs a webhook on loopback that answers in every way a webhook can.
//!
//! The path selects the answer, and the receiver keeps every request for the checks. It uses raw
//! sockets, because half of its answers are faults that an HTTP library would not send.

mod answer;
mod hanging;
mod request;
mod silent;

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
pub(crate) use self::hanging::{Hang, Hanging};
pub(crate) use self::request::read_request;
pub use self::silent::Silent;

/// Number of requests kept by default. The receiver keeps the oldest and does not record later ones.
pub(crate) const KEPT: usize = 100_000;
/// Number of requests queued for a watching reader. When the queue is full, their connections
/// wait.
const WATCHED: usize = 64;

/// One request in the form in which it arrived.
#[derive(Debug, Clone)]
pub struct Request {
    /// The method, for example `POST`.
    pub method: String,
    /// Path and query as sent.
    pub target: String,
    /// Header names in lower case, values as sent.
    pub headers: Vec<(String, String)>,
    /// The body, decoded from chunks.
    pub body: Vec<u8>,
    /// Time at which the last byte was read.
    pub arrived: Instant,
    /// Time at which the last byte of the answer was written.
    pub answered: Option<Instant>,
    /// Time at which the client left before its answer was complete.
    pub abandoned: Option<Instant>,
}

impl Request {
    /// Returns a header's value; `name` must be in lower case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let header = self.headers.iter().find(|(key, _)| key == name);
        header.map(|(_, value)| value.as_str())
    }

    /// Returns the path without the query.
    #[must_use]
    pub fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }
}

/// The requests, with a signal at each change. With a watching reader, the reader gets each
/// request once and the ledger keeps none.
#[derive(Debug)]
struct Ledger {
    requests: Mutex<Vec<Request>>,
    /// Number of requests kept.
    capacity: usize,
    changed: watch::Sender<()>,
    watched: Option<mpsc::Sender<Request>>,
}

impl Ledger {
    fn new(capacity: usize, watched: Option<mpsc::Sender<Request>>) -> Self {
        Self {
            requests: Mutex::default(),
            capacity,
            changed: watch::Sender::default(),
            watched,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Request>> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, request: &Request) -> Option<usize> {
        let mut requests = self.lock();
        if self.watched.is_some() || requests.len() >= self.capacity {
            return None;
        }
        requests.push(request.clone());
        self.changed.send_replace(());
        Some(requests.len() - 1)
    }

    /// Returns the number of requests to the same target so far.
    fn earlier(&self, request: &Request) -> usize {
        let requests = self.lock();
        let same = requests
            .iter()
            .filter(|known| known.target == request.target);
        same.count()
    }

    /// Records how the request kept at index `at` has ended.
    async fn ended(&self, at: Option<usize>, mut request: Request, end: End) {
        let now = Some(Instant::now());
        match end {
            End::Complete | End::Broken => request.answered = now,
            End::Abandoned => request.abandoned = now,
        }
        if let Some(watched) = &self.watched {
            // The watching reader may have left, and then nothing needs the request.
            drop(watched.send(request).await);
        } else if let Some(at) = at {
            self.lock()[at] = request;
            self.changed.send_replace(());
        }
    }
}

/// A running receiver, which ends when dropped.
#[derive(Debug)]
pub struct Receiver {
    address: SocketAddr,
    ledger: Arc<Ledger>,
    up: watch::Sender<bool>,
    /// Whether the receiver is bound and accepts connections.
    bound: watch::Receiver<bool>,
    answers: watch::Sender<bool>,
    _task: AbortOnDropHandle<()>,
}

impl Receiver {
    /// Starts a receiver on a free loopback port.
    ///
    /// # Errors
    /// Returns an error if no port can be bound.
    pub async fn start() -> io::Result<Self> {
        Self::keeping(KEPT).await
    }

    /// Starts a receiver on a free loopback port that keeps at most so many requests.
    pub(crate) async fn keeping(capacity: usize) -> io::Result<Self> {
        let loopback = SocketAddr::from(([127, 0, 0, 1], 0));
        Self::on(loopback, Ledger::new(capacity, None)).await
    }

    /// Starts a receiver at `address` that keeps no requests. Each request can be read once, after
    /// its answer has ended.
    ///
    /// # Errors
    /// Returns an error if the address cannot be bound.
    pub async fn watched(address: SocketAddr) -> io::Result<(Self, mpsc::Receiver<Request>)> {
        let (sender, requests) = mpsc::channel(WATCHED);
        let ledger = Ledger::new(0, Some(sender));
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

    /// Returns the receiver's address.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns the URL of a path, which begins with a slash.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Returns every request so far.
    #[must_use]
    pub fn requests(&self) -> Vec<Request> {
        self.ledger.lock().clone()
    }

    /// Waits up to `limit` for a request whose path ends with `suffix` and that meets `wanted`.
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

    /// Waits up to `limit` until `count` requests whose path ends with `suffix` have ended.
    pub(crate) async fn wait_for_all(&self, suffix: &str, count: usize, limit: Duration) {
        let mut changed = self.ledger.changed.subscribe();
        let until = Instant::now() + limit;
        let ended = |request: &Request| request.answered.is_some() || request.abandoned.is_some();
        let all = || {
            self.requests_of(suffix)
                .iter()
                .filter(|it| ended(it))
                .count()
                >= count
        };
        while !all() && timeout_at(until, changed.changed()).await.is_ok() {}
    }

    /// Returns the requests whose path ends with `suffix`.
    #[must_use]
    pub(crate) fn requests_of(&self, suffix: &str) -> Vec<Request> {
        let requests = self.ledger.lock();
        requests
            .iter()
            .filter(|request| request.path().ends_with(suffix))
            .cloned()
            .collect()
    }

    /// Returns the number of requests.
    #[must_use]
    pub fn count(&self) -> usize {
        self.ledger.lock().len()
    }

    /// Refuses new connections and drops open ones until [`Receiver::up`].
    pub fn down(&self) {
        self.up.send_replace(false);
    }

    /// Accepts connections again on the original port.
    pub fn up(&self) {
        self.up.send_replace(true);
    }

    /// Completes when the receiver accepts connections (again).
    pub async fn listens(&self) {
        // The task that binds the port lives as long as this receiver.
        drop(self.bound.clone().wait_for(|bound| *bound).await);
    }

    /// Completes when the receiver refuses connections.
    pub async fn refuses(&self) {
        drop(self.bound.clone().wait_for(|bound| !*bound).await);
    }

    /// Accepts requests without an answer until [`Receiver::answer`].
    pub fn hold_answers(&self) {
        self.answers.send_replace(false);
    }

    /// Answers again, including the waiting requests.
    pub fn answer(&self) {
        self.answers.send_replace(true);
    }
}

/// Returns a loopback port without a listener. It most likely stays free.
///
/// # Errors
/// Returns an error if no port can be bound to find one.
pub fn closed_port() -> io::Result<u16> {
    let socket = std::net::TcpListener::bind("127.0.0.1:0")?;
    Ok(socket.local_addr()?.port())
}

/// State that connections share.
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

    /// Accepts connections until the receiver goes down, then closes all of them.
    async fn accept(&self, listener: TcpListener, up: &mut watch::Receiver<bool>) {
        let mut connections = tokio::task::JoinSet::new();
        loop {
            tokio::select! {
                accepted = listener.accept() => {
                    if let Ok((stream, _)) = accepted {
                        let (ledger, answers) = (Arc::clone(&self.ledger), self.answers.clone());
                        connections.spawn(connection(stream, ledger, answers));
                    } else {
                        // The process is most likely out of descriptors: wait until some are
                        // closed.
                        sleep(Duration::from_millis(10)).await;
                    }
                }
                Some(_) = connections.join_next() => {}
                () = goes_down(up) => return,
            }
        }
    }
}

/// Completes when the receiver must go down or is dropped.
async fn goes_down(up: &mut watch::Receiver<bool>) {
    drop(up.wait_for(|up| !*up).await);
}

async fn bind_again(address: SocketAddr) -> Option<TcpListener> {
    for _ in 0..50 {
        let socket = TcpSocket::new_v4().ok()?;
        // Without this option, connections that are still closing block the port.
        socket.set_reuseaddr(true).ok()?;
        if socket.bind(address).is_ok() {
            return socket.listen(1024).ok();
        }
        sleep(Duration::from_millis(20)).await;
    }
    None
}

/// Serves the requests of one connection in order, until a fault or the client ends it.
async fn connection(
    mut stream: TcpStream,
    ledger: Arc<Ledger>,
    mut answers: watch::Receiver<bool>,
) {
    // Small answers must not wait for an acknowledgement.
    let _ = stream.set_nodelay(true);
    let mut buffer = Vec::new();
    while let Ok(Some(request)) = read_request(&mut stream, &mut buffer).await {
        let answer = Answer::of(&request, || ledger.earlier(&request));
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

/// Waits until the receiver may answer. Returns `false` if the client left first.
async fn may_answer(stream: &TcpStream, answers: &mut watch::Receiver<bool>) -> bool {
    let mut byte = [0];
    tokio::select! {
        biased;
        may = answers.wait_for(|answers| *answers) => may.is_ok(),
        peeked = stream.peek(&mut byte) => peeked.is_ok_and(|count| count > 0),
    }
}
