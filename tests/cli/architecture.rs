//! The arrows of `docs/architecture.md`: which crate may use which, and no circle between the
//! files of one crate.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use regex::Regex;
use serde_json::Value;

/// Each crate and the crates of this repository that it may depend on.
const ARROWS: [(&str, &[&str]); 9] = [
    ("eslclient", &[]),
    ("switchhook-core", &[]),
    ("switchhook-webhook", &["switchhook-core"]),
    ("switchhook-store", &["switchhook-core"]),
    (
        "switchhook-admin",
        &["switchhook-core", "switchhook-store", "switchhook-webhook"],
    ),
    (
        "switchhook-service",
        &[
            "eslclient",
            "switchhook-admin",
            "switchhook-core",
            "switchhook-store",
            "switchhook-webhook",
        ],
    ),
    (
        "switchhook-tools",
        &[
            "eslclient",
            "switchhook-core",
            "switchhook-service",
            "switchhook-store",
            "switchhook-webhook",
        ],
    ),
    ("switchhook-sim", &[]),
    (
        "switchhook",
        &[
            "eslclient",
            "switchhook-admin",
            "switchhook-core",
            "switchhook-service",
            "switchhook-sim",
            "switchhook-store",
            "switchhook-tools",
            "switchhook-webhook",
        ],
    ),
];

fn metadata() -> Value {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version=1", "--no-deps", "--offline"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn crates_depend_on_each_other_as_the_architecture_says() {
    let metadata = metadata();
    let packages = metadata["packages"].as_array().unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let names: BTreeSet<String> = packages.iter().map(|one| text(&one["name"])).collect();
    for (name, allowed) in ARROWS {
        let package = packages.iter().find(|one| one["name"] == name).unwrap();
        let dependencies = package["dependencies"].as_array().unwrap().iter();
        // Tests may use everything: they come last.
        let linked = dependencies.filter(|one| one["kind"] != "dev");
        let ours = linked
            .map(|one| text(&one["name"]))
            .filter(|dependency| names.contains(dependency));
        for dependency in ours {
            assert!(
                allowed.contains(&dependency.as_str()),
                "{name} must not depend on {dependency}; see docs/architecture.md"
            );
        }
    }
    let listed = ARROWS.len();
    let helpers = ["about-the-tests", "chaos-shim", "switchhook-test-support"];
    let crates = names
        .iter()
        .filter(|name| !helpers.contains(&name.as_str()));
    assert_eq!(crates.count(), listed, "{names:?}");
}

/// A module: its path within the crate, and the code of its file.
type Module = Vec<String>;

/// The modules of one crate, by path.
struct Crate {
    files: BTreeMap<Module, String>,
}

/// Code without comments, text and tests.
fn bare(code: &str) -> String {
    let noise = Regex::new(
        r##"(?s)//[^\n]*|/\*.*?\*/|'(?:\\.|[^\\'\n])'|r#".*?"#|r"[^"]*"|"(?:\\.|[^"\\])*""##,
    )
    .unwrap();
    let code = noise.replace_all(code, "").into_owned();
    match code.find("#[cfg(test)]\nmod tests {") {
        Some(tests) => code[..tests].to_owned(),
        None => code,
    }
}

