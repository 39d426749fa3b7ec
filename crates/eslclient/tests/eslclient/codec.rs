//! The codec on bytes that no capture has: unusual, hostile, beyond limits.

#![allow(clippy::unwrap_used, reason = "a test that panics has failed")]

use eslclient::{ContentType, DecodeError, Decoder, Event, Frame, Limits};

pub fn tight() -> Limits {
    Limits {
        header_bytes: 200,
        headers: 4,
        body_bytes: 1000,
    }
}

fn decoded(limits: Limits, bytes: &[u8]) -> Result<Option<Frame>, DecodeError> {
    let mut decoder = Decoder::new(limits);
    decoder.feed(bytes);
    decoder.next_frame()
}

fn frame(bytes: &[u8]) -> Frame {
    decoded(Limits::default(), bytes).unwrap().unwrap()
}

pub fn event(kind: &str, body: &[u8]) -> Result<Event, DecodeError> {
    let head = format!(
        "Content-Length: {}\nContent-Type: text/event-{kind}\n\n",
        body.len()
    );
    frame(&[head.as_bytes(), body].concat()).into_event(&Limits::default())
}

pub fn plain(body: &str) -> Event {
    event("plain", body.as_bytes()).unwrap()
}

fn json(body: &str) -> Event {
    event("json", body.as_bytes()).unwrap()
}

#[test]
fn an_ambiguous_content_length_is_an_error() {
    for (head, fault) in [
        (
            "Content-Length: 3\nContent-Length: 3\n\n",
            DecodeError::TwoContentLengths,
        ),
        (
            "Content-Length: 3\ncontent-length: 9\n\n",
            DecodeError::TwoContentLengths,
        ),
        ("Content-Length: -3\n\n", DecodeError::BadContentLength),
        ("Content-Length: +3\n\n", DecodeError::BadContentLength),
        ("Content-Length: 3x\n\n", DecodeError::BadContentLength),
        ("Content-Length: 0x3\n\n", DecodeError::BadContentLength),
        ("Content-Length:\n\n", DecodeError::BadContentLength),
        ("Content-Length: 3 4\n\n", DecodeError::BadContentLength),
    ] {
        assert_eq!(
            decoded(Limits::default(), head.as_bytes()),
            Err(fault),
            "{head:?}"
        );
    }
}

#[test]
fn every_limit_holds_to_the_byte() {
    let too_long = |announced| DecodeError::BodyTooLong {
        announced,
        limit: 1000,
    };
    let body = |length: u64| format!("Content-Length: {length}\n\n");
    assert_eq!(decoded(tight(), body(1000).as_bytes()), Ok(None));
    assert_eq!(decoded(tight(), body(1001).as_bytes()), Err(too_long(1001)));
    let huge = b"Content-Length: 99999999999999999999999999\n\n";
    assert_eq!(decoded(tight(), huge), Err(too_long(u64::MAX)));

    let four = "A: 1\nB: 2\nC: 3\nD: 4\n";
    assert!(
        decoded(tight(), format!("{four}\n").as_bytes())
            .unwrap()
            .is_some()
    );
    let five = format!("{four}E: 5\n\n");
    let fault = DecodeError::TooManyHeaders { limit: 4 };
    assert_eq!(decoded(tight(), five.as_bytes()), Err(fault));

    let head = |bytes: usize| format!("A: {}\n\n", "x".repeat(bytes - 5));
    assert!(decoded(tight(), head(200).as_bytes()).unwrap().is_some());
    let fault = DecodeError::HeadTooLong { limit: 200 };
    assert_eq!(decoded(tight(), head(201).as_bytes()), Err(fault.clone()));
    // A head without an end fails as soon as it is too long.
    assert_eq!(decoded(tight(), "x".repeat(200).as_bytes()), Ok(None));
    assert_eq!(decoded(tight(), "x".repeat(201).as_bytes()), Err(fault));
}

#[test]
fn an_event_with_too_many_headers_is_refused_in_both_formats() {
    let limits = tight();
    let fault = Err(DecodeError::TooManyHeaders { limit: 4 });
    let plain = "Content-Length: 21\nContent-Type: text/event-plain\n\nA: 1\nA: 1\nA: 1\nA: 1\n\n";
    let mut frames = vec![decoded(limits, plain.as_bytes()).unwrap().unwrap()];
    assert!(frames.remove(0).into_event(&limits).is_ok());
    let plain =
        "Content-Length: 26\nContent-Type: text/event-plain\n\nA: 1\nA: 1\nA: 1\nA: 1\nA: 1\n\n";
    let five = decoded(limits, plain.as_bytes()).unwrap().unwrap();
    assert_eq!(five.into_event(&limits), fault);
    let json = "Content-Length: 41\nContent-Type: text/event-json\n\n\
        {\"A\":\"1\",\"A\":\"1\",\"A\":\"1\",\"A\":\"1\",\"A\":\"1\"}";
    let five = decoded(limits, json.as_bytes()).unwrap().unwrap();
    assert_eq!(five.into_event(&limits), fault);
}

