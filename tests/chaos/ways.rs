//! A receiver that fails in every way that a receiver can, each way on a port of its own.

use std::collections::HashSet;
use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock, Mutex};
use std::time::{Duration, SystemTime};

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::watch;
use tokio::time::sleep;
use tokio_rustls::TlsAcceptor;

/// What is between two bytes of a drip.
const DRIP: Duration = Duration::from_millis(50);
/// Longer than any deadline of the suite; a connection that is kept so long ends with it.
const NEVER: Duration = Duration::from_secs(600);
/// What a flood offers.
const FLOOD: usize = 256 * 1024 * 1024;
/// An answer that is well.
pub const WELL: &str =
    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}";

/// How it fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// Nobody listens.
    Refuses,
    ClosesAtOnce,
    ResetsAtOnce,
    /// Takes the request, and then
    ClosesAfterIt,
    ResetsAfterIt,
    NeverAnswers,
    /// These bytes, and then the connection ends.
    Says(&'static str),
    /// A byte at a time, from the first on, or the body alone.
    Drips(bool),
    /// So many bytes of a good answer, then a reset.
    ResetsAt(usize),
    /// The first text, then the second again and again.
    Floods(&'static str, &'static str),
    /// gzip that unpacks to a thousand times of it.
    Bomb,
    /// The address is https, and the server
    SaysNothingInTls,
    SpeaksNoTls,
    IsNobodyWeTrust,
    /// `Retry-After: `, a date so many seconds from now.
    AsksForADate(i64),
}

