//! The alert rules that the program prints: each has a story that fires it, and a page that says
//! what to do.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a helper that fails fails its test"
)]

use std::fs;
use std::path::Path;
use std::process::Command;

use regex::Regex;
use serde_json::Value;
use test_support::prerequisites::{self, PROMTOOL};

const STORIES: &str = include_str!("stories.yml");

/// Returns the rules as the program prints them.
fn rules() -> String {
    rules_with(&[])
}

fn rules_with(options: &[&str]) -> String {
    let mut printing = Command::new(env!("CARGO_BIN_EXE_switchhook"));
    let printing = printing.args(["metrics", "--alerts"]).args(options);
    let printed = printing.output().unwrap();
    assert!(printed.status.success(), "{printed:?}");
    String::from_utf8(printed.stdout).unwrap()
}

fn found<'a>(pattern: &str, text: &'a str) -> Vec<&'a str> {
    let pattern = Regex::new(pattern).unwrap();
    let found = pattern.captures_iter(text);
    found.map(|found| found.get(1).unwrap().as_str()).collect()
}

#[test]
fn every_alert_fires_in_its_story_and_not_before() {
    let Some(promtool) = prerequisites::promtool() else {
        PROMTOOL.skip();
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("alerts.yml"), rules()).unwrap();
    fs::write(folder.path().join("stories.yml"), STORIES).unwrap();
    for arguments in [
        ["check", "rules", "alerts.yml"],
        ["test", "rules", "stories.yml"],
    ] {
        let mut run = Command::new(&promtool);
        let run = run.args(arguments).current_dir(folder.path());
        let output = run.output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {output:?}");
    }
}

#[test]
fn every_query_of_the_dashboard_is_promql() {
    let Some(promtool) = prerequisites::promtool() else {
        PROMTOOL.skip();
        return;
    };
    let mut printing = Command::new(env!("CARGO_BIN_EXE_switchhook"));
    let printed = printing.args(["metrics", "--dashboard"]).output().unwrap();
    let dashboard: Value = serde_json::from_slice(&printed.stdout).unwrap();
    let panels = dashboard["panels"].as_array().unwrap().iter();
    let targets = panels.flat_map(|panel| panel["targets"].as_array().unwrap());
    let queries = targets.map(|target| target["expr"].as_str().unwrap());
    // Grafana fills in its variables.
    let filled = |query: &str| {
        let query = query.replace("$__rate_interval", "5m");
        Regex::new(r"\$\w+")
            .unwrap()
            .replace_all(&query, ".*")
            .into_owned()
    };
    let rules = queries.enumerate().map(|(number, query)| {
        serde_json::json!({"record": format!("query:{number}"), "expr": filled(query)})
    });
    let rules: Vec<Value> = rules.collect();
    assert!(rules.len() > 50);
    let file = serde_json::json!({"groups": [{"name": "dashboard", "rules": rules}]});
    let folder = tempfile::tempdir().unwrap();
    // JSON is YAML.
    fs::write(folder.path().join("dashboard.yml"), file.to_string()).unwrap();
    let mut check = Command::new(&promtool);
    let check = check.args(["check", "rules", "dashboard.yml"]);
    let output = check.current_dir(folder.path()).output().unwrap();
    assert!(output.status.success(), "{output:?}");
}

#[test]
fn no_alert_lacks_a_story_or_a_page() {
    let rules = rules();
    let alerts = found(r"- alert: (\w+)", &rules);
    assert!(!alerts.is_empty());
    assert_eq!(alerts, found(r"- name: (\w+)", STORIES), "stories.yml");
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/alerts.md");
    let page = fs::read_to_string(page).unwrap();
    assert_eq!(alerts, found(r"(?m)^## (\w+)$", &page), "docs/alerts.md");
    let runbooks: Vec<String> = alerts
        .iter()
        .map(|alert| format!("docs/alerts.md#{}", alert.to_lowercase()))
        .collect();
    assert_eq!(runbooks, found(r#"runbook_url: "([^"]+)""#, &rules));
}

#[test]
fn the_links_of_alerts_lead_to_where_the_operator_keeps_the_page() {
    let page = "https://wiki.example/alerts.html";
    let rules = rules_with(&["--runbooks", page]);
    let links = found(r##"runbook_url: "([^"#]+)#"##, &rules);
    assert!(links.len() > 20 && links.iter().all(|link| *link == page));
}

#[test]
fn the_table_of_the_page_has_every_alert_with_its_severity() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/alerts.md");
    let page = fs::read_to_string(page).unwrap();
    let rules = rules();
    let row = Regex::new(r"(?m)^\| \[`(\w+)`\]\(#\w+\) \| (\w+) \|").unwrap();
    let rows: Vec<(&str, &str)> = row
        .captures_iter(&page)
        .map(|row| row.extract().1)
        .map(|[alert, severity]| (alert, severity))
        .collect();
    let alerts = found(r"- alert: (\w+)", &rules);
    let severities = found(r"severity: (\w+)", &rules);
    let expected: Vec<_> = alerts.into_iter().zip(severities).collect();
    assert_eq!(rows, expected);
}
