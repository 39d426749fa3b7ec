//! Tests the lab against scripted services.
//!
//! The lab passes a service that does everything right and fails a service for each single fault.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use serde_json::{Value, json};
use switchhook_sim::{LabOptions, LabReport, Started, run};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, sleep, timeout};
use toml_edit::DocumentMut;

/// The fault of a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    None,
    WrongLine,
    Blip,
    LeavesWayOut,
    CancelsEverything,
    QueuedSetDiscarded,
    Answers,
    ForgetsVariable,
    KeepsStale,
    WritesCode,
    KeepsRequest,
    UnknownCommand,
}

/// A service with only the features that this test's scenarios need.
#[derive(Clone)]
struct Fake {
    config: Arc<DocumentMut>,
    http: reqwest::Client,
    fault: Fault,
}

/// The outcome of the webhook: the variables to write, and whether it failed.
type Outcome = Vec<(String, String)>;

impl Fake {
    async fn call(self, mut stream: TcpStream) {
        let mut read = String::new();
        let _ = stream
            .write_all(b"connect\n\nlinger 1\n\nmyevents\n\n")
            .await;
        while !read.contains("Events Enabled") {
            if !more(&mut stream, &mut read).await {
                return;
            }
        }
        let header = |name: &str| -> Option<String> {
            let line = read.lines().find_map(|line| line.strip_prefix(name));
            line.map(|value| {
                percent_encoding::percent_decode_str(value)
                    .decode_utf8_lossy()
                    .into()
            })
        };
        let uuid = header("Unique-ID: ").unwrap();
        let path = header("variable_socket_path: ").unwrap();
        let way_out = header("variable_flow.way_out: ");
        let settings = &self.config["webhooks"][&path];
        let begun = Instant::now();
        let mut asked = Box::pin(
            self.clone()
                .ask(settings.clone(), header("variable_flow.key.leadid: ")),
        );
        // Even a zero timeout is wrong here, because an answer may arrive sooner.
        let quick = match self.fault == Fault::Blip {
            true => None,
            false => timeout(Duration::from_millis(150), &mut asked).await.ok(),
        };
        let outcome = match quick {
            Some(outcome) => outcome,
            None => {
                let _ = stream.write_all(self.hold(settings).as_bytes()).await;
                if self.fault == Fault::Blip {
                    sleep(Duration::from_millis(60)).await;
                }
                tokio::select! {
                    outcome = &mut asked => outcome,
                    () = hangup(&mut stream) => return self.let_go(asked).await,
                }
            }
        };
        let mut leaving = self.variables(settings, &uuid, outcome, begun.elapsed());
        leaving += &self.leave(&uuid, way_out.as_deref());
        let _ = stream.write_all(leaving.as_bytes()).await;
        while more(&mut stream, &mut read).await {}
    }

    async fn let_go(&self, asked: impl Future<Output = Outcome>) {
        if self.fault == Fault::KeepsRequest {
            asked.await;
        }
    }

    fn hold(&self, settings: &toml_edit::Item) -> String {
        let music = settings.get("hold_music").and_then(toml_edit::Item::as_str);
        let execute = |app: &str, arg: &str| {
            format!(
                "sendmsg\ncall-command: execute\nexecute-app-name: {app}\nexecute-app-arg: {arg}\nloops: -1\n\n"
            )
        };
        let mut hold = String::new();
        if settings
            .get("hold_music")
            .and_then(toml_edit::Item::as_bool)
            != Some(false)
        {
            hold += &execute("playback", music.unwrap_or("${hold_music}"));
        }
        if self.fault == Fault::Answers {
            hold += "sendmsg\ncall-command: execute\nexecute-app-name: answer\n\n";
        }
        hold
    }

    async fn ask(self, settings: toml_edit::Item, lead: Option<String>) -> Outcome {
        let url = settings["url"].as_str().unwrap().to_owned();
        let body = json!({
            "callDetails": [{ "calleeNumber": "919822003887" }],
            "keys": [{ "name": "$flow.key.leadid", "value": lead }],
        });
        let mut request = self.http.post(url).body(body.to_string());
        if settings.get("auth").is_some() {
            let password = settings["auth"]["basic"]["password"].as_str();
            request = request.basic_auth("switch", password);
        }
        let mut outcome = vec![];
        let Ok(reply) = request.send().await else {
            return failure("CONNECTION_FAILURE", outcome);
        };
        let status = reply.status().as_u16();
        outcome.push(("flow.key.response_status_code".into(), status.to_string()));
        let Ok(raw) = reply.text().await else {
            return failure("CONNECTION_FAILURE", outcome);
        };
        if !raw.is_empty() {
            outcome.push(("flow.key.response_raw".into(), raw.clone()));
        }
        let class = [
            "INFORMATIONAL",
            "SUCCESSFUL",
            "REDIRECTION",
            "CLIENT_ERROR",
            "SERVER_ERROR",
        ];
        let class = class[usize::from(status / 100 - 1)].to_owned();
        let kind = ("flow.key.response_status_type".to_owned(), class);
        match status {
            401 => return failure("AUTHENTICATION_FAILURE", [outcome, vec![kind]].concat()),
            200..300 => {}
            _ => return failure("HTTP_STATUS", [outcome, vec![kind]].concat()),
        }
        let document: Option<Value> = serde_json::from_str(&raw).ok();
        if document.is_none() && !raw.is_empty() {
            return failure("INVALID_RESPONSE", [outcome, vec![kind]].concat());
        }
        match mapped(&settings, &document.unwrap_or_default()) {
            Some(mapped) => success([outcome, mapped].concat()),
            None => failure("INVALID_RESPONSE_MAP", [outcome, vec![kind]].concat()),
        }
    }

