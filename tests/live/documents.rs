//! Compares the whole document of a call on a real switch.

use chrono::{DateTime, SecondsFormat};
use serde_json::{Value, json};
use switchhook_core::zone::Zone;

use super::call::Exchange;
use super::control::Event;
use super::phone::Phone;
use super::receiver::Receiver;
use super::service::Service;

const CUSTOMER: &str = "919822003887";
const ANNA: &str = r#"{"customer":{"name":"Anna Müller"},"queue":"gold","vip":true}"#;

/// Returns a time of the channel, µs since 1970, or 0 if it has none.
fn time(end: &Event, name: &str) -> i64 {
    let header = format!("Caller-Channel-{name}-Time");
    end.get(&header).parse().expect("a time")
}

fn rfc_3339(us: i64) -> String {
    let time = DateTime::from_timestamp_micros(us).expect("a time");
    let zone = Zone::named("Asia/Kolkata").expect("a zone");
    let time = zone.local(time);
    time.to_rfc3339_opts(SecondsFormat::Millis, false)
}

/// Returns a leg as the switch reports it at its end, in the document's form.
fn leg(end: &Event, callee: &str, did: &str) -> Value {
    let (created, answered, over) = (
        time(end, "Created"),
        time(end, "Answered"),
        time(end, "Hangup"),
    );
    json!({
        "calleeNumber": callee,
        "didNumber": did,
        "startTime": rfc_3339(created),
        "connectTime": rfc_3339(answered),
        "endTime": rfc_3339(over),
        "duration": (over / 1000 - answered / 1000).to_string(),
        "hangupCause": "16",
    })
}

fn with(mut leg: Value, more: Value) -> Value {
    for (name, value) in more.as_object().expect("an object") {
        leg[name] = value.clone();
    }
    leg
}

async fn end_of(exchange: &Exchange, phone: &Phone) -> Event {
    let id = phone.call_id();
    let is_end = |event: &Event| {
        event.name() == "CHANNEL_HANGUP_COMPLETE" && event.variable("sip_call_id") == Some(&id)
    };
    exchange.events.wait("end", is_end).await
}

/// Returns the keys that every call has, and those of this one.
fn keys(end: &Event, last: Value) -> Value {
    let duration = end.variable("flow.key.response_duration");
    let mut keys = json!({
        "customer_name": "Anna Müller",
        "customernum": CUSTOMER,
        "queue": "gold",
        "response_duration": duration,
        "response_error": "false",
        "response_status": "SUCCESS",
        "response_status_code": "200",
        "vip": true,
    });
    keys = with(keys, last);
    let keys = keys.as_object().expect("an object").iter();
    keys.map(|(name, value)| json!({"name": format!("$flow.key.{name}"), "value": value}))
        .collect()
}

fn sort_keys(document: &mut Value) {
    let keys = document["keys"].as_array_mut().expect("keys");
    keys.sort_by_key(|key| key["name"].to_string());
}

#[tokio::test]
#[ignore = "needs a FreeSWITCH and sipp"]
async fn customer_and_agent_recorded() {
    let exchange = Exchange::acquire().await;
    let receiver = Receiver::start().await;
    receiver.set_answer("/lookup", ANNA);
    let _service = Service::following(exchange.switch, &receiver, "").await;
    let agent = Phone::registered(exchange.switch, "1001").await;
    let customer = Phone::new(exchange.switch, CUSTOMER).await;
    customer.dial("7004").await;
    let invite = agent.await_message("INVITE").await;
    agent.ring(&invite).await;
    let talk = agent.answer(&invite).await;
    customer.is_answered().await;
    agent.await_message("ACK").await;
    let bridge = |event: &Event| event.name() == "CHANNEL_BRIDGE";
    let bridged = exchange.events.wait("bridge", bridge).await;
    agent.hang_up(&talk).await;
    customer.is_hung_up().await;
    let first = end_of(&exchange, &customer).await;
    let other = bridged.get("Other-Leg-Unique-ID").to_owned();
    let is_other = |event: &Event| {
        event.name() == "CHANNEL_HANGUP_COMPLETE" && event.get("Unique-ID") == other
    };
    let second = exchange.events.wait("the agent's end", is_other).await;
    let mut document = receiver.documents(1).await.remove(0);
    sort_keys(&mut document);
    let uuid = first.get("Unique-ID");
    let switch = first.get("FreeSWITCH-Switchname");
    let cdr_id = |uuid: &str| format!("{uuid}##{switch}");
    let expected = json!({
        "callDetails": [
            with(leg(&first, CUSTOMER, "7004"), json!({
                "calleeType": "VISITOR", "cdrId": cdr_id(uuid), "incoming": true, "remoteHangup": false,
            })),
            with(leg(&second, "1001", "7004"), json!({
                "calleeType": "AGENT", "cdrId": cdr_id(&other), "remoteHangup": true,
            })),
        ],
        "keys": keys(&first, json!({})),
        "phonon-uuid": uuid,
        "recordingUrls": [{
            "recordedFileName": format!("{uuid}.wav"),
            "recordedFilePublicPath": format!("https://rec.example/{uuid}.wav"),
        }],
    });
    assert_eq!(document, expected, "{document:#}\n{expected:#}");
}