/// The whole list: a name for each, what a caller's webhook fails with, whether a document
/// counts as delivered all the same, and the way.
pub const WAYS: [(&str, &str, bool, Way); 42] = [
    ("refuses", "CONNECTION_FAILURE", false, Way::Refuses),
    ("closes", "CONNECTION_FAILURE", false, Way::ClosesAtOnce),
    ("resets", "CONNECTION_FAILURE", false, Way::ResetsAtOnce),
    (
        "closes_later",
        "CONNECTION_FAILURE",
        false,
        Way::ClosesAfterIt,
    ),
    (
        "resets_later",
        "CONNECTION_FAILURE",
        false,
        Way::ResetsAfterIt,
    ),
    ("silent", "TIMEOUT", false, Way::NeverAnswers),
    ("drips_head", "TIMEOUT", false, Way::Drips(true)),
    ("drips_body", "TIMEOUT", true, Way::Drips(false)),
    (
        "rubbish",
        "INVALID_RESPONSE",
        false,
        Way::Says("SSH-2.0-OpenSSH_9.9\r\n\r\n"),
    ),
    (
        "no_version",
        "INVALID_RESPONSE",
        false,
        Way::Says("<html>hello</html>\r\n\r\n"),
    ),
    (
        "half_a_head",
        "CONNECTION_FAILURE",
        false,
        Way::Says("HTTP/1.1 200 OK\r\nContent-Le"),
    ),
    (
        "no_number",
        "INVALID_RESPONSE",
        false,
        Way::Says("HTTP/1.1 2xx OK\r\n\r\n"),
    ),
    (
        "bad_length",
        "INVALID_RESPONSE",
        false,
        Way::Says("HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n{}"),
    ),
    (
        "two_lengths",
        "INVALID_RESPONSE",
        false,
        Way::Says("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{} "),
    ),
    (
        "huge_length",
        "CONNECTION_FAILURE",
        true,
        Way::Says("HTTP/1.1 200 OK\r\nContent-Length: 9000000000000000000\r\n\r\n{}"),
    ),
    (
        "short_body",
        "CONNECTION_FAILURE",
        true,
        Way::Says("HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n{}"),
    ),
    (
        "bad_chunk",
        "CONNECTION_FAILURE",
        true,
        Way::Says("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n"),
    ),
    (
        "no_gzip",
        "INVALID_RESPONSE",
        true,
        Way::Says("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}"),
    ),
    (
        "no_json",
        "INVALID_RESPONSE",
        true,
        Way::Says("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n<doctype>"),
    ),
    (
        "bad_header",
        "INVALID_RESPONSE",
        false,
        Way::Says("HTTP/1.1 200 OK\r\nX y: z\r\n\u{1}: 1\r\nContent-Length: 2\r\n\r\n{}"),
    ),
    (
        "endless_header",
        "INVALID_RESPONSE",
        false,
        Way::Floods("HTTP/1.1 200 OK\r\nX: ", "y"),
    ),
    (
        "endless_headers",
        "INVALID_RESPONSE",
        false,
        Way::Floods("HTTP/1.1 200 OK\r\n", "X-Another: one\r\n"),
    ),
    (
        "endless_informations",
        "TIMEOUT",
        false,
        Way::Floods("", "HTTP/1.1 103 Early Hints\r\n\r\n"),
    ),
    (
        "endless_body",
        "INVALID_RESPONSE",
        true,
        Way::Floods("HTTP/1.1 200 OK\r\n\r\n", " "),
    ),
    (
        "endless_chunks",
        "INVALID_RESPONSE",
        true,
        Way::Floods(
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
            "4\r\n    \r\n",
        ),
    ),
    ("bomb", "INVALID_RESPONSE", true, Way::Bomb),
    (
        "loop",
        "HTTP_STATUS",
        false,
        Way::Says("HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 0\r\n\r\n"),
    ),
    (
        "to_metadata",
        "HTTP_STATUS",
        false,
        Way::Says(
            "HTTP/1.1 307 Moved\r\nLocation: http://169.254.169.254/\r\nContent-Length: 0\r\n\r\n",
        ),
    ),
    (
        "upgrades",
        "HTTP_STATUS",
        false,
        Way::Says(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: chat\r\nConnection: upgrade\r\n\r\n",
        ),
    ),
    (
        "unauthorized",
        "AUTHENTICATION_FAILURE",
        false,
        Way::Says("HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n"),
    ),
    (
        "not_found",
        "HTTP_STATUS",
        false,
        Way::Says("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"),
    ),
    (
        "too_large",
        "HTTP_STATUS",
        false,
        Way::Says("HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"),
    ),
    (
        "error",
        "HTTP_STATUS",
        false,
        Way::Says("HTTP/1.1 500 Error\r\nContent-Length: 0\r\n\r\n"),
    ),
    (
        "strange",
        "HTTP_STATUS",
        false,
        Way::Says("HTTP/1.1 999 Strange\r\nContent-Length: 0\r\n\r\n"),
    ),
    (
        "busy_seconds",
        "HTTP_STATUS",
        false,
        Way::Says("HTTP/1.1 429 Slower\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n"),
    ),
    ("busy_until", "HTTP_STATUS", false, Way::AsksForADate(2)),
    (
        "busy_until_then",
        "HTTP_STATUS",
        false,
        Way::AsksForADate(-86_400),
    ),
    (
        "busy_for_ever",
        "HTTP_STATUS",
        false,
        Way::Says("HTTP/1.1 503 Busy\r\nRetry-After: when it is over\r\nContent-Length: 0\r\n\r\n"),
    ),
    (
        "gone",
        "HTTP_STATUS",
        false,
        Way::Says("HTTP/1.1 410 Gone\r\nContent-Length: 0\r\n\r\n"),
    ),
    ("tls_silent", "TIMEOUT", false, Way::SaysNothingInTls),
    ("tls_none", "CONNECTION_FAILURE", false, Way::SpeaksNoTls),
    (
        "tls_stranger",
        "CONNECTION_FAILURE",
        false,
        Way::IsNobodyWeTrust,
    ),
];

/// One way, on its port.
pub struct Faulty {
    pub url: String,
    address: SocketAddr,
    /// Until it listens.
    socket: Mutex<Option<TcpSocket>>,
    inner: Arc<Inner>,
}

struct Inner {
    way: Way,
    /// Connections that still fail.
    failing: AtomicUsize,
    /// Where those come from that were accepted.
    accepted: watch::Sender<HashSet<SocketAddr>>,
    /// Bytes that the client has taken.
    taken: AtomicUsize,
    documents: Mutex<Vec<(String, Vec<u8>)>>,
}

impl Faulty {
    pub fn start(way: Way) -> Self {
        // Bound and not listening it refuses, and nobody else gets the port.
        let (socket, address) = crate::ports::bound();
        let scheme = if way.is_tls() { "https" } else { "http" };
        let faulty = Self {
            url: format!("{scheme}://{address}/"),
            address,
            socket: Mutex::new(Some(socket)),
            inner: Arc::new(Inner {
                way,
                failing: AtomicUsize::new(usize::MAX),
                accepted: watch::Sender::default(),
                taken: AtomicUsize::default(),
                documents: Mutex::default(),
            }),
        };
        if way != Way::Refuses {
            faulty.listen();
        }
        faulty
    }

