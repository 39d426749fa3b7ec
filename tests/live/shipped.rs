//! Tests the shipped folder with the three programs that its README starts, and every number in it.

use std::collections::BTreeSet;
use std::fs;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use tokio::time::timeout;

use super::call::{Exchange, is_run};
use super::control::Event;
use super::phone::Phone;
use super::service::{Service, free_port};
use super::switch::shipped;

const PATIENCE: Duration = Duration::from_secs(60);
/// Number, the line that it takes, and a flow variable that is set there.
const LINES: [(&str, &str, &str, &str); 20] = [
    ("7001", "greet-line-0", "customer_name", "Anna Müller"),
    ("7002", "slow-line-0", "response_status", "SUCCESS"),
    ("7003", "second-line-0", "response_status", "SUCCESS"),
    ("7006", "greet-line-0", "customer_name", "Anna Müller"),
    ("7007", "slow-line-0", "response_status", "SUCCESS"),
    ("7008", "greet-line-0", "customer_name", "Anna Müller"),
    ("7009", "greet-line-0", "customer_name", "Anna Müller"),
    (
        "7011",
        "failed-line-1",
        "error_reason",
        "AUTHENTICATION_FAILURE",
    ),
    ("7012", "failed-line-1", "error_reason", "HTTP_STATUS"),
    ("7013", "failed-line-1", "error_reason", "TIMEOUT"),
    ("7014", "failed-line-1", "error_reason", "INVALID_FLOW_VAR"),
    ("7015", "failed-line-1", "error_reason", "INVALID_RESPONSE"),
    (
        "7016",
        "failed-line-1",
        "error_reason",
        "INVALID_RESPONSE_MAP",
    ),
    (
        "7017",
        "failed-line-1",
        "error_reason",
        "CONNECTION_FAILURE",
    ),
    ("7018", "failed-line-1", "error_reason", "BLOCKED_ADDRESS"),
    ("7019", "failed-line-1", "error_reason", "INVALID_REQUEST"),
    (
        "7021",
        "failed-line-1",
        "error_reason",
        "CONNECTION_FAILURE",
    ),
    (
        "7022",
        "failed-line-1",
        "error_reason",
        "CONNECTION_FAILURE",
    ),
    ("7023", "greet-line-0", "customer_name", "Anna Müller"),
    (
        "7024",
        "failed-line-1",
        "error_reason",
        "CONNECTION_FAILURE",
    ),
];
/// The numbers whose dialplan names no webhook.
const ROUTED: [&str; 2] = ["7008", "7009"];
/// Numbers that the tests below cover; nearly every other test covers `ask-NAME`.
const PHONES: [&str; 5] = ["0", "(100[0-2])", "7004", "7005", "(?:ask|park)-[\\w-]+"];

/// A running `switchhook lab --receiver`, with its output.
struct Lab {
    address: String,
    lines: Lines<BufReader<ChildStdout>>,
    _child: Child,
}

impl Lab {
    async fn start() -> Self {
        let address = format!("127.0.0.1:{}", free_port().await);
        let mut child = Command::new(env!("CARGO_BIN_EXE_switchhook"))
            .args(["lab", "--receiver", &address])
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("the program");
        let stdout = child.stdout.take().expect("its output");
        Self {
            address,
            lines: BufReader::new(stdout).lines(),
            _child: child,
        }
    }

    /// Waits for a line with all of these texts.
    async fn prints(&mut self, parts: &[&str]) -> String {
        let found = timeout(PATIENCE, async {
            loop {
                let line = self
                    .lines
                    .next_line()
                    .await
                    .expect("UTF-8")
                    .expect("a line");
                if parts.iter().all(|part| line.contains(part)) {
                    return line;
                }
            }
        });
        found
            .await
            .unwrap_or_else(|_| panic!("no line with {parts:?}"))
    }
}

fn is_at(event: &Event, phone: &Phone, number: &str) -> bool {
    event.name() == "CHANNEL_EXECUTE"
        && event.variable("sip_call_id") == Some(&phone.call_id())
        && event.get("Caller-Destination-Number") == number
}

#[test]
fn every_number_of_the_shipped_dialplan_is_dialled_by_a_test() {
    let file = shipped().join("dialplan/phones.xml");
    let text = fs::read_to_string(file).expect("the dialplan");
    let numbers = text
        .split("field=\"destination_number\" expression=\"^")
        .skip(1);
    let numbers: BTreeSet<_> = numbers
        .filter_map(|rest| rest.split_once("$\""))
        .map(|(number, _)| number)
        .collect();
    let dialled = LINES
        .iter()
        .map(|(number, ..)| *number)
        .chain(PHONES)
        .collect();
    assert_eq!(numbers, dialled);
}

