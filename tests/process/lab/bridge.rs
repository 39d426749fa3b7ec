//! Compares the second legs of the simulated switch with those of a real one.
//!
//! The events of port 8021 must come in the order of the capture. The agent's events are compared
//! header by header. The caller's are compared except for the headers of its phone, because
//! another phone took the captures that the simulated caller's events are from.
//!
//! Normalised: UUIDs, times and durations (zero stays zero), ports, and values that phones
//! generate (tags, Call-ID, SDP).

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::time::Duration;

use crate::lab::common::{is_per_call, is_time};
use crate::lab::port::{Client, EVENTS, Ordered, captured, switch};
use switchhook_sim::receiver::closed_port;
use switchhook_sim::switch::{Call, Dial, End, HandOver, Talk};

type Event = Vec<(String, String)>;

fn get<'e>(event: &'e Event, name: &str) -> &'e str {
    let header = event.iter().find(|(key, _)| key == name);
    header.map_or("", |(_, value)| value)
}

/// Returns a call whose service is absent; its dialplan takes line 0 by itself.
fn call(destination: &str, dial: Dial) -> Call {
    Call {
        hosts: vec![format!("127.0.0.1:{}", closed_port().unwrap())],
        path: "lookup".into(),
        caller_name: "919879072567".into(),
        caller: "919879072567".into(),
        destination: destination.into(),
        variables: vec![("flow.line".into(), "0".into())],
        hand_over: HandOver::NONE,
        talks: Duration::from_millis(100),
        dial: Some(dial),
        ..Call::default()
    }
}

fn dial(agents: &[&str], answers: usize, end: End) -> Dial {
    Dial {
        agents: agents.iter().map(|&agent| agent.to_owned()).collect(),
        answers,
        rings: Duration::from_millis(100),
        end,
        ..Dial::default()
    }
}

/// Plays `call` until its first leg is destroyed and returns its events.
async fn events_of(call: Call) -> Vec<Event> {
    let (switch, port) = switch().await;
    let mut client = Client::of(&port).await;
    client.ask("auth ClueCon\n\n").await;
    client.ask(EVENTS).await;
    let playing = tokio::spawn(async move { switch.place(call).await });
    let mut events: Vec<Event> = Vec::new();
    let over = |event: &Event| {
        get(event, "Event-Name") == "CHANNEL_DESTROY" && get(event, "Call-Direction") == "inbound"
    };
    while !events.last().is_some_and(over) {
        let event: Ordered = serde_json::from_str(&client.frame().await.1).unwrap();
        events.push(event.0);
    }
    playing.await.unwrap();
    events
}

/// Returns each event's leg (0 is the first that appeared) and name.
fn order(events: &[Event]) -> Vec<(usize, String)> {
    let mut legs: Vec<&str> = Vec::new();
    let mut place = |uuid| {
        legs.iter().position(|leg| *leg == uuid).unwrap_or_else(|| {
            legs.push(uuid);
            legs.len() - 1
        })
    };
    let each = events.iter();
    each.map(|event| {
        (
            place(get(event, "Unique-ID")),
            get(event, "Event-Name").to_owned(),
        )
    })
    .collect()
}

fn normal(event: &Event) -> Event {
    let made_up = [
        "switch_m_sdp",
        "switch_r_sdp",
        "sip_cseq",
        "sip_recover_via",
        "remote_media_port",
    ];
    let (own, other) = (get(event, "Unique-ID"), get(event, "Other-Leg-Unique-ID"));
    let value = |name: &str, text: &str| {
        let bare = name.trim_start_matches("variable_");
        if is_per_call(name) || made_up.contains(&bare) || bare.starts_with("playback_") {
            return "*".to_owned();
        }
        let spans = ["sec", "duration", "stamp"];
        let span = spans.iter().any(|end| bare.ends_with(end)) && bare != name;
        if (is_time(name) && text != "0") || span {
            return "time".to_owned();
        }
        let text = text
            .replace(own, "OWN")
            .replace("5180", "5060")
            .replace("5190", "5080");
        if other.is_empty() {
            text
        } else {
            text.replace(other, "OTHER")
        }
    };
    event
        .iter()
        .map(|(name, text)| (name.clone(), value(name, text)))
        .collect()
}

/// Returns whether the caller's phone, its media or its dialplan sets this header.
fn is_of_the_phone(name: &str) -> bool {
    let bare = name.trim_start_matches("variable_");
    let starts = [
        "sip_",
        "rtp_",
        "remote_media",
        "local_media",
        "flow.",
        "record_stereo",
        "dtmf_type",
        "playback_",
    ];
    bare != name
        && bare != "sip_hangup_disposition"
        && starts.iter().any(|start| bare.starts_with(start))
        || [
            "variable_max_forwards",
            "variable_switch_r_sdp",
            "variable_advertised_media_ip",
        ]
        .contains(&name)
}

