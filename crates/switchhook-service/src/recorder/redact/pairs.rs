//! Secrets, and the stars that stand in their place.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::{AsciiSet, CONTROLS, NON_ALPHANUMERIC, utf8_percent_encode};

use super::LEAST;
use crate::recorder::file::{Payload, What};
use switchhook_core::sanitize::inert;

/// What FreeSWITCH escapes in the values of an event (switch_utils.h: `SWITCH_URL_UNSAFE`).
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

/// What stands somewhere, and what is to stand there.
#[derive(Default)]
pub(crate) struct Pairs {
    all: Vec<(String, String)>,
    /// In plain events alone. A value that comes with a `%` is asked for once more, so one that
    /// is masked keeps one.
    of_events: Vec<(String, String)>,
}

impl Pairs {
    /// A secret, in every form in which it may stand.
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
            // As a value stands in a line to the switch.
            self.push(plain.replace('\\', "\\\\"), stars.clone());
        }
        let form: String = url::form_urlencoded::byte_serialize(secret.as_bytes()).collect();
        let of_event = utf8_percent_encode(secret, UNSAFE).to_string();
        if of_event.contains('%') {
            let masked = stars.replacen('*', "%2A", 1);
            self.of_events.push((of_event.clone(), masked));
        }
        for encoded in [
            utf8_percent_encode(secret, NON_ALPHANUMERIC).to_string(),
            of_event,
            form,
        ] {
            self.push(encoded, stars.clone());
        }
    }

    /// One form.
    pub(super) fn push(&mut self, from: String, to: String) {
        if from.len() >= LEAST && !self.all.iter().any(|(known, _)| *known == from) {
            self.all.push((from, to));
        }
    }

    /// A longer one may have a shorter one in it.
    pub(super) fn sort(&mut self) {
        for some in [&mut self.all, &mut self.of_events] {
            some.sort_by_key(|(secret, _)| std::cmp::Reverse(secret.len()));
        }
    }

    /// A text without any.
    pub(super) fn text(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for (secret, stars) in &self.all {
            if text.contains(secret.as_str()) {
                text = text.replace(secret.as_str(), stars);
            }
        }
        text
    }

    /// The same of bytes.
    pub(super) fn bytes(&self, bytes: &[u8]) -> Vec<u8> {
        match std::str::from_utf8(bytes) {
            Ok(text) => self.text(text).into_bytes(),
            Err(_) => masked(bytes, &self.all),
        }
    }

    /// The same of what a switch says.
    fn event(&self, text: &Payload) -> Payload {
        Payload(self.bytes(&masked(&text.0, &self.of_events)))
    }

    fn payload(&self, payload: &Payload) -> Payload {
        Payload(self.bytes(&payload.0))
    }

    /// The same of a line.
    pub(super) fn what(&self, what: What) -> What {
        let maybe = |text: Option<String>| text.map(|text| self.text(&text));
        let pairs = |list: Vec<(String, String)>| {
            let list = list.into_iter();
            list.map(|(name, text)| (name, self.text(&text))).collect()
        };
        match what {
            What::Switch(text) => What::Switch(self.event(&text)),
            What::Event(json) => What::Event(self.payload(&json)),
            What::Us(text) => What::Us(self.payload(&text)),
            What::Question(json) => What::Question(self.payload(&json)),
            What::Request {
                method,
                url,
                headers,
                body,
            } => What::Request {
                method,
                url: self.text(&url),
                headers: pairs(headers),
                body: self.payload(&body),
            },
            What::Outcome {
                status,
                content_type,
                whole,
                body,
                reason,
                detail,
                duration_us,
                mapped,
                typed,
            } => What::Outcome {
                status,
                content_type,
                whole,
                body: self.payload(&body),
                reason,
                detail: maybe(detail),
                duration_us,
                mapped: pairs(mapped),
                typed,
            },
            What::End {
                ending,
                reason,
                detail,
            } => What::End {
                ending,
                reason,
                detail: maybe(detail),
            },
            What::Closed | What::Waited | What::Stopping | What::Cut => what,
        }
    }
}

fn masked(bytes: &[u8], pairs: &[(String, String)]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for (secret, stars) in pairs {
        bytes = replaced(&bytes, secret.as_bytes(), stars.as_bytes());
    }
    bytes
}

fn replaced(bytes: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let (mut out, mut rest) = (Vec::with_capacity(bytes.len()), bytes);
    while let Some(at) = memchr::memmem::find(rest, from) {
        out.extend_from_slice(&rest[..at]);
        out.extend_from_slice(to);
        rest = &rest[at + from.len()..];
    }
    out.extend_from_slice(rest);
    out
}
