//! Typed causes and states, against the events of captured calls.

#![allow(clippy::unwrap_used, reason = "a test that panics has failed")]

use std::collections::HashSet;
use std::time::{Duration, UNIX_EPOCH};

use eslclient::{
    AnswerState, CallDirection, CallState, ChannelState, Decoder, Event, HangupCause, Limits,
};

use crate::captures;

/// Every event of every capture.
fn events() -> impl Iterator<Item = Event> {
    let frames = captures::all().into_iter().flat_map(captures::received);
    frames.filter_map(|bytes| {
        let mut decoder = Decoder::new(Limits::default());
        decoder.feed(&bytes);
        let frame = decoder.next_frame().unwrap().unwrap();
        frame.into_event(&Limits::default()).ok()
    })
}

#[test]
fn every_cause_and_state_of_the_captured_calls_has_a_variant() {
    let (mut causes, mut states) = (HashSet::new(), HashSet::new());
    for event in events() {
        let cause = event.hangup_cause();
        assert!(!matches!(cause, Some(HangupCause::Other(_))), "{cause:?}");
        let state = event.channel_state();
        assert!(!matches!(state, Some(ChannelState::Other(_))), "{state:?}");
        let call = event.call_state();
        assert!(!matches!(call, Some(CallState::Other(_))), "{call:?}");
        let answer = event.answer_state();
        assert!(!matches!(answer, Some(AnswerState::Other(_))), "{answer:?}");
        let direction = event.call_direction();
        assert!(
            !matches!(direction, Some(CallDirection::Other(_))),
            "{direction:?}"
        );
        // The text is that of the switch.
        let text = event.get("Hangup-Cause");
        assert_eq!(cause.as_ref().map(HangupCause::as_str), text.as_deref());
        let text = event.get("Channel-State");
        assert_eq!(state.as_ref().map(ChannelState::as_str), text.as_deref());
        causes.extend(cause);
        states.extend(state);
    }
    assert!(causes.len() >= 8, "{causes:?}");
    assert!(states.len() >= 6, "{states:?}");
}

#[test]
fn the_q850_number_of_every_captured_cause_is_the_one_that_the_switch_wrote() {
    let mut compared = 0;
    for event in events() {
        if event.name() != "CHANNEL_HANGUP_COMPLETE" {
            continue;
        }
        let written = event.variable("hangup_cause_q850").unwrap();
        let cause = event.hangup_cause().unwrap();
        assert_eq!(cause.q850().unwrap().to_string(), written, "{cause}");
        compared += 1;
    }
    assert!(compared >= 50, "only {compared} hangups");
}

#[test]
fn names_match_in_any_case_and_unknown_ones_are_kept() {
    assert_eq!(HangupCause::from("user_busy"), HangupCause::UserBusy);
    let later: HangupCause = "LATER_CAUSE".parse().unwrap();
    assert_eq!(later, HangupCause::Other("LATER_CAUSE".into()));
    assert_eq!(later.to_string(), "LATER_CAUSE");
    assert_eq!((later.number(), later.q850()), (None, None));
    assert_eq!(ChannelState::from("CS_LATER").to_string(), "CS_LATER");
    assert_eq!(format!("{:>8}", AnswerState::Early), "   early");
    assert_eq!(
        HangupCause::from_number(487),
        Some(HangupCause::OriginatorCancel)
    );
    assert_eq!(HangupCause::OriginatorCancel.q850(), Some(16));
    assert_eq!(HangupCause::from_number(u16::MAX), None);
}

#[test]
fn the_common_headers_are_read_by_name_and_type() {
    let body = "Event-Name: CUSTOM\nEvent-Subclass: sofia%3A%3Aregister\nEvent-Sequence: 7\n\
        Event-Date-Timestamp: 1795968000000001\nUnique-ID: u-1\nOther-Leg-Unique-ID: u-2\n\
        Call-Direction: inbound\nChannel-State: CS_PARK\nChannel-Call-State: ACTIVE\n\
        Answer-State: answered\nApplication: park\nApplication-UUID: a-1\nJob-UUID: j-1\n\n";
    let length = body.len();
    let wire = format!("Content-Length: {length}\nContent-Type: text/event-plain\n\n{body}");
    let mut decoder = Decoder::new(Limits::default());
    decoder.feed(wire.as_bytes());
    let frame = decoder.next_frame().unwrap().unwrap();
    let event = frame.into_event(&Limits::default()).unwrap();
    assert_eq!(event.name(), "CUSTOM");
    assert_eq!(event.subclass().unwrap(), "sofia::register");
    assert_eq!(event.sequence(), Some(7));
    let time = UNIX_EPOCH + Duration::from_micros(1_795_968_000_000_001);
    assert_eq!(event.time(), Some(time));
    assert_eq!(event.unique_id().unwrap(), "u-1");
    assert_eq!(event.other_leg_unique_id().unwrap(), "u-2");
    assert_eq!(event.call_direction(), Some(CallDirection::Inbound));
    assert_eq!(event.channel_state(), Some(ChannelState::Park));
    assert_eq!(event.call_state(), Some(CallState::Active));
    assert_eq!(event.answer_state(), Some(AnswerState::Answered));
    assert_eq!(event.hangup_cause(), None);
    assert_eq!(event.application().unwrap(), "park");
    assert_eq!(event.application_uuid().unwrap(), "a-1");
    assert_eq!(event.job_uuid().unwrap(), "j-1");
}

#[test]
fn the_times_of_a_captured_call_are_values_and_none_before_they_happened() {
    let since = |micros| Some(UNIX_EPOCH + Duration::from_micros(micros));
    let events: Vec<Event> = events()
        .filter(|event| event.created_at() == since(1_795_461_875_612_242))
        .collect();
    let first = |name: &str| events.iter().find(|event| event.name() == name).unwrap();
    let created = first("CHANNEL_CREATE");
    assert_eq!(
        created.caller_number(),
        created.get("Caller-Caller-ID-Number")
    );
    assert_eq!(created.caller_name(), created.get("Caller-Caller-ID-Name"));
    let dialled = created.get("Caller-Destination-Number");
    assert!(dialled.is_some());
    assert_eq!(created.destination_number(), dialled);
    assert_eq!(created.rang_at(), None);
    assert_eq!(created.answered_at(), None);
    assert_eq!(created.bridged_at(), None);
    assert_eq!(created.hung_up_at(), None);
    assert_eq!(created.duration(), None);
    assert_eq!(created.billed(), None);
    let ended = first("CHANNEL_HANGUP_COMPLETE");
    assert_eq!(ended.rang_at(), since(1_795_461_875_632_251));
    assert_eq!(ended.answered_at(), since(1_795_461_875_632_251));
    assert_eq!(ended.bridged_at(), since(1_795_461_875_672_228));
    assert_eq!(ended.hung_up_at(), since(1_795_461_878_652_224));
    let lasted = ended
        .hung_up_at()
        .unwrap()
        .duration_since(ended.created_at().unwrap());
    assert_eq!(ended.duration(), lasted.ok());
    assert_eq!(ended.duration(), Some(Duration::from_micros(3_039_982)));
    assert!(ended.billed() < ended.duration());
}
