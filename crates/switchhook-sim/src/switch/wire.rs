//! Reads commands from a socket as the switch does (mod_event_socket.c `read_packet`).

use std::io;
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

use super::text::atoi;

/// The length above which the switch takes a header block as complete.
const MAX_BLOCK: usize = 10 * 1024 * 1024;
/// The greatest Content-Length; a greater value closes the connection.
const MAX_BODY: i64 = 10 * 1024 * 1024;
/// The time after which a peer that does not read counts as lost.
const STUCK: Duration = Duration::from_secs(5);
/// Arrivals remembered of a connection; a call needs two or three.
const STAMPS: usize = 64;

/// One command of the peer.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Command {
    /// The first line.
    pub line: String,
    /// Header lines, in order.
    pub headers: Vec<(String, String)>,
    /// The last body; the switch reads a body for each Content-Length.
    pub body: Option<String>,
    /// What this command does that a correct client never does.
    pub faults: Vec<String>,
}

impl Command {
    /// Returns a header's value; the case of its name does not matter.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let header = self
            .headers
            .iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(name));
        header.map(|(_, value)| value.as_str())
    }

    /// Returns the text after `word` at the start of the line. The switch compares only the word's
    /// length and ignores case.
    pub(super) fn after(&self, word: &str) -> Option<&str> {
        let start = self.line.get(..word.len())?;
        start
            .eq_ignore_ascii_case(word)
            .then(|| &self.line[word.len()..])
    }
}

/// The error of a connection that cannot go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Refused;

/// Decodes bytes into commands.
#[derive(Debug, Default)]
pub(super) struct Reader {
    buffer: Vec<u8>,
    scanned: usize,
}

