//! Every captured frame of a real switch, decoded by this crate and by freeswitch-esl-tokio,
//! which shares no code with it.

#![allow(clippy::unwrap_used, reason = "a test that panics has failed")]

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use eslclient::{ContentType, Decoder, Event, Frame, Limits};
use freeswitch_esl_tokio::{EslClient, EslEvent, EslResponse, normalize_header_key};
use proptest::prelude::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::captures;

fn decode(bytes: &[u8]) -> Vec<Frame> {
    let mut decoder = Decoder::new(Limits::default());
    decoder.feed(bytes);
    let frames = drain(&mut decoder);
    assert_eq!(decoder.pending(), 0);
    assert_eq!(decoder.memory(), 0);
    frames
}

fn drain(decoder: &mut Decoder) -> Vec<Frame> {
    std::iter::from_fn(|| decoder.next_frame().unwrap()).collect()
}

fn frame(bytes: &[u8]) -> Frame {
    let mut frames = decode(bytes);
    assert_eq!(frames.len(), 1);
    frames.remove(0)
}

fn is_event(frame: &Frame) -> bool {
    matches!(
        frame.content_type(),
        ContentType::EventPlain | ContentType::EventJson
    )
}

fn is_reply(frame: &Frame) -> bool {
    matches!(
        frame.content_type(),
        ContentType::CommandReply | ContentType::ApiResponse
    )
}

async fn stream_pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (near, far) = tokio::join!(TcpStream::connect(address), listener.accept());
    (near.unwrap(), far.unwrap().0)
}

async fn command(switch: &mut TcpStream) {
    let mut seen = Vec::new();
    while !seen.ends_with(b"\n\n") {
        seen.push(switch.read_u8().await.unwrap());
    }
}

/// Decodes event frames with the independent decoder.
async fn their_events(frames: &[Vec<u8>]) -> Vec<EslEvent> {
    let (near, mut switch) = stream_pair().await;
    let (_client, mut events) = EslClient::accept_outbound_stream(near);
    let bytes = frames.concat();
    let sending = tokio::spawn(async move {
        switch.write_all(&bytes).await.unwrap();
        switch
    });
    let mut theirs = Vec::new();
    while theirs.len() < frames.len() {
        theirs.push(events.recv().await.unwrap().unwrap());
    }
    sending.await.unwrap();
    theirs
}

/// Decodes a reply with the independent decoder.
async fn their_reply(bytes: &[u8], kind: ContentType) -> EslResponse {
    let (near, mut switch) = stream_pair().await;
    let (client, _events) = EslClient::accept_outbound_stream(near);
    let answering = async {
        command(&mut switch).await;
        switch.write_all(bytes).await.unwrap();
    };
    let asking = async {
        if kind == ContentType::ApiResponse {
            client.api("status").await.unwrap()
        } else {
            client.connect_session().await.unwrap()
        }
    };
    tokio::join!(asking, answering).0
}

fn same_event(ours: &Event, theirs: &EslEvent) {
    // The other decoder changes the case of some names. The switch writes Hangup-Cause twice.
    let theirs_by_name: HashMap<_, _> = theirs
        .headers()
        .iter()
        .map(|(name, value)| (name.to_ascii_lowercase(), value.as_str()))
        .collect();
    assert_eq!(theirs_by_name.len(), theirs.headers().len());
    for (name, value) in ours.iter() {
        let found = theirs_by_name.get(&name.to_ascii_lowercase()).copied();
        assert_eq!(ours.get(&name).as_deref(), Some(&*value), "get({name})");
        if let Some(variable) = name.strip_prefix("variable_") {
            assert_eq!(ours.variable(variable).as_deref(), Some(&*value));
        }
        if let Some(array) = found.filter(|found| found.starts_with("[\"")) {
            // The other decoder returns JSON for an array, this crate the plain notation.
            let elements: Vec<String> = serde_json::from_str(array).unwrap();
            assert_eq!(ours.values(&name), elements);
            assert_eq!(value, format!("ARRAY::{}", elements.join("|:")));
        } else {
            assert_eq!(found, Some(&*value), "{name} of {}", ours.name());
        }
    }
    let ours_by_name: HashSet<_> = ours
        .iter()
        .map(|(name, _)| name.to_ascii_lowercase())
        .collect();
    assert_eq!(ours_by_name.len(), theirs_by_name.len(), "{}", ours.name());
    assert_eq!(ours.body(), theirs.body().unwrap_or_default());
}

#[tokio::test]
async fn every_captured_event_equals_that_of_an_independent_decoder() {
    let mut compared = 0;
    for path in captures::all() {
        let frames: Vec<_> = captures::received(&path)
            .into_iter()
            .filter(|bytes| is_event(&frame(bytes)))
            .collect();
        let theirs = their_events(&frames).await;
        for (bytes, theirs) in frames.iter().zip(&theirs) {
            let ours = frame(bytes).into_event(&Limits::default()).unwrap();
            same_event(&ours, theirs);
            compared += 1;
        }
    }
    assert!(compared >= 170, "only {compared} events");
}

#[tokio::test]
async fn every_captured_reply_equals_that_of_an_independent_decoder() {
    let mut compared = 0;
    for path in captures::all() {
        for bytes in captures::received(&path) {
            let ours = frame(&bytes);
            if !is_reply(&ours) {
                continue;
            }
            let theirs = their_reply(&bytes, ours.content_type()).await;
            for (name, value) in ours.headers() {
                let found = theirs.headers().get(&normalize_header_key(&name));
                // The other decoder percent-decodes every head, this crate only the encoded
                // one. No other captured reply holds a `%`.
                assert_eq!(found.map(String::as_str), Some(&*value), "{name}");
            }
            assert_eq!(theirs.headers().len(), ours.headers().count());
            assert_eq!(theirs.body().unwrap_or_default(), ours.body_text());
            compared += 1;
        }
    }
    assert!(compared >= 60, "only {compared} replies");
}