    fn variables(
        &self,
        settings: &toml_edit::Item,
        uuid: &str,
        outcome: Outcome,
        took: Duration,
    ) -> String {
        let mut all: BTreeMap<String, String> = BTreeMap::new();
        let names = settings
            .get("response")
            .and_then(|response| response.get("map"));
        for (name, _) in names
            .and_then(|map| map.as_inline_table())
            .into_iter()
            .flatten()
        {
            if self.fault != Fault::KeepsStale {
                all.insert(format!("flow.key.{name}"), String::new());
            }
        }
        let failed = outcome
            .iter()
            .any(|(name, _)| name == "flow.key.error_reason");
        if !failed {
            all.insert("flow.key.error_reason".into(), String::new());
        }
        all.insert(
            "flow.key.response_duration".into(),
            format!("{:.2}", took.as_secs_f64()),
        );
        if outcome.iter().any(|(name, _)| name == "flow.key.vip") {
            all.insert("flow.json_keys".into(), "tier,vip".into());
        }
        all.extend(outcome);
        if self.fault == Fault::WrongLine {
            all.insert("flow.line".into(), "1".into());
        } else if self.fault == Fault::ForgetsVariable {
            all.remove("flow.key.response_status_code");
        } else if self.fault == Fault::WritesCode {
            all.insert("flow.key.note".into(), "${strftime x}".into());
        }
        let escaped = |value: &str| {
            value
                .replace('\\', "\\\\")
                .replace('\'', "\\'")
                .replace('\n', "\\n")
                .replace('\r', "\\r")
        };
        all.iter()
            .map(|(name, value)| format!("api uuid_setvar {uuid} {name} {}\n\n", escaped(value)))
            .collect()
    }

    fn leave(&self, uuid: &str, way_out: Option<&str>) -> String {
        let mut leave = String::new();
        if self.fault == Fault::CancelsEverything {
            leave += &format!("api sched_del {uuid}\n\n");
        } else if self.fault != Fault::LeavesWayOut {
            leave += &format!("api sched_del {}\n\n", way_out.unwrap_or("0"));
        }
        if self.fault == Fault::QueuedSetDiscarded {
            leave += "sendmsg\ncall-command: execute\nexecute-app-name: set\nexecute-app-arg: flow.key.x=1\n\n";
        } else if self.fault == Fault::UnknownCommand {
            leave += "dance\n\n";
        }
        leave += &format!("resume\n\napi uuid_break {uuid} all\n\n");
        leave += "exit\n\n";
        leave
    }
}

async fn more(stream: &mut TcpStream, read: &mut String) -> bool {
    let mut chunk = vec![0; 65_536];
    let count = stream.read(&mut chunk).await.unwrap_or(0);
    read.push_str(&String::from_utf8_lossy(&chunk[..count]));
    count > 0
}

async fn hangup(stream: &mut TcpStream) {
    let mut read = String::new();
    while !read.contains("CHANNEL_HANGUP") {
        if !more(stream, &mut read).await {
            return;
        }
    }
}

fn success(mut outcome: Outcome) -> Outcome {
    outcome.push(("flow.key.response_status".into(), "SUCCESS".into()));
    outcome.push(("flow.key.response_error".into(), "false".into()));
    outcome.push(("flow.line".into(), "0".into()));
    outcome
}

fn failure(reason: &str, mut outcome: Outcome) -> Outcome {
    outcome.push(("flow.key.response_status".into(), "FAILED".into()));
    outcome.push(("flow.key.response_error".into(), "true".into()));
    outcome.push(("flow.key.error_reason".into(), reason.into()));
    outcome.push((
        "flow.key.error_detail".into(),
        "Something went wrong.".into(),
    ));
    outcome.push(("flow.line".into(), "1".into()));
    outcome
}

