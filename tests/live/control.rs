//! A small Event Socket client, independent of the tested one.

use std::collections::HashMap;
use std::sync::{Arc, Mutex as Shared};
use std::time::{Duration, Instant};

use serde_json::{Map, Value};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::sync::{Mutex, watch};
use tokio::time::timeout;

use super::switch::Switch;

/// Longest wait, above all others, so that a test ends by itself.
const PATIENCE: Duration = Duration::from_secs(60);
const PASSWORD: &str = "ClueCon";

/// A connection that runs API commands.
pub struct Control(Mutex<Wire>);

impl Control {
    /// Connects and logs in.
    pub async fn connect(switch: &Switch) -> Self {
        Self(Mutex::new(Wire::open(switch).await))
    }

    /// Runs an API command and returns the exact answer.
    pub async fn api(&self, command: &str) -> String {
        let mut wire = self.0.lock().await;
        wire.send(&format!("api {command}")).await;
        wire.frame().await.body
    }

    /// Sends a command such as `bgapi`, whose reply only accepts it.
    pub async fn send_command(&self, command: &str) {
        let mut wire = self.0.lock().await;
        wire.send(command).await;
        wire.frame().await;
    }
}

/// One event, as JSON.
#[derive(Debug, Clone)]
pub struct Event {
    /// When the test received it.
    pub arrived: Instant,
    headers: Map<String, Value>,
}

impl Event {
    /// Returns a header, empty if it is missing.
    pub fn get(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .and_then(Value::as_str)
            .unwrap_or_default()
    }

    /// Returns a channel variable, or `None` if it is not set.
    pub fn variable(&self, name: &str) -> Option<&str> {
        self.headers
            .get(&format!("variable_{name}"))
            .and_then(Value::as_str)
    }

    /// Returns when the switch made the event, µs since 1970.
    pub fn made_us(&self) -> i64 {
        self.get("Event-Date-Timestamp").parse().expect("a time")
    }

    /// Returns the event's name.
    pub fn name(&self) -> &str {
        self.get("Event-Name")
    }
}

/// All events of the switch since this connection was opened.
pub struct Events {
    received: Arc<Shared<Vec<Event>>>,
    count: watch::Receiver<usize>,
    switch: &'static Switch,
}

impl Events {
    /// Collects events from now on.
    pub async fn listen(switch: &'static Switch) -> Self {
        let mut wire = Wire::open(switch).await;
        wire.send(
            "event json CHANNEL_EXECUTE CHANNEL_ANSWER CHANNEL_BRIDGE CHANNEL_PARK CHANNEL_HANGUP_COMPLETE",
        )
        .await;
        wire.frame().await;
        let (received, (sender, count)) = (Arc::new(Shared::new(Vec::new())), watch::channel(0));
        let store = Arc::clone(&received);
        tokio::spawn(async move {
            // A restarted switch sends nothing more on this connection.
            while let Some(frame) = wire.next().await {
                let headers = serde_json::from_str(&frame.body).expect("an event is JSON");
                let event = Event {
                    arrived: Instant::now(),
                    headers,
                };
                store.lock().expect("no panic").push(event);
                sender.send_modify(|count| *count += 1);
            }
        });
        Self {
            received,
            count,
            switch,
        }
    }

    /// Waits for the first wanted event.
    pub async fn wait(&self, what: &str, wanted: impl Fn(&Event) -> bool) -> Event {
        let mut count = self.count.clone();
        let found = timeout(PATIENCE, async {
            let mut looked_at = 0;
            loop {
                count.borrow_and_update();
                if let Some(event) = self.find_from(&mut looked_at, &wanted) {
                    return event;
                }
                count.changed().await.expect("the switch is there");
            }
        });
        found
            .await
            .unwrap_or_else(|_| panic!("no {what}\n{}", self.switch.last_words()))
    }

    /// Tells whether a wanted event has come until now.
    pub fn has(&self, wanted: impl Fn(&Event) -> bool) -> bool {
        self.find_from(&mut 0, wanted).is_some()
    }

    /// Returns all wanted events until now.
    pub fn all(&self, wanted: impl Fn(&Event) -> bool) -> Vec<Event> {
        let received = self.received.lock().expect("no panic");
        received
            .iter()
            .filter(|event| wanted(event))
            .cloned()
            .collect()
    }

    fn find_from(&self, from: &mut usize, wanted: impl Fn(&Event) -> bool) -> Option<Event> {
        let received = self.received.lock().expect("no panic");
        let found = received[*from..]
            .iter()
            .find(|event| wanted(event))
            .cloned();
        *from = received.len();
        found
    }
}

struct Frame {
    headers: HashMap<String, String>,
    body: String,
}

struct Wire(BufReader<TcpStream>);

impl Wire {
    async fn open(switch: &Switch) -> Self {
        let stream = TcpStream::connect(("127.0.0.1", switch.event_socket)).await;
        let mut wire = Self(BufReader::new(stream.expect("the Event Socket")));
        wire.frame().await;
        wire.send(&format!("auth {PASSWORD}")).await;
        let reply = wire.frame().await;
        assert_eq!(
            reply.headers.get("Reply-Text").map(String::as_str),
            Some("+OK accepted")
        );
        wire
    }

    async fn send(&mut self, command: &str) {
        let bytes = format!("{command}\n\n").into_bytes();
        self.0
            .get_mut()
            .write_all(&bytes)
            .await
            .expect("the switch reads");
    }

    async fn frame(&mut self) -> Frame {
        let frame = self.next().await;
        frame.expect("the switch closed the Event Socket")
    }

    /// Returns the next frame, or `None` if the switch has closed.
    async fn next(&mut self) -> Option<Frame> {
        let mut headers = HashMap::new();
        loop {
            let mut line = String::new();
            if self.0.read_line(&mut line).await.ok()? == 0 {
                return None;
            }
            let Some((name, value)) = line.trim_end_matches('\n').split_once(": ") else {
                break;
            };
            headers.insert(name.to_owned(), value.to_owned());
        }
        let length = headers
            .get("Content-Length")
            .map_or(0, |length| length.parse().expect("a length"));
        let mut body = vec![0; length];
        self.0.read_exact(&mut body).await.ok()?;
        Some(Frame {
            headers,
            body: String::from_utf8(body).expect("UTF-8"),
        })
    }
}