/// The complete recording is in the upload target when the document that links to it comes.
#[tokio::test]
#[ignore = "needs a FreeSWITCH"]
async fn a_recording_is_uploaded_before_its_document_is_posted() {
    let exchange = Exchange::acquire().await;
    let receiver = Receiver::start().await;
    let recordings = exchange.switch.folder.join("run/recordings");
    std::fs::create_dir_all(&recordings).expect("a folder");
    let public = tempfile::tempdir().expect("a folder");
    let upload = format!(
        "upload = {{ folder = \"{}\", to = \"file://{}\", public_url = \"https://rec.example/{{{{ key }}}}\" }}",
        recordings.display(),
        public.path().display()
    );
    let _service = Service::publishing(exchange.switch, &receiver, &upload).await;
    let file = recordings.join("uploaded+by-a_test.wav");
    let command = format!(
        "bgapi originate {{origination_caller_id_number={CUSTOMER}}}loopback/7002/phones &record({})",
        file.display()
    );
    exchange.control.send_command(&command).await;
    while std::fs::metadata(&file).map_or(0, |file| file.len()) < 16_000 {
        tokio::task::yield_now().await;
    }
    exchange.control.api("hupall").await;
    let documents = receiver.documents(1).await;
    let document = &documents[0];
    assert!(document["incomplete"].is_null(), "{document:#}");
    let uuid = document["phonon-uuid"].as_str().expect("an id");
    let entry = &document["recordingUrls"][0];
    let link = entry["recordedFilePublicPath"].as_str().expect("a link");
    let name = link.strip_prefix(&format!("https://rec.example/{uuid}/"));
    let name = name.unwrap_or_else(|| panic!("{document:#}"));
    // `+` is not in it; a hash of the whole name is.
    assert!(name.starts_with("uploaded_by-a_test__"), "{document:#}");
    assert!(name.ends_with(".wav"), "{document:#}");
    let uploaded = public.path().join(uuid).join(name);
    let uploaded = std::fs::read(uploaded).expect("it is there");
    assert!(uploaded == std::fs::read(&file).expect("the switch's own"));
    let [a, b, c, d] = uploaded[4..8] else {
        panic!("a head")
    };
    let announced = u32::from_le_bytes([a, b, c, d]) as usize + 8;
    assert_eq!(announced, uploaded.len(), "the switch had closed it");
}

#[tokio::test]
#[ignore = "needs a FreeSWITCH"]
async fn an_inbound_call_keeps_the_numbers_that_it_came_with_through_hook_and_transfers() {
    let exchange = Exchange::acquire().await;
    let receiver = Receiver::start().await;
    receiver.set_answer("/lookup", ANNA);
    let _service = Service::following(exchange.switch, &receiver, "").await;
    let customer = Phone::new(exchange.switch, CUSTOMER).await;
    customer.dial("7001").await;
    let (_, dialog) = customer.is_answered().await;
    customer.hang_up(&dialog).await;
    let end = end_of(&exchange, &customer).await;
    assert_ne!(
        end.get("Caller-Destination-Number"),
        "7001",
        "it was transferred"
    );
    let mut document = receiver.documents(1).await.remove(0);
    sort_keys(&mut document);
    let expected = json!({
        "callDetails": [with(leg(&end, CUSTOMER, "7001"), json!({"incoming": true}))],
        "keys": keys(&end, json!({})),
        "phonon-uuid": end.get("Unique-ID"),
    });
    assert_eq!(document, expected, "{document:#}\n{expected:#}");
}
