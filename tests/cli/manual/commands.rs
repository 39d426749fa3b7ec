//! The tests and benches that the pages name exist.

use std::fs;
use std::path::{Path, PathBuf};

use regex::Regex;

use super::{Page, all_pages, assert_none, root};

/// Returns the folders whose subfolders and files are targets of this kind: `tests` or `benches`.
fn homes(kind: &str) -> Vec<PathBuf> {
    let crates = fs::read_dir(root().join("crates")).unwrap();
    let mut homes: Vec<PathBuf> = crates
        .map(|entry| entry.unwrap().path().join(kind))
        .collect();
    homes.push(root().join(kind));
    homes
}

/// Returns the sources of a target; none if it does not exist.
fn sources(kind: &str, target: &str) -> String {
    let mut text = String::new();
    for home in homes(kind) {
        let is_there = home.join(target).join("main.rs").exists();
        if is_there {
            read_all(&home.join(target), &mut text);
        }
        text += &fs::read_to_string(home.join(format!("{target}.rs"))).unwrap_or_default();
    }
    text
}

fn read_all(folder: &Path, text: &mut String) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            read_all(&path, text);
        } else if path.extension().is_some_and(|end| end == "rs") {
            *text += &fs::read_to_string(&path).unwrap();
        }
    }
}

/// Returns whether sources have modules or tests whose names begin so: `follow::uploads`.
fn has(sources: &str, filter: &str) -> bool {
    let mut names = filter.split("::").filter(|name| !name.is_empty());
    names.all(|name| {
        let [module, test, quoted] = ["mod ", "fn ", "\""].map(|before| format!("{before}{name}"));
        sources.contains(&module) || sources.contains(&test) || sources.contains(&quoted)
    })
}

#[test]
fn every_test_and_bench_that_a_command_names_exists() {
    let command =
        Regex::new(r"cargo (?:test|bench)[^`|#]*--(test|bench) (\w+) ?([\w:]+)?").unwrap();
    let (mut faults, mut count) = (Vec::new(), 0);
    for page in all_pages() {
        for found in command.captures_iter(&page.text) {
            count += 1;
            let kind = if &found[1] == "test" {
                "tests"
            } else {
                "benches"
            };
            let sources = sources(kind, &found[2]);
            let filter = found.get(3).map_or("", |filter| filter.as_str());
            if sources.is_empty() || !has(&sources, filter) {
                let command = &found[0];
                faults.push(format!("{}: {command}: no such test or bench", page.path));
            }
        }
    }
    assert!(
        count > 10,
        "{count} commands: the test no longer finds them"
    );
    assert_none(&faults);
}

#[test]
fn every_test_that_shows_a_promise_exists() {
    let page = Page::read("docs/reliability.md");
    let sources = sources("tests", "chaos") + &sources("tests", "process");
    let name = Regex::new(r"`([a-z]+(?:_[a-z]+){2,})`").unwrap();
    let names: Vec<&str> = name
        .captures_iter(&page.text)
        .map(|found| found.get(1).unwrap().as_str())
        .collect();
    assert!(names.len() > 16, "{names:?}: the test no longer finds them");
    for name in names {
        assert!(has(&sources, name), "docs/reliability.md: no test {name}");
    }
}
