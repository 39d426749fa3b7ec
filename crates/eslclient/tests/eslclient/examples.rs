//! Each example runs against the simulated switch and prints what its documentation says.

#![allow(clippy::unwrap_used, reason = "a test that panics has failed")]

use std::sync::Arc;

use test_support::example::{Example, PATIENCE, binary};
use test_support::simulator::{Call, HandOver, Inbound, Left, Pace, Parked, Switch};
use tokio::process::Command;
use tokio::time::timeout;

const PASSWORD: &str = "ClueCon";

/// A simulated switch that listens on a port like 8021.
async fn switch() -> (Arc<Switch>, Inbound, String) {
    let switch = Switch::new("fs1", Pace::Ticked);
    let address = "127.0.0.1:0".parse().unwrap();
    let inbound = switch.listen(address, PASSWORD).await.unwrap();
    let address = inbound.address().to_string();
    (switch, inbound, address)
}

/// A call without the timers of Switchhook's own dialplan.
fn call() -> Call {
    Call {
        hand_over: HandOver {
            way_out: None,
            own_timer: false,
            ..HandOver::default()
        },
        ..Call::default()
    }
}

#[tokio::test]
async fn the_program_of_the_readme_prints_the_end_of_a_call() {
    let program = include_str!("../../examples/readme.rs");
    let (_, program) = program.split_once("\n\n").unwrap();
    assert!(include_str!("../../README.md").contains(program));
    let (switch, _inbound, address) = switch().await;
    let subscribed = switch.followed_by(1);
    let mut example = Example::start("readme", &[&address]);
    let version = example.line().await.unwrap();
    assert!(version.starts_with("FreeSWITCH Version"), "{version}");
    timeout(PATIENCE, subscribed).await.unwrap();
    let record = timeout(PATIENCE, switch.place(call())).await.unwrap();
    let ended = format!("{} ended: NORMAL_CLEARING, Q.850 Some(16)", record.uuid);
    assert_eq!(example.line().await.unwrap(), ended);
}

#[tokio::test]
async fn the_program_of_the_readme_says_where_the_password_is_when_it_is_wrong() {
    let switch = Switch::new("fs1", Pace::Ticked);
    let address = "127.0.0.1:0".parse().unwrap();
    let inbound = switch.listen(address, "another").await.unwrap();
    let mut example = Command::new(binary("readme"));
    let output = example.arg(inbound.address().to_string()).output();
    let output = timeout(PATIENCE, output).await.unwrap().unwrap();
    assert!(!output.status.success());
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.contains("event_socket.conf"), "{text}");
}

#[tokio::test]
async fn concurrent_gets_every_reply() {
    let (_switch, _inbound, address) = switch().await;
    let example = Example::start("concurrent", &[&address, PASSWORD, "500"]);
    let (output, status) = example.finish().await;
    assert!(status.success(), "{output}");
    assert!(
        output.starts_with("500 of 500 replies\nswitchname: fs1\nversion: FreeSWITCH Version"),
        "{output}"
    );
}

#[tokio::test]
async fn originate_says_why_nobody_came() {
    let (_switch, _inbound, address) = switch().await;
    for (endpoint, told) in [
        (
            "error/USER_BUSY",
            "nobody came: USER_BUSY, Q.850 Some(17)\n",
        ),
        (
            "user/1000",
            "nobody came: USER_NOT_REGISTERED, Q.850 Some(16)\n",
        ),
    ] {
        let example = Example::start("originate", &[&address, PASSWORD, endpoint]);
        let (output, status) = example.finish().await;
        assert!(status.success(), "{output}");
        assert!(output.starts_with("job "), "{output}");
        assert!(output.ends_with(told), "{output}");
    }
    let forged = ["user/1000 &echo"];
    let example = Example::start("originate", &[&[&*address, PASSWORD], &forged[..]].concat());
    let (output, status) = example.finish().await;
    assert!(!status.success() && output.is_empty(), "{output}");
}

#[tokio::test]
async fn ivr_takes_a_digit_or_none_and_sends_the_call_on() {
    let (switch, _inbound, _) = switch().await;
    let mut example = Example::start("ivr", &["127.0.0.1:0"]);
    let listening = example.line().await.unwrap();
    let host = listening.strip_prefix("listening on ").unwrap().to_owned();
    for (presses, choice, told) in [
        ("2", "2", "pressed 2"),
        ("-", "none", "pressed nothing that fits"),
    ] {
        let record = switch.place(Call {
            hosts: vec![host.clone()],
            variables: vec![("caller_presses".to_owned(), presses.to_owned())],
            ..call()
        });
        let record = timeout(PATIENCE, record).await.unwrap();
        let uuid = &record.uuid;
        for expected in ["call from 919822003887", told, "sent on"] {
            let line = example.line().await.unwrap();
            assert_eq!(line, format!("{uuid}: {expected}"));
        }
        assert_eq!(record.left, Left::Released);
        assert_eq!(record.variables["choice"], choice);
        assert!(record.violations.is_empty(), "{:?}", record.violations);
    }
}

#[tokio::test]
async fn parked_transfers_a_parked_call_and_reports_its_end() {
    let (switch, _inbound, address) = switch().await;
    let arguments = [&*address, PASSWORD, "lookup-line-1", "flows"];
    let mut example = Example::start("parked", &arguments);
    assert_eq!(example.line().await.unwrap(), "waiting for parked calls");
    let record = switch.place(Call {
        parked: Some(Parked {
            service: "example".to_owned(),
            untaken: PATIENCE,
        }),
        ..call()
    });
    let record = timeout(PATIENCE, record).await.unwrap();
    let uuid = &record.uuid;
    let lines = [example.line().await, example.line().await].map(Option::unwrap);
    assert_eq!(lines[0], format!("{uuid}: transferred to lookup-line-1"));
    assert_eq!(lines[1], format!("{uuid}: ended, NORMAL_CLEARING"));
    assert_eq!(record.left, Left::Released);
    assert_eq!(record.variables["taken_by"], "parked example");
    assert!(record.violations.is_empty(), "{:?}", record.violations);
}

#[tokio::test]
async fn watch_prints_calls_and_comes_back_after_a_loss() {
    let (switch, mut inbound, address) = switch().await;
    let mut example = Example::start("watch", &[&address, PASSWORD]);
    assert_eq!(example.line().await.unwrap(), "connected");
    for again in [false, true] {
        if again {
            inbound = lose(&switch, inbound, &mut example).await;
        }
        let record = timeout(PATIENCE, switch.place(call())).await.unwrap();
        let uuid = &record.uuid;
        for expected in [
            "calls from 919822003887 to 7000",
            "is answered",
            "ended: NORMAL_CLEARING, Q.850 Some(16)",
        ] {
            let line = example.line().await.unwrap();
            assert_eq!(line, format!("{uuid} {expected}"));
        }
    }
    drop(inbound);
}

/// Stops listening until the example says so, then listens at the same port again.
async fn lose(switch: &Arc<Switch>, inbound: Inbound, example: &mut Example) -> Inbound {
    let address = inbound.address();
    drop(inbound);
    let lost = example.line().await.unwrap();
    assert!(lost.starts_with("lost: "), "{lost}");
    let inbound = switch.listen(address, PASSWORD).await.unwrap();
    loop {
        let line = example.line().await.unwrap();
        if line.starts_with("back, restarted: ") {
            return inbound;
        }
        assert!(line.starts_with("lost: "), "{line}");
    }
}
