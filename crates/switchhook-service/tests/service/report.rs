//! The report: calls with their kept variables, by flow and time.

#![allow(
    clippy::expect_used,
    reason = "a test that fails says what it expected"
)]

use test_support::store_suite;

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};
use store_suite::{finished, summary};
use switchhook_core::tenants::{Account, Tenants};
use switchhook_service::report::{self, Format, ReportOptions};
use switchhook_store::{CallFilter, PersistedResponse, Role, Store};

async fn store() -> (tempfile::TempDir, Store) {
    let folder = tempfile::tempdir().expect("a folder");
    let url = format!("sqlite:{}", folder.path().join("store.db").display());
    let options = switchhook_store::StoreOptions::new(url, Role::Serve);
    (folder, Store::open(options).await.expect("opened"))
}

async fn finish(store: &Store, call: &str, flow: &str, started_s: i64) {
    let mut over = finished(call, &[call], &[]);
    over.summary = Some(summary(flow, started_s * 1_000));
    store.finish_call(over).await.expect("finished");
}

async fn keep(store: &Store, call: &str, at_s: i64, variables: Value) {
    let Value::Object(variables) = variables else {
        panic!("an object");
    };
    let response = PersistedResponse {
        call_uuid: call.into(),
        flow: "outbound".into(),
        webhook: "lookup".into(),
        at_ms: at_s * 1_000,
        variables,
    };
    store.persist_response(response).await.expect("kept");
}

async fn text(store: &Store, options: &ReportOptions) -> String {
    let mut out = Vec::new();
    report::write(store, options, &mut out)
        .await
        .expect("written");
    String::from_utf8(out).expect("text")
}

/// Returns tenants with one account in India, beside the default one in UTC.
fn india_for(account: &str) -> Arc<Tenants> {
    let india = Account {
        time_zone: switchhook_core::zone::Zone::named("Asia/Kolkata").unwrap_or_default(),
        ..Account::default()
    };
    Arc::new(Tenants {
        accounts: BTreeMap::from([(account.to_owned(), india)]),
        ..Tenants::default()
    })
}

fn as_format(format: Format) -> ReportOptions {
    ReportOptions {
        format,
        ..ReportOptions::default()
    }
}

#[tokio::test]
async fn csv_has_a_column_for_each_kept_variable_and_quotes_what_needs_it() {
    let (_folder, store) = store().await;
    finish(&store, "a", "outbound", 1_700_000_000).await;
    keep(
        &store,
        "a",
        1_700_000_001,
        json!({"name": "old", "vip": true}),
    )
    .await;
    keep(
        &store,
        "a",
        1_700_000_002,
        json!({"name": "Meyer, \"Bo\"\nx"}),
    )
    .await;
    let india = ReportOptions {
        tenants: india_for("acme"),
        ..as_format(Format::Csv)
    };
    let expected = "call,flow,account,switch,started,answered,ended,talk_ms,caller,called,legs,hangup_cause,incomplete,over,lookup.name,lookup.vip\r\n\
        a,outbound,acme,pbx-1,2023-11-15T03:43:20.000+05:30,2023-11-15T03:43:20.500+05:30,2023-11-15T03:43:22.500+05:30,2000,'+4930123,7000,2,NORMAL_CLEARING,false,true,\"Meyer, \"\"Bo\"\"\nx\",true\r\n";
    assert_eq!(text(&store, &india).await, expected);
}

/// A call across the hour that is there twice ends after it began, by the offsets.
#[tokio::test]
async fn a_call_of_the_night_when_the_clocks_go_back_has_two_offsets() {
    let (_folder, store) = store().await;
    // Began at 2026-10-25T00:59:59Z; ended 2.5 s later.
    finish(&store, "a", "outbound", 1_792_889_999).await;
    let berlin = Account {
        time_zone: switchhook_core::zone::Zone::named("Europe/Berlin").expect("a zone"),
        ..Account::default()
    };
    let tenants = Arc::new(Tenants {
        accounts: BTreeMap::from([("acme".to_owned(), berlin)]),
        ..Tenants::default()
    });
    let times = [
        "2026-10-25T02:59:59.000+02:00",
        "2026-10-25T02:59:59.500+02:00",
        "2026-10-25T02:00:01.500+01:00",
    ];
    for format in [Format::Csv, Format::Json] {
        let options = ReportOptions {
            tenants: Arc::clone(&tenants),
            ..as_format(format)
        };
        let text = text(&store, &options).await;
        for time in times {
            assert!(text.contains(time), "{time}: {text}");
        }
    }
}

