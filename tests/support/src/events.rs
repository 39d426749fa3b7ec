//! Reads the capture files into events: the headers that a real switch sent.

use std::borrow::Cow;
use std::path::PathBuf;

use percent_encoding::percent_decode_str;
use serde_json::Value;
use switchhook_core::headers::Headers;

/// One event: its headers in the order of the wire.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Event(pub Vec<(String, String)>);

impl Headers for Event {
    fn get(&self, name: &str) -> Option<Cow<'_, str>> {
        let (_, value) = self.0.iter().find(|(header, _)| header == name)?;
        Some(Cow::Borrowed(value))
    }

    fn visit(&self, visit: &mut dyn FnMut(&str, &str)) {
        for (name, value) in &self.0 {
            visit(name, value);
        }
    }
}

impl Event {
    /// Returns an event with these headers.
    pub fn of(headers: &[(&str, &str)]) -> Self {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        Self(headers.iter().map(owned).collect())
    }

    /// Returns the event with one header set.
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.0.retain(|(header, _)| header != name);
        self.0.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Returns the body that `event json` would send.
    pub fn json(&self) -> String {
        let headers = self.0.iter();
        let headers = headers.map(|(name, value)| (name.clone(), Value::from(value.as_str())));
        Value::Object(headers.collect()).to_string()
    }

    /// Returns a header's text, or an empty text if the header is missing.
    pub fn text(&self, name: &str) -> &str {
        let found = self.0.iter().find(|(header, _)| header == name);
        found.map_or("", |(_, value)| value)
    }
}

/// Returns the folder of the captures.
pub fn captures() -> PathBuf {
    crate::captures_folder()
}

/// Returns the channel events of a capture. `folder` is `""` (plain events) or `"json_events"`.
pub fn of_capture(folder: &str, name: &str) -> Vec<Event> {
    let path = captures().join(folder).join(format!("{name}.esl"));
    let bytes = std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    frames(&bytes).into_iter().filter_map(event).collect()
}

/// Returns the `connect` reply in a capture of an outbound socket.
pub fn connect_reply(name: &str) -> Event {
    let bytes = std::fs::read(captures().join(format!("{name}.esl"))).unwrap();
    let reply = frames(&bytes).into_iter().map(|(head, _)| plain(&head));
    let mut channels = reply.filter(|event| event.text("Event-Name") == "CHANNEL_DATA");
    channels.next().unwrap()
}

/// Returns the switch's frames as heads and bodies.
fn frames(bytes: &[u8]) -> Vec<(String, Vec<u8>)> {
    let mut frames = Vec::new();
    let mut rest = bytes;
    while let Some(start) = find(rest, b"<<< ") {
        rest = &rest[start..];
        let line = find(rest, b"\n").unwrap() + 1;
        let end = find(&rest[line..], b"\n\n").map_or(rest.len(), |end| line + end);
        let head = String::from_utf8(rest[line..end].to_vec()).unwrap();
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("Content-Length: "));
        let length: usize = length.map_or(0, |length| length.parse().unwrap());
        let body = (end + 2).min(rest.len());
        frames.push((head, rest[body..body + length].to_vec()));
        rest = &rest[body + length..];
    }
    frames
}

fn event((head, body): (String, Vec<u8>)) -> Option<Event> {
    if head.contains("Content-Type: text/event-json") {
        return Some(json(&body));
    }
    let plain_event = head.contains("Content-Type: text/event-plain");
    plain_event.then(|| plain(&String::from_utf8(body).unwrap()))
}

fn plain(text: &str) -> Event {
    let lines = text.lines().take_while(|line| !line.is_empty());
    let pairs = lines.filter_map(|line| line.split_once(": "));
    Event(
        pairs
            .map(|(name, value)| {
                let value = percent_decode_str(value).decode_utf8_lossy();
                (name.to_owned(), value.into_owned())
            })
            .collect(),
    )
}

/// Parses an event's JSON. A switch's JSON objects are flat; a channel variable that is an array is
/// an array of strings.
fn json(body: &[u8]) -> Event {
    let text = String::from_utf8(body.to_vec()).unwrap();
    let object: Value = serde_json::from_str(&text).unwrap();
    let names = object.as_object().unwrap();
    let mut pairs: Vec<(String, String)> = names
        .iter()
        .map(|(name, value)| {
            let text = value
                .as_str()
                .map_or_else(|| value.to_string(), str::to_owned);
            (name.clone(), text)
        })
        .collect();
    // serde_json sorts the names: restore the order of the wire.
    pairs.sort_by_cached_key(|(name, _)| text.find(&format!("\"{name}\":")));
    Event(pairs)
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}

/// Returns the events of a JSON capture, each as the switch wrote it.
pub fn bodies(name: &str) -> Vec<String> {
    let path = captures().join("json_events").join(format!("{name}.esl"));
    let bytes = std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let frames = frames(&bytes).into_iter();
    let events = frames.filter(|(head, _)| head.contains("Content-Type: text/event-json"));
    events
        .map(|(_, body)| String::from_utf8(body).unwrap())
        .collect()
}

/// Returns the name of every JSON capture.
pub fn names() -> Vec<String> {
    let files = std::fs::read_dir(captures().join("json_events")).unwrap();
    let mut names: Vec<String> = files
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .map(|file| file.strip_suffix(".esl").unwrap().to_owned())
        .collect();
    names.sort();
    names
}
