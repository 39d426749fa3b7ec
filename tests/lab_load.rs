//! The load generator against a handler of canned bytes.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::net::SocketAddr;

use switchhook::lab::load::{Load, LoadError, LoadOptions};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// What stands behind `marker` up to the end of its line, once it has been read.
async fn value(stream: &mut TcpStream, read: &mut String, marker: &str) -> String {
    loop {
        let found = read
            .split_once(marker)
            .and_then(|(_, rest)| rest.split_once('\n'));
        if let Some((value, _)) = found {
            return value.to_owned();
        }
        let mut chunk = [0; 16_384];
        let count = stream.read(&mut chunk).await.unwrap();
        assert!(count > 0);
        read.push_str(&String::from_utf8_lossy(&chunk[..count]));
    }
}

async fn handle(mut stream: TcpStream, webhook: SocketAddr, line: u8) {
    let mut read = String::new();
    stream.write_all(b"connect\n\n").await.unwrap();
    let uuid = value(&mut stream, &mut read, "\nUnique-ID: ").await;
    let way_out = value(&mut stream, &mut read, "variable_flow.way_out: ").await;
    let lead = value(&mut stream, &mut read, "variable_flow.key.leadid: ").await;
    let mut http = TcpStream::connect(webhook).await.unwrap();
    let request = format!("POST /?lead={lead} HTTP/1.1\r\nContent-Length: 0\r\n\r\n");
    http.write_all(request.as_bytes()).await.unwrap();
    value(&mut http, &mut String::new(), "HTTP/1.1 200").await;
    let leaving = format!(
        "api uuid_setvar {uuid} flow.line {line}\n\napi sched_del {way_out}\n\nresume\n\nexit\n\n"
    );
    stream.write_all(leaving.as_bytes()).await.unwrap();
    while stream
        .read(&mut [0; 4096])
        .await
        .is_ok_and(|count| count > 0)
    {}
}

async fn load(line: u8) -> switchhook::lab::load::LoadReport {
    let target = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let options = LoadOptions {
        target: target.local_addr().unwrap().to_string(),
        calls: 60,
        rate: 300.0,
        webhook: Some(SocketAddr::from(([127, 0, 0, 1], 0))),
        pid: Some(std::process::id()),
        ..LoadOptions::default()
    };
    let load = Load::prepare(options).await.unwrap();
    let webhook = load.webhook().unwrap();
    let serving = tokio::spawn(async move {
        while let Ok((stream, _)) = target.accept().await {
            tokio::spawn(handle(stream, webhook, line));
        }
    });
    let report = load.run().await;
    serving.abort();
    report
}

#[tokio::test]
async fn every_call_is_timed_from_the_webhooks_answer_to_its_commands() {
    let report = load(0).await;
    assert_eq!(
        (report.errors, report.wrong_lines, report.violations),
        (0, 0, 0),
        "{:?}",
        report.problems
    );
    for quantiles in [
        &report.to_first_command,
        &report.answer_to_first_command,
        &report.answer_to_last_command,
        &report.whole_call,
        &report.late,
    ] {
        assert_eq!(quantiles.count(), 60);
    }
    // The whole call includes the webhook's 100 ms; what follows its answer does not.
    assert!(report.whole_call.micros(0.0) > Some(100_000));
    assert!(report.answer_to_first_command.micros(0.0) < Some(100_000));
    assert!(report.calls_per_s > 0.0 && report.process.is_some());
}

#[tokio::test]
async fn a_wrong_line_disqualifies_the_run() {
    let report = load(1).await;
    assert_eq!(report.wrong_lines, 60);
    assert!(!report.passed);
}

#[tokio::test]
async fn options_that_mean_nothing_are_refused_with_the_cure() {
    for options in [
        LoadOptions {
            rate: 0.0,
            ..LoadOptions::default()
        },
        LoadOptions {
            rate: f64::NAN,
            ..LoadOptions::default()
        },
        LoadOptions {
            calls: 0,
            ..LoadOptions::default()
        },
    ] {
        let refused = Load::prepare(options).await.unwrap_err();
        assert!(matches!(refused, LoadError::Options { .. }));
    }
    let options = LoadOptions {
        pid: Some(u32::MAX),
        ..LoadOptions::default()
    };
    let refused = Load::prepare(options).await.unwrap_err();
    assert!(refused.to_string().contains("Give the pid"));
}
