//! Reads a recording from its file, and tells what each side sent and when.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use switchhook_core::outcome::{Failure, Reason};
use switchhook_service::recorder::{Header, Line, RecordedEvent, VERSION};

use super::recorded_switch::{Frame, Script, frames};

/// Most bytes of a file that are read.
const FILE_BYTES: u64 = 64 * 1024 * 1024;

/// The first file version that records when the music began.
const FIRST_WITH_MUSIC_TIME: u32 = 2;
/// The first file version that records when the call began to be watched.
const FIRST_WITH_WATCH_TIME: u32 = 4;
/// A delay longer than any call.
const NEVER: Duration = Duration::from_secs(365 * 24 * 3_600);

/// Why a file cannot be read as a recording.
#[derive(Debug, thiserror::Error)]
#[error("{}: {why}", file.display())]
pub struct RecordingError {
    file: PathBuf,
    why: String,
}

/// A recorded call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recording {
    /// The file's first line.
    pub header: Header,
    /// The file's other lines, in order.
    pub lines: Vec<Line>,
}

/// The virtual time of each line, since the call began.
pub(super) type Times = Vec<Duration>;

impl Recording {
    /// Reads a recording file of at most 64 MiB.
    ///
    /// # Errors
    /// Returns what is wrong with the file, and the cure.
    pub fn read(path: &Path) -> Result<Self, RecordingError> {
        let invalid = |why: String| RecordingError {
            file: path.to_owned(),
            why,
        };
        let file = File::open(path).map_err(|error| invalid(format!("cannot be read: {error}")))?;
        let mut lines = BufReader::new(file.take(FILE_BYTES)).lines();
        let first = lines.next().and_then(Result::ok).unwrap_or_default();
        let header: Header = serde_json::from_str(&first)
            .map_err(|error| invalid(format!("is no recording of switchhook: {error}")))?;
        if header.switchhook != "recording" || header.version > VERSION {
            let (version, program) = (header.version, &header.program);
            let cure = format!("use switchhook {program}, or a newer one");
            return Err(invalid(format!(
                "is of version {version}, and this program reads {VERSION}; {cure}"
            )));
        }
        let mut read = Vec::new();
        for (at, line) in lines.enumerate() {
            let line = line.map_err(|error| invalid(error.to_string()))?;
            let line = serde_json::from_str(&line)
                .map_err(|error| invalid(format!("line {}: {error}", at + 2)))?;
            read.push(line);
        }
        let recording = Self {
            header,
            lines: read,
        };
        match recording.end() {
            None => Err(invalid("has no end: the file was cut off".into())),
            Some(_)
                if recording
                    .lines
                    .iter()
                    .any(|line| line.what == RecordedEvent::Cut) =>
            {
                Err(invalid(
                    "is incomplete: the call was larger than the recorder's limit".into(),
                ))
            }
            Some(_) => Ok(recording),
        }
    }

    /// Returns how the call ended.
    #[must_use]
    pub fn end(&self) -> Option<&RecordedEvent> {
        let last = &self.lines.last()?.what;
        matches!(last, RecordedEvent::End { .. }).then_some(last)
    }

    /// Tells whether the call failed because the service was full.
    pub(super) fn was_overloaded(&self) -> bool {
        self.failed_with(Reason::Overloaded).is_some()
    }

    /// Returns the failure if other calls had opened the webhook's circuit.
    pub(super) fn circuit_failure(&self) -> Option<Failure> {
        let detail = self.failed_with(Reason::CircuitOpen)?;
        Some(Failure::new(Reason::CircuitOpen, detail))
    }

    fn failed_with(&self, wanted: Reason) -> Option<&str> {
        let Some(RecordedEvent::End { reason, detail, .. }) = self.end() else {
            return None;
        };
        let is_it = reason.as_deref() == Some(wanted.as_str());
        is_it.then(|| detail.as_deref().unwrap_or_default())
    }

    /// Returns the commands that were sent to the switch.
    #[must_use]
    pub fn sent(&self) -> String {
        let mut all = Vec::new();
        for line in &self.lines {
            if let RecordedEvent::Us(bytes) = &line.what {
                all.extend_from_slice(&bytes.0);
            }
        }
        String::from_utf8_lossy(&all).into_owned()
    }

    /// Returns the request to the webhook, or the question to Rust code.
    #[must_use]
    pub fn request(&self) -> Option<&RecordedEvent> {
        self.find(is_request).map(|(_, what)| what)
    }

    fn find(&self, is: impl Fn(&RecordedEvent) -> bool) -> Option<(usize, &RecordedEvent)> {
        let lines = self.lines.iter().enumerate();
        let mut lines = lines.map(|(at, line)| (at, &line.what));
        lines.find(|(_, what)| is(what))
    }

