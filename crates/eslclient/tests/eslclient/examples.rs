//! Each example runs against the simulated switch and prints what its documentation says.

#![allow(clippy::unwrap_used, reason = "a test that panics has failed")]

use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use test_support::simulator::{Call, HandOver, Inbound, Left, Pace, Parked, Switch};
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use tokio::time::timeout;

const PASSWORD: &str = "ClueCon";
/// Longer than any example takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running example. It ends when dropped.
struct Example {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Example {
    fn start(name: &str, arguments: &[&str]) -> Self {
        let mut child = Command::new(binary(name))
            .args(arguments)
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, lines }
    }

    /// Returns the next line; `None` at the end of the output.
    async fn line(&mut self) -> Option<String> {
        timeout(PATIENCE, self.lines.next_line())
            .await
            .unwrap()
            .unwrap()
    }

    /// Returns all further output and how the example ended.
    async fn finish(mut self) -> (String, ExitStatus) {
        let mut output = String::new();
        while let Some(line) = self.line().await {
            output.push_str(&line);
            output.push('\n');
        }
        (output, self.child.wait().await.unwrap())
    }
}

/// `cargo test` builds the examples into the folder beside that of the tests.
fn binary(name: &str) -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let folder = test.ancestors().nth(2).unwrap();
    let binary = folder.join("examples").join(name);
    assert!(
        binary.exists(),
        "{} is missing: run `cargo test -p eslclient`, or `cargo build --examples` first",
        binary.display()
    );
    binary
}

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
    let mut example = Example::start("readme", &[&address]);
    let version = example.line().await.unwrap();
    assert!(version.starts_with("FreeSWITCH Version"), "{version}");
    let record = timeout(PATIENCE, switch.place(call())).await.unwrap();
    let ended = format!("{} ended: NORMAL_CLEARING", record.uuid);
    assert_eq!(example.line().await.unwrap(), ended);
}

#[tokio::test]
async fn inbound_prints_the_output_of_three_commands() {
    let (_switch, _inbound, address) = switch().await;
    let example = Example::start("inbound", &[&address, PASSWORD]);
    let (output, status) = example.finish().await;
    assert!(status.success(), "{output}");
    assert!(output.starts_with("switchname: fs1\nversion: FreeSWITCH Version"));
    assert!(output.contains("\nstatus: UP "), "{output}");
}

#[tokio::test]
async fn inbound_says_where_the_password_is_when_it_is_wrong() {
    let (_switch, _inbound, address) = switch().await;
    let mut example = Command::new(binary("inbound"));
    let output = example.args([&address, "wrong"]).output();
    let output = timeout(PATIENCE, output).await.unwrap().unwrap();
    assert!(!output.status.success());
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.contains("event_socket.conf"), "{text}");
}

#[tokio::test]
async fn outbound_plays_its_sound_and_returns_the_call_to_the_dialplan() {
    let (switch, _inbound, _) = switch().await;
    let mut example = Example::start("outbound", &["127.0.0.1:0", "silence_stream://100"]);
    let listening = example.line().await.unwrap();
    let host = listening.strip_prefix("listening on ").unwrap().to_owned();
    let record = switch.place(Call {
        hosts: vec![host],
        ..call()
    });
    let record = timeout(PATIENCE, record).await.unwrap();
    let uuid = &record.uuid;
    let lines = [example.line().await, example.line().await].map(Option::unwrap);
    assert_eq!(lines[0], format!("{uuid}: call from 919822003887"));
    assert_eq!(lines[1], format!("{uuid}: returned to the dialplan"));
    assert_eq!(record.left, Left::Released);
    assert_eq!(record.variables["greeted"], "yes");
    assert!(record.violations.is_empty(), "{:?}", record.violations);
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
async fn json_events_prints_the_states_and_the_cause_of_a_call() {
    let (switch, _inbound, address) = switch().await;
    let mut example = Example::start("json_events", &[&address, PASSWORD]);
    assert_eq!(example.line().await.unwrap(), "subscribed");
    let record = timeout(PATIENCE, switch.place(call())).await.unwrap();
    let uuid = &record.uuid;
    let mut lines = Vec::new();
    while lines.len() < 3 {
        lines.push(example.line().await.unwrap());
    }
    assert_eq!(lines[0], format!("CHANNEL_CREATE {uuid} CS_INIT ringing"));
    assert_eq!(
        lines[1],
        format!("CHANNEL_ANSWER {uuid} CS_EXECUTE answered")
    );
    assert_eq!(
        lines[2],
        format!("CHANNEL_HANGUP_COMPLETE {uuid} CS_REPORTING hangup NORMAL_CLEARING (16)")
    );
}

#[tokio::test]
async fn background_jobs_prints_the_output_of_each_job() {
    let (_switch, _inbound, address) = switch().await;
    let commands = ["switchname", "uuid_exists 7f21", "no_such_command"];
    let arguments = [&[&*address, PASSWORD], &commands[..]].concat();
    let (output, status) = Example::start("background_jobs", &arguments).finish().await;
    assert!(status.success(), "{output}");
    assert_eq!(
        output,
        "switchname: fs1\nuuid_exists 7f21: false\n\
         no_such_command: -ERR no_such_command Command not found!\n"
    );
}
