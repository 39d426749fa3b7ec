//! Plays a scripted FreeSWITCH: one call of its `socket` application, on a real connection.
//!
//! It sends what a real switch sent (`tests/captures`), with the channel's variables replaced. It
//! applies the commands that it receives by the rules of `support/switch.rs`.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};

use crate::switch::{self, Packet};

const RINGING: &str =
    include_str!("../../../crates/eslclient/tests/captures/socket-7000-hook-then-line-0.esl");

/// The variables that the hook in the dialplan sets before it hands the call over.
const HOOK: [(&str, &str); 5] = [
    ("flow.key.response_status", "FAILED"),
    ("flow.key.response_error", "true"),
    ("flow.key.error_reason", "CONNECTION_FAILURE"),
    ("flow.line", "1"),
    ("flow.way_out", "6"),
];

/// A channel about to run `socket`.
#[derive(Debug, Clone)]
pub struct Channel {
    pub uuid: String,
    pub answered: bool,
    pub variables: BTreeMap<String, String>,
    headers: BTreeMap<String, String>,
}

impl Channel {
    /// Returns a ringing channel behind the hook, on its way to a webhook.
    pub fn to(webhook: &str) -> Self {
        let mut channel = Self {
            uuid: uuid::Uuid::new_v4().to_string(),
            answered: false,
            variables: BTreeMap::new(),
            headers: BTreeMap::new(),
        };
        channel.hook(webhook);
        channel
    }

    pub fn answered(mut self) -> Self {
        self.answered = true;
        self
    }

    pub fn set(mut self, name: &str, value: &str) -> Self {
        self.variables.insert(name.into(), value.into());
        self
    }

    /// Replaces a header of the reply to `connect`.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.insert(name.into(), value.into());
        self
    }

    pub fn without(mut self, name: &str) -> Self {
        self.variables.remove(name);
        self
    }

    /// Passes through the hook again, to another webhook. The hook clears the variables that it
    /// knows.
    pub fn hook(&mut self, webhook: &str) {
        let known = ["flow.key.response_", "flow.key.error_"];
        self.variables
            .retain(|name, _| !known.iter().any(|known| name.starts_with(known)));
        for (name, value) in HOOK {
            self.variables.insert(name.into(), value.into());
        }
        self.variables.insert("socket_path".into(), webhook.into());
    }

    pub fn get(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(String::as_str)
    }

    /// Returns the variables under `flow.` that are set, without those of the hook.
    pub fn flow(&self) -> BTreeMap<&str, &str> {
        let flow = self.variables.iter().filter(|(name, _)| {
            name.starts_with("flow.") && *name != "flow.way_out" && *name != "flow.name"
        });
        flow.map(|(name, value)| (name.as_str(), value.as_str()))
            .collect()
    }

    /// Returns the reply to `connect`: a real reply with this channel's state and variables.
    fn data(&self) -> String {
        let start = RINGING.find("Event-Name: CHANNEL_DATA").unwrap();
        let end = start + RINGING[start..].find("\n\n").unwrap();
        let mut data = String::new();
        for line in RINGING[start..end].lines() {
            let (name, value) = line.split_once(": ").unwrap();
            let ours = name
                .strip_prefix("variable_")
                .is_some_and(|name| name.starts_with("flow.") || self.variables.contains_key(name));
            match name {
                _ if ours => continue,
                "Answer-State" if self.answered => data += "Answer-State: answered",
                "Content-Type" => {
                    self.variables_to(&mut data);
                    data += line;
                }
                _ if self.headers.contains_key(name) => {
                    data += &format!("{name}: {}", encoded(&self.headers[name]));
                }
                _ if value == "7719334c-156d-4838-8a93-1818536027f8" => {
                    data += &format!("{name}: {}", self.uuid);
                }
                _ => data += line,
            }
            data.push('\n');
        }
        data.push('\n');
        data
    }

    fn variables_to(&self, data: &mut String) {
        for (name, value) in &self.variables {
            data.push_str(&format!("variable_{name}: {}\n", encoded(value)));
        }
    }
}

/// Returns the profile that `uuid_dump … json` shows of a peer's channel.
pub fn dump(uuid: &str) -> String {
    let start = RINGING.find("Event-Name: CHANNEL_DATA").unwrap();
    let lines = RINGING[start..].lines().take_while(|line| !line.is_empty());
    let headers = lines.filter_map(|line| line.split_once(": "));
    let mut dump: serde_json::Map<String, serde_json::Value> = headers
        .filter(|(name, _)| name.starts_with("Caller-"))
        .map(|(name, value)| {
            let value = percent_encoding::percent_decode_str(value).decode_utf8_lossy();
            (name.to_owned(), value.into_owned().into())
        })
        .collect();
    dump.insert("Unique-ID".into(), uuid.into());
    serde_json::Value::from(dump).to_string()
}

