//! `backtest`: a changed configuration on kept answers and documents.
#![allow(clippy::unwrap_used)]

use serde_json::{Value, json};
use switchhook_store::{FinishedCallRecord, NewDocument, RequestContent};

use crate::commands::support::{Workdir, document, kept};

const LOOKUP: &str = "[webhooks.lookup]\nurl = \"https://crm.example/{{ flow.key.leadid }}\"\n";
const MAP: &str = "response.map = { customer_name = \"$.customer.name\", queue = { path = \"$.queue\", default = \"main\" } }\n";

fn configure(workdir: &Workdir, webhooks: &str) {
    let text = format!("[listen]\nesl = \"127.0.0.1:0\"\nhttp = \"127.0.0.1:0\"\n{webhooks}");
    std::fs::write(workdir.folder.path().join("switchhook.toml"), text).unwrap();
}

fn success(name: &str, body: &Value) -> Value {
    json!({
        "flow.key.response_status": "SUCCESS",
        "flow.key.response_status_code": "200",
        "flow.key.response_duration": "0.11",
        "flow.key.response_error": "false",
        "flow.line": "0",
        "flow.key.customer_name": name,
        "flow.key.queue": "main",
        "flow.key.response_raw": body.to_string(),
    })
}

fn failure(status: Option<&str>, reason: &str, detail: &str) -> Value {
    json!({
        "flow.key.response_status": "FAILED",
        "flow.key.response_status_code": status,
        "flow.key.error_reason": reason,
        "flow.key.error_detail": detail,
    })
}

/// Stores two mapped answers, one error status, one timeout, and one answer without its body.
async fn workdir() -> Workdir {
    let workdir = Workdir::new();
    let store = workdir.store().await;
    let ann = json!({"customer": {"name": "Ann", "tier": "gold"}});
    let bob = json!({"customer": {"name": "Bob"}});
    let mut bodiless = success("Cid", &json!({}));
    bodiless
        .as_object_mut()
        .unwrap()
        .remove("flow.key.response_raw");
    for (call, answer) in [
        ("ann", success("Ann", &ann)),
        ("bob", success("Bob", &bob)),
        (
            "refused",
            failure(Some("503"), "HTTP_STATUS", "crm.example answered 503"),
        ),
        (
            "late",
            failure(None, "TIMEOUT", "no whole answer within 10s"),
        ),
        ("bodiless", bodiless),
    ] {
        store.persist_response(kept(call, answer)).await.unwrap();
    }
    store.close().await;
    workdir
}

#[tokio::test]
async fn the_same_mapping_changes_nothing_and_says_what_it_could_not_test() {
    let workdir = workdir().await;
    configure(&workdir, &format!("{LOOKUP}{MAP}"));
    let out = workdir.run(&["backtest"]).done();
    assert_eq!(
        out,
        "lookup: 3 kept answers tested, 0 different\n  \
         1 not tested: its body was not stored (response.raw was off, or had another name)\n  \
         1 not tested: no complete answer came that could be judged again\n  \
         never matched in 2 answers: queue = $.queue\n"
    );
}

#[tokio::test]
async fn each_result_that_a_changed_mapping_changes_is_shown_and_the_exit_status_says_so() {
    let workdir = workdir().await;
    let changed = MAP.replace(
        "customer_name = \"$.customer.name\"",
        "tier = \"$.customer.tier\"",
    );
    configure(&workdir, &format!("{LOOKUP}{changed}"));
    let ran = workdir.run(&["backtest", "lookup"]);
    assert_eq!(ran.status, Some(1), "{ran:?}");
    for part in [
        "ann  lookup: different\n",
        "  flow.key.customer_name\n    - Ann\n",
        "  flow.key.tier\n    + gold\n",
        "bob  lookup: different\n  reason\n    + INVALID_RESPONSE_MAP\n  sentence\n    + $.customer.tier found nothing",
        "lookup: 3 kept answers tested, 2 different\n",
    ] {
        assert!(ran.out.contains(part), "{part}: {}", ran.out);
    }
    assert!(!ran.out.contains("refused  lookup"), "{}", ran.out);
    assert!(
        !ran.out.contains("never matched in 2 answers: tier"),
        "{}",
        ran.out
    );
}

#[tokio::test]
async fn calls_that_differ_in_the_same_way_are_grouped_unless_each_is_asked_for() {
    let workdir = Workdir::new();
    let store = workdir.store().await;
    for number in 0..6 {
        let answer = success("Ann", &json!({"customer": {"name": "Ann", "tier": "gold"}}));
        store
            .persist_response(kept(&format!("call-{number}"), answer))
            .await
            .unwrap();
    }
    store.close().await;
    let changed = MAP.replace("$.customer.name", "$.customer.tier");
    configure(&workdir, &format!("{LOOKUP}{changed}"));
    let difference = "  flow.key.customer_name\n    - Ann\n    + gold\n";
    let grouped = workdir.run(&["backtest"]).out;
    assert_eq!(grouped.matches(difference).count(), 1, "{grouped}");
    assert!(
        grouped.contains("and 3 more with the same differences"),
        "{grouped}"
    );
    let each = workdir.run(&["backtest", "--verbose"]).out;
    assert_eq!(each.matches(difference).count(), 6, "{each}");
}

