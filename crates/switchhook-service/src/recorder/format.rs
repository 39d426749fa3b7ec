//! The file of one call: JSON, one object a line. The first line describes the call, the last one
//! its end. Fields may be added; [`VERSION`] increases when an older reader would misread the file.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::{Deserialize, Serialize};

use switchhook_core::call_history::TrySummary;
use switchhook_core::outcome::Outcome;
use switchhook_webhook::{Prepared, ResponseMeta};

/// Version of the file format.
pub const VERSION: u32 = 4;

/// The first line.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// Always `recording`.
    pub switchhook: String,
    /// [`VERSION`].
    pub version: u32,
    /// The version of the program that wrote the file.
    pub program: String,
    /// When the switch connected, in ms since 1970.
    pub began_ms: i64,
    /// The channel's Unique-ID.
    pub uuid: String,
    /// The requested webhook.
    pub webhook: String,
    /// The call was parked and shared its connection with others. Otherwise it had a socket of its
    /// own.
    #[serde(default)]
    pub parked: bool,
    /// Time from the request until the music starts, in µs.
    pub music_after_us: u64,
    /// How long the program waits for the switch to close the connection, in µs.
    pub goodbye_us: u64,
    /// The webhook's settings without its credentials, as a TOML configuration.
    pub config: String,
    /// Set when Rust code answered in place of a webhook. Since version 3.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<Code>,
}

/// What is known about Rust code that answers; its behaviour is in no file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Code {
    /// The variables that it may set, without `flow.key.`.
    pub names: Vec<String>,
    /// What its callers hear ([`crate::call_control::Hold`]).
    pub hold: serde_json::Value,
}

/// One further line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// Time since the switch connected, in µs.
    pub us: u64,
    /// What happened then.
    #[serde(flatten)]
    pub what: RecordedEvent,
}

/// Bytes, written as text if they are UTF-8 and as base64 if not.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "PayloadForm", into = "PayloadForm")]
pub struct Payload(pub Vec<u8>);

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum PayloadForm {
    Text(String),
    Base64(String),
}

impl From<PayloadForm> for Payload {
    fn from(written: PayloadForm) -> Self {
        Self(match written {
            PayloadForm::Text(text) => text.into_bytes(),
            PayloadForm::Base64(text) => STANDARD.decode(text).unwrap_or_default(),
        })
    }
}

impl From<Payload> for PayloadForm {
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

    /// Appends bytes to this payload, so that no new line is needed.
    pub(super) fn add(&mut self, bytes: &[u8]) -> Option<RecordedEvent> {
        self.0.extend_from_slice(bytes);
        None
    }
}

/// What happened in a call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum RecordedEvent {
    /// Bytes from the switch.
    Switch(Payload),
    /// An event about a call that shares its connection, as a JSON object. Since version 2.
    Event(Payload),
    /// Bytes to the switch.
    Us(Payload),
    /// The switch closed the connection.
    Closed,
    /// The request to the webhook, without the credentials of `auth`.
    Request {
        /// HTTP method.
        method: String,
        /// The URL.
        url: String,
        /// Names and values.
        headers: Vec<(String, String)>,
        /// The body.
        body: Payload,
    },
    /// The question to Rust code ([`crate::call_control::Question`]), a JSON object. Since version
    /// 3.
    Question(Payload),
    /// The outcome of the request or question.
    Outcome {
        /// HTTP status.
        status: Option<u16>,
        /// The response's content type.
        content_type: Option<String>,
        /// The body was read to its end.
        whole: bool,
        /// Where a redirect leads.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        redirect: Option<String>,
        /// The body as far as it was read, decompressed.
        body: Payload,
        /// Why it failed; absent after a success.
        reason: Option<String>,
        /// The failure in one sentence.
        detail: Option<String>,
        /// Time from sending to the outcome, in µs; absent when nothing was sent.
        duration_us: Option<u64>,
        /// The exact texts of the mapped values.
        mapped: Vec<(String, String)>,
        /// The names of mapped values that were JSON and not text.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        typed: Vec<String>,
        /// What was tried, if the webhook may be tried more than once.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        tries: Vec<TrySummary>,
    },
    /// The response took long enough for somebody to fetch the call: the service began to watch.
    /// Since version 4.
    Watched,
    /// The time for the music came before the response. Since version 2.
    Waited,
    /// The service stopped and no longer waited.
    Stopping,
    /// The call went on beyond the limit of a recording.
    Cut,
    /// The end of the call's recording.
    End {
        /// A value of `ENDINGS` in `switchhook_core::metric_names`.
        ending: String,
        /// `SUCCESS`, or why the webhook failed; absent without an outcome.
        reason: Option<String>,
        /// The failure in one sentence.
        detail: Option<String>,
    },
}

impl RecordedEvent {
    /// Returns the recorded part of a request.
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

    pub(super) fn outcome(outcome: &Outcome, answered: &ResponseMeta) -> Self {
        let failure = outcome.verdict.as_ref().err();
        let mapped = || outcome.verdict.iter().flatten();
        let typed = mapped().filter(|one| one.typed);
        let micros =
            |time: std::time::Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        Self::Outcome {
            status: outcome.status,
            content_type: answered.content_type.clone(),
            whole: answered.whole,
            redirect: answered.redirect.clone(),
            body: Payload::new(&outcome.raw),
            reason: failure.map(|failure| failure.reason.as_str().to_owned()),
            detail: failure.map(|failure| failure.detail.clone()),
            duration_us: outcome.duration.map(micros),
            mapped: mapped()
                .map(|one| (one.name.clone(), one.text.clone()))
                .collect(),
            typed: typed.map(|one| one.name.clone()).collect(),
            tries: outcome.tries.iter().map(TrySummary::of).collect(),
        }
    }
}

impl Payload {
    /// Returns a copy of the bytes.
    #[must_use]
    pub fn bytes(&self) -> Bytes {
        Bytes::copy_from_slice(&self.0)
    }
}
