//! Models one Event Socket connection from the switch's side (mod_event_socket.c `parse_command`):
//! outbound with a channel of its own, or a client of port 8021.

use std::sync::Arc;
use std::time::Duration;

use uuid::Uuid;

use super::Switch;
use super::channel::{Leg, QUEUE};
use super::event::{Event, Format};
use super::subscription::Subscription;
use super::text::atoi;
use super::wire::Command;

/// The size of the buffer from which the switch answers a command.
const REPLY: usize = 511;

/// Whether the connection goes on after a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flow {
    /// Reads the next command.
    Go,
    /// Closes after `exit`, a wrong password, or a full queue.
    Close,
}

/// How long the connection stays after its channel is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Linger {
    /// Closes at once.
    No,
    /// Stays this long.
    For(Duration),
    /// Stays until the peer closes.
    Open,
}

/// The state of one connection.
#[derive(Debug)]
pub(super) struct Listener {
    /// The channel that an outbound connection controls.
    leg: Option<Arc<Leg>>,
    /// The password that an 8021 client must still send; `None` once it has.
    password: Option<String>,
    pub(super) subscription: Subscription,
    pub(super) linger: Linger,
    /// Whether `connect` was answered.
    pub(super) connected: bool,
    /// Answers of `bgapi` that are still to be delivered.
    pub(super) jobs: Vec<Event>,
    /// Commands that no switch knows, or that harm a switch.
    pub(super) violations: Vec<String>,
}

impl Listener {
    /// Returns a connection of the `socket` application, `async full`.
    pub(super) fn outbound(leg: Arc<Leg>) -> Self {
        Self::new(Some(leg), None)
    }

    /// Returns a client of port 8021 that must know `password`.
    pub(super) fn inbound(password: String) -> Self {
        Self::new(None, Some(password))
    }

    fn new(leg: Option<Arc<Leg>>, password: Option<String>) -> Self {
        Self {
            leg,
            password,
            subscription: Subscription::default(),
            linger: Linger::No,
            connected: false,
            jobs: Vec::new(),
            violations: Vec::new(),
        }
    }

    /// Returns whether the client of port 8021 has sent the password, or needs none.
    pub(super) fn is_authenticated(&self) -> bool {
        self.password.is_none()
    }

    /// Runs one command and appends the switch's reply to `out`.
    pub(super) fn handle(&mut self, switch: &Switch, command: &Command, out: &mut Vec<u8>) -> Flow {
        self.violations.extend(command.faults.iter().cloned());
        if command.faults.iter().any(|fault| fault.contains("unload")) {
            return Flow::Close;
        }
        if command.after("exit").is_some() || command.after("...").is_some() {
            reply(out, "+OK bye");
            return Flow::Close;
        }
        if self.password.is_some() {
            return self.authenticate(command, out);
        }
        if let Some(flow) = self.session_command(switch, command, out) {
            return flow;
        }
        if self.is_restricted() {
            reply(out, "-ERR command not found");
        } else {
            self.common_command(switch, command, out);
        }
        Flow::Go
    }

    /// Returns whether the connection is a socket without `full`.
    fn is_restricted(&self) -> bool {
        let leg = self.leg.as_ref();
        leg.is_some_and(|leg| !leg.lock().mode.is_full)
    }

    fn authenticate(&mut self, command: &Command, out: &mut Vec<u8>) -> Flow {
        if command.after("auth ").is_some() && command.after("auth ") == self.password.as_deref() {
            self.password = None;
            reply(out, "+OK accepted");
            return Flow::Go;
        }
        let known = command.after("auth ").is_some();
        reply(
            out,
            if known {
                "-ERR invalid"
            } else {
                "-ERR command not found"
            },
        );
        if known { Flow::Close } else { Flow::Go }
    }

    /// Runs a command on a channel of this connection.
    fn session_command(
        &mut self,
        switch: &Switch,
        command: &Command,
        out: &mut Vec<u8>,
    ) -> Option<Flow> {
        if let Some(rest) = command.after("sendmsg") {
            return Some(self.sendmsg(switch, command, rest, out));
        }
        let leg = self.leg.clone()?;
        if command.after("resume").is_some() {
            leg.lock().set("socket_resume", "true");
            reply(out, "+OK");
        } else if command.after("connect").is_some() {
            self.connected = true;
            out.extend(switch.connect_reply(&leg.lock()));
        } else if let Some(name) = command.after("getvar") {
            let value = leg
                .lock()
                .variable(name.trim_start())
                .unwrap_or_default()
                .to_owned();
            if value.contains('\n') {
                self.violations
                    .push("getvar of a value with a line feed forges a frame".into());
            }
            reply(
                out,
                if value.is_empty() {
                    "-ERR command not found"
                } else {
                    &value
                },
            );
        } else if let Some(rest) = command.after("myevents") {
            reply(out, self.subscription.mine(&leg.uuid, rest));
            self.heed();
        } else {
            return None;
        }
        Some(Flow::Go)
    }

