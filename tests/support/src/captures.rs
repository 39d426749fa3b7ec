//! Reads the captures under `tests/captures`: the wire of real calls.
//!
//! A capture is a list of entries. Each entry is a line `>>> TIME` and the client's bytes, or a
//! line `<<< TIME` and a frame from the switch. Only its Content-Length says where an entry ends: a
//! JSON body ends without a newline, and an API answer may hold anything.

use std::fs;
use std::path::{Path, PathBuf};

/// Which side sent the bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// The client sent them to the switch.
    Sent,
    /// The switch sent them.
    Received,
}

/// One entry of a capture.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    pub direction: Direction,
    /// Seconds since the epoch.
    pub time: f64,
    /// The exact bytes of one frame, or of the commands that went out together.
    pub bytes: Vec<u8>,
}

/// Returns every `.esl` file under `tests/captures`, in order of name.
pub fn all() -> Vec<PathBuf> {
    let root = crate::captures_folder();
    let mut found = Vec::new();
    for folder in [root.clone(), root.join("json_events")] {
        for file in fs::read_dir(folder).unwrap() {
            let path = file.unwrap().path();
            if path.extension().is_some_and(|end| end == "esl") {
                found.push(path);
            }
        }
    }
    found.sort();
    assert!(found.len() >= 17, "captures are missing: {found:?}");
    found
}

/// Returns the entries of a capture.
pub fn load(path: impl AsRef<Path>) -> Vec<Entry> {
    let path = path.as_ref();
    let bytes = fs::read(path).unwrap_or_else(|fault| panic!("{}: {fault}", path.display()));
    let mut rest = bytes.as_slice();
    let mut entries = Vec::new();
    while !rest.is_empty() {
        let (direction, time, after) = marker(rest).unwrap_or_else(|| {
            let shown = String::from_utf8_lossy(&rest[..rest.len().min(60)]).into_owned();
            panic!("{}: no entry begins at {shown:?}", path.display())
        });
        let mut length = 0;
        let mut from = 0;
        while length == 0 || (length < after.len() && marker(&after[length..]).is_none()) {
            length += frame(&after[length..]);
            // Frames of one segment are told apart; commands of one write stay together.
            if direction == Direction::Received {
                entries.push(Entry {
                    direction,
                    time,
                    bytes: after[from..length].to_vec(),
                });
                from = length;
            }
        }
        if direction == Direction::Sent {
            entries.push(Entry {
                direction,
                time,
                bytes: after[..length].to_vec(),
            });
        }
        rest = &after[length..];
    }
    entries
}

/// Returns the switch's bytes, frame by frame.
pub fn received(path: impl AsRef<Path>) -> Vec<Vec<u8>> {
    load(path)
        .into_iter()
        .filter(|entry| entry.direction == Direction::Received)
        .map(|entry| entry.bytes)
        .collect()
}

/// Parses the entry's first line, if the bytes begin with one.
fn marker(bytes: &[u8]) -> Option<(Direction, f64, &[u8])> {
    let (direction, rest) = match bytes.get(..4)? {
        b">>> " => (Direction::Sent, &bytes[4..]),
        b"<<< " => (Direction::Received, &bytes[4..]),
        _ => return None,
    };
    let end = rest.iter().position(|byte| *byte == b'\n')?;
    let time = std::str::from_utf8(&rest[..end]).ok()?.parse().ok()?;
    Some((direction, time, &rest[end + 1..]))
}

/// Returns the length of the frame at the front: head, blank line and body.
fn frame(bytes: &[u8]) -> usize {
    let head = bytes
        .windows(2)
        .position(|pair| pair == b"\n\n")
        .expect("a head ends with a blank line")
        + 2;
    let body = String::from_utf8_lossy(&bytes[..head])
        .lines()
        .find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("content-length").then(|| {
                value
                    .trim()
                    .parse::<usize>()
                    .expect("a Content-Length is a number")
            })
        })
        .unwrap_or(0);
    head + body
}
