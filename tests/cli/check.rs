//! `switchhook check` as it is run: output and exit status.
#![allow(clippy::expect_used, reason = "a helper that fails fails its test")]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

fn switchhook(args: &[&str], folder: &Path) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_switchhook"));
    command.args(args).current_dir(folder).env_clear();
    command.output().expect("the program runs")
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("UTF-8")
}

const GOOD: &str = "[listen]\n[webhooks.lookup]\nurl = \"https://crm.example/\"\n\
                    response.map = { who = \"$.who\" }\n";
const BAD: &str = "[listen]\nesl = 1\n[limits]\ncalls = 1\n";

#[test]
fn a_good_file_is_counted_and_its_warnings_follow() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("switchhook.toml"), GOOD).unwrap();
    let output = switchhook(&["check"], folder.path());
    assert_eq!(output.status.code(), Some(0));
    let mut lines = text(&output.stdout).lines();
    assert_eq!(
        lines.next(),
        Some("switchhook.toml: ok: 1 webhook, 0 flows, 0 switches")
    );
    let warning = lines.next().unwrap();
    assert!(warning.starts_with("switchhook.toml:4: warning: webhooks.lookup.response.map.who: "));
    assert_eq!(lines.next(), None);
    assert!(output.stderr.is_empty());
}

#[test]
fn strict_takes_warnings_for_errors() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("clean.toml"), "[listen]\n").unwrap();
    fs::write(folder.path().join("warned.toml"), GOOD).unwrap();
    for (file, strict, status) in [
        ("clean.toml", false, 0),
        ("clean.toml", true, 0),
        ("warned.toml", false, 0),
        ("warned.toml", true, 1),
    ] {
        let strict: &[&str] = if strict { &["--strict"] } else { &[] };
        let output = switchhook(&[&["check", file], strict].concat(), folder.path());
        assert_eq!(output.status.code(), Some(status), "{file} {strict:?}");
        if status == 1 {
            let said = text(&output.stderr);
            assert!(said.contains("webhooks.lookup.response.map.who"), "{said}");
        }
    }
}

#[test]
fn every_fault_goes_to_standard_error_and_the_status_is_1() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("bad.toml"), BAD).unwrap();
    let output = switchhook(&["--config", "bad.toml", "check"], folder.path());
    assert_eq!(output.status.code(), Some(1));
    assert!(output.stdout.is_empty());
    let lines: Vec<_> = text(&output.stderr).lines().collect();
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert!(lines[0].starts_with("bad.toml:2: listen.esl: is a whole number; "));
    assert!(lines[1].starts_with("bad.toml:4: limits.calls: is not a key of limits; "));
}

#[test]
fn five_faults_are_five_lines_and_each_says_where_and_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let faulty = "[listen]\nesl = \"localhost\"\n[limits]\ncalls_on_hold = 0\n\
                  [webhooks.lookup]\nulr = \"https://crm.example/\"\nurl = \"https://crm.example/\"\ntimeout = \"61s\"\n\
                  response.map = { \"bad name\" = \"$.a\" }\n";
    fs::write(folder.path().join("five.toml"), faulty).unwrap();
    let output = switchhook(&["check", "five.toml"], folder.path());
    assert_eq!(output.status.code(), Some(1));
    let mut found = Vec::new();
    for line in text(&output.stderr).lines() {
        let mut parts = line.splitn(4, ':');
        assert_eq!(parts.next(), Some("five.toml"), "{line}");
        found.push(parts.next().unwrap().parse::<usize>().unwrap());
        assert!(line.contains("; "), "a cure: {line}");
    }
    assert_eq!(found, [2, 4, 6, 8, 9], "{}", text(&output.stderr));
}