    fn listen(&self) {
        let socket = self.socket.lock().unwrap().take().unwrap();
        let listener = socket.listen(64).unwrap();
        tokio::spawn(listen(listener, Arc::clone(&self.inner)));
    }

    /// Listens from now on, and answers well.
    pub async fn heal(&self) {
        self.fails(0).await;
        self.listen();
    }
}

impl Faulty {
    /// Fails so many more times, then answers well.
    pub async fn fails(&self, times: usize) {
        let listens = self.socket.lock().unwrap().is_none();
        if listens {
            self.accept_all().await;
        }
        self.inner.failing.store(times, Ordering::SeqCst);
    }

    /// Waits until every connection was accepted: a caller who gave up at a deadline may
    /// have left a connection that was not, and which would count as the next.
    async fn accept_all(&self) {
        self.inner.accepted.send_modify(HashSet::clear);
        let last = TcpSocket::new_v4().unwrap();
        last.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let ours = last.local_addr().unwrap();
        // One that is reset before we see it was accepted.
        drop(last.connect(self.address).await);
        let mut accepted = self.inner.accepted.subscribe();
        let done = accepted.wait_for(|accepted| accepted.contains(&ours));
        drop(done.await.unwrap());
    }

    /// The most bytes that one of its answers could get rid of.
    pub fn taken(&self) -> usize {
        self.inner.taken.load(Ordering::SeqCst)
    }

    /// `webhook-id` and body of every document that it could read.
    pub fn documents(&self) -> Vec<(String, Vec<u8>)> {
        self.inner.documents.lock().unwrap().clone()
    }
}

async fn listen(listener: TcpListener, inner: Arc<Inner>) {
    loop {
        let (stream, from) = listener.accept().await.unwrap();
        let fails = inner.takes_one();
        inner.accepted.send_modify(|accepted| {
            accepted.insert(from);
        });
        let inner = Arc::clone(&inner);
        // The client may leave at any moment.
        tokio::spawn(async move { inner.serve(stream, fails).await });
    }
}