    /// Queues a `sendmsg`. `+OK` means queued, not done; a full queue closes the connection without
    /// a reply.
    fn sendmsg(
        &mut self,
        switch: &Switch,
        command: &Command,
        uuid: &str,
        out: &mut Vec<u8>,
    ) -> Flow {
        let uuid = match uuid.trim() {
            "" => command.header("session-id").unwrap_or_default(),
            uuid => uuid,
        };
        let own = self
            .leg
            .clone()
            .filter(|leg| uuid.is_empty() || leg.uuid == uuid);
        let Some(leg) = own.or_else(|| switch.leg(uuid)) else {
            reply(out, &format!("-ERR invalid session id [{uuid}]"));
            return Flow::Go;
        };
        let mut channel = leg.lock();
        if channel.queue.len() >= QUEUE {
            channel.violation(format!(
                "more than {QUEUE} sendmsg queued: the switch closes"
            ));
            return Flow::Close;
        }
        channel.queue.push_back(command.clone());
        drop(channel);
        leg.wake.notify_one();
        reply(out, "+OK");
        Flow::Go
    }

    /// Runs a command that every connection may send.
    fn common_command(&mut self, switch: &Switch, command: &Command, out: &mut Vec<u8>) {
        if let Some(rest) = command.after("filter ") {
            reply(out, &self.subscription.filter(rest));
        } else if let Some(line) = command.after("api ") {
            let answer = switch.api(line);
            let answer = if answer.is_empty() {
                "-ERR no reply\n"
            } else {
                &answer
            };
            out.extend(
                format!(
                    "Content-Type: api/response\nContent-Length: {}\n\n{answer}",
                    answer.len()
                )
                .into_bytes(),
            );
        } else if let Some(line) = command.after("bgapi ") {
            self.bgapi(switch, command, line, out);
        } else if let Some(rest) = command.after("linger") {
            reply(out, &self.lingers(rest));
        } else if command.after("nolinger").is_some() {
            self.linger = Linger::No;
            reply(out, "+OK will not linger");
        } else if let Some(rest) = command.after("event") {
            reply(out, &self.subscription.add(rest));
            self.heed();
        } else if let Some(rest) = command.after("nixevent") {
            reply(out, self.subscription.remove(rest));
        } else if command.after("noevents").is_some() {
            reply(out, self.subscription.clear());
        } else {
            self.violations
                .push(format!("unknown command {:?}", shortened(&command.line)));
            reply(out, "-ERR command not found");
        }
    }

    fn heed(&mut self) {
        if self.subscription.format() == Format::Xml {
            self.violations
                .push("XML events, which this simulation does not have".into());
        }
        if let Some(leg) = &self.leg {
            leg.lock().heeded = true;
        }
    }

    fn lingers(&mut self, rest: &str) -> String {
        if self.leg.is_none() {
            return "-ERR not controlling a session".into();
        }
        let Some(seconds) = rest.strip_prefix(' ').filter(|rest| !rest.is_empty()) else {
            self.linger = Linger::Open;
            return "+OK will linger".into();
        };
        let seconds = atoi(seconds);
        self.linger = Linger::For(Duration::from_secs(u64::try_from(seconds).unwrap_or(0)));
        format!("+OK will linger {seconds} seconds")
    }

    fn bgapi(&mut self, switch: &Switch, command: &Command, line: &str, out: &mut Vec<u8>) {
        let job = command
            .header("job-uuid")
            .map_or_else(|| Uuid::new_v4().to_string(), str::to_owned);
        let text = format!(
            "Content-Type: command/reply\nReply-Text: +OK Job-UUID: {job}\nJob-UUID: {job}\n\n"
        );
        out.extend(text.into_bytes());
        let answer = switch.api(line);
        self.jobs.push(switch.job(&job, line, answer));
    }

    /// Appends the frame of `event` if this connection wants it.
    pub(super) fn deliver(&self, event: &Event, out: &mut Vec<u8>) {
        if self.subscription.wants(event) {
            out.extend(event.frame(self.subscription.format()));
        }
    }
}

/// Appends a `command/reply` with one line, cut where the switch's buffer ends.
fn reply(out: &mut Vec<u8>, text: &str) {
    let mut end = text.len().min(REPLY);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    out.extend_from_slice(b"Content-Type: command/reply\nReply-Text: ");
    out.extend_from_slice(&text.as_bytes()[..end]);
    out.extend_from_slice(b"\n\n");
}

fn shortened(line: &str) -> String {
    line.chars().take(60).collect()
}

/// Returns the last frame of a connection that controlled `uuid`, or of a client of port 8021.
pub(super) fn goodbye(uuid: Option<&str>) -> Vec<u8> {
    let controlled = uuid.map_or_else(String::new, |uuid| {
        format!("Controlled-Session-UUID: {uuid}\nContent-Disposition: disconnect\n")
    });
    let words = "Disconnected, goodbye.\nSee you at ClueCon! http://www.cluecon.com/\n";
    let length = words.len();
    format!("Content-Type: text/disconnect-notice\n{controlled}Content-Length: {length}\n\n{words}")
        .into_bytes()
}

/// Returns the notice that the channel is gone and the connection lingers.
pub(super) fn linger_notice(uuid: &str, name: &str, linger: Linger) -> Vec<u8> {
    let seconds = match linger {
        Linger::For(time) => i64::try_from(time.as_secs()).unwrap_or(i64::MAX),
        Linger::No | Linger::Open => -1,
    };
    format!(
        "Content-Type: text/disconnect-notice\nControlled-Session-UUID: {uuid}\n\
         Content-Disposition: linger\nChannel-Name: {name}\nLinger-Time: {seconds}\n\
         Content-Length: 0\n\n"
    )
    .into_bytes()
}
