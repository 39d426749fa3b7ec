//! Defines the work that is measured, on a real switch's bytes. The benchmarks and the instruction
//! counts share it.

use std::collections::BTreeMap;
use std::hint::black_box;

use crate::{captures, events, ledgers};
use eslclient::{Command, Decoder, Event, Limits};
use switchhook_core::sanitize::inert;

/// A capture of a recorded call of two legs.
const CALL: &str = "outbound-customer-then-agent-recorded";

/// Returns the event of a hang-up, which has most headers, in wire format.
pub fn hangup(json: bool) -> Vec<u8> {
    let frames = captured(json, CALL).into_iter();
    let hangups = frames.filter(|frame| has(frame, "CHANNEL_HANGUP_COMPLETE"));
    hangups.max_by_key(Vec::len).expect("a call hangs up")
}

/// Returns the event of another call's creation: one of the smaller events, with 128 headers.
pub fn creation(json: bool) -> Vec<u8> {
    let frames = captured(json, "inbound-caller-hangs-up").into_iter();
    let mut creations = frames.filter(|frame| has(frame, "CHANNEL_CREATE"));
    creations.next().expect("a call begins")
}

fn captured(json: bool, call: &str) -> Vec<Vec<u8>> {
    let folder = crate::captures_folder();
    let file = if json {
        folder.join("json_events")
    } else {
        folder
    };
    captures::received(file.join(format!("{call}.esl")))
}

fn has(frame: &[u8], event: &str) -> bool {
    let text = String::from_utf8_lossy(frame);
    // This skips the reply that names the subscribed events.
    text.contains(event) && text.contains("text/event-")
}

pub fn decode(bytes: &[u8]) -> Event {
    let mut decoder = Decoder::new(Limits::default());
    decoder.feed(bytes);
    let frame = decoder.next_frame().unwrap().unwrap();
    frame.into_event(&Limits::default()).unwrap()
}

/// Decodes an event and reads every header, to measure the cost of reading.
pub fn decode_and_read(bytes: &[u8]) -> usize {
    decode(bytes)
        .iter()
        .map(|(name, value)| name.len() + value.len())
        .sum()
}

/// Decodes JSON as crates do that leave it to serde_json (eslrs, freeswitch-esl).
pub fn serde_json_of(bytes: &[u8]) -> serde_json::Value {
    let body = bytes.windows(2).position(|pair| pair == b"\n\n").unwrap() + 2;
    serde_json::from_slice(&bytes[body..]).unwrap()
}

/// Returns the commands with which a call leaves, as bytes.
pub fn encode() -> Vec<u8> {
    let uuid = "9dbf52a2-a7ba-4e4b-9288-d8fcfdbaf8fe";
    let mut out = Vec::new();
    Command::break_(uuid, true).unwrap().encode(&mut out);
    for name in ["status", "status_code", "duration", "raw", "error"] {
        let name = format!("flow.key.response_{name}");
        let value = "{\"customer\":{\"name\":\"Anna\"},\"queue\":\"gold\"}";
        Command::set_variable(uuid, &name, value)
            .unwrap()
            .encode(&mut out);
    }
    Command::sched_del(7).unwrap().encode(&mut out);
    Command::resume().encode(&mut out);
    Command::exit().encode(&mut out);
    out
}

/// Returns a kilobyte that needs no escapes, and a kilobyte that needs many.
pub fn values() -> [String; 2] {
    [
        "Anna Müller, Köln; $100. ".repeat(40),
        "a ${strftime(%Y)} b \\${c} ".repeat(46),
    ]
}

/// Builds all documents of the captured call from its decoded events.
pub fn documents(events: &[events::Event]) -> usize {
    ledgers::documents(&ledgers::calls(events)).len()
}

pub fn call_events() -> Vec<events::Event> {
    events::of_capture("json_events", CALL)
}

/// A piece of work that can be repeated.
pub type Work = Box<dyn FnMut()>;

/// Returns all pieces of work by name, for counting.
pub fn all() -> BTreeMap<&'static str, Work> {
    let mut all: BTreeMap<&'static str, Work> = BTreeMap::new();
    for json in [false, true] {
        let small = creation(json);
        let name = match json {
            true => "decode a small JSON event",
            false => "decode a small plain event",
        };
        all.insert(name, Box::new(move || drop(black_box(decode(&small)))));
        let bytes = hangup(json);
        let (index, read) = match json {
            true => ("decode a JSON event", "decode a JSON event, read all"),
            false => ("decode a plain event", "decode a plain event, read all"),
        };
        let again = bytes.clone();
        all.insert(index, Box::new(move || drop(black_box(decode(&bytes)))));
        all.insert(
            read,
            Box::new(move || {
                black_box(decode_and_read(&again));
            }),
        );
    }
    let bytes = hangup(true);
    let with_serde = move || drop(black_box(serde_json_of(&bytes)));
    all.insert("decode a JSON event, serde_json", Box::new(with_serde));
    all.insert(
        "encode the leaving of a call",
        Box::new(|| drop(black_box(encode()))),
    );
    let [plain, hostile] = values();
    all.insert(
        "make 1 KB inert, nothing to do",
        Box::new(move || drop(black_box(inert(&plain)))),
    );
    all.insert(
        "make 1 KB inert, hostile",
        Box::new(move || drop(black_box(inert(&hostile)))),
    );
    let events = call_events();
    let document = move || {
        black_box(documents(&events));
    };
    all.insert("ledger and document of a call", Box::new(document));
    all
}

/// Returns the header counts and sizes of the two events, to read the figures by.
pub fn sizes() -> String {
    let size = |bytes: Vec<u8>| {
        let headers = decode(&bytes).len();
        format!("{headers} headers in {} bytes", bytes.len())
    };
    let [plain, json] = [false, true].map(|json| size(hangup(json)));
    let small = [false, true].map(|json| size(creation(json)));
    format!(
        "plain event: {plain}, small {}; JSON event: {json}, small {}",
        small[0], small[1]
    )
}