/// Encodes a value as `switch_url_encode` does (FreeSWITCH `switch_utils.c`): what looks encoded
/// stays unchanged.
fn encoded(value: &str) -> String {
    let bytes = value.as_bytes();
    let hex = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_hexdigit);
    let mut out = String::new();
    for (at, &byte) in bytes.iter().enumerate() {
        let seems_encoded = byte == b'%' && hex(at + 1) && hex(at + 2);
        let plain = byte.is_ascii_graphic() && !b"\"#%&+:;<=>?@[\\]^`{|}".contains(&byte);
        if plain || seems_encoded {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

/// The switch's end of the connection.
pub struct Peer {
    stream: TcpStream,
    pub channel: Channel,
    /// The number of reads that returned bytes.
    pub reads: usize,
    unread: Vec<u8>,
}

impl Peer {
    /// Connects and answers `connect`.
    pub async fn call(to: SocketAddr, channel: Channel) -> Self {
        let mut peer = Self::silent(to, channel).await;
        peer.connect().await;
        peer
    }

    /// Connects from another address and answers `connect`.
    pub async fn call_from(from: Ipv4Addr, to: SocketAddr, channel: Channel) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind((from, 0).into()).unwrap();
        let stream = socket.connect(to).await.unwrap();
        let mut peer = Self::on(stream, channel);
        peer.connect().await;
        peer
    }

    /// Connects and says nothing yet.
    pub async fn silent(to: SocketAddr, channel: Channel) -> Self {
        let stream = TcpStream::connect(to).await;
        Self::on(stream.expect("a service that listens"), channel)
    }

    fn on(stream: TcpStream, channel: Channel) -> Self {
        Self {
            stream,
            channel,
            reads: 0,
            unread: Vec::new(),
        }
    }

    /// Answers `connect`.
    pub async fn connect(&mut self) {
        let commands = self.read().await;
        assert_eq!(lines(&commands), ["connect"]);
        let data = self.channel.data();
        self.say(&data).await;
    }

    /// Returns the complete commands of the next read, none at the end. Answers nothing.
    pub async fn read(&mut self) -> Vec<Packet> {
        if !self.fill().await {
            return Vec::new();
        }
        let commands = self.whole();
        assert!(self.unread.is_empty(), "a read ends inside a command");
        commands
    }

    /// Obeys and answers commands until the service closes or sends `exit`. Returns every command
    /// in order.
    pub async fn until_exit(&mut self) -> Vec<Packet> {
        let mut all = Vec::new();
        loop {
            let commands = self.whole();
            self.obey(&commands).await;
            let last = commands.iter().any(|command| command.lines == ["exit"]);
            all.extend(commands);
            if last || !self.fill().await {
                return all;
            }
        }
    }

    async fn fill(&mut self) -> bool {
        let mut buffer = vec![0; 256 * 1024];
        let read = self.stream.read(&mut buffer).await.unwrap_or(0);
        self.unread.extend_from_slice(&buffer[..read]);
        self.reads += usize::from(read > 0);
        read > 0
    }

    fn whole(&mut self) -> Vec<Packet> {
        let mut commands = Vec::new();
        while let Some((packet, length)) = switch::next(&self.unread).expect("a command") {
            commands.push(packet);
            self.unread.drain(..length);
        }
        commands
    }

    /// Runs the commands and answers as the switch does.
    pub async fn obey(&mut self, commands: &[Packet]) {
        for command in commands {
            let answer = self.answer(command);
            self.say(&answer).await;
        }
    }

    fn answer(&mut self, command: &Packet) -> String {
        if let Some((name, value)) = command.assignment(&self.channel.uuid) {
            match value.is_empty() {
                true => self.channel.variables.remove(&name),
                false => self.channel.variables.insert(name, value),
            };
        }
        let first = command.lines[0].as_str();
        let asked = format!("api uuid_getvar {} ", self.channel.uuid);
        if let Some(name) = first.strip_prefix(&asked) {
            return api(self.channel.get(name).unwrap_or("_undef_"));
        }
        match first {
            "exit" => format!(
                "{}Content-Type: text/disconnect-notice\nControlled-Session-UUID: {}\n\
                 Content-Disposition: disconnect\nContent-Length: 0\n\n",
                reply("+OK bye"),
                self.channel.uuid
            ),
            _ if first.starts_with("api ") => api("+OK\n"),
            _ => reply("+OK"),
        }
    }

    /// Hangs the caller up: the switch sends the notice and closes.
    pub async fn hang_up(mut self) {
        let notice = format!(
            "Content-Type: text/disconnect-notice\nControlled-Session-UUID: {}\n\
             Content-Disposition: disconnect\nContent-Length: 9\n\nDisc, bye",
            self.channel.uuid
        );
        self.say(&notice).await;
        let rest = self.until_exit().await;
        assert!(
            rest.is_empty(),
            "nothing is said to a caller who is gone: {rest:?}"
        );
    }

    /// Vanishes as a switch does: the connection just ends.
    pub async fn vanish(mut self) {
        let _ = self.stream.shutdown().await;
        assert!(self.until_exit().await.is_empty());
    }

    /// Vanishes with a TCP reset.
    pub fn reset(self) {
        self.stream.set_zero_linger().unwrap();
    }

    /// Sends raw text; it is lost if the service has already closed.
    pub async fn say(&mut self, text: &str) {
        let _ = self.stream.write_all(text.as_bytes()).await;
    }
}

fn reply(text: &str) -> String {
    format!("Content-Type: command/reply\nReply-Text: {text}\n\n")
}

fn api(text: &str) -> String {
    let length = text.len();
    format!("Content-Type: api/response\nContent-Length: {length}\n\n{text}")
}

/// Returns the first lines of the commands, with the application's name in place of `sendmsg`.
pub fn lines(commands: &[Packet]) -> Vec<String> {
    let line = |command: &Packet| match command.application() {
        Some(application) => format!("execute {application}"),
        None => command.lines[0].clone(),
    };
    commands.iter().map(line).collect()
}
