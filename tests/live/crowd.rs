//! Places many calls in a short time: each takes its line, and each document comes once.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Stdio;

use serde_json::Value;
use tokio::process::Command;

use super::call::Exchange;
use super::control::Event;
use super::receiver::Receiver;
use super::service::Service;
use super::switch::Switch;

const CALLS: usize = 200;
const A_SECOND: usize = 20;
/// The numbers dialled in turn, each with its line and the outcome in the document.
const NUMBERS: [(&str, &str, &str); 4] = [
    ("7001", "greet-line-0", "SUCCESS"),
    ("7012", "failed-line-1", "HTTP_STATUS"),
    ("7001", "greet-line-0", "SUCCESS"),
    ("7015", "failed-line-1", "INVALID_RESPONSE"),
];

/// Calls the numbers in turn with SIPp, and lets every call end.
async fn call_all(switch: &Switch) {
    let numbers = switch.folder.join("numbers.csv");
    let lines = NUMBERS.map(|(number, ..)| format!("{number};\n")).concat();
    fs::write(&numbers, format!("SEQUENTIAL\n{lines}")).expect("a file");
    let scenario = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/live/call.xml");
    let output = Command::new("sipp")
        .arg(format!("127.0.0.1:{}", switch.sip))
        .arg("-sf")
        .arg(scenario)
        .arg("-inf")
        .arg(numbers)
        .args([
            "-i",
            "127.0.0.1",
            "-nostdin",
            "-timeout",
            "90s",
            "-timeout_error",
        ])
        .args(["-r", &A_SECOND.to_string(), "-m", &CALLS.to_string()])
        .current_dir(&switch.folder)
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
        .expect("sipp is installed");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "sipp: {}\n{}",
        String::from_utf8_lossy(&output.stderr),
        said
    );
}

fn key<'d>(document: &'d Value, name: &str) -> Option<&'d str> {
    let name = format!("$flow.key.{name}");
    let keys = document["keys"].as_array()?;
    keys.iter().find(|key| key["name"] == name.as_str())?["value"].as_str()
}

#[tokio::test]
#[ignore = "needs a FreeSWITCH and sipp"]
async fn of_200_calls_at_20_a_second_every_line_is_right_and_every_document_there_once() {
    let exchange = Exchange::acquire().await;
    let receiver = Receiver::start().await;
    receiver.set_answer("/lookup", "{\"customer\":{\"name\":\"Anna\"}}");
    receiver.set_answer("/rubbish", "<html>");
    let service = Service::following(exchange.switch, &receiver, "").await;
    call_all(exchange.switch).await;
    let documents = receiver.documents(CALLS).await;
    // Nothing waits in the outbox, so no document will be sent again.
    while service.outbox().trim() != "[]" {
        tokio::task::yield_now().await;
    }
    assert_eq!(receiver.documents(CALLS).await.len(), CALLS);
    let by_uuid: BTreeMap<_, _> = documents
        .iter()
        .map(|document| (document["phonon-uuid"].as_str().expect("a UUID"), document))
        .collect();
    assert_eq!(by_uuid.len(), CALLS, "each call has its own");
    let is_line = |event: &Event| {
        let number = event.get("Caller-Destination-Number");
        event.name() == "CHANNEL_EXECUTE" && NUMBERS.iter().any(|(_, line, _)| *line == number)
    };
    let lines: BTreeMap<_, _> = exchange
        .events
        .all(is_line)
        .into_iter()
        .map(|event| {
            (
                event.get("Unique-ID").to_owned(),
                event.get("Caller-Destination-Number").to_owned(),
            )
        })
        .collect();
    for (uuid, document) in by_uuid {
        let leg = &document["callDetails"][0];
        let (_, line, outcome) = NUMBERS
            .iter()
            .find(|(number, ..)| leg["didNumber"] == *number)
            .unwrap_or_else(|| panic!("who called? {document}"));
        assert_eq!(lines.get(uuid).map(String::as_str), Some(*line));
        let told = key(document, "error_reason").or(key(document, "response_status"));
        assert_eq!(told, Some(*outcome), "{document}");
        assert!(document["incomplete"].is_null(), "{document}");
    }
}