#[tokio::test]
async fn csv_has_no_value_that_a_spreadsheet_would_calculate_unless_it_is_raw() {
    let (_folder, store) = store().await;
    finish(&store, "a", "outbound", 1_700_000_000).await;
    for (value, cell) in [
        ("=1+2", "'=1+2"),
        ("+1", "'+1"),
        ("-1+2", "'-1+2"),
        ("-1.5", "-1.5"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "'\t=1"),
        ("\u{ff1d}1", "'\u{ff1d}1"),
        ("1=1", "1=1"),
    ] {
        keep(&store, "a", 1_700_000_001, json!({"name": value})).await;
        for (raw, expected) in [(false, cell), (true, value)] {
            let options = ReportOptions {
                raw,
                ..as_format(Format::Csv)
            };
            let csv = text(&store, &options).await;
            assert!(
                csv.ends_with(&format!(",{expected}\r\n")),
                "{value:?}: {csv}"
            );
        }
    }
}

#[tokio::test]
async fn json_has_every_response_with_its_types() {
    let (_folder, store) = store().await;
    finish(&store, "a", "outbound", 1_700_000_000).await;
    keep(
        &store,
        "a",
        1_700_000_001,
        json!({"name": "old", "vip": true}),
    )
    .await;
    keep(&store, "a", 1_700_000_002, json!({"name": "new"})).await;
    keep(
        &store,
        "still-talking",
        1_700_000_003,
        json!({"queue": "main"}),
    )
    .await;
    let report = text(&store, &as_format(Format::Json)).await;
    let report: Value = serde_json::from_str(&report).expect("JSON");
    assert_eq!(report.as_array().expect("array").len(), 2);
    assert_eq!(
        report[0]["responses"][0]["variables"],
        json!({"name": "old", "vip": true})
    );
    assert_eq!(
        report[0]["responses"][1]["variables"],
        json!({"name": "new"})
    );
    assert_eq!(report[0]["talk_ms"], 2_000);
    assert_eq!(report[1]["call"], "still-talking");
    assert_eq!(report[1]["over"], false);
}

#[tokio::test]
async fn flow_and_time_choose_the_calls() {
    let (_folder, store) = store().await;
    for (call, flow, at) in [
        ("a", "outbound", 100),
        ("b", "inbound", 100),
        ("c", "outbound", 200),
    ] {
        finish(&store, call, flow, at).await;
    }
    let calls = async |filter| {
        let options = ReportOptions {
            filter,
            ..as_format(Format::Json)
        };
        let report: Vec<Value> = serde_json::from_str(&text(&store, &options).await).expect("JSON");
        report
            .iter()
            .map(|call| call["call"].to_string())
            .collect::<String>()
    };
    let flow = CallFilter {
        flow: Some("outbound".into()),
        ..CallFilter::default()
    };
    assert_eq!(calls(flow.clone()).await, r#""a""c""#);
    let late = CallFilter {
        from_ms: Some(100_001),
        ..flow.clone()
    };
    assert_eq!(calls(late).await, r#""c""#);
    let early = CallFilter {
        until_ms: Some(200_000),
        ..flow
    };
    assert_eq!(calls(early).await, r#""a""#);
}

#[tokio::test]
async fn a_long_report_has_every_call_once() {
    let (_folder, store) = store().await;
    let calls = (0..1_203).map(|n| {
        let store = &store;
        async move { finish(store, &format!("call-{n}"), "outbound", n).await }
    });
    futures_util::future::join_all(calls).await;
    let report = text(&store, &as_format(Format::Json)).await;
    let report: Vec<Value> = serde_json::from_str(&report).expect("JSON");
    let mut calls: Vec<_> = report.iter().map(|call| call["call"].to_string()).collect();
    calls.sort();
    calls.dedup();
    assert_eq!((report.len(), calls.len()), (1_203, 1_203));
}

#[tokio::test]
async fn a_table_is_cut_where_a_person_stops_reading_and_says_so() {
    let (_folder, store) = store().await;
    for call in ["a", "b", "c"] {
        finish(&store, call, "outbound", 100).await;
    }
    keep(&store, "a", 101, json!({"name": "\u{1b}[31mred"})).await;
    let short = ReportOptions {
        table_rows: 2,
        ..ReportOptions::default()
    };
    let table = text(&store, &short).await;
    assert!(table.contains("Only the first 2 calls"), "{table}");
    assert!(table.contains("lookup.name"));
    assert!(
        !table.contains('\u{1b}'),
        "what came over HTTP does not steer the terminal"
    );
    let whole = text(&store, &ReportOptions::default()).await;
    assert!(!whole.contains("Only the first"));
}

#[tokio::test]
async fn a_report_of_nothing_is_still_well_formed() {
    let (_folder, store) = store().await;
    assert_eq!(text(&store, &as_format(Format::Json)).await, "[\n]\n");
    assert!(
        text(&store, &as_format(Format::Csv))
            .await
            .starts_with("call,flow,")
    );
    assert_eq!(
        store
            .prune(switchhook_store::Retention::default())
            .await
            .expect("nothing to remove"),
        0
    );
}