    /// Returns the virtual time of each line. The runtime's clock has whole milliseconds, so
    /// two inputs from outside are at least one millisecond apart, to keep their order.
    pub(super) fn times(&self) -> Times {
        let mut last = 0;
        let time = |line: &Line| {
            if !matches!(line.what, RecordedEvent::Us(_)) && !is_request(&line.what) {
                last = line.us.div_ceil(1_000).max(last + 1);
            }
            Duration::from_millis(last)
        };
        self.lines.iter().map(time).collect()
    }

    /// Returns the recorded time from the request to the music. On a busy machine it is longer
    /// than the configured delay.
    pub(super) fn music_after(&self, times: &Times) -> Duration {
        let configured = Duration::from_micros(self.header.music_after_us);
        let timed = self.header.version >= FIRST_WITH_MUSIC_TIME;
        let unknown = if timed { NEVER } else { configured };
        let waited = self.since_request(&RecordedEvent::Waited, times);
        waited.unwrap_or(unknown)
    }

    /// Returns the recorded time from the request until the call was watched. Older programs did
    /// not watch; a replay of theirs does so when the music begins.
    pub(super) fn watch_after(&self, times: &Times) -> Duration {
        let watched = self.since_request(&RecordedEvent::Watched, times);
        watched.unwrap_or_else(|| {
            let timed = self.header.version >= FIRST_WITH_WATCH_TIME;
            if timed {
                NEVER
            } else {
                self.music_after(times)
            }
        })
    }

    fn since_request(&self, what: &RecordedEvent, times: &Times) -> Option<Duration> {
        let (requested, _) = self.find(is_request)?;
        let (at, _) = self.find(|found| found == what)?;
        Some(times[at].saturating_sub(times[requested]))
    }

    /// Returns the recorded outcome and its time.
    pub(super) fn outcome(&self, times: &Times) -> Option<(Duration, RecordedEvent)> {
        let (at, what) = self.find(|what| matches!(what, RecordedEvent::Outcome { .. }))?;
        Some((times[at], what.clone()))
    }

    /// Returns the recorded outcome of the request.
    #[must_use]
    pub fn answer(&self) -> Option<&RecordedEvent> {
        let found = self.find(|what| matches!(what, RecordedEvent::Outcome { .. }));
        found.map(|(_, what)| what)
    }

    /// Returns when the service stopped, if it did during the call.
    pub(super) fn stopping(&self, times: &Times) -> Option<Duration> {
        let (at, _) = self.find(|what| *what == RecordedEvent::Stopping)?;
        Some(times[at])
    }

    /// Returns what the switch sends, and when.
    pub(super) fn switch(&self, times: &Times) -> Script {
        let (mut received, mut marks) = (Vec::new(), Vec::new());
        let (mut closed, mut events) = (None, VecDeque::new());
        for (line, time) in self.lines.iter().zip(times) {
            match &line.what {
                RecordedEvent::Switch(bytes) => {
                    received.extend_from_slice(&bytes.0);
                    marks.push((received.len(), *time));
                }
                RecordedEvent::Event(json) => events.push_back(event_frame(*time, &json.0)),
                RecordedEvent::Closed => closed = Some(*time),
                RecordedEvent::Us(_)
                | RecordedEvent::Request { .. }
                | RecordedEvent::Question(_)
                | RecordedEvent::Outcome { .. }
                | RecordedEvent::Watched
                | RecordedEvent::Waited
                | RecordedEvent::Stopping
                | RecordedEvent::Cut
                | RecordedEvent::End { .. } => {}
            }
        }
        let at = |end: usize| {
            let mark = marks.iter().find(|(to, _)| *to >= end);
            mark.map(|(_, time)| *time).unwrap_or_default()
        };
        let mut script = Script {
            closed,
            unsolicited: events,
            ..Script::default()
        };
        for (bytes, end) in frames(&received) {
            let frame = Frame {
                at: at(end),
                bytes: bytes.to_vec(),
            };
            if is_reply(bytes) {
                script.replies.push_back(frame);
            } else {
                script.unsolicited.push_back(frame);
            }
        }
        script
    }
}

fn is_request(what: &RecordedEvent) -> bool {
    matches!(
        what,
        RecordedEvent::Request { .. } | RecordedEvent::Question(_)
    )
}

fn event_frame(at: Duration, json: &[u8]) -> Frame {
    let length = json.len();
    let head = format!("Content-Length: {length}\nContent-Type: text/event-json\n\n");
    let bytes = [head.as_bytes(), json].concat();
    Frame { at, bytes }
}

/// Tells whether a frame answers a command. All others the switch sends by itself.
fn is_reply(frame: &[u8]) -> bool {
    let head = String::from_utf8_lossy(frame);
    let head = head.split("\n\n").next().unwrap_or_default();
    let kinds = ["Content-Type: command/reply", "Content-Type: api/response"];
    head.lines().any(|line| kinds.contains(&line.trim_end()))
}
