//! Plays port 8021 of a switch: it answers a follower's commands and sends the events that a test
//! supplies.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::OwnedWriteHalf;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::time::timeout;

/// The switch's name, as in the captures.
pub const NAME: &str = "fs1";
/// The timeout for what must happen; no paused clock runs this far ahead.
const PATIENT: Duration = Duration::from_secs(3_600);
/// The password of the port.
pub const PASSWORD: &str = "ClueCon";

/// What a test does to a connection.
enum Order {
    Send(Vec<u8>),
    Cut,
    /// Stops reading and writing, as a vanished host does.
    Vanish,
}

/// The switch. Its port stays open when a follower disconnects.
pub struct Port8021 {
    /// The address on which it listens.
    pub address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    alive: Mutex<BTreeSet<String>>,
    /// The live channels that `show channels` does not list yet.
    unlisted: Mutex<BTreeSet<String>>,
    /// What `uuid_dump` shows of each channel.
    dumps: Mutex<BTreeMap<String, String>>,
    refused: Mutex<Option<&'static str>>,
    /// How far its clock is ahead.
    clock_ahead: Mutex<Duration>,
    asked: watch::Sender<Vec<String>>,
    /// How many connections have subscribed to all events so far, and the newest of them.
    followed: watch::Sender<(usize, Option<mpsc::UnboundedSender<Order>>)>,
}

impl Port8021 {
    /// Listens on a free port.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        Self::on(listener)
    }

    /// Serves connections on `listener`.
    pub fn on(listener: TcpListener) -> Self {
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            alive: Mutex::default(),
            unlisted: Mutex::default(),
            dumps: Mutex::default(),
            refused: Mutex::default(),
            clock_ahead: Mutex::default(),
            asked: watch::Sender::default(),
            followed: watch::Sender::new((0, None)),
        });
        let accepting = Arc::clone(&shared);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(connection(stream, Arc::clone(&accepting)));
            }
        });
        Self { address, shared }
    }

    /// Waits until `times` connections, one after the other, have subscribed.
    pub async fn followed(&self, times: usize) {
        let mut followed = self.shared.followed.subscribe();
        let done = followed.wait_for(|(count, _)| *count >= times);
        timeout(PATIENT, done).await.unwrap().unwrap();
    }

    /// Returns how many connections have subscribed.
    pub fn times(&self) -> usize {
        self.shared.followed.borrow().0
    }

    /// Sets the live channels, for `show channels` and `uuid_exists`.
    pub fn alive(&self, uuids: &[&str]) {
        let uuids = uuids.iter().map(|uuid| (*uuid).to_owned());
        *self.shared.alive.lock().unwrap() = uuids.collect();
    }

    /// Sets the live channels of scripted peers, which `uuid_dump` shows as the `connect` reply does.
    pub fn has_peers(&self, uuids: &[&str]) {
        self.alive(uuids);
        for uuid in uuids {
            self.dumps(uuid, &crate::peer::dump(uuid));
        }
    }

    /// Sets the live channels that `show channels` does not list. A real switch lists channels from
    /// a table that it writes a little later.
    pub fn unlisted(&self, uuids: &[&str]) {
        let uuids = uuids.iter().map(|uuid| (*uuid).to_owned());
        *self.shared.unlisted.lock().unwrap() = uuids.collect();
    }

    /// Sets what `uuid_dump` shows of a channel: the event, as data.
    pub fn dumps(&self, uuid: &str, body: &str) {
        let mut dump: serde_json::Value = serde_json::from_str(body).unwrap();
        let fields = dump.as_object_mut().unwrap();
        fields.insert("Event-Name".into(), "CHANNEL_DATA".into());
        let mut dumps = self.shared.dumps.lock().unwrap();
        dumps.insert(uuid.to_owned(), dump.to_string());
    }

    /// Refuses commands that begin with `command`.
    pub fn refuse(&self, command: Option<&'static str>) {
        *self.shared.refused.lock().unwrap() = command;
    }

    /// Sets its clock ahead of ours.
    pub fn set_clock_ahead(&self, by: Duration) {
        *self.shared.clock_ahead.lock().unwrap() = by;
    }

    /// Returns every command so far.
    pub fn commands(&self) -> Vec<String> {
        self.shared.asked.borrow().clone()
    }

    /// Waits until a follower has sent this command.
    pub async fn asked(&self, command: &str) {
        let mut asked = self.shared.asked.subscribe();
        let heard = |asked: &Vec<String>| asked.iter().any(|one| one == command);
        let done = asked.wait_for(heard);
        timeout(PATIENT, done).await.unwrap().unwrap();
    }

    /// Returns how often a follower has requested the switch's name.
    pub fn questions(&self) -> usize {
        let asked = self.shared.asked.borrow();
        asked.iter().filter(|one| *one == "api switchname").count()
    }

    /// Sends one event to the newest connection. Returns whether there is a connection.
    pub fn send(&self, body: &str) -> bool {
        self.order(Order::Send(wire(body)))
    }

    /// Sends bytes that are already in wire format.
    pub fn send_wire(&self, bytes: Vec<u8>) {
        assert!(self.order(Order::Send(bytes)), "nobody follows");
    }

    /// Sends several events.
    pub fn play(&self, bodies: &[String]) {
        for body in bodies {
            assert!(self.send(body), "nobody follows");
        }
    }

    /// Sends the first half of an event and closes the connection.
    pub fn cut_within(&self, body: &str) {
        let frame = wire(body);
        assert!(self.order(Order::Send(frame[..frame.len() / 2].to_vec())));
        self.cut();
    }

    /// Closes the newest connection.
    pub fn cut(&self) {
        assert!(self.order(Order::Cut));
    }

    /// Stops sending on the newest connection and leaves it open.
    pub fn vanish(&self) {
        assert!(self.order(Order::Vanish));
    }

    fn order(&self, order: Order) -> bool {
        let followed = self.shared.followed.borrow();
        let link = followed.1.as_ref();
        link.is_some_and(|link| link.send(order).is_ok())
    }
}