/// Returns whether a bridge or a transfer sets this header on a caller that was not yet answered.
fn is_of_the_bridge(name: &str) -> bool {
    const NAMES: [&str; 16] = [
        "Caller-Destination-Number",
        "Caller-Context",
        "Caller-RDNIS",
        "Caller-Profile-Index",
        "Caller-Callee-ID-Number",
        "Hangup-Cause",
        "variable_bridge_to",
        "variable_last_bridge_to",
        "variable_bridge_uuid",
        "variable_bridge_channel",
        "variable_signal_bond",
        "variable_originated_legs",
        "variable_originate_causes",
        "variable_last_bridge_role",
        "variable_bridge_hangup_cause",
        "variable_sip_hangup_disposition",
    ];
    NAMES.contains(&name) || name.starts_with("Bridge-") || name.starts_with("Other-")
}

/// Returns the caller's headers for the comparison, sorted by name.
fn of_the_caller(event: &Event, wanted: &Event, compared: fn(&str) -> bool) -> Event {
    let there = |name: &str| wanted.iter().any(|(wanted, _)| wanted == name);
    let mut kept: Event = normal(event)
        .into_iter()
        .filter(|(name, _)| there(name) && compared(name))
        .collect();
    // The `inbound` test compares the order of variables, on calls that both switches share.
    kept.sort();
    kept
}

fn compare(ours: &[Event], captured: &[Event], compared: fn(&str) -> bool) {
    assert_eq!(order(ours), order(captured));
    for (ours, captured) in ours.iter().zip(captured) {
        let name = get(captured, "Event-Name");
        if get(captured, "Call-Direction") == "outbound" {
            let (ours, captured) = (normal(ours), normal(captured));
            for (ours, captured) in ours.iter().zip(&captured) {
                assert_eq!(ours, captured, "{name} of the agent");
            }
            assert_eq!(ours.len(), captured.len(), "{name} of the agent");
        } else {
            let ours = of_the_caller(ours, captured, compared);
            let captured = of_the_caller(captured, captured, compared);
            for (ours, captured) in ours.iter().zip(&captured) {
                assert_eq!(ours, captured, "{name} of the caller");
            }
            assert_eq!(ours.len(), captured.len(), "{name} of the caller");
        }
    }
}

#[tokio::test]
async fn a_recorded_call_whose_agent_hangs_up_looks_like_the_captured_one() {
    let captured = captured("inbound-recording-outlasts-the-bridge");
    let path = captured.iter().map(|event| get(event, "Record-File-Path"));
    let path = path.max().unwrap().to_owned();
    let dial = Dial {
        record: Some(path.clone()),
        ..dial(&["agent1"], 0, End::Agent)
    };
    let ours = events_of(call("7123", dial)).await;
    // The file is named after the call, and the captured call has another UUID.
    let uuid = get(&captured[0], "Unique-ID").to_owned();
    let own = get(&ours[0], "Unique-ID").to_owned();
    let renamed = ours.iter().map(|event| {
        let each = event.iter();
        each.map(|(name, text)| (name.clone(), text.replace(&uuid, &own)))
            .collect()
    });
    let ours: Vec<Event> = renamed.collect();
    compare(&ours, &captured, |name| !is_of_the_phone(name));
}

/// Returns the headers of the last RECORD_STOP that describe its recording.
fn end_of_recording(events: &[Event]) -> Event {
    let mut stops = events
        .iter()
        .filter(|event| get(event, "Event-Name") == "RECORD_STOP");
    let told = |name: &str| {
        let bare = name.trim_start_matches("variable_").to_lowercase();
        (bare.starts_with("record_") || bare == "record-completion-cause")
            && !bare.contains("min_sec")
    };
    let mut told: Event = stops
        .next_back()
        .unwrap()
        .iter()
        .filter(|(name, _)| told(name))
        .cloned()
        .collect();
    told.sort();
    told
}

#[tokio::test]
async fn a_recording_to_which_nothing_was_written_ends_like_the_captured_one() {
    let dial = Dial {
        record: Some("/var/lib/freeswitch/recordings/empty.wav".into()),
        discards: true,
        ..dial(&["agent1"], 0, End::Agent)
    };
    let ours = events_of(call("7134", dial)).await;
    let captured = captured("inbound-recordings-discarded");
    assert_eq!(end_of_recording(&ours), end_of_recording(&captured));
}

