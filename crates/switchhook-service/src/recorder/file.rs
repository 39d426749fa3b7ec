//! The file of one call: JSON, an object a line. The first says what it is, the last how the
//! call ended. Fields may be added; [`VERSION`] goes up when a reader of today would go wrong.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::RecorderOptions;
use super::redact::{Masked, Secrets};
use switchhook_core::outcome::Outcome;
use switchhook_webhook::{Answered, Prepared};

/// Of the file's form.
pub const VERSION: u32 = 3;
/// How its name ends.
const ENDING: &str = ".call.jsonl";

/// The first line.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// Always `recording`.
    pub switchhook: String,
    /// [`VERSION`].
    pub version: u32,
    /// The program's.
    pub program: String,
    /// When the switch connected, ms since 1970.
    pub began_ms: i64,
    /// Unique-ID of the channel.
    pub uuid: String,
    /// The webhook that was asked for.
    pub webhook: String,
    /// It was parked, and shared its connection with others; a call on a socket of its own
    /// otherwise.
    #[serde(default)]
    pub parked: bool,
    /// From asking until the music begins, µs.
    pub music_after_us: u64,
    /// How long the switch's goodbye is waited for, µs.
    pub goodbye_us: u64,
    /// The webhook's settings, without those of its credentials, as a configuration in TOML.
    pub config: String,
    /// Set when Rust code answered in place of a webhook. Since version 3.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<Code>,
}

/// What is known of Rust code that answers; what it does is in no file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Code {
    /// The variables that it may set, without `flow.key.`.
    pub names: Vec<String>,
    /// What its callers hear ([`crate::call_control::Hold`]).
    pub hold: serde_json::Value,
}

/// One line behind it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// µs since the switch connected.
    pub us: u64,
    /// What happened then.
    #[serde(flatten)]
    pub what: What,
}

/// Bytes as text where they are some, else as base64.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Written", into = "Written")]
pub struct Payload(pub Vec<u8>);

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Written {
    Text(String),
    Base64(String),
}

impl From<Written> for Payload {
    fn from(written: Written) -> Self {
        Self(match written {
            Written::Text(text) => text.into_bytes(),
            Written::Base64(text) => STANDARD.decode(text).unwrap_or_default(),
        })
    }
}

impl From<Payload> for Written {
    fn from(payload: Payload) -> Self {
        match String::from_utf8(payload.0) {
            Ok(text) => Self::Text(text),
            Err(error) => Self::Base64(STANDARD.encode(error.as_bytes())),
        }
    }
}

impl From<String> for Payload {
    fn from(text: String) -> Self {
        Self(text.into_bytes())
    }
}

impl Payload {
    pub(super) fn new(bytes: &[u8]) -> Self {
        Self(bytes.to_vec())
    }

    /// Goes on with it: there is no new line.
    pub(super) fn add(&mut self, bytes: &[u8]) -> Option<What> {
        self.0.extend_from_slice(bytes);
        None
    }
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum What {
    /// Bytes from the switch.
    Switch(Payload),
    /// An event of the switch about a call that shares its connection, a JSON object. Since
    /// version 2.
    Event(Payload),
    /// Bytes to the switch.
    Us(Payload),
    /// The switch ended the connection.
    Closed,
    /// The request to the webhook, without the credentials of `auth`.
    Request {
        /// HTTP method.
        method: String,
        /// Where to.
        url: String,
        /// Name and value.
        headers: Vec<(String, String)>,
        /// The body.
        body: Payload,
    },
    /// The question to Rust code ([`crate::call_control::Question`]), a JSON object. Since version 3.
    Question(Payload),
    /// What came of it.
    Outcome {
        /// HTTP status.
        status: Option<u16>,
        /// The answer's content type.
        content_type: Option<String>,
        /// The body was read to its end.
        whole: bool,
        /// The body as far as it was read, decompressed.
        body: Payload,
        /// Why it failed; none of a success.
        reason: Option<String>,
        /// The sentence.
        detail: Option<String>,
        /// From sending to the outcome, µs; none when nothing was sent.
        duration_us: Option<u64>,
        /// Exact texts of the mapped values.
        mapped: Vec<(String, String)>,
        /// Which of them were JSON and no text.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        typed: Vec<String>,
    },
    /// The time for the music came before the answer. Since version 2.
    Waited,
    /// The service stopped and waited no longer.
    Stopping,
    /// There was more than is recorded of one call.
    Cut,
    /// The end.
    End {
        /// A word of [`switchhook_core::metric_names::ENDINGS`].
        ending: String,
        /// `SUCCESS`, or why the webhook failed; none when there was no outcome.
        reason: Option<String>,
        /// The sentence.
        detail: Option<String>,
    },
}

impl What {
    /// What is kept of a request.
    pub fn request(request: &Prepared) -> Self {
        let headers = request.headers.iter();
        let headers = headers.filter(|(_, value)| !value.is_sensitive());
        Self::Request {
            method: request.method.to_string(),
            url: request.url.to_string(),
            headers: headers
                .map(|(name, value)| {
                    let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
                    (name.to_string(), value)
                })
                .collect(),
            body: Payload::new(&request.body),
        }
    }

