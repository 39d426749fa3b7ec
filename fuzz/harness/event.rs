//! An event's text to its headers: every way of asking for a value says the same.

use eslclient::{Decoder, Event, Limits};

const LIMITS: Limits = Limits {
    header_bytes: 16 * 1024,
    headers: 256,
    body_bytes: 256 * 1024,
};

/// The first byte says which form of event the rest is.
pub fn run(data: &[u8]) {
    let Some((&form, text)) = data.split_first() else {
        return;
    };
    let bytes = match form % 3 {
        0 => framed("text/event-plain", text),
        1 => framed("text/event-json", text),
        _ => [
            b"Event-Name: CHANNEL_DATA\n",
            text,
            b"\nContent-Type: command/reply\n\n",
        ]
        .concat(),
    };
    let mut decoder = Decoder::new(LIMITS);
    decoder.feed(&bytes);
    while let Ok(Some(frame)) = decoder.next_frame() {
        if let Ok(event) = frame.into_event(&LIMITS) {
            read(&event);
        }
    }
}

fn framed(kind: &str, text: &[u8]) -> Vec<u8> {
    let head = format!("Content-Length: {}\nContent-Type: {kind}\n\n", text.len());
    [head.as_bytes(), text].concat()
}

fn read(event: &Event) {
    assert!(event.len() <= LIMITS.headers);
    assert_eq!(event.is_empty(), event.iter().next().is_none());
    for (name, value) in event.iter() {
        // A name that is there twice is asked for as its first.
        let first = event.get(&name);
        assert!(first.is_some(), "{name:?} is listed and not found");
        assert!(event.raw_and_decoded(&name).is_some());
        // Only an array without elements has no value.
        let all = event.values(&name);
        assert!(!all.is_empty() || first.as_deref() == Some("ARRAY::"));
        assert!(value.len() <= LIMITS.body_bytes * 3);
        if let Some(variable) = name.strip_prefix("variable_") {
            assert_eq!(event.variable(variable), first);
        }
    }
    let _ = (event.name(), event.body(), event.format());
}
