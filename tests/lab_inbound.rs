//! Port 8021 of the simulated switch against a real one: the JSON events of a call
//! whose caller hangs up, header by header, in the order of the capture.
//!
//! Beyond what the replay of the `socket-*` captures normalises: the application that
//! the call was in (`park` there, `socket` here). What only our call has (the
//! variables of a hand-over) is left out.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod lab_common;

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use lab_common::{is_per_call, is_time};
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::Value;
use switchhook::lab::receiver::closed_port;
use switchhook::lab::switch::{Call, HandOver, Inbound, Pace, Switch};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const EVENTS: &str = "event json CHANNEL_CREATE CHANNEL_ANSWER CHANNEL_BRIDGE CHANNEL_UNBRIDGE \
    CHANNEL_HANGUP CHANNEL_HANGUP_COMPLETE CHANNEL_DESTROY CHANNEL_ORIGINATE RECORD_START \
    RECORD_STOP CHANNEL_UUID CUSTOM sofia::transferor sofia::transferee\n\n";

/// A JSON object with its order.
struct Ordered(Vec<(String, String)>);

impl<'de> Deserialize<'de> for Ordered {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Pairs;
        impl<'de> Visitor<'de> for Pairs {
            type Value = Ordered;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an event")
            }
            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Ordered, M::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(Ordered(pairs))
            }
        }
        deserializer.deserialize_map(Pairs)
    }
}

struct Client {
    stream: TcpStream,
    read: Vec<u8>,
}

impl Client {
    async fn of(port: &Inbound) -> Self {
        let stream = TcpStream::connect(port.address()).await.unwrap();
        let mut client = Self {
            stream,
            read: Vec::new(),
        };
        assert_eq!(client.frame().await.0, "Content-Type: auth/request\n\n");
        client
    }

    /// What comes back for a command: the header block and the body.
    async fn ask(&mut self, text: &str) -> (String, String) {
        self.stream.write_all(text.as_bytes()).await.unwrap();
        self.frame().await
    }

    async fn frame(&mut self) -> (String, String) {
        loop {
            if let Some(found) = self.whole() {
                return found;
            }
            let mut chunk = vec![0; 65_536];
            let count = self.stream.read(&mut chunk).await.unwrap();
            assert!(count > 0, "closed");
            self.read.extend_from_slice(&chunk[..count]);
        }
    }

    fn whole(&mut self) -> Option<(String, String)> {
        let end = self.read.windows(2).position(|two| two == b"\n\n")? + 2;
        let head = String::from_utf8(self.read[..end].to_vec()).unwrap();
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("Content-Length: "));
        let length = length.map_or(0, |length| length.parse().unwrap());
        let body = String::from_utf8(self.read.get(end..end + length)?.to_vec()).unwrap();
        self.read.drain(..end + length);
        Some((head, body))
    }
}

fn captured() -> Vec<Vec<(String, String)>> {
    let path = "tests/captures/json_events/inbound-caller-hangs-up.esl";
    let text = std::fs::read_to_string(format!("{}/{path}", env!("CARGO_MANIFEST_DIR"))).unwrap();
    let events = text
        .match_indices("{\"Event-Name\"")
        .map(|(at, _)| &text[at..]);
    let first = |event| {
        serde_json::Deserializer::from_str(event)
            .into_iter::<Ordered>()
            .next()
    };
    events
        .map(|event| first(event).unwrap().unwrap().0)
        .collect()
}

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

async fn switch() -> (Arc<Switch>, Inbound) {
    let switch = Switch::new("fs1", Pace::Ticked);
    let free = SocketAddr::from(([127, 0, 0, 1], 0));
    let port = switch.listen(free, "ClueCon").await.unwrap();
    (switch, port)
}

/// A call whose service is not there: it ends when its caller has talked on line 1.
fn call() -> Call {
    Call {
        hosts: vec![format!("127.0.0.1:{}", closed_port().unwrap())],
        caller_name: "sipp".into(),
        caller: "sipp".into(),
        destination: "park".into(),
        hand_over: HandOver {
            resume: false,
            preset: true,
            way_out: None,
            own_timer: false,
            transfer: false,
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
    for expected in captured() {
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