#[test]
fn the_reply_to_connect_is_the_channel_and_the_only_head_that_is_decoded() {
    let path = captures::all()
        .into_iter()
        .find(|path| path.ends_with("socket-hold-then-line-0.esl"))
        .unwrap();
    let connect = frame(&captures::received(path)[0]);
    assert!(connect.is_encoded());
    assert_eq!(connect.header("reply-text").unwrap(), "+OK\n");
    let channel = connect.into_event(&Limits::default()).unwrap();
    assert_eq!(channel.name(), "CHANNEL_DATA");
    assert_eq!(
        channel.get("Channel-Name").unwrap(),
        "sofia/lab/sipp@127.0.0.1:5080"
    );
    assert_eq!(channel.variable("flow.key.leadid").unwrap(), "HFC123");
    assert_eq!(channel.variable("socket_path").unwrap(), "lookup");
    assert_eq!(channel.get("Control").unwrap(), "full");
    // The switch copies the filter into the reply without encoding.
    let raw = frame(b"Content-Type: command/reply\nReply-Text: +OK filter added. [x]=[%41]\n\n");
    assert_eq!(
        raw.header("Reply-Text").unwrap(),
        "+OK filter added. [x]=[%41]"
    );
}

#[test]
fn only_json_events_carry_percent_signs_exactly() {
    let plain =
        b"Content-Length: 29\nContent-Type: text/event-plain\n\nvariable_x: 100%25\nA: %2541\n\n";
    let plain = frame(plain).into_event(&Limits::default()).unwrap();
    // The stored value was `100%25`, whose `%25` the switch does not escape. No decoder of
    // plain events can restore it. `%2541` is decoded only once.
    assert_eq!(plain.variable("x").unwrap(), "100%");
    assert_eq!(plain.get("A").unwrap(), "%41");
    let json = br#"Content-Length: 25
Content-Type: text/event-json

{"variable_x": "100%25" }"#;
    let json = frame(json).into_event(&Limits::default()).unwrap();
    assert_eq!(json.variable("x").unwrap(), "100%25");
}

#[test]
fn frames_that_are_not_events_keep_their_lines_and_body() {
    let mut kinds = HashSet::new();
    for path in captures::all() {
        for bytes in captures::received(&path) {
            let ours = frame(&bytes);
            assert_eq!(ours.as_bytes(), bytes);
            kinds.insert(ours.content_type());
            if is_event(&ours) || ours.is_encoded() {
                continue;
            }
            let text = String::from_utf8(bytes.clone()).unwrap();
            let (head, body) = text.split_once("\n\n").unwrap();
            let expected: Vec<_> = head
                .lines()
                .map(|line| line.split_once(": ").unwrap())
                .map(|(name, value)| (Cow::Borrowed(name), Cow::Borrowed(value)))
                .collect();
            assert_eq!(ours.headers().collect::<Vec<_>>(), expected);
            assert_eq!(ours.body(), body.as_bytes());
        }
    }
    assert_eq!(kinds.len(), 6, "{kinds:?}");
}

#[test]
fn a_frame_that_arrives_byte_by_byte_is_the_same_frame() {
    for path in captures::all() {
        for bytes in captures::received(&path) {
            let mut decoder = Decoder::new(Limits::default());
            let (last, before) = bytes.split_last().unwrap();
            for byte in before {
                decoder.feed(&[*byte]);
                assert_eq!(decoder.next_frame(), Ok(None));
            }
            decoder.feed(&[*last]);
            assert_eq!(decoder.next_frame(), Ok(Some(frame(&bytes))));
            assert_eq!(decoder.memory(), 0);
        }
    }
}

#[test]
fn a_frame_cut_in_two_at_any_byte_is_the_same_frame() {
    for path in captures::all() {
        let frames = captures::received(&path);
        let event = frames.iter().find(|bytes| bytes.len() > 1024);
        let short = frames.iter().filter(|bytes| bytes.len() <= 1024);
        for bytes in short.chain(event) {
            let whole = frame(bytes);
            for cut in 1..bytes.len() {
                let mut decoder = Decoder::new(Limits::default());
                decoder.feed(&bytes[..cut]);
                assert_eq!(decoder.next_frame(), Ok(None), "cut at {cut}");
                decoder.feed(&bytes[cut..]);
                assert_eq!(decoder.next_frame().unwrap().as_ref(), Some(&whole));
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_whole_capture_in_chunks_of_any_size_is_the_same_frames(
        which in 0..17usize,
        sizes in prop::collection::vec(1..9000usize, 1..40),
    ) {
        let bytes = captures::received(&captures::all()[which]).concat();
        let whole = decode(&bytes);
        let mut decoder = Decoder::new(Limits::default());
        let mut frames = Vec::new();
        let mut rest = bytes.as_slice();
        for size in sizes.iter().cycle() {
            let (chunk, after) = rest.split_at(rest.len().min(*size));
            decoder.feed(chunk);
            frames.extend(drain(&mut decoder));
            rest = after;
            if rest.is_empty() {
                break;
            }
        }
        prop_assert_eq!(frames, whole);
        prop_assert_eq!(decoder.memory(), 0);
    }
}
