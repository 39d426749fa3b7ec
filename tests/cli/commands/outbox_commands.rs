//! `outbox` without a running service, wrong usage, help, manual and completions.
#![allow(clippy::unwrap_used)]

use std::net::SocketAddr;

use crate::commands::support::{Workdir, document, let_one_die};

const NO_RECEIVER: SocketAddr = SocketAddr::V4(std::net::SocketAddrV4::new(
    std::net::Ipv4Addr::LOCALHOST,
    9,
));

/// Stores one dead document and one that waits.
pub async fn workdir_with_two_documents() -> Workdir {
    let workdir = Workdir::new();
    let store = workdir.store().await;
    store
        .finish_call(document("call-1", NO_RECEIVER))
        .await
        .unwrap();
    let_one_die(&store).await;
    store
        .finish_call(document("call-2", NO_RECEIVER))
        .await
        .unwrap();
    store.close().await;
    workdir
}

#[tokio::test]
async fn the_list_shows_what_was_not_delivered_and_needs_no_secret() {
    let workdir = workdir_with_two_documents().await;
    let table = workdir.run(&["outbox", "list"]).done();
    for words in [
        "completed",
        "call-1",
        "dead",
        "refused",
        "call-2",
        "waiting",
    ] {
        assert!(table.contains(words), "{words} in {table}");
    }
    assert!(!table.contains('\u{1b}'), "no escape reaches the terminal");
    assert!(table.contains("+05:30"), "times of the account: {table}");

    let rows = workdir.json(&["outbox", "list", "--json", "--state", "dead"]);
    let [dead] = &rows.as_array().unwrap()[..] else {
        panic!("{rows}");
    };
    assert_eq!(dead["call"], "call-1");
    assert_eq!(dead["attempts"], 1);
    assert_eq!(dead["next_attempt"], serde_json::Value::Null);
    assert!(dead["made"].as_str().unwrap().ends_with("+05:30"));
}

#[tokio::test]
async fn the_list_is_cut_and_filtered_and_says_so() {
    let workdir = workdir_with_two_documents().await;
    let first = workdir.run(&["outbox", "list", "--limit", "1"]);
    assert!(first.err.contains("the oldest 1; there are more"));
    assert!(!first.done().contains("call-2"));
    let calls = |args: &[&str]| {
        let rows = workdir.json(&[&["outbox", "list", "--json"], args].concat());
        rows.as_array().unwrap().len()
    };
    assert_eq!(calls(&["--since", "1h"]), 2);
    assert_eq!(calls(&["--until", "1h"]), 0);
    assert_eq!(calls(&["--since", "2001-01-01T00:00:00Z"]), 2);
    assert_eq!(calls(&["--webhook", "spare"]), 0);
    assert_eq!(calls(&["--state", "dead", "--state", "waiting"]), 2);
    assert_eq!(calls(&["--state", "delivered"]), 0);
    let none = workdir.run(&["outbox", "list", "--until", "1h"]);
    assert_eq!(none.err, "no documents\n");
    workdir
        .run(&["outbox", "list", "--webhook", "compelted"])
        .refused(
            1,
            "no webhook is named \"compelted\"; the configuration has: completed, spare",
        );
}

#[tokio::test]
async fn show_has_the_history_and_the_body_and_hides_secrets() {
    let workdir = workdir_with_two_documents().await;
    let rows = workdir.json(&["outbox", "list", "--json"]);
    let id = rows[0]["id"].as_str().unwrap();
    let text = workdir.run(&["outbox", "show", id]).done();
    for words in [
        id,
        "123ms",
        "refused",
        "fs1",
        "POST http://127.0.0.1:9/calls?token=[secret]&lead=7",
        "x-api-key: [secret]",
        "\t\"call\": \"call-1\"",
    ] {
        assert!(text.contains(words), "{words} in {text}");
    }
    assert!(!text.contains('\u{1b}'));

    let json = workdir.json(&["outbox", "show", id, "--json"]);
    assert_eq!(json["body"], "{\n\t\"call\": \"call-1\"\n}");
    assert_eq!(json["history"][0]["took_ms"], 123);
    assert_eq!(json["headers"][0]["value"], "application/json");
    assert_eq!(json["headers"][1]["value"], "[secret]");
    workdir
        .run(&["outbox", "show", "msg_none"])
        .refused(1, "no document msg_none");
}

#[tokio::test]
async fn a_dry_run_counts_and_changes_nothing() {
    let workdir = workdir_with_two_documents().await;
    let retry = ["outbox", "retry", "--webhook", "completed"];
    let output = workdir.run(&[&retry[..], &["--dry-run", "--rate", "6/m"]].concat());
    assert_eq!(
        output.done(),
        "2 documents would be sent again, over 10s; nothing was changed\n"
    );
    let dead = workdir.json(&["outbox", "list", "--state", "dead", "--json"]);
    assert_eq!(dead.as_array().unwrap().len(), 1);

    let output = workdir.run(&[&retry[..], &["--state", "dead"]].concat());
    assert_eq!(output.done(), "1 document will be sent again\n");
    let waiting = workdir.json(&["outbox", "list", "--state", "waiting", "--json"]);
    assert_eq!(waiting[0]["id"], dead[0]["id"]);
    assert_eq!(waiting[0]["attempts"], 0);
}