impl Reader {
    /// Adds bytes that arrived.
    pub(super) fn feed(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// Returns whether no bytes of an incomplete command are left.
    pub(super) fn is_empty(&self) -> bool {
        self.buffer.is_empty()
    }

    /// Returns the next complete command.
    pub(super) fn next(&mut self) -> Result<Option<Command>, Refused> {
        self.skip_empty_lines();
        let Some(end) = self.end_of_block() else {
            return Ok(None);
        };
        let mut command = parse_block(&self.buffer[..end]);
        let mut at = end;
        for length in content_lengths(&command) {
            let length = usize::try_from(length).map_err(|_| Refused)?;
            let Some(body) = self.buffer.get(at..at + length) else {
                return Ok(None);
            };
            if length > 0 {
                command.body = Some(text(body, &mut command.faults));
            }
            at += length;
        }
        self.buffer.drain(..at);
        self.scanned = 0;
        Ok(Some(command))
    }

    fn skip_empty_lines(&mut self) {
        if self.scanned == 0 {
            let empty = self
                .buffer
                .iter()
                .take_while(|byte| matches!(byte, b'\r' | b'\n'));
            let count = empty.count();
            self.buffer.drain(..count);
        }
    }

    /// Returns where the block ends: two line feeds with nothing but carriage returns between them.
    fn end_of_block(&mut self) -> Option<usize> {
        let mut feeds = 0;
        let from = self.scanned.saturating_sub(3);
        for (at, byte) in self.buffer.iter().enumerate().skip(from) {
            match byte {
                b'\n' => feeds += 1,
                b'\r' => {}
                _ => feeds = 0,
            }
            if feeds == 2 || at + 1 >= MAX_BLOCK {
                self.scanned = at.saturating_sub(1);
                return Some(at + 1);
            }
        }
        self.scanned = self.buffer.len();
        None
    }
}

fn parse_block(block: &[u8]) -> Command {
    let mut command = Command::default();
    let whole = text(block, &mut command.faults);
    let mut lines = whole.split(['\r', '\n']).filter(|line| !line.is_empty());
    command.line = lines.next().unwrap_or_default().to_owned();
    for line in lines {
        if let Some((name, value)) = line.split_once(':') {
            let value = value.trim_start_matches(' ').to_owned();
            command.headers.push((name.to_owned(), value));
        }
    }
    find_faults(&whole, &mut command);
    command
}

fn text(bytes: &[u8], faults: &mut Vec<String>) -> String {
    if bytes.contains(&0) {
        faults.push("a NUL byte cuts the command short".into());
    }
    if std::str::from_utf8(bytes).is_err() {
        faults.push("a command is not UTF-8".into());
    }
    String::from_utf8_lossy(bytes).into_owned()
}

fn find_faults(block: &str, command: &mut Command) {
    let lower = block.to_ascii_lowercase();
    if lower.contains("mod_event_socket") && (lower.contains("unload") || lower.contains("reload"))
    {
        let fault = "the words of a header block unload mod_event_socket for everybody";
        command.faults.push(fault.into());
    }
    if content_lengths(command).len() > 1 {
        let fault = "two Content-Length headers: the switch reads two bodies";
        command.faults.push(fault.into());
    }
}

/// Returns every Content-Length in order; -1 for a value that the switch refuses.
fn content_lengths(command: &Command) -> Vec<i64> {
    let headers = command.headers.iter();
    headers
        .filter(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .map(|(_, value)| atoi(value))
        .map(|length| if length > MAX_BODY { -1 } else { length })
        .collect()
}

/// How the peer used the wire.
#[derive(Debug, Clone, Default)]
pub struct Traffic {
    /// How often bytes arrived in one piece. On a loopback socket, a piece is what the peer wrote
    /// at once, unless that is larger than a socket buffer.
    pub writes: usize,
    /// How often the peer wrote again after it had every reply to its earlier commands.
    pub(crate) round_trips: usize,
    /// Commands read.
    pub commands: usize,
    /// Bytes read.
    pub bytes: usize,
    /// When each piece arrived, for the first 64 pieces.
    pub(crate) arrivals: Vec<Instant>,
}

/// A connection to the peer that counts its traffic.
#[derive(Debug)]
pub(super) struct Wire {
    stream: TcpStream,
    reader: Reader,
    /// Whether to read one byte at a time and send every reply as its own segment, as the real
    /// switch does.
    faithful: bool,
    out: Vec<u8>,
    replied: bool,
    pub(super) traffic: Traffic,
}

impl Wire {
    pub(super) fn new(stream: TcpStream, faithful: bool) -> Self {
        // The switch sets it too; a socket that refuses it is only slower.
        let _ = stream.set_nodelay(true);
        Self {
            stream,
            reader: Reader::default(),
            faithful,
            out: Vec::new(),
            replied: true,
            traffic: Traffic::default(),
        }
    }

    /// Waits for bytes and takes them. Returns `false` if the peer has closed.
    pub(super) async fn fill(&mut self) -> io::Result<bool> {
        self.stream.readable().await?;
        let mut chunk = [0_u8; 16 * 1024];
        let mut total = 0;
        let wanted = if self.faithful { 1 } else { chunk.len() };
        loop {
            match self.stream.try_read(&mut chunk[..wanted]) {
                Ok(0) if total == 0 => return Ok(false),
                Ok(0) => break,
                Ok(count) => {
                    total += count;
                    self.reader.feed(&chunk[..count]);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) if total == 0 => return Err(error),
                Err(_) => break,
            }
            if total >= 1024 * 1024 {
                break;
            }
        }
        self.count(total);
        Ok(true)
    }

    fn count(&mut self, bytes: usize) {
        if bytes == 0 {
            return;
        }
        self.traffic.writes += 1;
        self.traffic.bytes += bytes;
        if self.replied {
            self.traffic.round_trips += 1;
            self.replied = false;
        }
        if self.traffic.arrivals.len() < STAMPS {
            self.traffic.arrivals.push(Instant::now());
        }
    }

    /// Returns the next complete command that has arrived.
    pub(super) fn command(&mut self) -> Result<Option<Command>, Refused> {
        let command = self.reader.next()?;
        self.traffic.commands += usize::from(command.is_some());
        Ok(command)
    }

    /// Queues bytes for the peer.
    pub(super) async fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.out.extend_from_slice(bytes);
        if self.faithful {
            self.flush().await
        } else {
            Ok(())
        }
    }

    /// Writes the queued bytes.
    pub(super) async fn flush(&mut self) -> io::Result<()> {
        if self.out.is_empty() {
            return Ok(());
        }
        let written = timeout(STUCK, self.stream.write_all(&self.out)).await;
        self.out.clear();
        self.replied = self.replied || self.reader.is_empty();
        written.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
    }

    /// Ends the connection with a TCP reset.
    pub(super) fn reset(self) {
        // If this fails, the peer sees an orderly end, which also ends the call.
        let _ = self.stream.set_zero_linger();
    }

    /// Reads and drops the peer's bytes without an answer, until the peer closes.
    pub(super) async fn swallow(&mut self) {
        let mut chunk = [0_u8; 4096];
        while self.stream.readable().await.is_ok() {
            match self.stream.try_read(&mut chunk) {
                Ok(0) => return,
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(_) => return,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(bytes: &[u8]) -> Vec<Command> {
        let mut reader = Reader::default();
        reader.feed(bytes);
        let mut commands = Vec::new();
        while let Ok(Some(command)) = reader.next() {
            commands.push(command);
        }
        commands
    }

    #[test]
    fn pipelined_commands_come_out_one_by_one_wherever_the_bytes_are_cut() {
        let bytes =
            b"connect\n\nsendmsg\ncall-command: execute\nContent-Length: 5\n\nab\n\ncexit\r\n\r\n";
        let whole = all(bytes);
        assert_eq!(whole.len(), 3);
        assert_eq!(whole[1].body.as_deref(), Some("ab\n\nc"));
        for cut in 0..bytes.len() {
            let mut reader = Reader::default();
            let mut commands = Vec::new();
            for part in [&bytes[..cut], &bytes[cut..]] {
                reader.feed(part);
                while let Ok(Some(command)) = reader.next() {
                    commands.push(command);
                }
            }
            assert_eq!(commands, whole, "cut at {cut}");
        }
    }

    #[test]
    fn two_content_lengths_read_two_bodies_and_are_a_fault() {
        let commands = all(b"sendmsg\nContent-Length: 2\nContent-Length: 3\n\nabcdeexit\n\n");
        assert_eq!(commands[0].body.as_deref(), Some("cde"));
        assert_eq!(commands[0].faults.len(), 1);
        assert_eq!(commands[1].line, "exit");
    }

    #[test]
    fn the_unload_words_are_a_fault_anywhere_in_a_block_but_not_in_a_body() {
        let bad = all(b"sendmsg\nx: Unload\ny: mod_event_socket\n\n");
        assert_eq!(bad[0].faults.len(), 1);
        let good = all(b"sendmsg\nContent-Length: 23\n\nunload mod_event_socket\n");
        assert!(good[0].faults.is_empty());
    }

    #[test]
    fn a_body_out_of_range_closes_the_connection() {
        let mut reader = Reader::default();
        reader.feed(b"sendmsg\nContent-Length: -4\n\n");
        assert_eq!(reader.next(), Err(Refused));
    }
}
