//! The names of this crate against those of the switch's source, kept in a table.

#![allow(clippy::unwrap_used, reason = "a test that panics has failed")]

use std::collections::BTreeSet;

use eslclient::{
    AnswerState, CallDirection, CallState, ChannelState, Command, EventName, Format, HangupCause,
};

const TABLE: &str = include_str!("../names/freeswitch.txt");

/// Returns the names of one kind, each with what stands after it.
fn table(kind: &str) -> Vec<(&'static str, Option<&'static str>)> {
    let lines = TABLE.lines().filter(|line| !line.starts_with('#'));
    let mut found = Vec::new();
    for line in lines {
        let mut words = line.split(' ');
        if words.next() == Some(kind) {
            found.push((words.next().unwrap(), words.next()));
        }
    }
    assert!(!found.is_empty(), "{kind}");
    found
}

/// Compares the names in the table with those that this crate knows.
fn same(kind: &str, known: impl Iterator<Item = String>) {
    let switch: BTreeSet<_> = table(kind).iter().map(|row| row.0.to_owned()).collect();
    let ours: BTreeSet<_> = known.collect();
    let missing: Vec<_> = switch.difference(&ours).collect();
    let extra: Vec<_> = ours.difference(&switch).collect();
    assert!(
        missing.is_empty() && extra.is_empty(),
        "{kind}: missing {missing:?}, not FreeSWITCH's {extra:?}"
    );
}

#[test]
fn every_name_of_the_switch_has_a_variant_and_no_variant_is_invented() {
    same("event", EventName::all().map(|name| name.to_string()));
    same("cause", HangupCause::all().map(|name| name.to_string()));
    same(
        "channel-state",
        ChannelState::all().map(|name| name.to_string()),
    );
    same("call-state", CallState::all().map(|name| name.to_string()));
    same(
        "answer-state",
        AnswerState::all().map(|name| name.to_string()),
    );
    same(
        "direction",
        CallDirection::all().map(|name| name.to_string()),
    );
}

#[test]
fn every_cause_has_the_number_of_the_switch() {
    for (name, number) in table("cause") {
        let cause = HangupCause::known(name).unwrap();
        let number: u16 = number.unwrap().parse().unwrap();
        assert_eq!(cause.number(), Some(number), "{name}");
        assert_eq!(HangupCause::from_number(number), Some(cause), "{name}");
    }
}

#[test]
fn every_event_can_be_subscribed_and_every_cause_sent() {
    for (name, _) in table("event") {
        assert!(Command::event(Format::Json, [name]).is_ok(), "{name}");
        assert_eq!(EventName::from(name).as_str(), name);
    }
    for (name, _) in table("cause") {
        assert!(Command::hangup(None, name).is_ok(), "{name}");
    }
}

/// Compares the table with the source of a switch, if one is given.
#[test]
fn the_table_is_the_list_in_the_source_of_the_switch() {
    let Some(source) = std::env::var_os("FREESWITCH_SOURCE") else {
        return;
    };
    let source = std::path::Path::new(&source);
    let names = |file: &str, start: &str| -> BTreeSet<String> {
        let text = std::fs::read_to_string(source.join(file)).unwrap();
        let (_, list) = text.split_once(start).unwrap();
        let (list, _) = list.split_once("};").unwrap();
        let quoted = list.split('"').skip(1).step_by(2);
        quoted.map(str::to_owned).collect()
    };
    for (kind, file, start) in [
        ("event", "src/switch_event.c", "EVENT_NAMES[] = {"),
        ("cause", "src/switch_channel.c", "CAUSE_CHART[] = {"),
        ("channel-state", "src/switch_channel.c", "state_names[] = {"),
        (
            "call-state",
            "src/switch_channel.c",
            "CALLSTATE_CHART[] = {",
        ),
    ] {
        let kept: BTreeSet<_> = table(kind).iter().map(|row| row.0.to_owned()).collect();
        assert_eq!(kept, names(file, start), "{kind}");
    }
}
