//! Compares port 8021 of the simulated switch with a real one.
//!
//! The test compares the JSON events of a call whose caller hangs up, header by header, in the
//! order of the capture.
//!
//! It normalises what the replay of the `socket-*` captures normalises, and also the application
//! of the call (`park` in the capture, `socket` here). Headers that only the simulated call has
//! (the variables of a hand-over) are left out.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::time::Duration;

use crate::lab::common::{is_per_call, is_time};
use crate::lab::port::{Client, EVENTS, Ordered, captured, switch};
use serde_json::Value;
use switchhook_sim::receiver::closed_port;
use switchhook_sim::switch::{Call, HandOver};

fn normal(event: &[(String, String)], wanted: &[(String, String)]) -> Vec<(String, String)> {
    let uuid = event
        .iter()
        .find(|(name, _)| name == "Unique-ID")
        .unwrap()
        .1
        .clone();
    let application = ["variable_current_application", "variable_last_app"];
    let value = |name: &str, value: &str| match value {
        _ if is_per_call(name) || application.contains(&name) => "*".to_owned(),
        value if is_time(name) && value != "0" => "time".to_owned(),
        value => value.replace(&uuid, "UUID"),
    };
    let there = |name: &String| wanted.iter().any(|(wanted, _)| wanted == name);
    let kept = event.iter().filter(|(name, _)| there(name));
    kept.map(|(name, text)| (name.clone(), value(name, text)))
        .collect()
}

/// Returns a call whose service is absent. It ends after its caller has talked on line 1.
fn call() -> Call {
    Call {
        hosts: vec![format!("127.0.0.1:{}", closed_port().unwrap())],
        caller_name: "sipp".into(),
        caller: "sipp".into(),
        destination: "park".into(),
        hand_over: HandOver {
            preset: true,
            ..HandOver::NONE
        },
        talks: Duration::from_millis(1200),
        ..Call::default()
    }
}

#[tokio::test]
async fn the_events_of_a_call_look_like_the_captured_ones() {
    let (switch, port) = switch().await;
    let mut client = Client::of(&port).await;
    assert!(
        client
            .ask("auth ClueCon\n\n")
            .await
            .0
            .contains("Reply-Text: +OK accepted\n")
    );
    let enabled = client.ask(EVENTS).await.0;
    assert!(enabled.contains("Reply-Text: +OK event listener enabled json\n"));
    let playing = tokio::spawn(async move { switch.place(call()).await });
    for expected in captured("inbound-caller-hangs-up") {
        let (_, event) = client.frame().await;
        let ours: Ordered = serde_json::from_str(&event).unwrap();
        let (got, expected) = (normal(&ours.0, &expected), normal(&expected, &expected));
        for (got, expected) in got.iter().zip(&expected) {
            assert_eq!(got, expected, "{}", ours.0[0].1);
        }
        assert_eq!(got.len(), expected.len());
    }
    playing.await.unwrap();
}

#[tokio::test]
async fn what_lives_is_shown_dumped_and_steered() {
    let (switch, port) = switch().await;
    let mut client = Client::of(&port).await;
    client.ask("auth ClueCon\n\n").await;
    client
        .ask("event json CHANNEL_ANSWER CHANNEL_HANGUP_COMPLETE BACKGROUND_JOB\n\n")
        .await;
    let talks = Duration::from_secs(30);
    let playing = tokio::spawn(async move { switch.place(Call { talks, ..call() }).await });
    client.frame().await;
    let shown: Value =
        serde_json::from_str(&client.ask("api show channels as json\n\n").await.1).unwrap();
    assert_eq!(
        (&shown["row_count"], &shown["rows"][0]["dest"]),
        (&Value::from(1), &Value::from("park"))
    );
    let uuid = shown["rows"][0]["uuid"].as_str().unwrap().to_owned();
    client
        .ask(&format!(
            "api uuid_setvar {uuid} flow.key.discount 100%25\n\n"
        ))
        .await;
    let dump: Value = serde_json::from_str(
        &client
            .ask(&format!("api uuid_dump {uuid} json\n\n"))
            .await
            .1,
    )
    .unwrap();
    assert_eq!(dump["variable_flow.key.discount"], "100%25");
    let plain = client.ask(&format!("api uuid_dump {uuid}\n\n")).await.1;
    assert!(
        plain.contains("variable_flow.key.discount: 100%25\n"),
        "plain loses the percent sign"
    );
    client
        .ask(&format!(
            "bgapi uuid_kill {uuid} USER_BUSY\nJob-UUID: j-1\n\n"
        ))
        .await;
    let events = [client.frame().await.1, client.frame().await.1].concat();
    assert!(events.contains("\"Job-UUID\":\"j-1\"") && events.contains("\"_body\":\"+OK\\n\""));
    assert!(events.contains("\"variable_hangup_cause_q850\":\"17\""));
    playing.await.unwrap();
    assert!(
        client
            .ask("api show channels as json\n\n")
            .await
            .1
            .contains("\"row_count\":0")
    );
}

#[tokio::test]
async fn a_wrong_password_is_refused_and_nothing_else_is_answered_before_it() {
    let (_switch, port) = switch().await;
    let mut client = Client::of(&port).await;
    assert!(
        client
            .ask("api status\n\n")
            .await
            .0
            .contains("-ERR command not found")
    );
    assert!(
        client
            .ask("auth wrong\n\n")
            .await
            .0
            .contains("-ERR invalid")
    );
    assert!(client.frame().await.0.contains("text/disconnect-notice"));
}
