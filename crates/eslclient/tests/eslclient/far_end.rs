//! The switch's end of a connection, scripted by a test.

use eslclient::{Client, ClientOptions, Connection, Events, Limits};
use tokio::io::{
    AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, DuplexStream, duplex,
};

/// Starts a client, and returns the switch's end of its connection.
pub fn started(options: ClientOptions) -> (Client, Events, DuplexStream) {
    let (near, switch) = duplex(1 << 20);
    let (client, events) = Client::start_with(Connection::new(near, Limits::default()), options);
    (client, events, switch)
}

/// Reads one command without a body.
pub async fn command(switch: &mut (impl AsyncRead + Unpin)) -> String {
    let mut seen = Vec::new();
    while !seen.ends_with(b"\n\n") {
        seen.push(switch.read_u8().await.unwrap());
    }
    String::from_utf8(seen).unwrap()
}

/// Sends text to the client.
pub async fn send(switch: &mut (impl AsyncWrite + Unpin), text: &str) {
    switch.write_all(text.as_bytes()).await.unwrap();
}

/// Returns the reply to a command that is not `api`.
pub fn reply(text: &str) -> String {
    format!("Content-Type: command/reply\nReply-Text: {text}\n\n")
}

/// Returns the reply to `api`.
pub fn output(text: &str) -> String {
    let length = text.len();
    format!("Content-Type: api/response\nContent-Length: {length}\n\n{text}")
}

/// Returns a JSON event with these headers and a body.
pub fn event(headers: &[(&str, &str)], body: &str) -> String {
    let mut members: Vec<_> = headers
        .iter()
        .map(|(name, value)| format!("{name:?}:{value:?}"))
        .collect();
    if !body.is_empty() {
        members.push(format!("\"_body\":{body:?}"));
    }
    let json = format!("{{{}}}", members.join(","));
    let length = json.len();
    format!("Content-Length: {length}\nContent-Type: text/event-json\n\n{json}")
}

/// Returns an event without a channel.
pub fn heartbeat() -> String {
    event(&[("Event-Name", "HEARTBEAT")], "")
}

/// Returns the default options of a client.
pub fn options() -> ClientOptions {
    ClientOptions::default()
}
