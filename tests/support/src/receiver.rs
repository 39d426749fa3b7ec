//! Plays a webhook that the test controls: it sees each request and answers at a time of its
//! choice.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// A webhook on a free port of loopback.
pub struct Receiver {
    listener: TcpListener,
    pub address: SocketAddr,
}

impl Receiver {
    pub async fn start() -> Self {
        Self::at("127.0.0.1:0".parse().unwrap()).await
    }

    pub async fn at(address: SocketAddr) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        Self { listener, address }
    }

    /// Returns the next request, with its body.
    pub async fn next(&self) -> Request {
        let (mut stream, _) = self.listener.accept().await.unwrap();
        let (mut text, mut buffer) = (Vec::new(), vec![0; 64 * 1024]);
        while !is_whole(&text) {
            let read = stream.read(&mut buffer).await.unwrap();
            assert!(read > 0, "a request ends early");
            text.extend_from_slice(&buffer[..read]);
        }
        let text = String::from_utf8(text).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        Request {
            head: head.into(),
            body: body.into(),
            stream,
        }
    }

    /// Answers the next request and returns it.
    pub async fn answer(&self, status: u16, body: &str) -> Request {
        let mut request = self.next().await;
        request.answer(status, body).await;
        request
    }
}

fn is_whole(request: &[u8]) -> bool {
    let text = String::from_utf8_lossy(request).into_owned();
    text.split_once("\r\n\r\n").is_some_and(|(head, body)| {
        let length = head.lines().find_map(|line| {
            let (name, value) = line.split_once(": ")?;
            name.eq_ignore_ascii_case("content-length")
                .then(|| value.parse().unwrap())
        });
        body.len() >= length.unwrap_or(0)
    })
}

/// A request on a connection of its own.
pub struct Request {
    /// The request line and the headers.
    pub head: String,
    pub body: String,
    pub stream: TcpStream,
}

impl Request {
    pub async fn answer(&mut self, status: u16, body: &str) {
        let length = body.len();
        let answer = format!(
            "HTTP/1.1 {status} x\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
        );
        let _ = self.stream.write_all(answer.as_bytes()).await;
    }

    /// Waits until the other side has closed the connection.
    pub async fn cancelled(mut self) {
        let mut buffer = [0; 64];
        while let Ok(read) = self.stream.read(&mut buffer).await {
            if read == 0 {
                return;
            }
        }
    }

    /// Returns the request line.
    pub fn line(&self) -> &str {
        self.head.lines().next().unwrap_or_default()
    }
}
