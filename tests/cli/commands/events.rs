//! `events`: what happened in calls, beside a service that may be running.
#![allow(clippy::unwrap_used)]

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};
use switchhook_store::{NewEvent, RequestContent, Store};

use crate::commands::support::{Workdir, document};

/// The time for an expected line; a test that reaches it has failed.
const TIMEOUT: Duration = Duration::from_secs(60);

/// Returns an event of a call whose body has this account and number.
fn event(call: &str, fact: &str, flow: &str, account: &str, number: &str) -> NewEvent {
    let kind = fact.split(' ').next().unwrap();
    let body = json!({
        "type": format!("call.{kind}"), "account": account, "leg": {"calleeNumber": number},
    });
    NewEvent {
        account: account.into(),
        switch: "fs1".into(),
        call_uuid: call.into(),
        created_us: 1_000_000,
        fact: fact.into(),
        instead_of: None,
        endpoint: "completed/events".into(),
        flow: flow.into(),
        wait: Duration::from_secs(2),
        expire: Duration::from_secs(300),
        render: Arc::new(move |sequence| {
            let mut body = body.clone();
            body["sequence"] = json!(sequence);
            RequestContent::of_body(body.to_string())
        }),
    }
}

/// Stores events of two calls of different flows, accounts and callers, and a document.
async fn workdir_with_events() -> (Workdir, Store) {
    let workdir = Workdir::new();
    let store = workdir.store().await;
    let no_receiver = std::net::SocketAddr::from(([127, 0, 0, 1], 9));
    for event in [
        event("call-1", "started", "outbound", "acme", "+4930123456"),
        event("call-2", "started", "inbound", "other", "1001"),
        event(
            "call-1",
            "answered call-1 7",
            "outbound",
            "acme",
            "+4930123456",
        ),
    ] {
        store.put_event(event).await.unwrap();
    }
    store
        .finish_call(document("call-3", no_receiver))
        .await
        .unwrap();
    (workdir, store)
}