#[tokio::test]
async fn json_tells_the_same_to_programs() {
    let workdir = workdir().await;
    configure(&workdir, &format!("{LOOKUP}{MAP}"));
    let same = workdir.json(&["backtest", "--json"]);
    assert_eq!(same["same"], true);
    assert_eq!(same["changes"], json!([]));
    let body = "its body was not stored (response.raw was off, or had another name)";
    assert_eq!(
        same["tested"]["lookup"],
        json!({
            "recordings": 0, "answers": 3, "documents": 0, "answers_read": 2,
            "not_tested": {body: 1, "no complete answer came that could be judged again": 1},
            "paths": [
                {"name": "customer_name", "path": "$.customer.name", "matched": 2},
                {"name": "queue", "path": "$.queue", "matched": 0},
            ],
        })
    );
    configure(
        &workdir,
        &format!(
            "{LOOKUP}{}",
            MAP.replace("$.customer.name", "$.customer.tier")
        ),
    );
    let ran = workdir.run(&["backtest", "--json"]);
    assert_eq!(ran.status, Some(1), "{ran:?}");
    let reported: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(reported["same"], false);
    let differences = json!([{"what": "flow.key.customer_name", "was": "Ann", "is": "gold"}]);
    let ann = json!({"call": "ann", "webhook": "lookup", "differences": differences});
    assert_eq!(reported["changes"][0], ann);
    assert_eq!(reported["changes"][1]["call"], "bob");
    let is = &reported["changes"][1]["differences"][0];
    assert_eq!(
        is,
        &json!({"what": "reason", "was": null, "is": "INVALID_RESPONSE_MAP"})
    );
}

#[tokio::test]
async fn nothing_kept_or_another_name_is_said_with_the_cure() {
    let workdir = Workdir::new();
    workdir.store().await.close().await;
    configure(&workdir, &format!("{LOOKUP}{MAP}"));
    let ran = workdir.run(&["backtest"]);
    assert_eq!(ran.status, Some(1));
    assert!(ran.err.contains("persist_response = true"), "{ran:?}");
    workdir
        .run(&["backtest", "lokup"])
        .refused(1, "the configuration has: lookup");
    workdir
        .run(&["backtest", "--recordings", "nowhere"])
        .refused(1, "nowhere: ");
}

fn finished(call: &str, body: &str) -> FinishedCallRecord {
    let no_receiver = std::net::SocketAddr::from(([127, 0, 0, 1], 9));
    let predefined = json!({
        "callDetails": [{"calleeNumber": "4930123", "didNumber": "7000", "incoming": true}],
        "keys": [{"name": "$flow.key.leadid", "value": "HFC123"}],
        "phonon-uuid": call,
    });
    let of = |webhook: &str, body: String| NewDocument {
        content: RequestContent {
            method: Some("POST".into()),
            url: Some(format!("https://crm.example/{webhook}")),
            headers: vec![("content-type".into(), "application/json".into())],
            body: body.into(),
        },
        ..NewDocument::document(webhook, "outbound", call, "")
    };
    FinishedCallRecord {
        documents: vec![
            of("completed", predefined.to_string()),
            of("extra", body.to_owned()),
        ],
        ..document(call, no_receiver)
    }
}

#[tokio::test]
async fn documents_are_made_anew_by_a_changed_template() {
    let workdir = Workdir::new();
    let store = workdir.store().await;
    let body = r#"{"lead": "HFC123", "talk_ms": 15000, "caller": "+4930123"}"#;
    store.finish_call(finished("one", body)).await.unwrap();
    store.close().await;
    let webhooks = |template: &str| {
        format!(
            "[webhooks.completed]\nurl = \"https://crm.example/completed\"\n\
             [webhooks.extra]\nurl = \"https://crm.example/extra\"\nbody.json = '{template}'\n"
        )
    };
    let template = r#"{"lead": {{ flow.key.leadid | tojson }}, "talk_ms": {{ call.talk_ms }}, "caller": {{ call.caller_number | tojson }}}"#;
    configure(&workdir, &webhooks(template));
    let out = workdir.run(&["backtest"]).done();
    assert_eq!(
        out,
        "completed: 1 document tested, 0 different\nextra: 1 document tested, 0 different\n"
    );
    configure(
        &workdir,
        &webhooks(&template.replace("lead\"", "lead_id\"")),
    );
    let ran = workdir.run(&["backtest"]);
    assert_eq!(ran.status, Some(1), "{ran:?}");
    let reported = "one  extra: different\n  request body\n    - {\"lead\": \"HFC123\"";
    assert!(ran.out.contains(reported), "{}", ran.out);
    assert!(
        ran.out.contains("    + {\"lead_id\": \"HFC123\""),
        "{}",
        ran.out
    );
    configure(
        &workdir,
        &webhooks(r#"{"name": {{ call.caller_name | tojson }}}"#),
    );
    let out = workdir.run(&["backtest", "extra"]);
    assert!(
        out.out
            .contains("1 not tested: its template reads caller_name"),
        "{out:?}"
    );
}