#[tokio::test]
#[ignore = "needs a FreeSWITCH"]
async fn every_number_takes_the_line_that_it_shows_and_has_its_document() {
    let exchange = Exchange::acquire().await;
    let mut lab = Lab::start().await;
    let _service = Service::shipped(exchange.switch, &lab.address).await;
    for (number, line, name, value) in LINES {
        let phone = Phone::new(exchange.switch, "1000").await;
        phone.dial(number).await;
        let at = exchange
            .events
            .wait(number, |event| is_at(event, &phone, line))
            .await;
        assert_eq!(
            at.variable(&format!("flow.key.{name}")),
            Some(value),
            "{number}"
        );
        let (_, dialog) = phone.is_answered().await;
        phone.hang_up(&dialog).await;
        let did = format!("\"didNumber\":\"{number}\"");
        // Two numbers belong to another account.
        let is_acmes = ROUTED.contains(&number);
        let path = if is_acmes {
            "POST /acme/calls answered"
        } else {
            "POST /calls answered"
        };
        let document = lab.prints(&[path, &did]).await;
        assert_eq!(document.contains("+05:30\""), !is_acmes, "{document}");
        let account = is_acmes.then_some("acme");
        assert_eq!(at.variable("flow.account"), account, "{number}");
        assert!(document.contains("\"calleeNumber\":\"1000\""), "{document}");
        assert!(document.contains(value), "{number}: {document}");
        assert!(!document.contains("incomplete"), "{document}");
    }
}

#[tokio::test]
#[ignore = "needs a FreeSWITCH and sipp"]
async fn agents_ring_talk_and_are_in_the_document_with_the_recording() {
    let exchange = Exchange::acquire().await;
    let mut lab = Lab::start().await;
    let _service = Service::shipped(exchange.switch, &lab.address).await;
    let first = Phone::registered(exchange.switch, "1001").await;
    let second = Phone::registered(exchange.switch, "1002").await;
    for (number, answers, other) in [("7004", &first, None), ("7005", &second, Some(&first))] {
        let customer = Phone::new(exchange.switch, "1000").await;
        customer.dial(number).await;
        if let Some(other) = other {
            let invite = other.await_message("INVITE").await;
            other.ring(&invite).await;
        }
        let invite = answers.await_message("INVITE").await;
        answers.answer(&invite).await;
        let (_, dialog) = customer.is_answered().await;
        answers.await_message("ACK").await;
        let bridged = |event: &Event| {
            event.name() == "CHANNEL_BRIDGE"
                && event.variable("sip_call_id") == Some(&customer.call_id())
        };
        exchange.events.wait("bridge", bridged).await;
        customer.hang_up(&dialog).await;
        answers.is_hung_up().await;
        let did = format!("\"didNumber\":\"{number}\"");
        let document = lab.prints(&["POST /calls answered", &did]).await;
        assert!(document.contains("\"calleeType\":\"AGENT\""), "{document}");
    }
}

#[tokio::test]
#[ignore = "needs a FreeSWITCH and sipp"]
async fn an_agents_desk_calls_a_customer_from_the_command_line() {
    let exchange = Exchange::acquire().await;
    let mut lab = Lab::start().await;
    let _service = Service::shipped(exchange.switch, &lab.address).await;
    let customer = Phone::registered(exchange.switch, "1000").await;
    let agent = Phone::registered(exchange.switch, "1001").await;
    // The README's command without `fs_cli -x`.
    let command =
        "bgapi originate {flow.name=outbound,flow.key.leadid=HFC123}user/1000 7004 XML phones";
    exchange.control.send_command(command).await;
    let invite = customer.await_message("INVITE").await;
    let talk = customer.answer(&invite).await;
    customer.await_message("ACK").await;
    let invite = agent.await_message("INVITE").await;
    agent.answer(&invite).await;
    agent.await_message("ACK").await;
    let bridged = |event: &Event| event.name() == "CHANNEL_BRIDGE";
    exchange.events.wait("bridge", bridged).await;
    customer.hang_up(&talk).await;
    agent.is_hung_up().await;
    let document = lab.prints(&["POST /calls answered", "HFC123"]).await;
    for part in [
        "\"name\":\"$flow.key.leadid\"",
        "\"calleeType\":\"AGENT\"",
        "\"incoming\":false",
    ] {
        assert!(document.contains(part), "{part}: {document}");
    }
}

#[tokio::test]
#[ignore = "needs a FreeSWITCH and sipp"]
async fn one_phone_calls_another_and_0_sounds() {
    let exchange = Exchange::acquire().await;
    for account in ["1000", "1001", "1002"] {
        let called = Phone::registered(exchange.switch, account).await;
        let caller = Phone::new(exchange.switch, "1000").await;
        caller.dial(account).await;
        let invite = called.await_message("INVITE").await;
        called.answer(&invite).await;
        let (_, dialog) = caller.is_answered().await;
        called.await_message("ACK").await;
        caller.hang_up(&dialog).await;
        called.is_hung_up().await;
    }
    let phone = Phone::new(exchange.switch, "1000").await;
    phone.dial("0").await;
    let (_, dialog) = phone.is_answered().await;
    phone
        .rtp_receiver
        .wait_for_packets("the scale", |packets| {
            packets.iter().any(|packet| packet.sounds)
        })
        .await;
    phone.hang_up(&dialog).await;
    let plays = |event: &Event| {
        is_run(event, "playback") && event.variable("sip_call_id") == Some(&phone.call_id())
    };
    assert!(exchange.events.has(plays));
}