#[test]
fn after_an_error_the_decoder_repeats_it_and_holds_no_memory() {
    let mut decoder = Decoder::new(Limits::default());
    decoder.feed(b"no colon here\n\nContent-Type: auth/request\n\n");
    assert_eq!(decoder.next_frame(), Err(DecodeError::BadHeader));
    assert_eq!(decoder.memory(), 0);
    decoder.feed(b"Content-Type: auth/request\n\n");
    assert_eq!(decoder.next_frame(), Err(DecodeError::BadHeader));
}

#[test]
fn an_announced_body_that_does_not_arrive_costs_almost_no_memory() {
    let mut decoder = Decoder::new(Limits::default());
    decoder.feed(b"Content-Length: 8388608\n\n");
    assert_eq!(decoder.next_frame(), Ok(None));
    decoder.feed(b"x");
    assert_eq!(decoder.next_frame(), Ok(None));
    assert!(decoder.memory() <= 32 * 1024, "{}", decoder.memory());
}

#[test]
fn carriage_returns_and_blank_lines_between_frames_are_accepted() {
    let bytes = b"\r\n\n\nContent-Type: api/response\r\nContent-Length: 3\r\n\r\nabc\n\
        Content-Type: auth/request\n\n";
    let mut decoder = Decoder::new(Limits::default());
    decoder.feed(bytes);
    let first = decoder.next_frame().unwrap().unwrap();
    assert_eq!(first.content_type(), ContentType::ApiResponse);
    assert_eq!(first.body(), b"abc");
    let second = decoder.next_frame().unwrap().unwrap();
    assert_eq!(second.content_type(), ContentType::AuthRequest);
    assert_eq!(decoder.next_frame(), Ok(None));
    assert_eq!(decoder.memory(), 0);
    let event = plain("Event-Name: X\r\nA: 1\r\n\r\nbody");
    assert_eq!(event.get("A").unwrap(), "1");
    assert_eq!(event.body(), "body");
}

#[test]
fn a_plain_event_must_end_with_a_blank_line() {
    for body in ["Event-Name: X\nA: 1", "Event-Name: X\nA: 1\n", ""] {
        assert_eq!(event("plain", body.as_bytes()), Err(DecodeError::CutEvent));
    }
    let fault = event("plain", b"Event-Name: X\nno colon\n\n");
    assert_eq!(fault, Err(DecodeError::BadHeader));
}

#[test]
fn the_body_of_a_plain_event_ends_with_the_frame() {
    // A `sendevent` with a body carries the length twice.
    let event = plain("Event-Name: CUSTOM\ncontent-length: 9\nContent-Length: 5\n\nhello");
    assert_eq!(event.body(), "hello");
    assert_eq!(event.values("Content-Length"), ["9", "5"]);
    assert_eq!(plain("Event-Name: X\n\n").body(), "");
}

#[test]
fn headers_match_in_any_case_and_the_first_wins() {
    let event = plain("Event-Name: X\nVia: one\nVia: two\nvariable_Foo.Bar: 1\n\n");
    assert_eq!(event.get("event-NAME").unwrap(), "X");
    assert_eq!(event.get("Via").unwrap(), "one");
    assert_eq!(event.values("via"), ["one", "two"]);
    assert_eq!(event.variable("foo.bar").unwrap(), "1");
    assert_eq!(event.get("Vi"), None);
    assert_eq!(event.variable("foo"), None);
}

#[test]
fn percent_escapes_decode_once_and_malformed_ones_stay() {
    let event = plain("A: %41%2541%zz%4\nB: %ff%C3%A9\nC:  two\nD:none\n\n");
    assert_eq!(event.get("A").unwrap(), "A%41%zz%4");
    assert_eq!(event.get("B").unwrap(), "\u{fffd}é");
    assert_eq!(event.get("C").unwrap(), " two");
    assert_eq!(event.get("D").unwrap(), "none");
}