#[tokio::test]
async fn a_transferred_call_whose_caller_hangs_up_looks_like_the_captured_one() {
    let mut call = call("7000", dial(&["agent1"], 0, End::Caller));
    call.hand_over.transfer = true;
    // The captured call was answered with the bridge, the simulated one before it.
    let not_answered = |event: &Event| {
        get(event, "Event-Name") != "CHANNEL_ANSWER" || get(event, "Call-Direction") == "outbound"
    };
    let mut ours = events_of(call).await;
    let mut captured = captured("inbound-7000-through-hook-and-transfer");
    ours.retain(not_answered);
    captured.retain(not_answered);
    for event in ours.iter_mut().chain(&mut captured) {
        // A hook deeper in the dialplan adds another hop.
        event.retain(|(name, _)| name != "variable_max_forwards");
    }
    compare(&ours, &captured, is_of_the_bridge);
}

/// Returns the events of the first dialled agent from its hang-up on.
fn refusal(events: &[Event]) -> Vec<Event> {
    let first = events
        .iter()
        .find(|event| !get(event, "variable_originator").is_empty());
    let uuid = get(first.unwrap(), "Unique-ID");
    let from_then = [
        "CHANNEL_HANGUP",
        "CHANNEL_HANGUP_COMPLETE",
        "CHANNEL_DESTROY",
    ];
    let its = events.iter().filter(|event| {
        get(event, "Unique-ID") == uuid && from_then.contains(&get(event, "Event-Name"))
    });
    its.cloned().collect()
}

#[tokio::test]
async fn an_agent_who_refuses_a_multicast_looks_like_the_captured_one() {
    let agents = ["agent1", "agent2", "agent3"];
    let ours = events_of(call("7000", dial(&agents, 1, End::Agent))).await;
    let captured = captured("outbound-multicast-one-of-three-agents-answers");
    // The captured caller was dialled itself, by another release. The headers about the agent are
    // equal.
    let concerns = |name: &str| {
        let bare = name.trim_start_matches("variable_");
        let starts = [
            "hangup",
            "sip_hangup",
            "sip_invite_failure",
            "sip_term",
            "proto",
            "answer",
            "billmsec",
            "Channel-State",
            "Channel-Call-State",
            "Answer-State",
            "Caller-Channel-",
            "Caller-Destination",
            "Hangup-Cause",
            "Other-Leg-Unique-ID",
            "Call-Direction",
        ];
        starts.iter().any(|start| bare.starts_with(start)) && name != "Caller-Channel-Name"
    };
    let kept = |events: &[Event]| {
        let each = refusal(events).into_iter().map(|event| {
            let mut event = normal(&event);
            event.retain(|(name, _)| concerns(name));
            event
        });
        each.collect::<Vec<_>>()
    };
    assert_eq!(kept(&ours).len(), 3);
    assert_eq!(kept(&ours), kept(&captured));
    let legs = |events: &[Event]| {
        let bridge = events
            .iter()
            .find(|event| get(event, "Event-Name") == "CHANNEL_BRIDGE");
        let both = ["variable_originated_legs", "variable_originate_causes"];
        let texts = both.map(|name| get(bridge.unwrap(), name).to_owned());
        let uuid = regex::Regex::new("[0-9a-f]{8}-[0-9a-f-]{27}").unwrap();
        texts.map(|text| uuid.replace_all(&text, "UUID").into_owned())
    };
    assert_eq!(legs(&ours), legs(&captured));
}

/// The second agent's leg ends the call, and the caller's last events come after its own.
#[tokio::test]
async fn a_caller_who_is_given_to_a_second_agent_has_the_captured_order_of_events() {
    let dial = Dial {
        talk: Talk::GivenTo("agent2".into()),
        ..dial(&["agent1"], 0, End::Agent)
    };
    let ours = events_of(call("7141", dial)).await;
    let captured = captured("inbound-attended-transfer-att_xfer");
    // The captured caller was not answered before the agent. Which channel is destroyed first is not
    // said.
    let is_told = |(leg, name): &(usize, String)| {
        (*leg > 0 || name != "CHANNEL_ANSWER") && name != "CHANNEL_DESTROY"
    };
    let told = |events: &[Event]| -> Vec<(usize, String)> {
        order(events).into_iter().filter(is_told).collect()
    };
    assert_eq!(told(&ours), told(&captured));
    let bridges = |events: &[Event]| -> Vec<[usize; 2]> {
        let mut legs: Vec<String> = Vec::new();
        let mut place = |uuid: &str| {
            let known = legs.iter().position(|leg| leg == uuid);
            known.unwrap_or_else(|| {
                legs.push(uuid.to_owned());
                legs.len() - 1
            })
        };
        for event in events {
            place(get(event, "Unique-ID"));
        }
        let bridges = events
            .iter()
            .filter(|event| get(event, "Event-Name") == "CHANNEL_BRIDGE");
        bridges
            .map(|event| {
                ["Bridge-A-Unique-ID", "Bridge-B-Unique-ID"].map(|name| place(get(event, name)))
            })
            .collect()
    };
    assert_eq!(bridges(&ours), bridges(&captured));
}
