//! A phone holds the call, and takes it up again or not.

use serde_json::Value;

use crate::details::events::Event;
use crate::details::live::told;
use crate::details::made::Made;

/// What the phone sent last.
const HOLDS: &str = "v=0\r\no=- 1 2 IN IP4 192.0.2.1\r\nm=audio 4000 RTP/AVP 0\r\na=sendonly\r\n";
const TALKS: &str = "v=0\r\no=- 1 3 IN IP4 192.0.2.1\r\nm=audio 4000 RTP/AVP 0\r\na=sendrecv\r\n";

fn leg() -> Made<'static> {
    Made {
        ended: "2026-11-23T12:00:09.000Z",
        ..Made::inbound_call("call-1", &[])
    }
}

/// Returns an event at this second of the call.
fn at(event: Event, second: i64) -> Event {
    let us = (1_795_435_200 + second) * 1_000_000;
    event.with("Event-Date-Timestamp", &us.to_string())
}

fn hold(name: &str, sdp: &str, second: i64) -> Event {
    let event = leg().event(name).with("variable_switch_r_sdp", sdp);
    let answered = leg()
        .answer()
        .text("Caller-Channel-Answered-Time")
        .to_owned();
    at(
        event.with("Caller-Channel-Answered-Time", &answered),
        second,
    )
}

fn kinds(events: &[Event]) -> Vec<String> {
    let kind = |event: &Value| {
        let time = event["time"].as_str().unwrap();
        format!(
            "{} {}",
            &event["type"].as_str().unwrap()[5..],
            &time[17..19]
        )
    };
    told(events).iter().map(kind).collect()
}

#[test]
fn a_call_is_held_and_resumed_each_time() {
    let events = [
        at(leg().create(), 0),
        at(leg().answer(), 1),
        hold("CHANNEL_HOLD", HOLDS, 3),
        hold("CHANNEL_UNHOLD", TALKS, 5),
        hold("CHANNEL_HOLD", HOLDS, 6),
        hold("CHANNEL_HOLD", HOLDS, 6),
        hold("CHANNEL_UNHOLD", TALKS, 8),
        at(leg().complete(), 9),
    ];
    assert_eq!(
        kinds(&events),
        [
            "started 00",
            "answered 01",
            "held 03",
            "resumed 05",
            "held 06",
            "resumed 08",
            "ended 09"
        ]
    );
}

/// The switch says `CHANNEL_UNHOLD` before the hang-up of a leg on hold.
#[test]
fn a_call_that_ends_on_hold_is_not_resumed() {
    let events = [
        at(leg().create(), 0),
        at(leg().answer(), 1),
        hold("CHANNEL_HOLD", HOLDS, 3),
        hold("CHANNEL_UNHOLD", HOLDS, 9),
        at(leg().hangup(), 9),
        at(leg().complete(), 9),
    ];
    assert_eq!(
        kinds(&events),
        ["started 00", "answered 01", "held 03", "ended 09"]
    );
}
