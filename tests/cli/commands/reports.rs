//! `report` in its three formats, and closed pipes.
#![allow(clippy::unwrap_used)]

use std::net::SocketAddr;

use serde_json::json;

use crate::commands::support::{Workdir, document, kept};

/// Stores calls of the flow `outbound`; the first has a kept answer.
async fn workdir_with_calls(calls: usize) -> Workdir {
    let workdir = Workdir::new();
    let store = workdir.store().await;
    let no_receiver = SocketAddr::from(([127, 0, 0, 1], 9));
    let answer = json!({"customer_name": "Müller, \"M\"", "vip": true});
    store
        .persist_response(kept("call-0", answer))
        .await
        .unwrap();
    for number in 0..calls {
        let call = document(&format!("call-{number}"), no_receiver);
        store.finish_call(call).await.unwrap();
    }
    store.close().await;
    workdir
}

#[tokio::test]
async fn csv_comes_back_as_it_went_in() {
    let workdir = workdir_with_calls(2).await;
    let text = workdir.run(&["report", "--format", "csv"]).done();
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let rows: Vec<std::collections::HashMap<String, String>> =
        reader.deserialize().map(Result::unwrap).collect();
    assert_eq!(rows.len(), 2);
    assert_eq!(rows[0]["call"], "call-0");
    assert_eq!(rows[0]["started"], "2023-11-15T03:43:20.000+05:30");
    assert_eq!(rows[0]["talk_ms"], "15000");
    assert_eq!(rows[0]["lookup.customer_name"], "Müller, \"M\"");
    assert_eq!(rows[0]["lookup.vip"], "true");
    assert_eq!(rows[1]["lookup.customer_name"], "");
}

#[tokio::test]
async fn json_keeps_the_types_and_the_filters_hold() {
    let workdir = workdir_with_calls(2).await;
    let report = |args: &[&str]| workdir.json(&[&["report", "--format", "json"], args].concat());
    let all = report(&[]);
    assert_eq!(all.as_array().unwrap().len(), 2);
    assert_eq!(all[0]["responses"][0]["variables"]["vip"], true);
    let kept = report(&["--persisted-only", "--flow", "outbound"]);
    assert_eq!(kept.as_array().unwrap().len(), 1);
    assert_eq!(kept[0]["call"], "call-0");
    assert_eq!(report(&["--flow", "other"]), json!([]));
    assert_eq!(report(&["--since", "1h"]), json!([]));
    let before = report(&["--until", "2023-11-14T22:13:20Z"]);
    assert_eq!(before, json!([]), "until is not among them");
}

#[tokio::test]
async fn the_table_is_what_a_person_gets() {
    let workdir = workdir_with_calls(1).await;
    let table = workdir.run(&["report"]).done();
    for words in [
        "call-0",
        "lookup.customer_name",
        "Müller",
        "+4930123",
        "+05:30",
    ] {
        assert!(table.contains(words), "{words} in {table}");
    }
    let none = workdir.run(&["report", "--flow", "other"]);
    assert_eq!(none.err, "no calls\n");
    workdir
        .run(&["report", "--format", "xml"])
        .refused(2, "possible values: table, csv, json");
}

#[tokio::test]
async fn a_reader_who_leaves_is_no_error() {
    let workdir = workdir_with_calls(200).await;
    for args in [
        &["report"][..],
        &["report", "--format", "csv"],
        &["report", "--format", "json"],
        &["outbox", "list"],
        &["outbox", "list", "--json"],
    ] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = workdir.command(args).stdout(writer).output().unwrap();
        let errors = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(0), "{args:?}: {errors}");
        assert!(!errors.contains("cannot"), "{errors}");
    }
}
