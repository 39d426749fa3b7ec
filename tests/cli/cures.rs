//! Settings that stop the program or open it to strangers: each command says so, each cause with its
//! own cure.
#![allow(clippy::expect_used, reason = "a helper that fails fails its test")]

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

/// Runs a command over this configuration. Returns the status, and all that it printed.
fn run(folder: &Path, config: &str, args: &[&str]) -> (Option<i32>, String) {
    fs::write(folder.join("switchhook.toml"), config).expect("written");
    let mut command = Command::new(env!("CARGO_BIN_EXE_switchhook"));
    command.args(args).env_clear().current_dir(folder);
    let output = command.output().expect("the program runs");
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8(text).expect("UTF-8");
    (output.status.code(), text)
}

/// Returns a folder with an empty `file` in it.
fn folder() -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("file"), "").expect("written");
    folder
}

const LOOPBACK: &str = "esl = \"127.0.0.1:0\"\nhttp = \"127.0.0.1:0\"\n";

#[cfg(target_os = "linux")]
#[test]
fn what_stops_serve_is_named_with_its_own_cure() {
    let folder = folder();
    let inside = folder.path().display().to_string();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let taken = taken.local_addr().expect("bound");
    let store = |file: &str| format!("[listen]\n{LOOPBACK}[store]\nurl = \"sqlite:{file}\"\n");
    let http = |http: &str| format!("[listen]\nesl = \"127.0.0.1:0\"\nhttp = \"{http}\"\n");
    for (config, what, cure) in [
        (
            http(&taken.to_string()),
            "[listen] http",
            "is another switchhook running?",
        ),
        // RFC 5737: an address that no machine has.
        (
            http("192.0.2.1:8085"),
            "[listen] http",
            "this machine does not have the address",
        ),
        (
            store("none/x.db"),
            "there is no folder",
            "create the folder",
        ),
        (store(&inside), "it is a folder", "name a file in it"),
        (
            store("file/x.db"),
            "is a file, not a folder",
            "correct the path",
        ),
        // Nobody can write there, not even root.
        (store("/proc/x.db"), "/proc", "or name another"),
    ] {
        let (status, text) = run(folder.path(), &config, &["serve"]);
        assert_eq!(status, Some(1), "{config}{text}");
        assert!(text.contains(what) && text.contains(cure), "{config}{text}");
        assert!(!text.contains("check its disk"), "{text}");
    }
}

/// Returns the findings of `doctor` about one subject, each as `level check: what → cure`.
fn findings(folder: &Path, config: &str, subject: &str) -> Vec<String> {
    let (_, text) = run(folder, config, &["doctor", "--json", "--timeout", "2s"]);
    let report: Value = serde_json::from_str(&text).expect(&text);
    let findings = report["findings"].as_array().expect("a list").iter();
    let of = findings.filter(|finding| finding["subject"] == subject);
    of.map(|finding| {
        let part = |name: &str| finding[name].as_str().unwrap_or_default().to_owned();
        let [level, check, what, cure] = ["level", "check", "what", "cure"].map(part);
        format!("{level} {check}: {what} → {cure}")
    })
    .collect()
}

#[cfg(target_os = "linux")]
#[test]
fn a_place_where_no_store_can_be_is_a_warning_of_check_and_a_fault_of_doctor() {
    let folder = folder();
    for (file, seen, cure) in [
        ("none/x.db", true, "create the folder"),
        (".", true, "name a file in it"),
        ("file/x.db", true, "correct the path"),
        // What only the service's user can see is left to doctor.
        ("/proc/x.db", false, "give the folder to the service's user"),
    ] {
        let config = format!("[listen]\n{LOOPBACK}[store]\nurl = \"sqlite:{file}\"\n");
        let (status, text) = run(folder.path(), &config, &["check"]);
        assert_eq!(status, Some(0), "{text}");
        let warning = text
            .lines()
            .find(|line| line.contains(":5: warning: store.url: "));
        assert_eq!(warning.is_some_and(|it| it.contains(cure)), seen, "{text}");
        let found = findings(folder.path(), &config, "store");
        let mut faults = found.iter().filter(|found| found.starts_with("fault "));
        assert!(
            faults.any(|fault| fault.contains(cure)),
            "{file}: {found:?}"
        );
    }
}

/// Settings that strangers profit from: those of `[listen]`, further sections, the key that is
/// warned of, and words of its cure.
#[rustfmt::skip]
const EXPOSED: [(&str, &str, &str, &str); 10] = [
    ("esl = \"127.0.0.1:0\"\nhttp = \"0.0.0.0:0\"", "", "listen.http", "add [users.NAME] or [trusted_proxy]"),
    ("esl = \"0.0.0.0:0\"\nhttp = \"127.0.0.1:0\"", "", "listen.esl", "list the switches in listen.allow"),
    ("esl = \"[::]:0\"\nhttp = \"127.0.0.1:0\"", "", "listen.esl", "list the switches in listen.allow"),
    (
        "esl = \"0.0.0.0:0\"\nhttp = \"127.0.0.1:0\"\nallow = [\"0.0.0.0/0\"]", "",
        "listen.allow", "list the addresses of the switches",
    ),
    (
        LOOPBACK, "[recordings]\npublic_url = \"http://rec.example/{{ file_name }}\"",
        "recordings.public_url", "write https://",
    ),
    (
        LOOPBACK,
        "[recordings]\nserve = { folder = \"/tmp\", url = \"https://rec.example\", \
         secret = \"at least 16 characters\", listen = \"0.0.0.0:0\" }",
        "recordings.serve.listen", "a proxy with TLS",
    ),
    (
        LOOPBACK, "[egress]\nallow_addresses = [\"0.0.0.0/0\"]",
        "egress.allow_addresses", "list the ranges of the webhooks",
    ),
    (
        LOOPBACK,
        "[egress]\nallow_plain_http = true\n[webhooks.x]\nurl = \"http://crm.invalid/\"\n\
         auth.bearer = { token = \"t\" }",
        "webhooks.x.url", "write https://",
    ),
    ("http_token_file = \"token\"\nhttp = \"127.0.0.1:0\"", "", "listen.http_token_file", "chmod o-rwx"),
    (
        LOOPBACK, "[traces]\nurl = \"http://192.0.2.1:4318/v1/traces\"\nauth.bearer = { token = \"t\" }",
        "traces.url", "write https://",
    ),
];

#[test]
fn what_strangers_reach_is_said_once_by_check_and_by_doctor() {
    let folder = folder();
    let token = folder.path().join("token");
    fs::write(&token, "a token, long enough").expect("written");
    for (listen, more, key, cure) in EXPOSED {
        let config = format!("[listen]\n{listen}\n{more}\n");
        let (status, text) = run(folder.path(), &config, &["check"]);
        assert_eq!(status, Some(0), "{text}");
        let named = format!(": warning: {key}: ");
        let said: Vec<&str> = text.lines().filter(|line| line.contains(&named)).collect();
        assert!(said.len() == 1 && said[0].contains(cure), "{key}: {text}");
        let found = findings(folder.path(), &config, "configuration");
        let named = format!("warning exposure: {key}: ");
        let said: Vec<&String> = found.iter().filter(|it| it.starts_with(&named)).collect();
        assert!(
            said.len() == 1 && said[0].contains(cure),
            "{key}: {found:?}"
        );
    }
    let closed = format!("[listen]\n{LOOPBACK}allow = [\"10.0.0.5\"]\n");
    assert!(findings(folder.path(), &closed, "configuration").is_empty());
}
