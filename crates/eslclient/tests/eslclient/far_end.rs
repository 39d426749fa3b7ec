//! The switch's end of a connection, scripted by a test.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};

/// Reads one command without a body.
pub async fn command(switch: &mut DuplexStream) -> String {
    let mut seen = Vec::new();
    while !seen.ends_with(b"\n\n") {
        seen.push(switch.read_u8().await.unwrap());
    }
    String::from_utf8(seen).unwrap()
}

/// Sends text to the client.
pub async fn send(switch: &mut DuplexStream, text: &str) {
    switch.write_all(text.as_bytes()).await.unwrap();
}