    pub(super) fn outcome(outcome: &Outcome, answered: &Answered) -> Self {
        let failure = outcome.verdict.as_ref().err();
        let mapped = || outcome.verdict.iter().flatten();
        let typed = mapped().filter(|one| one.typed);
        let micros =
            |time: std::time::Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        Self::Outcome {
            status: outcome.status,
            content_type: answered.content_type.clone(),
            whole: answered.whole,
            body: Payload::new(&outcome.raw),
            reason: failure.map(|failure| failure.reason.as_str().to_owned()),
            detail: failure.map(|failure| failure.detail.clone()),
            duration_us: outcome.duration.map(micros),
            mapped: mapped()
                .map(|one| (one.name.clone(), one.text.clone()))
                .collect(),
            typed: typed.map(|one| one.name.clone()).collect(),
        }
    }
}

impl Payload {
    /// The bytes.
    #[must_use]
    pub fn bytes(&self) -> Bytes {
        Bytes::copy_from_slice(&self.0)
    }
}

/// Writes a call's file and removes those that are too many.
pub(super) fn write(
    options: &RecorderOptions,
    secrets: &Secrets,
    header: &Header,
    lines: Vec<Line>,
) -> io::Result<()> {
    fs::create_dir_all(&options.folder)?;
    let Masked { header, lines } = secrets.mask(header, lines);
    let moment = chrono::DateTime::from_timestamp_millis(header.began_ms).unwrap_or_default();
    // A channel's name comes from outside.
    let uuid: String = header
        .uuid
        .chars()
        .filter(|c| c.is_ascii_alphanumeric() || *c == '-')
        .take(64)
        .collect();
    let name = format!("{}-{uuid}{ENDING}", moment.format("%Y%m%dT%H%M%S%.3fZ"));
    let part = options.folder.join(format!(".{name}.part"));
    let mut out = BufWriter::new(private(&part)?);
    serde_json::to_writer(&mut out, &header)?;
    out.write_all(b"\n")?;
    for line in &lines {
        serde_json::to_writer(&mut out, line)?;
        out.write_all(b"\n")?;
    }
    out.flush()?;
    drop(out);
    fs::rename(&part, options.folder.join(name))?;
    tidy(options)
}

fn private(part: &Path) -> io::Result<File> {
    let mut open = OpenOptions::new();
    open.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut open, 0o600);
    open.open(part)
}

/// The oldest go until the rest fits; files of another name are not ours.
fn tidy(options: &RecorderOptions) -> io::Result<()> {
    let mut files: Vec<(SystemTime, PathBuf, u64)> = Vec::new();
    for entry in fs::read_dir(&options.folder)? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().ends_with(ENDING) {
            let about = entry.metadata()?;
            files.push((about.modified()?, entry.path(), about.len()));
        }
    }
    files.sort();
    let mut bytes: u64 = files.iter().map(|(_, _, bytes)| bytes).sum();
    let mut left = files.len();
    for (_, path, size) in files {
        if left <= options.files && bytes <= options.bytes {
            break;
        }
        fs::remove_file(path)?;
        bytes -= size;
        left -= 1;
    }
    Ok(())
}