impl Crate {
    fn read(source: &Path) -> Self {
        let mut files = BTreeMap::new();
        let mut folders = vec![(source.to_owned(), Module::new())];
        while let Some((folder, module)) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                let stem = path.file_stem().unwrap().to_str().unwrap().to_owned();
                let mut inner = module.clone();
                if path.is_dir() {
                    inner.push(stem);
                    folders.push((path, inner));
                } else if path.extension().is_some_and(|end| end == "rs") && !is_test(&stem) {
                    if !["lib", "main", "mod"].contains(&stem.as_str()) {
                        inner.push(stem);
                    }
                    files.insert(inner, bare(&std::fs::read_to_string(&path).unwrap()));
                }
            }
        }
        Self { files }
    }

    /// The modules whose items this one names.
    fn imports(&self, module: &Module) -> BTreeSet<Module> {
        let code = &self.files[module];
        let mut found = BTreeSet::new();
        for path in used(code).into_iter().chain(qualified(code)) {
            if let Some(target) = self.home(module, &path, 0) {
                found.insert(target);
            }
        }
        // A module and its own submodules are one thing to others.
        found.retain(|target| !target.starts_with(module) && !module.starts_with(target));
        found
    }

    /// The module that defines what `path`, as written in `module`, names.
    fn home(&self, module: &Module, path: &[String], depth: usize) -> Option<Module> {
        let mut at = module.clone();
        let mut rest = path;
        match path.first()?.as_str() {
            "crate" => {
                at.clear();
                rest = &path[1..];
            }
            "self" => rest = &path[1..],
            "super" => {
                while rest.first().is_some_and(|step| step == "super") {
                    at.pop()?;
                    rest = &rest[1..];
                }
            }
            first => {
                let mut child = at.clone();
                child.push(first.to_owned());
                if !self.files.contains_key(&child) {
                    return None;
                }
            }
        }
        while let Some(step) = rest.first() {
            at.push(step.clone());
            if !self.files.contains_key(&at) {
                at.pop();
                break;
            }
            rest = &rest[1..];
        }
        let (name, code) = (rest.first(), self.files.get(&at)?);
        let Some(name) = name.filter(|_| depth < 8) else {
            return Some(at);
        };
        let again = used(code)
            .into_iter()
            .find(|path| path.last() == Some(name));
        match again {
            Some(path) => self.home(&at, &path, depth + 1),
            None => Some(at),
        }
    }
}

fn is_test(stem: &str) -> bool {
    stem == "tests" || stem.ends_with("_tests")
}

/// The paths of all `use` declarations, one for each name.
fn used(code: &str) -> Vec<Vec<String>> {
    let declaration = Regex::new(r"(?m)^\s*(?:pub(?:\([^)]*\))?\s+)?use\s+([^;]+);").unwrap();
    let mut paths = Vec::new();
    for found in declaration.captures_iter(code) {
        tree(&found[1], &[], &mut paths);
    }
    paths
}

fn tree(text: &str, prefix: &[String], paths: &mut Vec<Vec<String>>) {
    for part in top_level(text) {
        let part = part.split(" as ").next().unwrap_or(part).trim();
        let (head, inner) = part.split_once('{').unwrap_or((part, ""));
        let steps = head
            .split("::")
            .map(str::trim)
            .filter(|step| !step.is_empty());
        let mut path = prefix.to_vec();
        path.extend(steps.map(str::to_owned));
        if part.contains('{') {
            tree(inner.trim_end_matches('}'), &path, paths);
        } else {
            if path.len() > 1 && path.last().is_some_and(|last| last == "self") {
                path.pop();
            }
            paths.push(path);
        }
    }
}

fn top_level(text: &str) -> Vec<&str> {
    let (mut parts, mut depth, mut from) = (Vec::new(), 0, 0);
    for (at, c) in text.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(&text[from..at]);
                from = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[from..]);
    parts
        .into_iter()
        .filter(|part| !part.trim().is_empty())
        .collect()
}

/// Paths that stand in the code itself.
fn qualified(code: &str) -> Vec<Vec<String>> {
    let path = Regex::new(r"\b(?:crate|super|self)(?:::\w+)+").unwrap();
    let split = |text: &str| text.split("::").map(str::to_owned).collect();
    path.find_iter(code)
        .map(|found| split(found.as_str()))
        .collect()
}

/// Files that reach themselves over others: each with one such way.
fn circles(of: &Crate) -> Vec<String> {
    let arrows: BTreeMap<&Module, BTreeSet<Module>> = of
        .files
        .keys()
        .map(|module| (module, of.imports(module)))
        .collect();
    let mut found = Vec::new();
    for start in arrows.keys() {
        let mut ways = vec![vec![(*start).clone()]];
        let mut seen = BTreeSet::new();
        while let Some(way) = ways.pop() {
            for next in &arrows[way.last().unwrap()] {
                if next == *start {
                    let names: Vec<_> = way.iter().map(|module| module.join("::")).collect();
                    found.push(names.join(" -> "));
                    ways.clear();
                    break;
                }
                if seen.insert(next.clone()) {
                    ways.push(way.iter().chain([next]).cloned().collect());
                }
            }
        }
    }
    found
}

