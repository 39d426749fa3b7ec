//! Runs the lab against the real service while a relay alters its documents.
//!
//! The relay is between the service and the lab's receiver and does one thing wrong. It signs the
//! document anew, so that the signature does not reveal the change.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::sync::Arc;
use std::time::Duration;

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

/// What the relay does to documents.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    None,
    Missing,
    Twice,
    TwiceWithAnotherId,
    WrongCause,
    WrongKeyType,
    WrongTime,
    LosesALeg,
    SplitsTheCall,
    Unsigned,
    OfNobody,
}

#[derive(Clone)]
struct Relay {
    to: String,
    signer: Signer,
    fault: Fault,
    http: reqwest::Client,
}

impl Relay {
    /// Starts the relay and returns its URL.
    async fn start(self) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let app = Router::new().fallback(take).with_state(Arc::new(self));
        tokio::spawn(async move { axum::serve(listener, app).await });
        format!("http://{address}/documents")
    }

    async fn send(&self, headers: &HeaderMap, id: &str, document: &Value) {
        let body = document.to_string();
        let seconds = headers["webhook-timestamp"].to_str().unwrap();
        let signature = self
            .signer
            .sign(id, seconds.parse().unwrap(), body.as_bytes());
        let mut headers = headers.clone();
        headers.remove("content-length");
        headers.remove("host");
        let mut set = |name: &'static str, value: &str| {
            headers.insert(name, HeaderValue::from_str(value).unwrap())
        };
        set("webhook-id", id);
        if self.fault != Fault::Unsigned {
            set("webhook-signature", &signature);
        } else {
            set("webhook-signature", "v1,bm90IGl0IGF0IGFsbA==");
        }
        let sent = self.http.post(&self.to).headers(headers).body(body);
        sent.send().await.unwrap();
    }
}

async fn take(State(relay): State<Arc<Relay>>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let mut document: Value = serde_json::from_slice(&body).unwrap();
    let id = headers["webhook-id"].to_str().unwrap().to_owned();
    let first = &mut document["callDetails"][0];
    match relay.fault {
        Fault::Missing => return StatusCode::OK,
        Fault::WrongCause => first["hangupCause"] = json!("17"),
        Fault::WrongTime => first["endTime"] = json!("2022-01-17T18:07:28.889Z"),
        Fault::LosesALeg => drop(document["callDetails"].as_array_mut().unwrap().pop()),
        Fault::WrongKeyType => {
            let mut keys = document["keys"].as_array_mut().unwrap().iter_mut();
            let tier = keys.find(|key| key["name"] == "$flow.key.tier");
            tier.unwrap()["value"] = json!("7");
        }
        Fault::None
        | Fault::Twice
        | Fault::TwiceWithAnotherId
        | Fault::SplitsTheCall
        | Fault::Unsigned
        | Fault::OfNobody => {}
    }
    let mut again = document.clone();
    let mut again_id = id.clone();
    match relay.fault {
        Fault::TwiceWithAnotherId => again_id.push('2'),
        Fault::SplitsTheCall => {
            let agent = document["callDetails"][1]["cdrId"].as_str().unwrap();
            again["phonon-uuid"] = json!(agent.split("##").next());
        }
        Fault::OfNobody => again["phonon-uuid"] = json!("nobody"),
        Fault::Twice
        | Fault::None
        | Fault::Missing
        | Fault::WrongCause
        | Fault::WrongKeyType
        | Fault::WrongTime
        | Fault::LosesALeg
        | Fault::Unsigned => {}
    }
    if again != document || again_id != id || relay.fault == Fault::Twice {
        relay.send(&headers, &again_id, &again).await;
    }
    relay.send(&headers, &id, &document).await;
    StatusCode::OK
}

/// Starts the real service and sends its documents through a relay.
async fn start(config: String, fault: Fault) -> Result<Started, String> {
    let mut settings: DocumentMut = config.parse().unwrap();
    let completed = &mut settings["webhooks"]["completed"];
    let secret = completed["signing"]["secrets"][0].as_str().unwrap();
    let http = test_support::http::builder().no_proxy().build().unwrap();
    let relay = Relay {
        to: completed["url"].as_str().unwrap().to_owned(),
        signer: Signer::new(&[Secret::new(secret)]).unwrap(),
        fault,
        http,
    };
    completed["url"] = toml_edit::value(relay.start().await);
    let config = Config::parse(&settings.to_string(), "a test").unwrap();
    let service = Service::start(&config).await.unwrap();
    Ok(Started {
        esl: service.esl.to_string(),
        http: String::new(),
        stop: service.stop().boxed(),
    })
}

