//! Compares the simulated switch with the wire of a real one.
//!
//! The test plays the client's side of each `socket-*` capture to the simulated switch over a real
//! loopback socket. It compares every frame that comes back with the capture, header by header, in
//! order.
//!
//! The test normalises values that differ from call to call: UUIDs; times and durations (zero
//! stays zero); `Event-Sequence` and `session_id`; the port of the service; values that the phones
//! generate (Call-ID, tags, Via branch); ports and SSRC of media; counters of media packets; the
//! length of an event, which follows from these. It compares everything else byte for byte, still
//! percent-encoded.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::time::Duration;

use switchhook_sim::switch::{Call, Caller, Cause, HandOver, Left, Pace, Switch};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::lab::common::{is_per_call, is_time};

enum Step {
    Client(String),
    Switch(Frame),
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Frame {
    headers: Vec<(String, String)>,
    /// Headers of an event, or lines of another body.
    body: Vec<(String, String)>,
}

fn header_lines(text: &str) -> Vec<(String, String)> {
    let split = |line: &str| {
        line.split_once(": ")
            .map_or((line.into(), String::new()), |(n, v)| (n.into(), v.into()))
    };
    text.lines()
        .filter(|line| !line.is_empty())
        .map(split)
        .collect()
}

/// Returns the frame at the start of `text` and the text after it, or `None` if the frame is
/// incomplete.
fn frame(text: &str) -> Option<(Frame, &str)> {
    let end = text.find("\n\n")? + 2;
    let headers = header_lines(&text[..end]);
    let length = headers.iter().find(|(name, _)| name == "Content-Length");
    let length = length.map_or(0, |(_, length)| length.parse::<usize>().unwrap());
    let body = text.get(end..end + length)?;
    Some((
        Frame {
            headers,
            body: header_lines(body),
        },
        &text[end + length..],
    ))
}

fn steps(capture: &str) -> Vec<Step> {
    let (mut steps, mut rest) = (Vec::new(), capture);
    while !rest.is_empty() {
        let (marker, after) = rest.split_once('\n').unwrap();
        if marker.starts_with(">>> ") {
            let end = after.find("\n\n").unwrap() + 2;
            steps.push(Step::Client(after[..end].to_owned()));
            rest = &after[end..];
        } else {
            assert!(marker.starts_with("<<< "), "{marker:?}");
            let (frame, left) = frame(after).unwrap();
            steps.push(Step::Switch(frame));
            rest = left;
        }
    }
    steps
}

fn normal(frame: &Frame, uuid: &str, service: &str) -> Frame {
    let value = |name: &str, value: &str| {
        let value = value
            .replace(uuid, "UUID")
            .replace(&service.replace(':', "%3A"), "SERVICE");
        if is_per_call(name) || name == "Application-UUID" {
            "*".to_owned()
        } else if is_time(name) && value != "0" {
            "time".to_owned()
        } else {
            value
        }
    };
    let all = |headers: &[(String, String)], event: bool| {
        headers
            .iter()
            .map(|(name, text)| {
                let length = event && name == "Content-Length";
                (
                    name.clone(),
                    if length {
                        "*".into()
                    } else {
                        value(name, text)
                    },
                )
            })
            .collect()
    };
    let event = frame
        .headers
        .iter()
        .any(|(_, value)| value.starts_with("text/event"));
    Frame {
        headers: all(&frame.headers, event),
        body: all(&frame.body, false),
    }
}

struct Client {
    stream: TcpStream,
    read: String,
}

impl Client {
    async fn frame(&mut self) -> Frame {
        loop {
            if let Some((found, rest)) = frame(&self.read) {
                let rest = rest.to_owned();
                self.read = rest;
                return found;
            }
            let mut chunk = vec![0; 65_536];
            let count = self.stream.read(&mut chunk).await.unwrap();
            assert!(
                count > 0,
                "the simulated switch closed; unread: {:?}",
                self.read
            );
            self.read
                .push_str(std::str::from_utf8(&chunk[..count]).unwrap());
        }
    }
}

fn value_of(frame: &Frame, name: &str) -> Option<String> {
    let mut all = frame.headers.iter().chain(&frame.body);
    all.find(|(key, _)| key == name)
        .map(|(_, value)| value.clone())
}

/// Compares line by line, so that a failure names the header.
fn compare(got: &Frame, expected: &Frame) {
    let lines = |frame: &Frame| -> Vec<(String, String)> {
        frame.headers.iter().chain(&frame.body).cloned().collect()
    };
    for (got, expected) in lines(got).iter().zip(lines(expected)) {
        assert_eq!(got, &expected);
    }
    assert_eq!(lines(got).len(), lines(expected).len());
}

async fn replay(name: &str, behaviour: Caller) -> Left {
    let path = format!(
        "{}/crates/eslclient/tests/captures/{name}.esl",
        env!("CARGO_MANIFEST_DIR")
    );
    let steps = steps(&std::fs::read_to_string(path).unwrap());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let service = listener.local_addr().unwrap().to_string();
    let call = Call {
        hosts: vec![service.clone()],
        caller_name: "sipp".into(),
        caller: "sipp".into(),
        variables: vec![("flow.key.leadid".into(), "HFC123".into())],
        hand_over: HandOver {
            resume: true,
            preset: false,
            way_out: None,
            own_timer: false,
            transfer: false,
        },
        behaviour,
        // The captured clients subscribed after the park.
        parks_after: Duration::ZERO,
        ..Call::default()
    };
    let switch = Switch::new("fs1", Pace::Ticked);
    let played = tokio::spawn(async move { switch.place(call).await });
    let (stream, _) = listener.accept().await.unwrap();
    let mut client = Client {
        stream,
        read: String::new(),
    };
    let (mut theirs, mut ours) = (String::new(), String::new());
    for step in &steps {
        match step {
            Step::Client(command) => {
                let command = if theirs.is_empty() {
                    command.clone()
                } else {
                    command.replace(&theirs, &ours)
                };
                client.stream.write_all(command.as_bytes()).await.unwrap();
            }
            Step::Switch(expected) => {
                let got = client.frame().await;
                if theirs.is_empty() {
                    theirs = value_of(expected, "Unique-ID").unwrap();
                    ours = value_of(&got, "Unique-ID").unwrap();
                }
                let expected = normal(expected, &theirs, "127.0.0.1:8084");
                compare(&normal(&got, &ours, &service), &expected);
            }
        }
    }
    assert_eq!(
        client.stream.read(&mut [0; 16]).await.unwrap(),
        0,
        "nothing comes after the goodbye"
    );
    let record = played.await.unwrap();
    assert_eq!(record.violations, Vec::<String>::new());
    record.left
}

#[tokio::test]
async fn a_call_held_and_released_to_line_0_looks_like_the_captured_one() {
    let left = replay("socket-hold-then-line-0", Caller::Waits).await;
    assert_eq!(left, Left::Released);
}

#[tokio::test]
async fn a_caller_who_hangs_up_on_hold_looks_like_the_captured_one() {
    let cause = Cause {
        name: "ORIGINATOR_CANCEL".into(),
        disposition: "send_bye",
    };
    let behaviour = Caller::HangsUp(Duration::from_secs(1), cause);
    let left = replay("socket-caller-hangs-up-on-hold", behaviour).await;
    assert_eq!(left, Left::HungUp);
}
