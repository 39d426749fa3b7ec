//! A switch that answers every command with the number in it, in pieces, until it ends.

#![allow(clippy::unwrap_used, reason = "a test that panics has failed")]

use proptest::prelude::*;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, ReadHalf, split};
use tokio::sync::mpsc;

use crate::far_end::{event, output, reply};

/// How the connection ends.
#[derive(Debug, Clone, Copy)]
pub enum End {
    Never,
    /// After so many bytes to the client.
    AtByte(usize),
    /// With a notice, after so many answers.
    Goodbye(usize),
    /// The switch reads no further than this byte, answers what it has read, and closes.
    Deaf(usize),
}

pub fn end() -> impl Strategy<Value = End> {
    prop_oneof![
        3 => Just(End::Never),
        3 => (1..8000_usize).prop_map(End::AtByte),
        1 => (0..40_usize).prop_map(End::Goodbye),
        2 => (0..4000_usize).prop_map(End::Deaf),
    ]
}

/// Answers a command with its own number. The event comes before the reply for every second
/// command.
fn answer(command: &str) -> String {
    let line = |name: &str| {
        let found = command.lines().find_map(|line| line.strip_prefix(name));
        found.unwrap_or_default().to_owned()
    };
    if let Some(number) = command.strip_prefix("api echo ") {
        return event(&[("Event-Name", "HEARTBEAT")], "") + &output(number.trim_end());
    }
    if let Some(number) = command.strip_prefix("api refuse ") {
        return output(&format!("-ERR {number}"));
    }
    let channel = line("sendmsg ");
    let done = if command.starts_with("bgapi echo ") {
        let headers = [
            ("Event-Name", "BACKGROUND_JOB"),
            ("Job-UUID", &*line("Job-UUID: ")),
        ];
        event(&headers, &line("bgapi echo "))
    } else if channel.starts_with("dies-") {
        let headers = [
            ("Event-Name", "CHANNEL_HANGUP_COMPLETE"),
            ("Unique-ID", &*channel),
            ("Hangup-Cause", "NORMAL_CLEARING"),
        ];
        event(&headers, "")
    } else if command.starts_with("sendmsg") {
        let headers = [
            ("Event-Name", "CHANNEL_EXECUTE_COMPLETE"),
            ("Unique-ID", &*channel),
            ("Application-UUID", &*line("event-uuid: ")),
            ("Application-Response", &*line("execute-app-arg: ")),
        ];
        event(&headers, "")
    } else {
        String::new()
    };
    if command.len().is_multiple_of(2) {
        done + &reply("+OK")
    } else {
        reply("+OK") + &done
    }
}

async fn read(
    mut near: ReadHalf<DuplexStream>,
    most: usize,
    answers: mpsc::UnboundedSender<String>,
) {
    let mut seen = Vec::new();
    for _ in 0..most {
        let Ok(byte) = near.read_u8().await else {
            return;
        };
        seen.push(byte);
        if seen.ends_with(b"\n\n") {
            let command = String::from_utf8(std::mem::take(&mut seen)).unwrap();
            if answers.send(answer(&command)).is_err() {
                return;
            }
        }
    }
}

/// Writes in pieces of these sizes, until `end`.
pub async fn switch(stream: DuplexStream, pieces: Vec<usize>, end: End) {
    let (near, mut far) = split(stream);
    let (sender, mut answers) = mpsc::unbounded_channel();
    let (mut bytes, goodbye, reads) = match end {
        End::Never => (usize::MAX, usize::MAX, usize::MAX),
        End::AtByte(bytes) => (bytes, usize::MAX, usize::MAX),
        End::Goodbye(answers) => (usize::MAX, answers, usize::MAX),
        End::Deaf(reads) => (usize::MAX, usize::MAX, reads),
    };
    let reading = tokio::spawn(read(near, reads, sender));
    let mut sizes = pieces.into_iter().cycle();
    let mut answered = 0;
    'all: loop {
        let text = if answered == goodbye {
            "Content-Type: text/disconnect-notice\nContent-Length: 0\n\n".to_owned()
        } else if let Some(answer) = answers.recv().await {
            answer
        } else {
            break;
        };
        let mut rest = text.as_bytes();
        while !rest.is_empty() {
            let size = sizes.next().unwrap().min(rest.len()).min(bytes);
            let (piece, after) = rest.split_at(size);
            if far.write_all(piece).await.is_err() {
                break 'all;
            }
            (rest, bytes) = (after, bytes - size);
            if bytes == 0 {
                break 'all;
            }
            tokio::task::yield_now().await;
        }
        if answered == goodbye {
            break;
        }
        answered += 1;
    }
    reading.abort();
    // The stream closes when both halves are gone.
    let _ = reading.await;
}