async fn lab(fault: Fault, scenario: &str) -> LabReport {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("lab.db");
    let options = LabOptions {
        only: vec![scenario.to_owned()],
        follow: true,
        patience: matches!(fault, Fault::Missing).then_some(Duration::from_secs(3)),
        config: format!("[store]\nurl = \"sqlite:{}\"", store.display()),
        ..LabOptions::default()
    };
    let service = move |config| -> BoxFuture<'static, Result<Started, String>> {
        start(config, fault).boxed()
    };
    run(options, service).await.unwrap()
}

#[tokio::test]
async fn documents_that_arrive_as_they_are_pass() {
    let report = lab(Fault::None, "two_legs").await;
    assert!(report.passed, "{report:#?}");
    let document = report.calls[0].document.as_ref().unwrap();
    assert_eq!(document["callDetails"][1]["calleeNumber"], "agent1");
    let json: Value = serde_json::from_str(&report.json()).unwrap();
    assert_eq!(&json["calls"][0]["document"], document);
    assert!(report.rows().any(|row| row.concat().contains("2 legs")));
}

#[tokio::test]
async fn wrong_documents_are_recognized() {
    let wrong = [
        (
            Fault::Missing,
            "success_json",
            "no document of the call came",
        ),
        (Fault::Twice, "success_json", "came 2 times, not once"),
        (
            Fault::TwiceWithAnotherId,
            "success_json",
            "under several webhook-id",
        ),
        (
            Fault::WrongCause,
            "success_json",
            r#"callDetails[0].hangupCause is "17", not "16""#,
        ),
        (
            Fault::WrongKeyType,
            "success_json",
            r#"keys[$flow.key.tier].value is "7", not 7"#,
        ),
        (
            Fault::WrongTime,
            "hangs_up_on_hold",
            "callDetails[0].endTime is",
        ),
        (
            Fault::LosesALeg,
            "multicast",
            "the document's callDetails is",
        ),
        (
            Fault::SplitsTheCall,
            "two_legs_agent",
            "has a document of its own",
        ),
        (Fault::Unsigned, "success_json", "is not the document's"),
    ];
    // Each lab waits for documents that may still come, so all labs run at once.
    let told = wrong.map(|(fault, scenario, problem)| {
        // Boxed, because nine labs do not fit on a test's stack.
        Box::pin(async move {
            let report = lab(fault, scenario).await;
            let problems = report.calls[0].problems.join("; ");
            assert!(!report.passed, "{fault:?} passed");
            assert!(problems.contains(problem), "{fault:?}: {problems}");
        })
    });
    futures_util::future::join_all(told).await;
}

#[tokio::test]
async fn a_document_of_no_call_is_reported() {
    let report = lab(Fault::OfNobody, "success_json").await;
    assert!(!report.passed && report.calls[0].passed, "{report:#?}");
    assert!(report.problems[0].contains("nobody"), "{report:#?}");
    assert!(report.summary().contains("a document of no call"));
}

/// Runs the program itself, because the lab kills and restarts it as a process.
#[tokio::test]
async fn outages_lose_no_document() {
    let program = tokio::process::Command::new(env!("CARGO_BIN_EXE_switchhook"))
        .args(["lab", "--json", "receiver_down", "killed"])
        .kill_on_drop(true)
        .output();
    let output = program.await.unwrap();
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(output.status.success(), "{report:#}");
    let calls = report["calls"].as_array().unwrap();
    let deliveries = calls
        .iter()
        .map(|call| (call["scenario"].as_str().unwrap(), &call["deliveries"]));
    let twice = deliveries.filter(|(_, count)| **count == 2);
    let names: Vec<&str> = twice.map(|(name, _)| name).collect();
    assert_eq!((calls.len(), names), (6, vec!["killed_before_delivery"]));
}
