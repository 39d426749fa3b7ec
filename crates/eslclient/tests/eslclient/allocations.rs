//! The allocations of decoding.

#![allow(clippy::unwrap_used, reason = "a test that panics has failed")]

use test_support::captures;

use eslclient::{ContentType, Decoder, Event, Limits};

fn event(bytes: &[u8]) -> Event {
    let mut decoder = Decoder::new(Limits::default());
    decoder.feed(bytes);
    let frame = decoder.next_frame().unwrap().unwrap();
    frame.into_event(&Limits::default()).unwrap()
}

#[test]
fn an_event_costs_three_allocations_and_its_accessors_none() {
    let mut events = 0;
    for path in captures::all() {
        for bytes in captures::received(&path) {
            let mut decoder = Decoder::new(Limits::default());
            decoder.feed(&bytes);
            let kind = decoder.next_frame().unwrap().unwrap().content_type();
            if !matches!(kind, ContentType::EventPlain | ContentType::EventJson) {
                continue;
            }
            let mut decoded = None;
            let cost = allocation_counter::measure(|| decoded = Some(event(&bytes)));
            assert_eq!(cost.count_total, 3, "{}", path.display());
            // The bytes once and an index, without a copy for each header.
            assert!(cost.bytes_total < 2 * bytes.len() as u64 + 4096);
            let decoded = decoded.unwrap();
            let reading = allocation_counter::measure(|| {
                assert!(decoded.get("Unique-ID").is_some() || decoded.get("Event-Name").is_some());
                assert!(decoded.variable("no_such_variable").is_none());
                let _ = (decoded.unique_id(), decoded.hangup_cause());
                let _ = (decoded.channel_state(), decoded.answer_state());
            });
            assert_eq!(reading.count_total, 0);
            events += 1;
        }
    }
    assert!(events >= 170);
}

#[test]
fn events_that_arrive_together_cost_four_allocations_each_at_most() {
    let path = captures::all().remove(0);
    let frames: Vec<_> = captures::received(&path)
        .into_iter()
        .filter(|bytes| bytes.len() > 1024)
        .collect();
    let together = frames.concat();
    let cost = allocation_counter::measure(|| {
        let mut decoder = Decoder::new(Limits::default());
        decoder.feed(&together);
        while let Some(frame) = decoder.next_frame().unwrap() {
            frame.into_event(&Limits::default()).unwrap();
        }
    });
    assert!(
        cost.count_total <= 4 * frames.len() as u64,
        "{}",
        cost.count_total
    );
    assert_eq!(cost.count_current, 0);
}
