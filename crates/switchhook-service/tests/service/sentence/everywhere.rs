//! The reason for line 1 reads the same in every place, and each place names the call the same way.

use std::path::Path;

use serde_json::Value;
use switchhook_service::service::{Service, store_options};
use switchhook_store::{CallFilter, ReportCursor, Role, Store};

use super::log::Log;
use super::place::{Place, request};

const WEBHOOKS: &str = r#"
[webhooks.status]
url = "{webhooks}/status/503/status"
persist_response = true
[webhooks.rubbish]
url = "{webhooks}/rubbish/0/rubbish"
persist_response = true
[webhooks.partial]
url = "{webhooks}/partial/0/partial"
persist_response = true
response.map = { name = "$.customer.name" }
[webhooks.missing]
url = "{webhooks}/ok/{{ flow.key.nobody }}"
persist_response = true
"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_failures_sentence_is_the_same_wherever_it_is_shown() {
    let log = Log::of_this_process();
    let place = Place::set().await;
    let config = place.config(WEBHOOKS);
    let service = place.serve(&config).await;
    let store = Store::open(store_options(&config, Role::Command));
    let store = store.await.unwrap();
    let mut reasons = Vec::new();
    for (webhook, parked) in [
        ("status", false),
        ("rubbish", true),
        ("partial", false),
        ("missing", true),
        ("unknown", false),
    ] {
        let call = place.place(&service, webhook, parked).await;
        let on_channel = |name: &str| call.variables[&format!("flow.key.{name}")].clone();
        let (reason, sentence) = (on_channel("error_reason"), on_channel("error_detail"));

        let posted = request(&place.documents, "/completed", &call.uuid).await;
        let document: Value = serde_json::from_slice(&posted.body).unwrap();
        assert_eq!(key(&document, "error_reason"), reason);
        assert_eq!(key(&document, "error_detail"), sentence);

        let page = page(&service, &call.uuid).await;
        assert!(page.contains(&sentence), "{sentence} is not in {page}");

        let is_call = format!("\"message\":\"call\",\"call_uuid\":\"{}\"", call.uuid);
        log.says(&is_call).await;
        let lines = log.lines_with(&is_call);
        assert_eq!(lines.len(), 1, "{lines:?}");
        assert_eq!(lines[0]["level"], "INFO");
        assert_eq!(lines[0]["fields"]["call_uuid"], call.uuid.as_str());
        assert_eq!(lines[0]["fields"]["reason"], reason.as_str());
        assert_eq!(lines[0]["fields"]["detail"], sentence.as_str());

        // An unknown webhook has no `persist_response`.
        if webhook != "unknown" {
            let kept = kept(&store, &call.uuid).await;
            assert_eq!(kept["flow.key.error_reason"], reason.as_str());
            assert_eq!(kept["flow.key.error_detail"], sentence.as_str());
        }
        reasons.push(reason);
    }
    let expected = [
        "HTTP_STATUS",
        "INVALID_RESPONSE",
        "INVALID_RESPONSE_MAP",
        "INVALID_FLOW_VAR",
        "INVALID_REQUEST",
    ];
    assert_eq!(reasons, expected);
    service.stop().await;
}

fn key<'d>(document: &'d Value, name: &str) -> &'d str {
    let name = format!("$flow.key.{name}");
    let keys = document["keys"].as_array().unwrap();
    let found = keys.iter().find(|key| key["name"] == name.as_str());
    found.unwrap()["value"].as_str().unwrap()
}

/// Returns the call's page, its HTML entities decoded.
async fn page(service: &Service, uuid: &str) -> String {
    let url = format!("http://{}/calls/{uuid}", service.http);
    let page = test_support::http::get(url)
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    let entities = [
        ("&quot;", "\""),
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&amp;", "&"),
    ];
    entities
        .into_iter()
        .fold(page, |page, (entity, character)| {
            page.replace(entity, character)
        })
}

/// Returns the stored answer of the call, once it is stored.
async fn kept(store: &Store, uuid: &str) -> serde_json::Map<String, Value> {
    loop {
        let of = CallFilter::default();
        let (calls, _) = store.report(&of, ReportCursor::default()).await.unwrap();
        let answers = calls.into_iter().flat_map(|call| call.responses);
        if let Some(answer) = answers.into_iter().find(|answer| answer.call_uuid == uuid) {
            return answer.variables;
        }
        tokio::task::yield_now().await;
    }
}

/// The log fields that could name a call or a leg.
#[test]
fn every_line_of_the_log_names_a_call_by_the_same_field() {
    let fields = regex::Regex::new(r#"(?s)\b(?:trace|debug|info|warn|error)!\(([^";]*)"#).unwrap();
    let others = regex::Regex::new(
        r"(?:^|,)\s*(?:[%?]?(?:uuid|call|leg)\s*,|(?:uuid|call|leg|channel)\s*=)",
    )
    .unwrap();
    assert!(
        others.is_match("%uuid, x")
            && others.is_match("a, call = b,")
            && !others.is_match("call_uuid = %uuid,")
    );
    let (mut files, mut named) = (Vec::new(), 0);
    sources(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("src"),
        &mut files,
    );
    for (path, text) in files {
        for found in fields.captures_iter(&text) {
            assert!(!others.is_match(&found[1]), "{path}: {}", &found[1]);
            named += usize::from(found[1].contains("call_uuid"));
        }
    }
    assert!(named > 15, "{named}");
}

fn sources(folder: &Path, found: &mut Vec<(String, String)>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|end| end == "rs") {
            let text = std::fs::read_to_string(&path).unwrap();
            found.push((path.display().to_string(), text));
        }
    }
}
