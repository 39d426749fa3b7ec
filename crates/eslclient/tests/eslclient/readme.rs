//! The README's links, which crates.io shows without rustdoc and without a repository.

#![allow(clippy::unwrap_used, reason = "a test that panics has failed")]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

const README: &str = include_str!("../../README.md");
const ITEMS: &str = "https://docs.rs/eslclient/latest/eslclient/";
const FILES: &str = "https://docs.rs/crate/eslclient/latest/source/";

/// The code of the crate.
fn code(folder: &Path) -> String {
    let mut all = String::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        all += &if path.is_dir() {
            code(&path)
        } else {
            fs::read_to_string(&path).unwrap()
        };
    }
    all
}

/// Returns the address of an item such as `Client` or `Client::api` at docs.rs.
fn address(code: &str, item: &str) -> String {
    let (name, member) = item.split_once("::").unwrap_or((item, ""));
    let is = |kind: &str| {
        let begins = ["{", "<", "(", ";"].map(|after| format!("pub {kind} {name}{after}"));
        code.contains(&format!("pub {kind} {name} "))
            || begins.iter().any(|line| code.contains(line))
    };
    let kind = ["struct", "enum"].into_iter().find(|kind| is(kind));
    let kind = kind.unwrap_or_else(|| panic!("README.md names {name}"));
    let is_method = code.contains(&format!(" fn {member}("));
    let anchor = match member {
        "" => String::new(),
        member if is_method => format!("#method.{member}"),
        member => {
            assert!(
                code.contains(&format!("    {member}")),
                "README.md names {item}"
            );
            format!("#variant.{member}")
        }
    };
    format!("{ITEMS}{kind}.{name}.html{anchor}")
}

#[test]
fn every_item_that_the_readme_names_leads_to_its_page_at_docs_rs() {
    let code = code(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"));
    let (mut named, mut defined) = (BTreeSet::new(), BTreeSet::new());
    for line in README.lines() {
        if let Some((item, found)) = line
            .strip_prefix("[`")
            .and_then(|line| line.split_once("`]: "))
        {
            assert_eq!(found, address(&code, item));
            assert!(defined.insert(item), "{item} has two links");
            continue;
        }
        for part in line.split("[`").skip(1) {
            let (item, after) = part.split_once("`]").unwrap();
            if !after.starts_with('(') {
                named.insert(item);
            }
        }
    }
    assert!(named.len() > 30, "{named:?}");
    assert_eq!(named, defined);
    // The links of the documentation that `cargo doc` makes.
    let own: String = defined
        .iter()
        .map(|item| format!("[`{item}`]: {item}\n"))
        .collect();
    assert_eq!(include_str!("../../docs/items.md"), own);
}

#[test]
fn other_links_of_the_readme_are_absolute_and_name_files_of_the_package() {
    let mut files = 0;
    for part in README.split("](").skip(1) {
        let (target, _) = part.split_once(')').unwrap();
        assert!(target.starts_with("https://"), "{target}");
        if let Some(file) = target.strip_prefix(FILES) {
            let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
            assert!(path.exists(), "{file}");
            files += 1;
        }
    }
    assert_eq!(files, 5);
}

#[test]
fn the_table_beside_other_crates_has_the_rows_that_the_bench_prints() {
    let (_, table) = README.split_once("| One run |").unwrap();
    let rows = table.lines().skip(2).take_while(|line| !line.is_empty());
    let titles: Vec<_> = rows
        .map(|row| row.split('|').nth(1).unwrap().trim())
        .collect();
    let (_, measures) = include_str!("../../compare/compare/measures.rs")
        .split_once("pub const ALL")
        .unwrap();
    let (measures, _) = measures.split_once("];").unwrap();
    let printed = measures.split('"').skip(1).step_by(4).count();
    assert_eq!(titles.len(), printed);
    for title in titles {
        let title = title.replace("12.3 KB", "{size} KB");
        assert!(measures.contains(&format!("\"{title}\"")), "{title}");
    }
}
