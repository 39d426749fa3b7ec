//! Peers that hold a connection as long as they are let.

use super::*;

use axum::routing::{get, post};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

/// A port with short deadlines and few places, and the times that it was full.
struct Port {
    address: SocketAddr,
    full: Arc<std::sync::atomic::AtomicUsize>,
    stop: CancellationToken,
}

impl Port {
    async fn start(connections: usize) -> Self {
        let short = Duration::from_millis(200);
        let limits = HttpLimits {
            head: short,
            body: short,
            write: short,
            ..HttpLimits::new("test", connections)
        };
        Self::with(limits).await
    }

    async fn with(limits: HttpLimits) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let app = Router::new()
            .route("/", get(async || "ok\n"))
            .route("/large", get(async || vec![b'x'; 64 << 20]))
            .route("/post", post(async |body: String| body));
        let full = Arc::new(std::sync::atomic::AtomicUsize::new(0));
        let (counted, stop) = (Arc::clone(&full), CancellationToken::new());
        let at_limit = move || {
            counted.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        };
        tokio::spawn(serve(listener, app, limits, at_limit, stop.clone()));
        Self {
            address,
            full,
            stop,
        }
    }

    async fn open(&self, said: &str) -> TcpStream {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        // The port may close before it has read everything.
        let _ = stream.write_all(said.as_bytes()).await;
        stream
    }

    /// Returns what the peer reads until the port closes the connection.
    async fn heard(&self, said: &str) -> String {
        let mut heard = Vec::new();
        let _ = self.open(said).await.read_to_end(&mut heard).await;
        String::from_utf8(heard).unwrap()
    }
}

const ONCE: &str = "GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";

#[tokio::test]
async fn silence_half_a_head_half_a_body_and_an_idle_connection_end() {
    let port = Port::start(10).await;
    for (said, begins) in [
        ("", ""),
        ("GET / HTTP/1.1\r\nhost:", ""),
        (
            "POST /post HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\nhalf",
            "HTTP/1.1 4",
        ),
        ("GET / HTTP/1.1\r\nhost: x\r\n\r\n", "HTTP/1.1 200 OK"),
    ] {
        let heard = port.heard(said).await;
        assert!(heard.starts_with(begins), "{said:?}: {heard}");
    }
    assert!(port.heard(ONCE).await.ends_with("ok\n"));
}

#[tokio::test]
async fn a_peer_that_does_not_read_is_closed() {
    let port = Port::start(1).await;
    let slow = port.open("GET /large HTTP/1.1\r\nhost: x\r\n\r\n").await;
    // The only place is free again.
    assert!(port.heard(ONCE).await.ends_with("ok\n"));
    drop(slow);
}

#[tokio::test]
async fn a_head_that_is_too_large_is_refused() {
    let port = Port::start(1).await;
    let long = format!("GET / HTTP/1.1\r\nx: {}\r\n\r\n", "x".repeat(BUFFERED));
    let heard = port.heard(&long).await;
    assert!(
        heard.is_empty() || heard.starts_with("HTTP/1.1 431"),
        "{heard}"
    );
}

/// More than the port keeps of a head.
const BUFFERED: usize = 4 << 20;

#[tokio::test]
async fn silent_peers_give_way_to_a_request() {
    let port = Port::with(HttpLimits::new("test", 3)).await;
    let mut silent = Vec::new();
    for _ in 0..20 {
        silent.push(port.open("").await);
    }
    assert!(port.heard(ONCE).await.ends_with("ok\n"));
    assert!(port.full.load(std::sync::atomic::Ordering::Relaxed) > 0);
}

#[tokio::test]
async fn at_the_end_responses_under_way_are_sent_and_idle_connections_close() {
    let port = Port::with(HttpLimits::new("test", 3)).await;
    let mut idle = port.open("GET / HTTP/1.1\r\nhost: x\r\n\r\n").await;
    let mut buffer = [0; 12];
    idle.read_exact(&mut buffer).await.unwrap();
    port.stop.cancel();
    let mut rest = Vec::new();
    idle.read_to_end(&mut rest).await.unwrap();
    assert!(rest.ends_with(b"ok\n"));
}