#[tokio::test]
async fn retry_takes_ids_or_a_filter_or_all_and_nothing_else() {
    let workdir = workdir_with_two_documents().await;
    for wrong in [
        &[][..],
        &["--dry-run"],
        &["--rate", "10/s"],
        &["--all", "msg_1"],
        &["--all", "--rate", "0/s"],
        &["--since", "yesterday"],
        &["--state", "gone"],
    ] {
        let args = [&["outbox", "retry"], wrong].concat();
        workdir.run(&args).refused(2, "error:");
    }
    workdir.run(&["outbox", "retry"]).refused(2, "--all");
    workdir
        .run(&["outbox", "retry", "msg_none"])
        .refused(1, "no document msg_none");
    workdir
        .run(&["outbox", "retry", "--webhook", "nobody"])
        .refused(1, "no webhook is named \"nobody\"");
    let all = workdir.run(&["outbox", "retry", "--all"]).done();
    assert_eq!(all, "2 documents will be sent again\n");
}

#[tokio::test]
async fn a_paused_webhook_is_listed_and_resumed() {
    let workdir = workdir_with_two_documents().await;
    let store = workdir.store().await;
    store
        .pause("completed", "it answered 410 Gone")
        .await
        .unwrap();
    store.close().await;
    let list = workdir.run(&["outbox", "list"]);
    assert!(
        list.err
            .contains("completed is paused (it answered 410 Gone)")
    );
    assert!(list.done().contains("paused"));
    let rows = workdir.json(&["outbox", "list", "--state", "waiting", "--json"]);
    assert_eq!(rows[0]["paused"], "it answered 410 Gone");
    assert_eq!(rows[0]["next_attempt"], serde_json::Value::Null);

    let resume = ["outbox", "resume", "completed"];
    assert_eq!(
        workdir.run(&resume).done(),
        "deliveries to completed are resumed\n"
    );
    assert_eq!(workdir.run(&resume).done(), "completed was not paused\n");
    workdir
        .run(&["outbox", "resume", "nobody"])
        .refused(1, "no webhook is named \"nobody\"");
}

#[test]
fn a_store_that_is_not_there_is_reported_with_its_setting() {
    let workdir = Workdir::new();
    for command in [
        &["outbox", "list"][..],
        &["outbox", "retry", "--all"],
        &["report"],
    ] {
        workdir.run(command).refused(1, "[store] url");
    }
    let made = workdir.folder.path().join("switchhook.db").exists();
    assert!(!made, "only serve makes a store");
    workdir
        .run(&["--config", "none.toml", "report"])
        .refused(1, "none.toml: cannot be read");
}

#[test]
fn help_of_every_command_shows_an_example_and_the_exit_status() {
    let workdir = Workdir::new();
    for command in [
        &["outbox", "list"][..],
        &["outbox", "show"],
        &["outbox", "retry"],
        &["outbox", "resume"],
        &["report"],
    ] {
        let help = workdir.run(&[command, &["--help"]].concat()).done();
        assert!(help.contains("Example"), "{help}");
        assert!(help.contains("Exit status: 0"), "{help}");
    }
}

#[test]
fn the_manual_has_every_command_and_shells_get_their_completions() {
    let workdir = Workdir::new();
    let manual = workdir.run(&["man"]).done();
    let help = workdir.run(&["--help"]).done();
    let listed = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let listed = listed.take_while(|line| !line.is_empty());
    // The further lines of a wrapped description are indented more.
    let commands = listed.filter(|line| !line.starts_with("   "));
    let names: Vec<_> = commands
        .filter_map(|line| line.split_whitespace().next())
        .filter(|name| !["help", "outbox"].contains(name))
        .collect();
    assert!(names.contains(&"serve") && names.len() > 6, "{names:?}");
    for name in names.iter().copied().chain(["outbox retry"]) {
        let heading = format!(".SH \"SWITCHHOOK {}\"", name.to_uppercase());
        assert!(manual.contains(&heading), "{heading} in {manual}");
    }
    for part in [
        ".SH FILES\n.TP\n\\fI/etc/switchhook/switchhook.toml",
        ".SH ENVIRONMENT\n.TP\n\\fBRUST_LOG",
        ".SH SEE ALSO\n.BR freeswitch (1)",
    ] {
        assert!(manual.contains(part), "{part} in {manual}");
    }
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let completions = workdir.run(&["completions", shell]).done();
        assert!(completions.contains("print-reference"), "{shell}");
    }
}