fn lines(text: &str) -> Vec<Value> {
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// Returns call and number of each event.
fn named(events: &[Value]) -> Vec<String> {
    let text = |event: &Value| {
        let [call, kind] = ["call", "event"].map(|name| event[name].as_str().unwrap());
        format!("{call} {} {kind}", event["sequence"])
    };
    events.iter().map(text).collect()
}

#[tokio::test]
async fn the_newest_are_printed_the_oldest_of_them_first_and_the_filters_hold() {
    let (workdir, store) = workdir_with_events().await;
    store.close().await;
    let events = |args: &[&str]| {
        let out = workdir.run(&[&["events"], args].concat()).done();
        named(&lines(&out))
    };
    let all = ["call-1 1 started", "call-2 1 started", "call-1 2 answered"];
    assert_eq!(events(&[]), all, "no documents");
    assert_eq!(events(&["--limit", "2"]), all[1..]);
    assert_eq!(events(&["--since", "1h"]), all);
    for filter in [
        &["--flow", "inbound"][..],
        &["--account", "other"],
        &["--number", "1001"],
    ] {
        assert_eq!(events(filter), all[1..2], "{filter:?}");
    }
    let both = [
        "--number",
        "004930123456",
        "--flow",
        "outbound",
        "--limit",
        "1",
    ];
    assert_eq!(events(&both), all[2..]);
    let none = workdir.run(&["events", "--flow", "inbound", "--account", "acme"]);
    assert_eq!((none.status, none.err.as_str()), (Some(0), "no events\n"));
    let lane = ["outbox", "list", "--webhook", "spare/events"];
    assert_eq!(workdir.run(&lane).err, "no documents\n");
    workdir
        .run(&["events", "--number", " "])
        .refused(1, "--number is empty");
    workdir
        .run(&["events", "-f", "--limit", "3"])
        .refused(2, "--limit");
    let first = &lines(&workdir.run(&["events"]).done())[0];
    let body = json!({"type": "call.started", "account": "acme", "sequence": 1,
        "leg": {"calleeNumber": "+4930123456"}});
    assert_eq!(first["body"], body);
    assert_eq!(
        (&first["webhook"], &first["state"]),
        (&json!("completed"), &json!("waiting"))
    );
    assert!(
        first["made"].as_str().unwrap().ends_with("+05:30"),
        "{first}"
    );
}

/// A running `events --follow`; dropping it kills it.
struct Following {
    child: Child,
    messages: Receiver<String>,
    lines: Receiver<String>,
}

impl Following {
    fn start(workdir: &Workdir, args: &[&str]) -> Self {
        let mut command = workdir.command(&[&["events", "--follow"], args].concat());
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let messages = read(child.stderr.take().unwrap());
        let lines = read(child.stdout.take().unwrap());
        let following = Self {
            child,
            messages,
            lines,
        };
        let message = following.messages.recv_timeout(TIMEOUT).unwrap();
        assert_eq!(message, "events as they come; Ctrl-C ends");
        following
    }

    fn next(&self) -> Value {
        serde_json::from_str(&self.lines.recv_timeout(TIMEOUT).unwrap()).unwrap()
    }

    fn end(mut self, signal: &str) -> (Option<i32>, Vec<String>) {
        let kill = format!("kill -{signal} {}", self.child.id());
        assert!(
            Command::new("/bin/sh")
                .args(["-c", &kill])
                .status()
                .unwrap()
                .success()
        );
        let status = self.child.wait().unwrap().code();
        (
            status,
            self.lines.iter().chain(self.messages.iter()).collect(),
        )
    }
}

impl Drop for Following {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn read(from: impl std::io::Read + Send + 'static) -> Receiver<String> {
    let (sender, lines) = channel();
    thread::spawn(move || {
        for line in BufReader::new(from).lines() {
            drop(sender.send(line.unwrap()));
        }
    });
    lines
}

#[tokio::test]
async fn follow_prints_each_event_once_as_it_comes_until_a_signal() {
    let (workdir, store) = workdir_with_events().await;
    let from_now = Following::start(&workdir, &["--account", "acme"]);
    let since = Following::start(&workdir, &["--since", "1h", "--number", "+4930123456"]);
    let earlier = [since.next(), since.next()];
    assert_eq!(named(&earlier), ["call-1 1 started", "call-1 2 answered"]);
    for event in [
        event("call-2", "ended", "inbound", "other", "1001"),
        event("call-1", "ended", "outbound", "acme", "+4930123456"),
    ] {
        store.put_event(event).await.unwrap();
    }
    for following in [&from_now, &since] {
        assert_eq!(named(&[following.next()]), ["call-1 3 ended"]);
    }
    assert_eq!(
        from_now.end("INT"),
        (Some(0), vec![]),
        "nothing else was printed"
    );
    assert_eq!(since.end("TERM"), (Some(0), vec![]));
    store.close().await;
}

#[tokio::test]
async fn a_reader_who_leaves_ends_it_quietly() {
    let (workdir, store) = workdir_with_events().await;
    let (reader, writer) = std::io::pipe().unwrap();
    let mut command = workdir.command(&["events", "-f", "--since", "1h"]);
    let child = command
        .stdout(writer)
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // The pipe's other writer is the command's own handle.
    drop(command);
    let mut first = String::new();
    let mut reader = BufReader::new(reader);
    reader.read_line(&mut first).unwrap();
    assert!(first.contains("call-1"));
    drop(reader);
    store
        .put_event(event("call-1", "ended", "outbound", "acme", "1"))
        .await
        .unwrap();
    let output = child.wait_with_output().unwrap();
    let errors = String::from_utf8(output.stderr).unwrap();
    assert_eq!(
        (output.status.code(), errors.lines().count()),
        (Some(0), 1),
        "{errors}"
    );
    store.close().await;
}