fn mapped(settings: &toml_edit::Item, document: &Value) -> Option<Outcome> {
    let map = settings
        .get("response")
        .and_then(|response| response.get("map"));
    let mut found = vec![];
    for (name, entry) in map
        .and_then(|map| map.as_inline_table())
        .into_iter()
        .flatten()
    {
        let table = entry.as_inline_table();
        let path = table.map_or(entry.as_str(), |table| table["path"].as_str())?;
        let pointer = path.trim_start_matches('$').replace('.', "/");
        let default = table
            .and_then(|table| table.get("default"))
            .and_then(|value| value.as_str());
        let text = match document.pointer(&pointer) {
            Some(Value::String(text)) => text.clone(),
            Some(other) => other.to_string(),
            None => default?.to_owned(),
        };
        found.push((format!("flow.key.{name}"), text));
    }
    Some(found)
}

fn service(fault: Fault) -> impl Fn(String) -> BoxFuture<'static, Result<Started, String>> {
    move |config| {
        async move {
            let listener = TcpListener::bind("127.0.0.1:0")
                .await
                .map_err(|error| error.to_string())?;
            let esl = listener
                .local_addr()
                .map_err(|error| error.to_string())?
                .to_string();
            let http = test_support::http::builder()
                .no_proxy()
                .redirect(reqwest::redirect::Policy::none());
            let fake = Fake {
                config: Arc::new(config.parse().map_err(|error| format!("{error}"))?),
                http: http.build().map_err(|error| error.to_string())?,
                fault,
            };
            let accepting = tokio::spawn(async move {
                while let Ok((stream, _)) = listener.accept().await {
                    tokio::spawn(fake.clone().call(stream));
                }
            });
            Ok(Started {
                esl,
                http: String::new(),
                stop: async move { accepting.abort() }.boxed(),
            })
        }
        .boxed()
    }
}

async fn lab(fault: Fault, only: &[&str]) -> LabReport {
    let options = LabOptions {
        only: only.iter().map(|name| (*name).to_owned()).collect(),
        ..LabOptions::default()
    };
    run(options, service(fault)).await.unwrap()
}

#[tokio::test]
async fn a_service_that_does_it_right_passes() {
    let can = [
        "success_json",
        "success_empty",
        "second_host",
        "large_response_raw",
        "slow_",
        "a_file_repeats",
        "drip",
        "unanswered_early_media",
        "unanswered_at_once",
        "authentication_failure",
        "http_status",
        "rubbish",
        "missing_required_path",
        "refused",
        "reset",
        "no_service",
        "hangs_up",
        "switch_",
        "dollars",
        "overload_first",
    ];
    let report = lab(Fault::None, &can).await;
    let wrong: Vec<_> = report.calls.iter().filter(|call| !call.passed).collect();
    // This service does not limit the number of calls, so the call beyond the limit fails.
    assert!(
        wrong.iter().all(|call| call.scenario == "overloaded"),
        "{wrong:#?}"
    );
    assert_eq!(report.calls.len(), 26);
    let slow = report
        .calls
        .iter()
        .find(|call| call.scenario == "slow_with_music")
        .unwrap();
    assert!(slow.heard.contains("music"), "{}", slow.heard);
    assert_eq!(slow.line, Some(0));
    let parsed: Value = serde_json::from_str(&report.json()).unwrap();
    assert_eq!(parsed["calls"].as_array().unwrap().len(), 26);
    assert!(report.rows().any(|row| row[0].contains("slow_with_music")));
}

async fn fails(fault: Fault, scenario: &str, problem: &str) {
    let report = lab(fault, &[scenario]).await;
    assert!(!report.passed, "{fault:?} passed");
    let problems = report.calls[0].problems.join("; ");
    assert!(problems.contains(problem), "{fault:?}: {problems}");
}

#[tokio::test]
async fn a_faulty_service_is_reported_with_what_is_wrong() {
    for (fault, scenario, problem) in [
        (
            Fault::WrongLine,
            "success_json",
            "the line is Some(1), not Some(0)",
        ),
        (Fault::Blip, "success_json", "of music, which must not be"),
        (
            Fault::LeavesWayOut,
            "success_json",
            "way out was left behind",
        ),
        (
            Fault::CancelsEverything,
            "success_json",
            "author scheduled was cancelled",
        ),
        (
            Fault::QueuedSetDiscarded,
            "success_json",
            "discarded a queued set",
        ),
        (
            Fault::Answers,
            "unanswered_early_media",
            "answered by accident",
        ),
        (
            Fault::ForgetsVariable,
            "success_json",
            "response_status_code is unset",
        ),
        (
            Fault::KeepsStale,
            "missing_required_path",
            "customer_name is \"Earlier\", not unset",
        ),
        (Fault::WritesCode, "success_json", "executed code!"),
        (Fault::UnknownCommand, "success_json", "unknown command"),
        (Fault::None, "hostile_answer", "executed code!"),
        (Fault::KeepsRequest, "hangs_up_on_hold", "given up"),
        (Fault::None, "blocked_address", "error_reason is"),
    ] {
        fails(fault, scenario, problem).await;
    }
}
