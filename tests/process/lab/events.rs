//! Runs the lab against the real service while a relay alters its events.
//!
//! The relay is between the service and the lab's receiver of events and does one thing wrong. It
//! signs the event anew, so that the signature does not reveal the change.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use serde_json::{Value, json};
use switchhook_core::secret::Secret;
use switchhook_service::config::Config;
use switchhook_service::service::Service;
use switchhook_sim::{LabOptions, LabReport, Started, run};
use switchhook_webhook::signing::Signer;
use tokio::net::TcpListener;
use toml_edit::DocumentMut;

/// What goes wrong with events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    None,
    /// The relay keeps events of this kind.
    Swallows(&'static str),
    /// The relay sends events of this kind again, changed and under the same id.
    RepeatsChanged(&'static str),
    /// The relay says of events of this kind that the caller talks with the first agent.
    Renames(&'static str),
    /// The relay counts from 0.
    WrongNumber,
    Unsigned,
    SwallowsAll,
    /// Events do not expire.
    NeverExpires,
}

#[derive(Clone)]
struct Relay {
    to: String,
    signer: Signer,
    fault: Fault,
    http: reqwest::Client,
}

impl Relay {
    async fn start(self) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let app = Router::new().fallback(take).with_state(Arc::new(self));
        tokio::spawn(async move { axum::serve(listener, app).await });
        format!("http://{address}/live")
    }

    async fn send(&self, headers: &HeaderMap, event: &Value) -> StatusCode {
        let body = event.to_string();
        let header = |name: &str| headers[name].to_str().unwrap();
        let seconds = header("webhook-timestamp").parse().unwrap();
        let id = header("webhook-id");
        let signature = if self.fault == Fault::Unsigned {
            "v1,bm90IGl0IGF0IGFsbA==".to_owned()
        } else {
            self.signer.sign(id, seconds, body.as_bytes())
        };
        let mut headers = headers.clone();
        headers.remove("content-length");
        headers.remove("host");
        let signature = HeaderValue::from_str(&signature).unwrap();
        headers.insert("webhook-signature", signature);
        let sent = self.http.post(&self.to).headers(headers).body(body);
        let sent = sent.send().await;
        sent.map_or(StatusCode::BAD_GATEWAY, |answer| answer.status())
    }
}

async fn take(State(relay): State<Arc<Relay>>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let mut event: Value = serde_json::from_slice(&body).unwrap();
    let is = |event: &Value, kind: &str| event["type"] == format!("call.{kind}");
    match relay.fault {
        Fault::SwallowsAll => return StatusCode::OK,
        Fault::Swallows(kind) if is(&event, kind) => return StatusCode::OK,
        Fault::Renames(kind) if is(&event, kind) => event["other"] = event["from"].clone(),
        Fault::WrongNumber => event["sequence"] = json!(event["sequence"].as_u64().unwrap() - 1),
        Fault::RepeatsChanged(kind) if is(&event, kind) => {
            let mut changed = event.clone();
            changed["time"] = json!("2022-01-17T18:07:28.889+05:30");
            relay.send(&headers, &changed).await;
        }
        Fault::None
        | Fault::Swallows(_)
        | Fault::RepeatsChanged(_)
        | Fault::Renames(_)
        | Fault::Unsigned
        | Fault::NeverExpires => {}
    }
    relay.send(&headers, &event).await
}

/// Starts the real service and sends its events through a relay.
async fn start(config: String, fault: Fault) -> Result<Started, String> {
    let mut settings: DocumentMut = config.parse().unwrap();
    let live = &mut settings["webhooks"]["live"];
    let secret = live["signing"]["secrets"][0].as_str().unwrap();
    let relay = Relay {
        to: live["url"].as_str().unwrap().to_owned(),
        signer: Signer::new(&[Secret::new(secret)]).unwrap(),
        fault,
        http: test_support::http::builder().no_proxy().build().unwrap(),
    };
    let direct = [Fault::None, Fault::NeverExpires].contains(&fault);
    if !direct {
        live["url"] = toml_edit::value(relay.start().await);
    }
    if fault == Fault::NeverExpires {
        settings["flows"]["lab"]["events_expire"] = toml_edit::value("1h");
    }
    let config = Config::parse(&settings.to_string(), "a test").unwrap();
    let service = Service::start(&config).await.unwrap();
    Ok(Started {
        esl: service.esl.to_string(),
        http: service.http.to_string(),
        stop: service.stop().boxed(),
    })
}

async fn lab(fault: Fault, scenario: &str) -> LabReport {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("lab.db");
    let options = LabOptions {
        only: vec![scenario.to_owned()],
        follow: true,
        patience: (fault != Fault::None).then_some(std::time::Duration::from_secs(5)),
        config: format!("[store]\nurl = \"sqlite:{}\"", store.display()),
        ..LabOptions::default()
    };
    let service = move |config| -> BoxFuture<'static, Result<Started, String>> {
        start(config, fault).boxed()
    };
    run(options, service).await.unwrap()
}

/// Returns the problems of each call, by its scenario.
fn problems(report: &LabReport) -> BTreeMap<String, String> {
    let calls = report.calls.iter();
    calls
        .map(|call| (call.scenario.clone(), call.problems.join("; ")))
        .collect()
}

#[tokio::test]
async fn events_that_arrive_as_they_are_pass() {
    let report = lab(Fault::None, "events_attended").await;
    assert!(report.passed, "{report:#?}");
    assert_eq!(report.calls.len(), 5, "they are played together");
}

#[tokio::test]
async fn wrong_events_are_recognized() {
    let wrong = [
        (
            Fault::Swallows("held"),
            "events_held_and_resumed",
            "the events are",
        ),
        (
            Fault::Swallows("ringing"),
            "events_two_ring",
            "the events are",
        ),
        (
            Fault::Swallows("lookup"),
            "events_in_order",
            "the events are",
        ),
        (
            Fault::Renames("transferred"),
            "events_attended_transfer",
            "transferred 0 with 1 from 1",
        ),
        (
            Fault::WrongNumber,
            "events_in_order",
            "are numbered [Some(0),",
        ),
        (
            Fault::RepeatsChanged("answered"),
            "events_in_order",
            "not with the same bytes",
        ),
        (
            Fault::SwallowsAll,
            "events_to_a_slow_receiver",
            "no event was on its way",
        ),
        (Fault::Unsigned, "events_in_order", "is not the document's"),
    ];
    // Each lab waits for events that may still come, so all labs run at once.
    let told = wrong.map(|(fault, scenario, problem)| {
        Box::pin(async move {
            let report = lab(fault, scenario).await;
            let problems = problems(&report);
            assert!(!report.passed, "{fault:?} passed");
            assert!(
                problems[scenario].contains(problem),
                "{fault:?}: {problems:#?}"
            );
        })
    });
    futures_util::future::join_all(told).await;
}

/// Runs the program itself: the lab reads the service's counters.
#[tokio::test]
async fn events_expire_and_one_that_does_not_is_recognized() {
    let program = tokio::process::Command::new(env!("CARGO_BIN_EXE_switchhook"))
        .args(["lab", "--json", "events_expired"])
        .kill_on_drop(true)
        .output();
    let output = program.await.unwrap();
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(output.status.success(), "{report:#}");
    let report = lab(Fault::NeverExpires, "events_expired").await;
    let problems = problems(&report);
    let problem = &problems["events_expired"];
    assert!(
        problem.contains("0 events are counted as expired, not 9"),
        "{problem}"
    );
}
