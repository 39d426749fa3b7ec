//! Lists of commands on terminals of several widths, and for programs. `script` (of util-linux) gives a
//! command a terminal.
#![allow(clippy::unwrap_used)] // a helper that fails fails its test

use std::net::SocketAddr;
use std::process::Command;

use serde_json::json;

use crate::commands::support::{Workdir, document, kept};

/// Stores one call with a kept answer, and its document.
async fn workdir() -> Workdir {
    let workdir = Workdir::new();
    let store = workdir.store().await;
    let no_receiver = SocketAddr::from(([127, 0, 0, 1], 9));
    let answer = json!({"customer_name": "Ann"});
    store
        .persist_response(kept("call-1", answer))
        .await
        .unwrap();
    let call = document("call-1", no_receiver);
    store.finish_call(call).await.unwrap();
    store.close().await;
    workdir
}

/// Runs the program on a terminal with so many columns; returns what the terminal gets.
fn on_terminal(workdir: &Workdir, columns: u16, args: &str) -> String {
    let program = env!("CARGO_BIN_EXE_switchhook");
    let inside = format!("stty cols {columns} rows 24 && exec {program} {args}");
    let output = Command::new("script")
        .args(["--quiet", "--return", "--command", &inside, "/dev/null"])
        .current_dir(workdir.folder.path())
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout)
        .unwrap()
        .replace("\r\n", "\n")
}

fn width(text: &str) -> usize {
    let widths = text.lines().map(|line| line.chars().count());
    widths.max().unwrap()
}

#[tokio::test]
async fn a_table_has_the_columns_that_the_terminal_has_room_for() {
    let workdir = workdir().await;
    let wide = on_terminal(&workdir, 400, "report");
    assert!(wide.contains("over") && wide.contains("lookup.customer_name"));
    assert!(!wide.contains("no room for"), "{wide}");
    let usual = on_terminal(&workdir, 100, "report");
    assert!(usual.contains("│ call-1 "), "{usual}");
    let (table, hint) = usual.split_once("no room for: ").unwrap();
    assert!(width(table) <= 100, "{usual}");
    assert!(hint.contains("over") && hint.contains("--wide"), "{usual}");
    // Call, start and caller come before the rest.
    assert!(
        table.contains("started") && table.contains("caller"),
        "{usual}"
    );

    let outbox = on_terminal(&workdir, 90, "outbox list");
    assert!(
        width(outbox.split("no room").next().unwrap()) <= 90,
        "{outbox}"
    );
    assert!(outbox.contains("│ msg_"), "{outbox}");
    let all = on_terminal(&workdir, 60, "outbox list --wide");
    assert!(
        all.contains("last outcome") && all.contains("kind"),
        "{all}"
    );
}

#[tokio::test]
async fn a_narrow_terminal_has_one_record_a_block() {
    let workdir = workdir().await;
    let report = on_terminal(&workdir, 40, "report");
    assert!(
        report.contains("call                  call-1\n"),
        "{report}"
    );
    assert!(report.contains("lookup.customer_name  Ann\n"), "{report}");
    assert!(!report.contains('│'), "{report}");
    let outbox = on_terminal(&workdir, 40, "outbox list");
    assert!(outbox.contains("state         waiting\n"), "{outbox}");
    #[cfg(feature = "lab")]
    {
        let lab = on_terminal(&workdir, 20, "lab answered");
        assert!(lab.contains("verdict   right\n"), "{lab}");
    }
}

#[tokio::test]
async fn a_program_gets_no_padding_and_only_the_columns_it_asked_for() {
    let workdir = workdir().await;
    let asked = "call,lookup.customer_name,caller";
    let piped = workdir.run(&["report", "--columns", asked]).done();
    assert_eq!(
        piped,
        "call\tlookup.customer_name\tcaller\ncall-1\tAnn\t+4930123\n"
    );
    let csv = ["report", "--format", "csv", "--columns", "caller,call"];
    let csv = workdir.run(&csv).done();
    assert_eq!(csv, "caller,call\r\n'+4930123,call-1\r\n");
    let outbox = workdir.run(&["outbox", "list", "--columns", "state,call"]);
    assert_eq!(outbox.done(), "state\tcall\nwaiting\tcall-1\n");
    for args in [
        &["report", "--columns", "colour"][..],
        &["report", "--columns", "colour", "--format", "csv"],
        &["outbox", "list", "--columns", "colour"],
    ] {
        workdir
            .run(args)
            .refused(1, "no column is named \"colour\"; there are: ");
    }
    workdir
        .run(&["outbox", "list", "--json", "--columns", "call"])
        .refused(1, "JSON has every field");
}

#[tokio::test]
async fn times_without_an_offset_are_by_the_accounts_clock() {
    let workdir = workdir().await;
    // The call began at 2023-11-15T03:43:20+05:30.
    for (args, found) in [
        (["--since", "2023-11-15"], true),
        (["--until", "2023-11-15"], false),
        (["--since", "2023-11-15 03:43"], true),
        (["--since", "2023-11-15T03:44"], false),
        (["--until", "2023-11-15T03:43:21"], true),
    ] {
        let report = workdir.run(&[&["report"][..], &args].concat());
        assert_eq!(report.done().contains("call-1"), found, "{args:?}");
    }
}
