//! The Debian package: what it lists is there, and what it says holds.

#![allow(clippy::unwrap_used, reason = "a helper that fails fails its test")]

use std::collections::BTreeSet;
use std::path::Path;

use toml_edit::DocumentMut;

fn file(path: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(root.join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Returns the files of the repository that an asset names: one, or those of a `*`.
fn matching(asset: &str) -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let (folder, name) = asset.rsplit_once('/').unwrap_or((".", asset));
    let Some((start, end)) = name.split_once('*') else {
        let is_there = root.join(asset).is_file();
        return Vec::from_iter(is_there.then(|| asset.to_owned()));
    };
    let entries = std::fs::read_dir(root.join(folder)).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let fits = |name: &String| name.starts_with(start) && name.ends_with(end);
    names
        .filter(fits)
        .map(|name| format!("{folder}/{name}"))
        .collect()
}

#[test]
fn the_debian_package_has_what_its_script_makes_and_what_its_unit_starts() {
    let manifest: DocumentMut = file("Cargo.toml").parse().unwrap();
    let package = &manifest["package"];
    let shared = &manifest["workspace"]["package"];
    let deb = &package["metadata"]["deb"];
    let script = file("packaging/build-deb");
    let mut installed = BTreeSet::new();
    for asset in deb["assets"].as_array().unwrap() {
        let [from, to, _mode] =
            [0, 1, 2].map(|at| asset.as_array().unwrap().get(at).unwrap().as_str().unwrap());
        let sources = match from.strip_prefix("target/") {
            Some("release/switchhook") => vec![from.to_owned()],
            Some(_) => {
                let is_made = script.contains(&format!(">{from}\n"));
                assert!(is_made, "packaging/build-deb does not make {from}");
                vec![from.to_owned()]
            }
            None => matching(from),
        };
        assert!(!sources.is_empty(), "no file matches {from}");
        for source in sources {
            let name = source.rsplit('/').next().unwrap();
            let to = to
                .strip_suffix('/')
                .map_or(to.to_owned(), |folder| format!("{folder}/{name}"));
            installed.insert(format!("/{to}"));
        }
    }
    for kept in deb["conf-files"].as_array().unwrap() {
        assert!(installed.contains(kept.as_str().unwrap()), "{kept}");
    }
    let units = deb["systemd-units"]["unit-scripts"].as_str();
    assert_eq!(units, Some("packaging"), "where its unit is");
    let unit = file("packaging/switchhook.service");
    let started = unit
        .lines()
        .filter_map(|line| line.strip_prefix("Exec")?.split_once('='));
    let words = started.flat_map(|(_, command)| command.split(' '));
    let ours: Vec<&str> = words.filter(|word| word.contains("switchhook")).collect();
    assert!(ours.contains(&"/usr/bin/switchhook"), "{ours:?}");
    for path in ours {
        assert!(installed.contains(path), "the unit wants {path}");
    }
    // Pages of docs/ link to each other and show pictures; README.md links to them.
    let manual = "/usr/share/doc/switchhook";
    for page in ["README.md", "docs/quickstart.md", "docs/images/call.png"] {
        let path = format!("{manual}/{page}");
        assert!(installed.contains(&path), "{path} is not packaged");
    }
    // Debian's own changelog begins with the version that is built.
    let version = shared["version"].as_str().unwrap();
    let first = format!("switchhook ({version}-1) ");
    assert!(file("packaging/changelog").starts_with(&first), "{first}");
}

#[test]
fn the_packages_have_time_zones_and_a_schema_beside_the_configuration() {
    let manifest: DocumentMut = file("Cargo.toml").parse().unwrap();
    let depends = manifest["package"]["metadata"]["deb"]["depends"].as_str();
    let mut depends = depends.unwrap().split(", ");
    assert!(depends.any(|package| package == "tzdata"));
    assert!(file("packaging/Containerfile").contains("tzdata"));
    // The first test of this file holds that it is installed there.
    let config = file("packaging/switchhook.toml");
    let first = config.lines().next();
    assert_eq!(first, Some("#:schema /usr/share/switchhook/schema.json"));
    let assets = manifest["package"]["metadata"]["deb"]["assets"].to_string();
    assert!(assets.contains(r#"["target/package/schema.json", "usr/share/switchhook/""#));
}

#[test]
fn no_release_is_made_without_a_check_of_its_dependencies() {
    use std::process::Command;
    for script in ["packaging/build-deb", "packaging/build-image"] {
        let text = file(script);
        let lines: Vec<&str> = text.lines().collect();
        let at = |start: &str| lines.iter().position(|line| line.starts_with(start));
        let checked = at("packaging/check-dependencies").unwrap();
        let built = at("cargo build").or_else(|| at("podman build")).unwrap();
        assert!(checked < built, "{script}");
        assert!(lines.contains(&"set -euo pipefail"), "{script}");
    }
    let ran = Command::new("/bin/bash")
        .arg("packaging/check-dependencies")
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .output()
        .unwrap();
    let said = String::from_utf8(ran.stderr).unwrap();
    assert!(!ran.status.success());
    assert!(
        said.starts_with("no release: cargo-deny is not installed"),
        "{said}"
    );
}

#[test]
fn base_images_are_named_by_digest() {
    let text = file("packaging/Containerfile");
    let bases = text.lines().filter(|line| line.starts_with("FROM "));
    let bases: Vec<&str> = bases.collect();
    assert_eq!(bases.len(), 2);
    for base in bases {
        let digest = base.split_once('@').map(|(_, digest)| digest);
        let is_named = |digest: &str| digest.starts_with("${") || digest.starts_with("sha256:");
        assert!(digest.is_some_and(is_named), "{base}");
    }
    // A digest has no default: none is older than it says.
    for name in ["RUST_DIGEST", "DEBIAN_DIGEST"] {
        assert!(
            text.lines().any(|line| line == format!("ARG {name}")),
            "{name}"
        );
    }
}
