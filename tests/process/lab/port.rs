//! Provides a client for the simulated switch's port 8021 and the captured events of a real
//! switch.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use switchhook_sim::switch::{Inbound, Pace, Switch};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

pub const EVENTS: &str = "event json CHANNEL_CREATE CHANNEL_ANSWER CHANNEL_BRIDGE CHANNEL_UNBRIDGE \
    CHANNEL_HANGUP CHANNEL_HANGUP_COMPLETE CHANNEL_DESTROY CHANNEL_ORIGINATE RECORD_START \
    RECORD_STOP CHANNEL_UUID CUSTOM sofia::transferor sofia::transferee\n\n";

/// A JSON object that keeps its order.
#[derive(Debug)]
pub struct Ordered(pub Vec<(String, String)>);

impl<'de> Deserialize<'de> for Ordered {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Pairs;
        impl<'de> Visitor<'de> for Pairs {
            type Value = Ordered;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an event")
            }
            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Ordered, M::Error> {
                let mut pairs = Vec::new();
                while let Some((name, value)) = map.next_entry::<String, serde_json::Value>()? {
                    let text = value.as_str().map(str::to_owned);
                    pairs.push((name, text.unwrap_or_else(|| value.to_string())));
                }
                Ok(Ordered(pairs))
            }
        }
        deserializer.deserialize_map(Pairs)
    }
}

pub struct Client {
    stream: TcpStream,
    read: Vec<u8>,
}

impl Client {
    pub async fn of(port: &Inbound) -> Self {
        let stream = TcpStream::connect(port.address()).await.unwrap();
        let mut client = Self {
            stream,
            read: Vec::new(),
        };
        assert_eq!(client.frame().await.0, "Content-Type: auth/request\n\n");
        client
    }

    /// Sends a command and returns the header block and the body of the reply.
    pub async fn ask(&mut self, text: &str) -> (String, String) {
        self.stream.write_all(text.as_bytes()).await.unwrap();
        self.frame().await
    }

    pub async fn frame(&mut self) -> (String, String) {
        loop {
            if let Some(found) = self.whole() {
                return found;
            }
            let mut chunk = vec![0; 65_536];
            let count = self.stream.read(&mut chunk).await.unwrap();
            assert!(count > 0, "closed");
            self.read.extend_from_slice(&chunk[..count]);
        }
    }

    fn whole(&mut self) -> Option<(String, String)> {
        let end = self.read.windows(2).position(|two| two == b"\n\n")? + 2;
        let head = String::from_utf8(self.read[..end].to_vec()).unwrap();
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("Content-Length: "));
        let length = length.map_or(0, |length| length.parse().unwrap());
        let body = String::from_utf8(self.read.get(end..end + length)?.to_vec()).unwrap();
        self.read.drain(..end + length);
        Some((head, body))
    }
}

/// Returns the events of a capture in `tests/captures/json_events`; `name` has no file extension.
pub fn captured(name: &str) -> Vec<Vec<(String, String)>> {
    let folder = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/crates/eslclient/tests/captures/json_events"
    );
    let text = std::fs::read_to_string(format!("{folder}/{name}.esl")).unwrap();
    let events = text
        .match_indices("{\"Event-Name\"")
        .map(|(at, _)| &text[at..]);
    let first = |event| {
        serde_json::Deserializer::from_str(event)
            .into_iter::<Ordered>()
            .next()
    };
    events
        .map(|event| first(event).unwrap().unwrap().0)
        .collect()
}

pub async fn switch() -> (Arc<Switch>, Inbound) {
    let switch = Switch::new("fs1", Pace::Ticked);
    let free = SocketAddr::from(([127, 0, 0, 1], 0));
    let port = switch.listen(free, "ClueCon").await.unwrap();
    (switch, port)
}
