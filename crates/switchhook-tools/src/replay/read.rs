//! A recording from its file, and what each side said when.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use switchhook_core::outcome::{Failure, Reason};
use switchhook_service::recorder::{Header, Line, RecordedEvent, VERSION};

use super::switch::{Frame, Script, frames};

/// Bytes of a file that are read.
const LIMIT: u64 = 64 * 1024 * 1024;

/// Files of this version on say when the music began.
const TELLS_OF_MUSIC: u32 = 2;
/// Longer than any call.
const NO_MUSIC: Duration = Duration::from_secs(365 * 24 * 3_600);

/// Why a file is no recording.
#[derive(Debug, thiserror::Error)]
#[error("{}: {why}", file.display())]
pub struct NoRecording {
    file: PathBuf,
    why: String,
}

/// A call as it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recording {
    /// The first line.
    pub header: Header,
    /// The others.
    pub lines: Vec<Line>,
}

/// When each line happens in virtual time.
pub(super) type Times = Vec<Duration>;

impl Recording {
    /// Reads a file.
    ///
    /// # Errors
    /// RecordedEvent is wrong with it, and the cure.
    pub fn read(path: &Path) -> Result<Self, NoRecording> {
        let wrong = |why: String| NoRecording {
            file: path.to_owned(),
            why,
        };
        let file = File::open(path).map_err(|error| wrong(format!("cannot be read: {error}")))?;
        let mut lines = BufReader::new(file.take(LIMIT)).lines();
        let first = lines.next().and_then(Result::ok).unwrap_or_default();
        let header: Header = serde_json::from_str(&first)
            .map_err(|error| wrong(format!("is no recording of switchhook: {error}")))?;
        if header.switchhook != "recording" || header.version > VERSION {
            let (version, program) = (header.version, &header.program);
            let cure = format!("use switchhook {program}, or a newer one");
            return Err(wrong(format!(
                "is of version {version}, and this program reads {VERSION}; {cure}"
            )));
        }
        let mut read = Vec::new();
        for (at, line) in lines.enumerate() {
            let line = line.map_err(|error| wrong(error.to_string()))?;
            let line = serde_json::from_str(&line)
                .map_err(|error| wrong(format!("line {}: {error}", at + 2)))?;
            read.push(line);
        }
        let recording = Self {
            header,
            lines: read,
        };
        match recording.end() {
            None => Err(wrong("has no end: it was cut off".into())),
            Some(_)
                if recording
                    .lines
                    .iter()
                    .any(|line| line.what == RecordedEvent::Cut) =>
            {
                Err(wrong(
                    "has not all of its call: it was larger than is recorded".into(),
                ))
            }
            Some(_) => Ok(recording),
        }
    }

    /// How the call ended.
    #[must_use]
    pub fn end(&self) -> Option<&RecordedEvent> {
        let last = &self.lines.last()?.what;
        matches!(last, RecordedEvent::End { .. }).then_some(last)
    }

    /// Whether other calls had every place on hold.
    pub(super) fn found_no_room(&self) -> bool {
        self.failed_with(Reason::Overloaded).is_some()
    }

