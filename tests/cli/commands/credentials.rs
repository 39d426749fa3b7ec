//! `password` and `token`, and what commands leave in the audit.
#![allow(clippy::unwrap_used)]

use switchhook_store::{AuditFilter, NewAuditEntry};

use crate::commands::outbox_commands::workdir_with_two_documents;
use crate::commands::support::Workdir;

#[test]
fn what_password_and_token_print_makes_users_that_check_accepts() {
    let workdir = Workdir::new();
    let password = workdir
        .run_with(&["password"], "correct horse battery\n")
        .done();
    assert!(
        password.starts_with("password_hash = \"$argon2id$"),
        "{password}"
    );
    assert!(!password.contains("horse"), "{password}");
    let token = workdir.run(&["token"]).done();
    let secret = token
        .lines()
        .find_map(|line| line.strip_prefix("# swh_"))
        .unwrap();
    assert_eq!(secret.len(), 43, "{token}");
    let line = token.lines().last().unwrap();
    let again = workdir
        .run_with(&["token", "--stdin"], &format!("swh_{secret}\r\n"))
        .done();
    assert_eq!(again.trim_end(), line, "the same token has the same hash");
    let users =
        format!("[listen]\n[users.ann]\nrole = \"operator\"\n{password}[users.board]\n{token}");
    std::fs::write(workdir.folder.path().join("users.toml"), users).unwrap();
    workdir.run(&["check", "users.toml"]).done();
}

#[test]
fn what_is_short_is_refused_and_a_secret_is_never_an_argument() {
    let workdir = Workdir::new();
    workdir
        .run_with(&["password"], "elevenchars\n")
        .refused(1, "use at least 12");
    workdir
        .run_with(&["password"], "")
        .refused(1, "has 0 characters");
    workdir
        .run_with(&["token", "--stdin"], "fifteen letters\n")
        .refused(1, "use at least 16");
    for args in [
        &["password", "correct horse battery"][..],
        &["token", "correct horse battery"],
    ] {
        workdir.run(args).refused(2, "unexpected argument");
    }
}

async fn audit(workdir: &Workdir) -> Vec<NewAuditEntry> {
    let store = workdir.store().await;
    let all = AuditFilter {
        limit: 10,
        ..AuditFilter::default()
    };
    let entries = store.audit(&all).await.unwrap();
    store.close().await;
    entries.into_iter().map(|one| one.entry).collect()
}

#[tokio::test]
async fn what_a_command_changes_is_in_the_audit() {
    let workdir = workdir_with_two_documents().await;
    let listed = workdir.json(&["outbox", "list", "--state", "dead", "--json"]);
    let id = listed[0]["id"].as_str().unwrap();
    workdir
        .run(&["outbox", "retry", "--all", "--dry-run"])
        .done();
    assert_eq!(audit(&workdir).await, [], "a dry run changes nothing");
    let mut retry = workdir.command(&["outbox", "retry", id]);
    assert!(retry.env("USER", "ann").status().unwrap().success());
    workdir
        .run(&[
            "outbox",
            "retry",
            "--webhook",
            "completed",
            "--state",
            "waiting",
        ])
        .done();
    let [bulk, one] = audit(&workdir).await.try_into().unwrap();
    assert_eq!((one.who.as_str(), one.target.as_str()), ("ann", id));
    assert_eq!(
        (one.action.as_str(), one.origin.as_str()),
        ("resend", "command line")
    );
    assert_eq!(one.result, "1 document will be sent again");
    assert_eq!(bulk.target, "completed waiting");
}