/// The events whose own time stands in documents.
const TIMED: [&str; 4] = [
    "CHANNEL_BRIDGE",
    "CHANNEL_UNBRIDGE",
    "RECORD_START",
    "RECORD_STOP",
];

/// Returns an event in wire format, with the current time, by which a follower tells how far it is
/// behind. An event whose time stands in documents keeps it.
pub fn wire(body: &str) -> Vec<u8> {
    const STAMP: &str = "\"Event-Date-Timestamp\":\"";
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let now = now.as_micros().to_string();
    let mut body = body.to_owned();
    let is = |name: &&str| body.contains(&format!("\"Event-Name\":\"{name}\""));
    if !TIMED.iter().any(is) {
        let at = body.find(STAMP).unwrap() + STAMP.len();
        body.replace_range(at..at + now.len(), &now);
    }
    let length = body.len();
    format!("Content-Length: {length}\nContent-Type: text/event-json\n\n{body}").into_bytes()
}

/// Serves one follower: answers its commands in order, and runs the test's orders in between.
async fn connection(stream: TcpStream, shared: Arc<Shared>) {
    let (mut read, mut write) = stream.into_split();
    let (link, mut orders) = mpsc::unbounded_channel();
    let mut heard = Vec::new();
    let mut wanted = vec!["event json", "api show channels as json"];
    if write
        .write_all(b"Content-Type: auth/request\n\n")
        .await
        .is_err()
    {
        return;
    }
    loop {
        tokio::select! {
            read = read.read_buf(&mut heard) => if !matches!(read, Ok(1..)) { break },
            order = orders.recv() => match order {
                Some(Order::Send(bytes)) => if write.write_all(&bytes).await.is_err() { break },
                Some(Order::Vanish) => return gone(read).await,
                Some(Order::Cut) | None => break,
            },
        }
        while let Some(command) = command(&mut heard) {
            if answer(&mut write, &command, &shared).await.is_err() {
                return;
            }
            wanted.retain(|want| !command.starts_with(want));
            if wanted.is_empty() {
                wanted.push("never");
                let newest = Some(link.clone());
                shared
                    .followed
                    .send_modify(|followed| *followed = (followed.0 + 1, newest));
            }
            shared.asked.send_modify(|asked| asked.push(command));
        }
    }
}

/// Waits until the other side closes.
async fn gone(mut read: tokio::net::tcp::OwnedReadHalf) {
    while matches!(read.read(&mut [0; 1024]).await, Ok(1..)) {}
}

fn command(heard: &mut Vec<u8>) -> Option<String> {
    let end = heard.windows(2).position(|two| two == b"\n\n")?;
    let command = String::from_utf8(heard[..end].to_vec()).unwrap();
    heard.drain(..end + 2);
    Some(command)
}

async fn answer(write: &mut OwnedWriteHalf, command: &str, shared: &Shared) -> std::io::Result<()> {
    let refused = *shared.refused.lock().unwrap();
    let refused = refused.is_some_and(|refused| command.starts_with(refused));
    let text = match command.strip_prefix("api ") {
        Some(_) if refused => api("-ERR not now\n"),
        Some(api_command) => api(&output(api_command, shared)),
        None if refused => "Content-Type: command/reply\nReply-Text: -ERR not now\n\n".into(),
        None if command == format!("auth {PASSWORD}") => {
            "Content-Type: command/reply\nReply-Text: +OK accepted\n\n".into()
        }
        None if command.starts_with("auth") => {
            "Content-Type: command/reply\nReply-Text: -ERR invalid\n\n".into()
        }
        None => "Content-Type: command/reply\nReply-Text: +OK\n\n".into(),
    };
    write.write_all(text.as_bytes()).await
}

fn api(body: &str) -> String {
    let length = body.len();
    format!("Content-Type: api/response\nContent-Length: {length}\n\n{body}")
}

fn output(command: &str, shared: &Shared) -> String {
    let alive = shared.alive.lock().unwrap();
    if command == "switchname" {
        return NAME.to_owned();
    }
    if command == "strmicroepoch" {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        return (now + *shared.clock_ahead.lock().unwrap())
            .as_micros()
            .to_string();
    }
    if command == "show channels as json" {
        let unlisted = shared.unlisted.lock().unwrap();
        let rows: Vec<_> = alive
            .difference(&unlisted)
            .map(|uuid| serde_json::json!({"uuid": uuid}))
            .collect();
        return match rows.len() {
            0 => "{\"row_count\":0}".to_owned(),
            count => serde_json::json!({"row_count": count, "rows": rows}).to_string(),
        };
    }
    let dumped = command.strip_prefix("uuid_dump ");
    if let Some(uuid) = dumped.and_then(|rest| rest.strip_suffix(" json")) {
        let dump = shared.dumps.lock().unwrap().get(uuid).cloned();
        return dump.unwrap_or_else(|| "-ERR No such channel!\n".to_owned());
    }
    match command.strip_prefix("uuid_exists ") {
        Some(uuid) => alive.contains(uuid).to_string(),
        None => format!("-ERR {command} Command not found!\n"),
    }
}