#[test]
fn an_array_reads_the_same_in_both_formats() {
    let plain = plain("list: ARRAY%3A%3Aa%7C%3Ab%20c\n\n");
    let json = json(r#"{"list": [ "a" , "b c" ], "none":[], "one":["\u0041"]}"#);
    for event in [&plain, &json] {
        assert_eq!(event.get("list").unwrap(), "ARRAY::a|:b c");
        assert_eq!(event.values("list"), ["a", "b c"]);
    }
    assert_eq!(json.get("none").unwrap(), "ARRAY::");
    assert!(json.values("none").is_empty());
    assert_eq!(json.values("one"), ["A"]);
}

#[test]
fn json_escapes_decode_in_values_and_names() {
    let event = json(
        r#"{"A":"\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00","half":"\ud83dx\ude00\ud83d","B\u0042":"bb","variable_\u0061":"v","E":""}"#,
    );
    assert_eq!(event.get("A").unwrap(), "\"\\/\u{8}\u{c}\n\r\té😀");
    assert_eq!(event.get("half").unwrap(), "\u{fffd}x\u{fffd}\u{fffd}");
    assert_eq!(event.get("BB").unwrap(), "bb");
    assert_eq!(event.variable("a").unwrap(), "v");
    assert_eq!(event.get("E").unwrap(), "");
    let names: Vec<_> = event.iter().map(|(name, _)| name.into_owned()).collect();
    assert_eq!(names, ["A", "half", "BB", "variable_a", "E"]);
}

#[test]
fn invalid_utf8_becomes_a_replacement_character() {
    let odd = event("json", b"{\"a\":\"x\xffy\",\"b\":\"\xe2\x82\",\"c\":\"1\"}").unwrap();
    assert_eq!(odd.get("a").unwrap(), "x\u{fffd}y");
    assert_eq!(odd.get("b").unwrap(), "\u{fffd}");
    assert_eq!(odd.get("c").unwrap(), "1");
    let head = b"X-\xff: 1\nContent-Length: 12\nContent-Type: text/event-plain\n\n";
    let odd = frame(&[head.as_slice(), b"a\xc3: \xff\nb: 2\n\n"].concat()[..head.len() + 12]);
    let odd = odd.into_event(&Limits::default()).unwrap();
    assert_eq!(odd.get("a\u{fffd}").unwrap(), "\u{fffd}");
    assert_eq!(odd.get("b").unwrap(), "2");
}

#[test]
fn the_body_of_a_json_event_is_not_a_header() {
    let event = json(r#"{"Event-Name":"BACKGROUND_JOB","Content-Length":"4","_body":"+OK\n"}"#);
    assert_eq!(event.name(), "BACKGROUND_JOB");
    assert_eq!(event.body(), "+OK\n");
    assert_eq!(event.get("_body"), None);
    assert_eq!(event.len(), 2);
    assert_eq!(json("{}").body(), "");
    assert!(json(" { } ").is_empty());
    let bare = json(r#"{"a": 12.5e-3, "b": true, "c": null}"#);
    assert_eq!(bare.get("a").unwrap(), "12.5e-3");
    assert_eq!(bare.get("b").unwrap(), "true");
}

#[test]
fn malformed_json_is_an_error_with_its_position() {
    for body in [
        "",
        "[]",
        "{",
        "{\"a\"",
        "{\"a\":}",
        "{\"a\":\"b\"",
        "{\"a\":\"b\",}",
        "{\"a\":\"b\"} x",
        "{\"a\":{}}",
        "{\"a\":[[]]}",
        "{\"a\":[\"b\",]}",
        "{\"a\":[\"b\"",
        "{\"a\":\"\\x\"}",
        "{\"a\":\"\\u12\"}",
        "{\"a\":\"\\u12g4\"}",
        "{\"a\":\"\\",
        "{a:\"b\"}",
        "{\"a\" \"b\"}",
        "{\"a\":\"b\" \"c\":\"d\"}",
    ] {
        let found = event("json", body.as_bytes());
        assert!(
            matches!(found, Err(DecodeError::BadJson { at }) if at <= body.len()),
            "{body:?}"
        );
    }
}

#[test]
fn a_frame_without_an_event_is_an_error() {
    let reply = frame(b"Content-Type: command/reply\nReply-Text: +OK\n\n");
    assert_eq!(
        reply.into_event(&Limits::default()),
        Err(DecodeError::NotAnEvent)
    );
    // Only a reply that begins with Event-Name is the channel's data.
    let forged = frame(b"Content-Type: command/reply\nEvent-Name: CHANNEL_DATA\n\n");
    assert!(!forged.is_encoded());
}

#[test]
fn unknown_content_types_keep_their_text() {
    let odd = frame(b"Content-Type: text/new\nContent-Length: 1\n\nx");
    assert_eq!(odd.content_type(), ContentType::Other);
    assert_eq!(odd.header("content-type").unwrap(), "text/new");
    assert_eq!(odd.header("absent"), None);
    assert_eq!(frame(b"A: b\n\n").content_type(), ContentType::Other);
}

#[test]
fn debug_shows_what_is_there_and_shortens_what_is_long() {
    let event = plain("Event-Name: X\nvariable_a: 100%2525\n\nbody");
    assert_eq!(
        format!("{event:?}"),
        r#"{"Event-Name": "X", "variable_a": "100%25", "_body": "body"}"#
    );
    let reply = frame(b"A: b\nContent-Length: 2\n\nok");
    assert_eq!(
        format!("{reply:?}"),
        r#"{"A": "b", "Content-Length": "2", "_body": "ok"}"#
    );
    let long = plain(&format!("Event-Name: X\na: {}\n\n", "é".repeat(5000)));
    let shown = format!("{long:?}");
    assert!(
        shown.len() < 700 && shown.contains("… (10000 bytes)"),
        "{shown}"
    );
}
