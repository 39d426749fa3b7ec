//! Plays the switch of a recorded call. The n-th command gets the n-th recorded reply, not before
//! its recorded time. Events come at their recorded times.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};
use tokio::time::{Instant, sleep_until};

/// The reply to a command beyond the recorded ones.
const UNKNOWN: &[u8] = b"Content-Type: command/reply\nReply-Text: +OK\n\n";

/// One frame and its time since the call began.
#[derive(Debug, Clone, Default)]
pub(super) struct Frame {
    pub at: Duration,
    pub bytes: Vec<u8>,
}

/// All that the switch sends: replies in order of the commands, frames of its own, and when it
/// closes.
#[derive(Debug, Clone, Default)]
pub(super) struct Script {
    pub replies: VecDeque<Frame>,
    pub unsolicited: VecDeque<Frame>,
    pub closed: Option<Duration>,
}

/// Plays the switch until either side closes. Returns the bytes that were sent to it.
pub(super) async fn play(mut stream: DuplexStream, mut script: Script, began: Instant) -> Vec<u8> {
    let (mut sent, mut read) = (Vec::new(), 0);
    let mut due: VecDeque<Frame> = VecDeque::new();
    let mut space = vec![0; 64 * 1024];
    loop {
        let next = [due.front(), script.unsolicited.front()]
            .into_iter()
            .flatten();
        let next = next.map(|frame| frame.at).min();
        let wake = next.or(script.closed).map(|at| began + at);
        let alarm = async {
            match wake {
                Some(at) => sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            got = stream.read(&mut space) => match got {
                Ok(0) | Err(_) => return sent,
                Ok(count) => {
                    sent.extend_from_slice(&space[..count]);
                    while let Some(length) = command(&sent[read..]) {
                        read += length;
                        due.push_back(script.replies.pop_front().unwrap_or_else(|| Frame {
                            at: began.elapsed(),
                            bytes: UNKNOWN.to_vec(),
                        }));
                    }
                }
            },
            () = alarm => {
                let is_reply = due.front().is_some_and(|frame| Some(frame.at) == next);
                let queue = if is_reply { &mut due } else { &mut script.unsolicited };
                match queue.pop_front() {
                    Some(frame) if stream.write_all(&frame.bytes).await.is_ok() => {}
                    Some(_) => return sent,
                    None => {
                        // The switch has closed: commands are still read, and not answered.
                        drop(stream.shutdown().await);
                        drop(stream.read_to_end(&mut sent).await);
                        return sent;
                    }
                }
            }
        }
    }
}

/// Returns the length of the command at the start of `bytes` once it is complete.
fn command(bytes: &[u8]) -> Option<usize> {
    frame(bytes, "content-length:")
}

/// Splits what the switch sent into frames, each with the offset of its end.
pub(super) fn frames(mut bytes: &[u8]) -> Vec<(&[u8], usize)> {
    let (mut all, mut end) = (Vec::new(), 0);
    while let Some(length) = frame(bytes, "content-length:") {
        let (one, rest) = bytes.split_at(length);
        end += length;
        all.push((one, end));
        bytes = rest;
    }
    all
}

/// Returns the length of the first frame: headers, an empty line, and a body of the given length.
/// The reply to `connect` carries the channel's headers; a Content-Length there belongs to a body
/// that is not sent.
fn frame(bytes: &[u8], length: &str) -> Option<usize> {
    let head = memchr::memmem::find(bytes, b"\n\n")? + 2;
    let text = String::from_utf8_lossy(&bytes[..head]);
    let body = text.lines().find_map(|line| {
        let name = line.get(..length.len())?;
        let value = name
            .eq_ignore_ascii_case(length)
            .then(|| &line[length.len()..])?;
        value.trim().parse::<usize>().ok()
    });
    let all = head + body.unwrap_or(0);
    (bytes.len() >= all).then_some(all)
}
