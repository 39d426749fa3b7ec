//! `SECURITY.md`: each promise names tests that are there.

use std::collections::BTreeSet;
use std::path::Path;

use regex::Regex;

/// Collects the names of all tests of the repository.
fn tests(folder: &Path, found: &mut BTreeSet<String>) {
    let test = Regex::new(r"#\[(?:tokio::)?test[^\]]*\]\s*(?:#\[[^\]]*\]\s*)*(?:async )?fn (\w+)")
        .unwrap();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            tests(&path, found);
        } else if path.extension().is_some_and(|end| end == "rs") {
            let text = std::fs::read_to_string(&path).unwrap();
            found.extend(test.captures_iter(&text).map(|test| test[1].to_owned()));
        }
    }
}

#[test]
fn each_promise_of_security_md_names_its_tests() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut all = BTreeSet::new();
    for folder in ["src", "tests", "crates"] {
        tests(&root.join(folder), &mut all);
    }
    assert!(all.len() > 500, "{}", all.len());
    let text = std::fs::read_to_string(root.join("SECURITY.md")).unwrap();
    let name = Regex::new("`([a-z_]+)`").unwrap();
    let rows = text.lines().filter(|line| line.starts_with("| "));
    let rows: Vec<&str> = rows.skip(1).collect();
    assert!(rows.len() > 20, "{}", rows.len());
    for row in rows {
        let shown = row.rsplit(" | ").next().unwrap();
        let names: Vec<&str> = name
            .captures_iter(shown)
            .map(|one| one.get(1).unwrap().as_str())
            .collect();
        assert!(!names.is_empty(), "{row}");
        for name in names {
            assert!(all.contains(name), "{name} is no test: {row}");
        }
    }
}