#[test]
fn several_files_are_all_checked_and_one_bad_one_is_enough() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("bad.toml"), BAD).unwrap();
    fs::write(folder.path().join("good.toml"), GOOD).unwrap();
    let output = switchhook(
        &["check", "bad.toml", "good.toml", "none.toml"],
        folder.path(),
    );
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stdout).starts_with("good.toml: ok: "));
    assert!(text(&output.stderr).contains("none.toml: cannot be read: "));
    let good = switchhook(&["check", "good.toml", "good.toml"], folder.path());
    assert_eq!(good.status.code(), Some(0));
}

#[test]
fn the_reference_that_is_printed_passes_the_check() {
    let folder = tempfile::tempdir().unwrap();
    let printed = switchhook(&["check", "--print-reference"], folder.path());
    assert_eq!(printed.status.code(), Some(0));
    fs::write(folder.path().join("switchhook.toml"), &printed.stdout).unwrap();
    let output = switchhook(&["check"], folder.path());
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn wrong_usage_has_status_2_and_help_shows_an_example() {
    let folder = tempfile::tempdir().unwrap();
    for args in [&["chekc"][..], &["check", "--print-reference", "x"], &[]] {
        assert_eq!(
            switchhook(args, folder.path()).status.code(),
            Some(2),
            "{args:?}"
        );
    }
    let help = switchhook(&["check", "--help"], folder.path());
    assert_eq!(help.status.code(), Some(0));
    assert!(text(&help.stdout).contains("switchhook check --print-reference > switchhook.toml"));
}

#[test]
fn the_names_that_are_printed_are_those_of_the_manual() {
    let folder = tempfile::tempdir().unwrap();
    let printed = switchhook(&["check", "--print-names"], folder.path());
    assert_eq!(printed.status.code(), Some(0));
    let names = |at: &str| -> BTreeSet<String> {
        let lines = text(&printed.stdout);
        let of = lines.lines().filter(|line| line.contains(at));
        of.filter_map(|line| line.split_whitespace().next().map(str::to_owned))
            .collect()
    };
    let manual = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/templates.md"));
    let manual = manual.unwrap();
    let table = |heading: &str| -> BTreeSet<String> {
        let (_, section) = manual.split_once(heading).unwrap();
        let section = section.split("\n## ").next().unwrap();
        let rows = section.lines().filter_map(|line| line.strip_prefix("| `"));
        let cells = rows.map(|row| row.split(" | ").next().unwrap());
        let names = cells.flat_map(|cell| cell.split(", "));
        names
            .map(|name| name.trim_matches('`').to_owned())
            .collect()
    };
    let mut waiting = table("## Names while the call waits");
    // Two of `flow.NAME`.
    waiting.extend(["flow.name", "flow.account"].map(str::to_owned));
    assert_eq!(names("while the call waits"), waiting);
    assert_eq!(names("after "), table("## Names after the call"));
}

#[test]
fn names_that_no_call_has_are_errors_with_the_near_one() {
    let folder = tempfile::tempdir().unwrap();
    let body = r#"body.text = "{{ call.caler_number }} {{ flow.kye.x }} {{ call.uuid }}""#;
    let config = format!("[listen]\n[webhooks.crm]\nurl = \"https://crm.example/\"\n{body}\n");
    fs::write(folder.path().join("switchhook.toml"), config).unwrap();
    let output = switchhook(&["check"], folder.path());
    assert_eq!(output.status.code(), Some(1));
    let errors = text(&output.stderr);
    for words in [
        "switchhook.toml:4: ",
        "did you mean call.caller_number?",
        "did you mean flow.key.x?",
    ] {
        assert!(errors.contains(words), "{words}: {errors}");
    }
    let late = "[listen]\n[webhooks.crm]\nurl = \"https://crm.example/\"\nbody.text = \"{{ call.talk_ms }}\"\n";
    fs::write(folder.path().join("switchhook.toml"), late).unwrap();
    let output = switchhook(&["check"], folder.path());
    assert_eq!(output.status.code(), Some(0));
    assert!(text(&output.stdout).contains("call.talk_ms exists only after the call"));
}