impl Inner {
    /// Whether the connection that has just come is one that fails.
    fn takes_one(&self) -> bool {
        let fewer = |left: usize| left.checked_sub(1);
        let failing = &self.failing;
        failing
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, fewer)
            .is_ok()
    }

    async fn serve(&self, stream: TcpStream, fails: bool) -> io::Result<()> {
        if self.way.is_tls() {
            return self.serve_tls(stream, fails).await;
        }
        if fails && self.way == Way::ResetsAtOnce {
            return stream.set_zero_linger();
        }
        if fails && self.way == Way::ClosesAtOnce {
            return Ok(());
        }
        self.serve_http(stream, fails).await
    }

    async fn serve_tls(&self, mut stream: TcpStream, fails: bool) -> io::Result<()> {
        if fails && self.way != Way::IsNobodyWeTrust {
            if self.way == Way::SpeaksNoTls {
                stream.write_all(WELL.as_bytes()).await?;
            }
            return until_gone(&mut stream).await;
        }
        let name = if fails { "stranger" } else { "server" };
        let tls = TlsAcceptor::from(identity(name)).accept(stream).await;
        let mut tls = tls?;
        self.read(&mut tls).await?;
        tls.write_all(WELL.as_bytes()).await?;
        tls.flush().await
    }

    async fn serve_http(&self, mut stream: TcpStream, fails: bool) -> io::Result<()> {
        self.read(&mut stream).await?;
        if !fails {
            return stream.write_all(WELL.as_bytes()).await;
        }
        match self.way {
            Way::ResetsAfterIt => stream.set_zero_linger(),
            Way::NeverAnswers => until_gone(&mut stream).await,
            Way::Says(text) => self.say(&mut stream, text.as_bytes()).await,
            Way::AsksForADate(seconds) => {
                let now = SystemTime::now() + Duration::from_secs(2 * 86_400);
                let off = Duration::from_secs(u64::try_from(2 * 86_400 - seconds).unwrap());
                let date = httpdate::fmt_http_date(now - off);
                let head = "HTTP/1.1 429 Slower\r\nContent-Length: 0\r\nRetry-After";
                self.say(&mut stream, format!("{head}: {date}\r\n\r\n").as_bytes())
                    .await
            }
            Way::Drips(from_the_first) => {
                // Each part takes so long that a machine that stands still for a second or two
                // does not see its end in time.
                let padding = "x".repeat(900);
                let head = &format!(
                    "HTTP/1.1 200 OK\r\nX-Padding: {padding}\r\nContent-Length: 900\r\n\r\n"
                );
                if !from_the_first {
                    stream.write_all(head.as_bytes()).await?;
                }
                let bytes = if from_the_first {
                    head
                } else {
                    &" ".repeat(900)
                };
                for byte in bytes.bytes() {
                    sleep(DRIP).await;
                    stream.write_all(&[byte]).await?;
                }
                until_gone(&mut stream).await
            }
            Way::ResetsAt(at) => {
                stream.write_all(&WELL.as_bytes()[..at]).await?;
                // The first part has to be there, or the reset overtakes it.
                sleep(DRIP).await;
                stream.set_zero_linger()
            }
            Way::Floods(first, then) => {
                stream.write_all(first.as_bytes()).await?;
                self.flood(&mut stream, then.repeat(4_096).as_bytes()).await
            }
            Way::Bomb => {
                let head = "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n";
                stream.write_all(head.as_bytes()).await?;
                self.flood(&mut stream, &BOMB).await
            }
            Way::Refuses
            | Way::ClosesAtOnce
            | Way::ResetsAtOnce
            | Way::ClosesAfterIt
            | Way::SaysNothingInTls
            | Way::SpeaksNoTls
            | Way::IsNobodyWeTrust => Ok(()),
        }
    }

    /// One request; the document in it is kept.
    async fn read(&self, stream: &mut (impl AsyncRead + Unpin)) -> io::Result<()> {
        let mut request = Vec::new();
        loop {
            if stream.read_buf(&mut request).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            let text = String::from_utf8_lossy(&request).to_ascii_lowercase();
            let Some((head, body)) = text.split_once("\r\n\r\n") else {
                continue;
            };
            let header = |name: &str| {
                let line = head.lines().find_map(|line| line.strip_prefix(name));
                line.map(|value| value.trim().to_owned())
            };
            let length = header("content-length:").map_or(0, |length| length.parse().unwrap());
            if body.len() < length {
                continue;
            }
            if let Some(id) = header("webhook-id:") {
                let body = request[request.len() - length..].to_vec();
                self.documents.lock().unwrap().push((id, body));
            }
            return Ok(());
        }
    }

    /// All that it has to say, then the connection ends when all of it was read.
    async fn say(&self, stream: &mut TcpStream, text: &[u8]) -> io::Result<()> {
        stream.write_all(text).await?;
        stream.shutdown().await?;
        until_gone(stream).await
    }

    async fn flood(&self, stream: &mut TcpStream, chunk: &[u8]) -> io::Result<()> {
        let mut sent = 0;
        while sent < FLOOD {
            // Whole pieces, or what comes would not be what it says.
            stream.write_all(chunk).await?;
            sent += chunk.len();
            self.taken.fetch_max(sent, Ordering::SeqCst);
        }
        Ok(())
    }
}

impl Way {
    fn is_tls(self) -> bool {
        matches!(
            self,
            Self::SaysNothingInTls | Self::SpeaksNoTls | Self::IsNobodyWeTrust
        )
    }
}

/// The server's certificate: one that the program is configured to trust, or another.
fn identity(name: &str) -> Arc<ServerConfig> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cli/doctor/tls");
    let certificate = CertificateDer::from_pem_file(folder.join(format!("{name}.pem"))).unwrap();
    let key = PrivateKeyDer::from_pem_file(folder.join(format!("{name}.key"))).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key);
    Arc::new(config.unwrap())
}

/// Until the other side has left, or for ever.
async fn until_gone(stream: &mut TcpStream) -> io::Result<()> {
    let gone = async {
        let mut some = [0; 1_024];
        while stream.read(&mut some).await? > 0 {}
        Ok(())
    };
    tokio::select! {
        gone = gone => gone,
        () = sleep(NEVER) => Ok(()),
    }
}

/// Sixteen megabytes of blanks, in sixteen kilobytes.
static BOMB: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(&vec![b' '; 16 << 20]).unwrap();
    packed.finish().unwrap()
});
