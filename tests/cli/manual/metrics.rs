//! The metrics that the manual names are those of the program.

use std::collections::BTreeSet;
use std::fs;

use regex::Regex;

use super::{Page, assert_none, manual, root};

/// The file of the metrics' names.
const SOURCE: &str = "crates/switchhook-core/src/metric_names.rs";

/// Names in the manual that look like a metric's: a global variable of the dialplan.
const OTHERS: [&str; 1] = ["switchhook_service"];

/// Returns every metric of the program.
fn metrics() -> BTreeSet<String> {
    let source = fs::read_to_string(root().join(SOURCE)).unwrap();
    let constants =
        Regex::new(r#"pub const [A-Z_]+: &str =\s*"(switchhook_[a-z0-9_]+)";"#).unwrap();
    names(&constants, &source)
}

fn names(pattern: &Regex, text: &str) -> BTreeSet<String> {
    let found = pattern.captures_iter(text);
    found.map(|found| found[1].to_owned()).collect()
}

#[test]
fn the_tables_of_operations_list_every_metric_of_the_program_and_no_other() {
    let page = Page::read("docs/operations.md");
    let rows = Regex::new(r"(?m)^\| `(switchhook_[a-z0-9_]+)` \|").unwrap();
    let (listed, metrics) = (names(&rows, &page.text), metrics());
    assert!(
        metrics.len() > 20,
        "{metrics:?}: the test no longer finds them"
    );
    let missing: Vec<_> = metrics.difference(&listed).collect();
    let unknown: Vec<_> = listed.difference(&metrics).collect();
    assert!(
        missing.is_empty() && unknown.is_empty(),
        "docs/operations.md lacks {missing:?}, and lists {unknown:?}, which the program has not"
    );
}

#[test]
fn a_metric_that_any_page_names_is_one_of_the_program() {
    let metrics = metrics();
    let name = Regex::new(r"\b(switchhook_[a-z0-9_]+)\b").unwrap();
    let mut faults = Vec::new();
    for page in manual() {
        for named in names(&name, &page.text) {
            let of_histogram = ["_bucket", "_sum", "_count"];
            let of_histogram = of_histogram.iter().find_map(|end| named.strip_suffix(end));
            let is_known = metrics.contains(of_histogram.unwrap_or(&named));
            if !is_known && !OTHERS.contains(&named.as_str()) {
                faults.push(format!("{}: {named} is no metric", page.path));
            }
        }
    }
    assert_none(&faults);
}
