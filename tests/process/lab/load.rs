//! Tests the load generator against a handler of canned bytes.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::net::SocketAddr;

use switchhook_service::config::Config;
use switchhook_service::service::Service;
use switchhook_sim::load::{
    self, Handler, Http, Load, LoadError, LoadOptions, LoadReport, TableOptions,
};
use test_support::ports::unused;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Reads up to the end of the line with `marker` and returns the text after the marker.
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

async fn placed(line: u8) -> LoadReport {
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
    let report = placed(0).await;
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
    // The whole call includes the webhook's 100 ms; the commands after its answer do not.
    assert!(report.whole_call.micros(0.0) > Some(100_000));
    assert!(report.answer_to_first_command.micros(0.0) < Some(100_000));
    assert!(report.calls_per_s > 0.0 && report.process.is_some());
}

#[tokio::test]
async fn a_wrong_line_disqualifies_the_run() {
    let report = placed(1).await;
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

/// Returns a load that each of the project's handlers must carry, with the variables that its
/// calls must have at the end.
fn mapped(target: SocketAddr, webhook: SocketAddr) -> LoadOptions {
    let variables = [
        ("flow.key.customer_name", "Anna"),
        ("flow.key.queue", "gold"),
    ];
    let expected = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
    LoadOptions {
        target: target.to_string(),
        calls: 40,
        rate: 200.0,
        webhook: Some(webhook),
        delay: std::time::Duration::from_millis(600),
        expected: expected.to_vec(),
        ..LoadOptions::default()
    }
}

/// Returns a free address for a webhook that starts later.
async fn null(http: Http) -> LoadReport {
    let (webhook, listener) = (unused(), TcpListener::bind("127.0.0.1:0").await.unwrap());
    let target = listener.local_addr().unwrap();
    let load = Load::prepare(mapped(target, webhook)).await.unwrap();
    let handling = tokio::spawn(load::handle(listener, webhook, http));
    let report = load.run().await;
    handling.abort();
    report
}

async fn service() -> LoadReport {
    let (webhook, folder) = (unused(), tempfile::tempdir().unwrap());
    let store = folder.path().join("store.db");
    let settings = format!(
        r#"
[listen]
esl = "127.0.0.1:0"
http = "127.0.0.1:0"
[store]
url = "sqlite:{}"
[egress]
allow_plain_http = true
allow_addresses = ["127.0.0.0/8"]
[webhooks.lookup]
url = "http://{webhook}/lookup"
query = [{{ name = "lead", value = "{{{{ flow.key.leadid }}}}" }}]
response.map = {{ customer_name = "$.customer.name", queue = "$.queue" }}
"#,
        store.display()
    );
    let config = Config::parse(&settings, "load.toml").unwrap();
    let service = Service::start(&config).await.unwrap();
    let load = Load::prepare(mapped(service.esl, webhook)).await.unwrap();
    let report = load.run().await;
    service.stop().await;
    report
}

#[tokio::test]
async fn the_null_handler_gives_the_switch_the_commands_that_the_service_gives() {
    let reports = [
        service().await,
        null(Http::Canned).await,
        null(Http::Client).await,
    ];
    for report in &reports {
        let wrong = report.wrong_lines + report.wrong_variables + report.violations;
        assert_eq!((report.errors, wrong), (0, 0), "{:?}", report.problems);
        assert_eq!(report.answer_to_last_command.count(), 40);
        assert_eq!(report.commands, reports[0].commands);
        // Only the length of the seconds in response_duration may differ.
        assert!(report.bytes.abs_diff(reports[0].bytes) <= 40 * 3);
    }
}

#[tokio::test]
async fn a_variable_that_is_not_as_expected_disqualifies_the_run() {
    let (webhook, listener) = (unused(), TcpListener::bind("127.0.0.1:0").await.unwrap());
    let mut options = mapped(listener.local_addr().unwrap(), webhook);
    options.expected[0].1 = "Berta".into();
    let load = Load::prepare(options).await.unwrap();
    let handling = tokio::spawn(load::handle(listener, webhook, Http::Canned));
    let report = load.run().await;
    handling.abort();
    assert_eq!((report.wrong_variables, report.passed), (40, false));
    assert!(
        report.problems[0].contains("Berta"),
        "{:?}",
        report.problems
    );
}

#[tokio::test]
async fn the_table_has_the_service_the_null_handler_another_and_what_a_waiting_call_takes() {
    let (webhook, listener) = (unused(), TcpListener::bind("127.0.0.1:0").await.unwrap());
    let other = Handler::other(
        &listener.local_addr().unwrap().to_string(),
        "lookup",
        Some(std::process::id()),
    );
    tokio::spawn(load::handle(listener, webhook, Http::Canned));
    let folder = tempfile::tempdir().unwrap();
    let table = load::run_table(&TableOptions {
        program: env!("CARGO_BIN_EXE_switchhook").into(),
        folder: folder.path().to_owned(),
        cores: 1,
        core: None,
        others: vec![other],
        webhook,
        waiting: 20,
        rounds: 1,
        turn: std::time::Duration::from_millis(200),
        progress: false,
    })
    .await
    .unwrap();
    assert_eq!(
        (table.wrong, table.problems.len()),
        (0, 0),
        "{:?}",
        table.problems
    );
    let names: Vec<&str> = table.handlers.iter().map(|row| row.name.as_str()).collect();
    assert_eq!(names[..2], ["null", "switchhook"]);
    assert_eq!(names.len(), 3);
    for row in &table.handlers {
        assert!(row.answer_to_first_command.count() > 0, "{}", row.name);
        assert_eq!(row.commands, table.handlers[0].commands);
    }
    let json: serde_json::Value = serde_json::from_str(&table.json()).unwrap();
    assert!(json["kib_per_waiting_call"].is_f64() && json["memory"]["http2"].is_f64());
    assert!(json["added_us"]["p50"].is_i64() && json["added_us"]["p99"].is_i64());
    for key in ["share_of_null", "calls_per_s", "own_kib_per_waiting_call"] {
        assert!(!json[key].is_string(), "{key}");
    }
    assert!(
        table
            .table()
            .contains("KiB of the service's memory over HTTP/1.1")
    );
}
