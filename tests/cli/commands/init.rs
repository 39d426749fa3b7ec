//! `init`: a first configuration that is right as it is written.
#![allow(clippy::unwrap_used)]

use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Stdio;

use crate::commands::support::Workdir;

/// A folder without a configuration.
fn empty() -> Workdir {
    let workdir = Workdir::new();
    std::fs::remove_file(workdir.folder.path().join("switchhook.toml")).unwrap();
    workdir
}

fn written(workdir: &Workdir) -> String {
    std::fs::read_to_string(workdir.folder.path().join("switchhook.toml")).unwrap()
}

#[test]
fn the_file_is_right_and_the_dialplan_lines_are_printed() {
    let workdir = empty();
    let url = "https://crm.invalid/callers/{{ call.caller_number }}";
    let args = [
        "init",
        "--url",
        url,
        "--listen",
        "127.0.0.1:9084",
        "--switch",
        "127.0.0.1:1",
    ];
    let printed = workdir.run(&args).done();
    for line in [
        "switchhook.toml: ok: 1 webhook, 0 flows, 1 switch",
        "switch 127.0.0.1:1",
        "<X-PRE-PROCESS cmd=\"set\" data=\"switchhook=127.0.0.1:9084\"/>",
        "<action application=\"execute_extension\" data=\"ask-lookup XML switchhook\"/>",
        "http://127.0.0.1:9085/",
    ] {
        assert!(printed.contains(line), "{line}\n{printed}");
    }
    let text = written(&workdir);
    assert!(text.contains(&format!("url = \"{url}\"")), "{text}");
    assert!(!text.contains("[egress]"), "{text}");
    let file = workdir.folder.path().join("switchhook.toml");
    let mode = std::fs::metadata(file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "it holds secrets");
    let token = |text: &str| {
        let line = text
            .lines()
            .find(|line| line.starts_with("http_token"))
            .unwrap();
        line.to_owned()
    };
    let other = empty();
    other.run(&args).done();
    assert_ne!(token(&text), token(&written(&other)));
}

#[test]
fn what_is_commented_out_is_right_too() {
    let workdir = empty();
    workdir
        .run(&["init", "--url", "https://crm.invalid/"])
        .done();
    let text: String = written(&workdir)
        .lines()
        .map(|line| {
            let setting = line.strip_prefix('#').filter(|rest| !rest.starts_with(' '));
            format!("{}\n", setting.unwrap_or(line))
        })
        .collect();
    std::fs::write(workdir.folder.path().join("all.toml"), text).unwrap();
    let printed = workdir.run(&["check", "all.toml"]).done();
    assert!(
        printed.contains("ok: 2 webhooks, 1 flow, 1 switch"),
        "{printed}"
    );
}

#[test]
fn a_webhook_on_this_machine_is_allowed() {
    for (url, range) in [
        (
            "http://127.0.0.1:8086/calls",
            "allow_addresses = [\"127.0.0.0/8\"]",
        ),
        (
            "http://localhost:8086/calls",
            "allow_addresses = [\"127.0.0.0/8\"]",
        ),
        ("http://10.1.2.3/calls", "allow_addresses = [\"10.1.2.3\"]"),
        ("http://[::1]:8086/calls", "allow_addresses = [\"::1\"]"),
    ] {
        let workdir = empty();
        workdir
            .run(&["init", "--url", url, "--documents", url])
            .done();
        let text = written(&workdir);
        assert!(text.contains("allow_plain_http = true\n"), "{text}");
        assert!(text.contains(range), "{text}");
        let printed = workdir.run(&["check"]).done();
        assert!(printed.contains("ok: 2 webhooks, 1 flow"), "{printed}");
    }
}

#[test]
fn a_file_that_is_there_is_never_replaced() {
    let workdir = Workdir::new();
    let before = written(&workdir);
    let run = workdir.run(&["init", "--url", "https://crm.invalid/"]);
    run.refused(
        1,
        "is there already and is not replaced; name another file with --config",
    );
    assert_eq!(written(&workdir), before);
}

#[test]
fn wrong_or_missing_answers_write_nothing() {
    for (args, words) in [
        (&["init"] as &[&str], "--url is missing"),
        (&["init", "--url", "crm.invalid"], "is no URL of a webhook"),
        (
            &["init", "--url", "https://crm.invalid/", "--switch", "pbx"],
            "is no HOST:PORT",
        ),
        (
            &["init", "--url", "https://crm.invalid/", "--documents", "x"],
            "is no URL of a webhook",
        ),
    ] {
        let workdir = empty();
        workdir.run(args).refused(1, words);
        assert!(
            !workdir.folder.path().join("switchhook.toml").exists(),
            "{args:?}"
        );
    }
}

#[test]
fn a_command_without_a_configuration_names_init() {
    let workdir = empty();
    workdir
        .run(&["check"])
        .refused(1, "`switchhook init` writes one");
}

/// `script` gives the program a terminal.
#[cfg(target_os = "linux")]
#[test]
fn on_a_terminal_it_asks_until_the_answer_is_right() {
    let workdir = empty();
    let command = format!("{} init", env!("CARGO_BIN_EXE_switchhook"));
    let mut asked = std::process::Command::new("script")
        .args(["-qec", &command, "/dev/null"])
        .current_dir(workdir.folder.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut answers = asked.stdin.take().unwrap();
    answers
        .write_all(b"crm\nhttps://crm.invalid/\n127.0.0.1:1\n\n")
        .unwrap();
    let output = asked.wait_with_output().unwrap();
    drop(answers);
    let shown = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(shown.contains("\"crm\" is no URL of a webhook"), "{shown}");
    assert!(shown.contains("[127.0.0.1:8084]"), "{shown}");
    let text = written(&workdir);
    assert!(text.contains("url = \"https://crm.invalid/\""), "{text}");
    assert!(text.contains("address = \"127.0.0.1:1\""), "{text}");
    assert!(text.contains("esl = \"127.0.0.1:8084\""), "{text}");
}
