//! The switch of a recorded call: answers the n-th command as it answered the n-th command, not
//! before the time at which it did, and says by itself what it said, when it did.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};
use tokio::time::{Instant, sleep_until};

/// A command that the recording knows nothing of.
const UNKNOWN: &[u8] = b"Content-Type: command/reply\nReply-Text: +OK\n\n";

/// One frame, and when it came.
#[derive(Debug, Clone, Default)]
pub(super) struct Frame {
    pub at: Duration,
    pub bytes: Vec<u8>,
}

/// All that it says.
#[derive(Debug, Clone, Default)]
pub(super) struct Script {
    pub replies: VecDeque<Frame>,
    pub unsolicited: VecDeque<Frame>,
    pub closed: Option<Duration>,
}

/// Plays it until either side closes; what was said to it.
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
                        // The end: what is still said to it is read, nothing is answered.
                        drop(stream.shutdown().await);
                        drop(stream.read_to_end(&mut sent).await);
                        return sent;
                    }
                }
            }
        }
    }
}

/// The length of the command at the start of `bytes`, once it is whole.
fn command(bytes: &[u8]) -> Option<usize> {
    frame(bytes, "content-length:")
}

/// The frames of what the switch said, each with where it ends.
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

/// Headers up to an empty line, and a body of the length that they say. The reply to `connect`
/// has the channel's own headers, whose Content-Length would be one of a body that is not there.
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