fn sources() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let crates = std::fs::read_dir(root.join("crates")).unwrap();
    let crates = crates.map(|entry| entry.unwrap().path().join("src"));
    crates.chain([root.join("src")]).collect()
}

#[test]
fn files_of_a_crate_do_not_import_each_other_in_a_circle() {
    let mut arrows = 0;
    for source in sources() {
        let one = Crate::read(&source);
        arrows += one
            .files
            .keys()
            .map(|module| one.imports(module).len())
            .sum::<usize>();
        let circles = circles(&one);
        assert!(
            circles.is_empty(),
            "{}: move what both need to a file of its own:\n{}",
            source.display(),
            circles.join("\n")
        );
    }
    assert!(arrows > 500, "only {arrows} imports were found");
}

#[test]
fn a_circle_over_a_reexport_is_found() {
    let files = [
        ("", "mod a;\nmod b;\npub use a::A;"),
        ("a", "use crate::b::B;\npub struct A(B);"),
        ("b", "use super::A;\npub struct B(Option<Box<A>>);"),
        ("c", "use crate::a::A;"),
    ];
    let module = |path: &str| -> Module {
        let steps = path.split("::").filter(|step| !step.is_empty());
        steps.map(str::to_owned).collect()
    };
    let files = files.map(|(path, code)| (module(path), code.to_owned()));
    let found = circles(&Crate {
        files: files.into_iter().collect(),
    });
    assert_eq!(found, ["a -> b", "b -> a"]);
}

/// The files that drive a [`eslclient::Connection`] themselves; `docs/architecture.md` says why.
const DRIVERS: [&str; 10] = [
    // The call on its own socket.
    "call_control/call_connection.rs",
    "call_control/call_task.rs",
    "call_control/opening.rs",
    "call_control/socket.rs",
    // A replay's stream becomes a `Client`.
    "call_control/park/call.rs",
    // The follower.
    "follow/clock_check.rs",
    "follow/event_loop.rs",
    "follow/follower.rs",
    "follow/link.rs",
    "follow/questions.rs",
];

#[test]
fn only_two_parts_use_less_than_the_client_of_eslclient() {
    let below = [
        "Connection",
        "Decoder",
        "Incoming",
        "Frame",
        "Ticket",
        "accept_outbound",
        "authenticate",
        "open_inbound",
        "open_outbound",
    ];
    let qualified = Regex::new(r"\beslclient::(\w+)").unwrap();
    let mut found = BTreeSet::new();
    for source in sources() {
        if source.ends_with("eslclient/src") {
            continue;
        }
        for (module, code) in Crate::read(&source).files {
            let imported = used(&code)
                .into_iter()
                .filter(|path| path.first().is_some_and(|first| first == "eslclient"))
                .filter_map(|path| path.get(1).cloned());
            let named = qualified
                .captures_iter(&code)
                .map(|found| found[1].to_owned());
            if imported.chain(named).any(|name| below.contains(&&*name)) {
                found.insert(format!("{}.rs", module.join("/")));
            }
        }
    }
    let expected: BTreeSet<_> = DRIVERS.map(str::to_owned).into();
    assert_eq!(found, expected, "see docs/architecture.md");
}

#[test]
fn every_file_that_the_architecture_page_names_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = std::fs::read_to_string(root.join("docs/architecture.md")).unwrap();
    let named = Regex::new(r"`((?:crates|src|tests|docs)/[\w./-]*)`").unwrap();
    let paths: BTreeSet<_> = named
        .captures_iter(&page)
        .map(|found| found[1].to_owned())
        .collect();
    assert!(paths.len() > 30, "{paths:?}");
    for path in paths {
        assert!(
            root.join(&path).exists(),
            "docs/architecture.md names {path}"
        );
    }
}
