//! Replaces secrets by stars.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::{AsciiSet, CONTROLS, NON_ALPHANUMERIC, utf8_percent_encode};
use switchhook_core::call_history::TrySummary;

use super::MIN_BYTES;
use crate::recorder::format::{Payload, RecordedEvent};
use switchhook_core::sanitize::inert;

/// The characters that FreeSWITCH escapes in the values of an event (switch_utils.h:
/// `SWITCH_URL_UNSAFE`).
const UNSAFE: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'%')
    .add(b'&')
    .add(b'+')
    .add(b':')
    .add(b';')
    .add(b'<')
    .add(b'=')
    .add(b'>')
    .add(b'?')
    .add(b'@')
    .add(b'[')
    .add(b'\\')
    .add(b']')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');

/// Texts and their replacements.
#[derive(Default)]
pub(crate) struct Replacements {
    all: Vec<(String, String)>,
    /// For plain events only. They do not carry `%` faithfully, so the program requests a value
    /// with a `%` from the switch once more. A redacted value therefore keeps a `%`.
    of_events: Vec<(String, String)>,
}

impl Replacements {
    /// Adds a secret in every form in which it may occur.
    pub(super) fn add(&mut self, secret: &str) {
        let stars = "*".repeat(secret.len());
        self.push(STANDARD.encode(secret), STANDARD.encode(&stars));
        let json = serde_json::to_string(secret).unwrap_or_default();
        let json = json
            .strip_prefix('"')
            .and_then(|json| json.strip_suffix('"'));
        let json = json.unwrap_or(secret);
        for plain in [secret, json, &inert(secret), &inert(json)] {
            self.push(plain.to_owned(), stars.clone());
            // As a value is escaped in a command to the switch.
            self.push(plain.replace('\\', "\\\\"), stars.clone());
        }
        let form: String = url::form_urlencoded::byte_serialize(secret.as_bytes()).collect();
        let of_event = utf8_percent_encode(secret, UNSAFE).to_string();
        if of_event.contains('%') {
            let redacted = stars.replacen('*', "%2A", 1);
            self.of_events.push((of_event.clone(), redacted));
        }
        for encoded in [
            utf8_percent_encode(secret, NON_ALPHANUMERIC).to_string(),
            of_event,
            form,
        ] {
            self.push(encoded, stars.clone());
        }
    }

    /// Adds one form.
    pub(super) fn push(&mut self, from: String, to: String) {
        if from.len() >= MIN_BYTES && !self.all.iter().any(|(known, _)| *known == from) {
            self.all.push((from, to));
        }
    }

    /// Sorts the longest first, because a secret may contain a shorter one.
    pub(super) fn sort(&mut self) {
        for some in [&mut self.all, &mut self.of_events] {
            some.sort_by_key(|(secret, _)| std::cmp::Reverse(secret.len()));
        }
    }

    /// Returns the text without secrets.
    pub(super) fn text(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for (secret, stars) in &self.all {
            if text.contains(secret.as_str()) {
                text = text.replace(secret.as_str(), stars);
            }
        }
        text
    }

    /// Returns the bytes without secrets.
    pub(super) fn bytes(&self, bytes: &[u8]) -> Vec<u8> {
        match std::str::from_utf8(bytes) {
            Ok(text) => self.text(text).into_bytes(),
            Err(_) => replace_all(bytes, &self.all),
        }
    }

    /// Returns an event of the switch without secrets.
    fn event(&self, text: &Payload) -> Payload {
        Payload(self.bytes(&replace_all(&text.0, &self.of_events)))
    }

    fn payload(&self, payload: &Payload) -> Payload {
        Payload(self.bytes(&payload.0))
    }

    fn redact_try(&self, one: TrySummary) -> TrySummary {
        TrySummary {
            url: self.text(&one.url),
            detail: one.detail.map(|detail| self.text(&detail)),
            ..one
        }
    }

    /// Returns the event without secrets.
    pub(super) fn redact(&self, what: RecordedEvent) -> RecordedEvent {
        let maybe = |text: Option<String>| text.map(|text| self.text(&text));
        let entries = |list: Vec<(String, String)>| {
            let list = list.into_iter();
            list.map(|(name, text)| (name, self.text(&text))).collect()
        };
        match what {
            RecordedEvent::Switch(text) => RecordedEvent::Switch(self.event(&text)),
            RecordedEvent::Event(json) => RecordedEvent::Event(self.payload(&json)),
            RecordedEvent::Us(text) => RecordedEvent::Us(self.payload(&text)),
            RecordedEvent::Question(json) => RecordedEvent::Question(self.payload(&json)),
            RecordedEvent::Request {
                method,
                url,
                headers,
                body,
            } => RecordedEvent::Request {
                method,
                url: self.text(&url),
                headers: entries(headers),
                body: self.payload(&body),
            },
            RecordedEvent::Outcome {
                status,
                content_type,
                whole,
                redirect,
                body,
                reason,
                detail,
                duration_us,
                mapped,
                typed,
                tries,
            } => RecordedEvent::Outcome {
                status,
                content_type,
                whole,
                redirect: maybe(redirect),
                body: self.payload(&body),
                reason,
                detail: maybe(detail),
                duration_us,
                mapped: entries(mapped),
                typed,
                tries: tries.into_iter().map(|one| self.redact_try(one)).collect(),
            },
            RecordedEvent::End {
                ending,
                reason,
                detail,
            } => RecordedEvent::End {
                ending,
                reason,
                detail: maybe(detail),
            },
            RecordedEvent::Closed
            | RecordedEvent::Watched
            | RecordedEvent::Waited
            | RecordedEvent::Stopping
            | RecordedEvent::Cut => what,
        }
    }
}

fn replace_all(bytes: &[u8], replacements: &[(String, String)]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for (secret, stars) in replacements {
        bytes = replace(&bytes, secret.as_bytes(), stars.as_bytes());
    }
    bytes
}

fn replace(bytes: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let (mut out, mut rest) = (Vec::with_capacity(bytes.len()), bytes);
    while let Some(at) = memchr::memmem::find(rest, from) {
        out.extend_from_slice(&rest[..at]);
        out.extend_from_slice(to);
        rest = &rest[at + from.len()..];
    }
    out.extend_from_slice(rest);
    out
}