    /// Its webhook rested, after what other calls had found: with this sentence.
    pub(super) fn found_it_resting(&self) -> Option<Failure> {
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

    /// RecordedEvent was said to the switch.
    #[must_use]
    pub fn said(&self) -> String {
        let mut all = Vec::new();
        for line in &self.lines {
            if let RecordedEvent::Us(bytes) = &line.what {
                all.extend_from_slice(&bytes.0);
            }
        }
        String::from_utf8_lossy(&all).into_owned()
    }

    /// RecordedEvent the webhook was asked, or the Rust code in its place.
    #[must_use]
    pub fn request(&self) -> Option<&RecordedEvent> {
        self.find(is_asked).map(|(_, what)| what)
    }

    fn find(&self, is: impl Fn(&RecordedEvent) -> bool) -> Option<(usize, &RecordedEvent)> {
        let lines = self.lines.iter().enumerate();
        let mut lines = lines.map(|(at, line)| (at, &line.what));
        lines.find(|(_, what)| is(what))
    }

    /// The runtime's clock goes in whole milliseconds: what comes from outside keeps its order
    /// by a millisecond between two of it.
    pub(super) fn times(&self) -> Times {
        let mut last = 0;
        let time = |line: &Line| {
            if !matches!(line.what, RecordedEvent::Us(_)) && !is_asked(&line.what) {
                last = line.us.div_ceil(1_000).max(last + 1);
            }
            Duration::from_millis(last)
        };
        self.lines.iter().map(time).collect()
    }

    /// How long the call asked before its music began, as it was: on a machine with much to do
    /// that is later than it should be.
    pub(super) fn music_after(&self, times: &Times) -> Duration {
        let meant = Duration::from_micros(self.header.music_after_us);
        let waited = self.find(|what| *what == RecordedEvent::Waited);
        let asked = self.find(is_asked);
        match (waited, asked) {
            (Some((waited, _)), Some((asked, _))) => times[waited].saturating_sub(times[asked]),
            (None, _) if self.header.version >= TELLS_OF_MUSIC => NO_MUSIC,
            (None | Some(_), _) => meant,
        }
    }

    /// RecordedEvent the webhook answers, and when.
    pub(super) fn outcome(&self, times: &Times) -> Option<(Duration, RecordedEvent)> {
        let (at, what) = self.find(|what| matches!(what, RecordedEvent::Outcome { .. }))?;
        Some((times[at], what.clone()))
    }

    /// RecordedEvent came of the request.
    #[must_use]
    pub fn answer(&self) -> Option<&RecordedEvent> {
        let found = self.find(|what| matches!(what, RecordedEvent::Outcome { .. }));
        found.map(|(_, what)| what)
    }

    /// When the service stopped.
    pub(super) fn stopping(&self, times: &Times) -> Option<Duration> {
        let (at, _) = self.find(|what| *what == RecordedEvent::Stopping)?;
        Some(times[at])
    }

    /// RecordedEvent the switch says.
    pub(super) fn switch(&self, times: &Times) -> Script {
        let (mut heard, mut marks) = (Vec::new(), Vec::new());
        let (mut closed, mut events) = (None, VecDeque::new());
        for (line, time) in self.lines.iter().zip(times) {
            match &line.what {
                RecordedEvent::Switch(bytes) => {
                    heard.extend_from_slice(&bytes.0);
                    marks.push((heard.len(), *time));
                }
                RecordedEvent::Event(json) => events.push_back(event(*time, &json.0)),
                RecordedEvent::Closed => closed = Some(*time),
                RecordedEvent::Us(_)
                | RecordedEvent::Request { .. }
                | RecordedEvent::Question(_)
                | RecordedEvent::Outcome { .. }
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
            rest: events,
            ..Script::default()
        };
        for (bytes, end) in frames(&heard) {
            let frame = Frame {
                at: at(end),
                bytes: bytes.to_vec(),
            };
            match is_reply(bytes) {
                true => script.replies.push_back(frame),
                false => script.rest.push_back(frame),
            }
        }
        script
    }
}

fn is_asked(what: &RecordedEvent) -> bool {
    matches!(
        what,
        RecordedEvent::Request { .. } | RecordedEvent::Question(_)
    )
}

fn event(at: Duration, json: &[u8]) -> Frame {
    let length = json.len();
    let head = format!("Content-Length: {length}\nContent-Type: text/event-json\n\n");
    let bytes = [head.as_bytes(), json].concat();
    Frame { at, bytes }
}

/// An answer to a command, and nothing that the switch says by itself.
fn is_reply(frame: &[u8]) -> bool {
    let head = String::from_utf8_lossy(frame);
    let head = head.split("\n\n").next().unwrap_or_default();
    let kinds = ["Content-Type: command/reply", "Content-Type: api/response"];
    head.lines().any(|line| kinds.contains(&line.trim_end()))
}
