//! What is built in comes from crates.io, under the licences that `deny.toml` allows: also where
//! `cargo deny` is not installed. (Advisories need its database.)

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::Value;
use spdx::{Expression, ParseMode};

const CRATES_IO: &str = "registry+https://github.com/rust-lang/crates.io-index";

/// Every package that is built into the program, and itself.
fn packages() -> Vec<Value> {
    let arguments = [
        "metadata",
        "--format-version=1",
        "--locked",
        "--offline",
        "--filter-platform=x86_64-unknown-linux-gnu",
    ];
    let output = Command::new(env!("CARGO"))
        .args(arguments)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let built_in = built_in(&metadata["resolve"]);
    let packages = metadata["packages"].as_array().unwrap().iter();
    let packages = packages.filter(|package| built_in.contains(package["id"].as_str().unwrap()));
    packages.cloned().collect()
}

/// The ids of what the program needs, but for its tests.
fn built_in(resolve: &Value) -> BTreeSet<&str> {
    let nodes = resolve["nodes"].as_array().unwrap().iter();
    let nodes: BTreeMap<&str, &Value> = nodes
        .map(|node| (node["id"].as_str().unwrap(), node))
        .collect();
    let (mut found, mut next) = (BTreeSet::new(), vec![resolve["root"].as_str().unwrap()]);
    while let Some(id) = next.pop() {
        if !found.insert(id) {
            continue;
        }
        for dependency in nodes[id]["deps"].as_array().unwrap() {
            let mut kinds = dependency["dep_kinds"].as_array().unwrap().iter();
            if kinds.any(|kind| kind["kind"] != "dev") {
                next.push(dependency["pkg"].as_str().unwrap());
            }
        }
    }
    found
}

fn document(file: &str) -> toml_edit::DocumentMut {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    let text = std::fs::read_to_string(path).unwrap();
    text.parse().unwrap()
}

fn allowed() -> Vec<String> {
    let document = document("deny.toml");
    let allow = document["licenses"]["allow"].as_array().unwrap();
    let names = allow.iter().map(|name| name.as_str().unwrap().to_owned());
    names.collect()
}

#[test]
fn every_package_has_an_allowed_licence_and_comes_from_crates_io() {
    let allowed = allowed();
    let packages = packages();
    assert!(packages.len() > 100, "{} packages", packages.len());
    for package in packages {
        let name = package["name"].as_str().unwrap();
        let is_ours = package["source"].is_null();
        assert!(
            is_ours || package["source"] == CRATES_IO,
            "{name}: {}",
            package["source"]
        );
        let Some(licence) = package["license"].as_str() else {
            assert!(is_ours, "{name} has no licence");
            continue;
        };
        // Old manifests write `MIT/Apache-2.0`.
        let expression = Expression::parse_mode(licence, ParseMode::LAX).unwrap();
        let is_allowed = expression.evaluate(|one| allowed.contains(&one.to_string()));
        assert!(is_allowed, "{name}: {licence}");
    }
}

/// Packages with their features, as `cargo tree` resolves them for these arguments.
fn with_features(arguments: &[&str]) -> BTreeSet<String> {
    let always = [
        "tree",
        "--locked",
        "--offline",
        "--target=x86_64-unknown-linux-gnu",
        "--prefix=none",
        "--format={p} [{f}]",
    ];
    let output = Command::new(env!("CARGO"))
        .args(always)
        .args(arguments)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let text = String::from_utf8(output.stdout).unwrap();
    let lines = text.lines().map(|line| line.trim_end_matches(" (*)"));
    lines.map(str::to_owned).collect()
}

/// A feature that only a dev-dependency wants costs a second build of its crate and of all crates
/// above it, between `cargo run` and `cargo test`.
/// What a program gets with the Event Socket client and its features.
#[test]
fn eslclient_needs_few_crates() {
    let output = Command::new(env!("CARGO"))
        .args(["tree", "--locked", "--offline", "--package=eslclient"])
        .args(["--all-features", "--edges=normal,build", "--prefix=none"])
        .args(["--no-dedupe", "--target=x86_64-unknown-linux-gnu"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let tree = String::from_utf8(output.stdout).unwrap();
    let crates: BTreeSet<_> = tree.lines().map(|line| line.replace(" (*)", "")).collect();
    assert!(crates.iter().any(|one| one.starts_with("tokio v")));
    assert!(crates.len() <= 40, "{} crates: {crates:?}", crates.len());
}

#[test]
fn the_tests_use_the_dependencies_that_the_program_was_built_with() {
    let program = with_features(&["--package=switchhook", "--edges=no-dev"]);
    let all = with_features(&["--workspace", "--edges=all"]);
    let built_twice: Vec<&String> = program.difference(&all).collect();
    assert!(
        built_twice.is_empty(),
        "see `indexmap` in Cargo.toml: {built_twice:#?}"
    );
}

#[test]
fn the_notices_of_the_package_may_have_the_licences_that_are_allowed() {
    let about = document("packaging/notices/about.toml");
    let accepted = about["accepted"].as_array().unwrap().iter();
    let accepted: Vec<_> = accepted
        .map(|one| one.as_str().unwrap().to_owned())
        .collect();
    assert_eq!(accepted, allowed());
}
