//! A server that speaks as much Event Socket as the clients need.

use std::net::SocketAddr;

use crate::captures;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// Starts the server in a thread of its own.
pub fn start() -> SocketAddr {
    let (sender, address) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = { runtime }.enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
            sender
                .send(listener.local_addr().expect("bound"))
                .expect("a reader");
            loop {
                let (stream, _) = listener.accept().await.expect("a connection");
                tokio::spawn(serve(stream));
            }
        });
    });
    address.recv().expect("it listens")
}

/// Answers `api echo TEXT` with the text, `api burst NUMBER` with so many events, and everything
/// else with `+OK`.
async fn serve(stream: TcpStream) -> Option<()> {
    stream.set_nodelay(true).ok()?;
    let (near, mut far) = stream.into_split();
    let mut lines = BufReader::new(near).lines();
    far.write_all(b"Content-Type: auth/request\n\n")
        .await
        .ok()?;
    let mut json = false;
    let mut command = String::new();
    while let Some(line) = lines.next_line().await.ok()? {
        if !line.is_empty() {
            if command.is_empty() {
                command = line;
            }
            continue;
        }
        let asked = std::mem::take(&mut command);
        let asked = asked.trim();
        if asked.starts_with("event json") {
            json = true;
        }
        if let Some(text) = asked.strip_prefix("api echo ") {
            let length = text.len();
            let head = format!("Content-Type: api/response\nContent-Length: {length}\n\n{text}");
            far.write_all(head.as_bytes()).await.ok()?;
        } else if let Some(number) = asked.strip_prefix("api burst ") {
            let reply = b"Content-Type: api/response\nContent-Length: 2\n\nok";
            far.write_all(reply).await.ok()?;
            let event = hangup(json);
            let twenty = event.repeat(20);
            let mut left: usize = number.parse().expect("a number");
            while left > 0 {
                let now = left.min(20);
                far.write_all(&twenty[..event.len() * now]).await.ok()?;
                left -= now;
            }
        } else if !asked.is_empty() {
            let text = if asked.starts_with("auth") {
                "+OK accepted"
            } else {
                "+OK"
            };
            let reply = format!("Content-Type: command/reply\nReply-Text: {text}\n\n");
            far.write_all(reply.as_bytes()).await.ok()?;
        }
    }
    Some(())
}

/// Returns the event of a hangup in a captured call, which has most headers.
pub fn hangup(json: bool) -> Vec<u8> {
    let folder = crate::captures_folder();
    let folder = if json {
        folder.join("json_events")
    } else {
        folder
    };
    let call = folder.join("outbound-customer-then-agent-recorded.esl");
    let is_hangup = |frame: &Vec<u8>| {
        let text = String::from_utf8_lossy(frame);
        text.contains("CHANNEL_HANGUP_COMPLETE") && text.contains("text/event-")
    };
    let hangups = captures::received(call).into_iter().filter(is_hangup);
    hangups.max_by_key(Vec::len).expect("the call hangs up")
}
