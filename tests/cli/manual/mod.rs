//! The manual: README.md, docs/ and the pages beside them. Links lead somewhere, examples pass the
//! check, and the metrics that it lists are those of the program.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a helper that fails fails its test"
)]

mod commands;
mod examples;
mod first_config;
mod links;
mod metrics;
mod reasons;
mod security;
mod settings;
mod words;

use std::fs;
use std::path::{Component, Path, PathBuf};
use std::sync::LazyLock;

use regex::Regex;

/// Code in a line.
static CODE: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"``.+?``|`[^`]*`").unwrap());

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A page of Markdown.
struct Page {
    /// Its path from the root of the repository.
    path: String,
    text: String,
}

impl Page {
    fn read(path: &str) -> Self {
        let text = fs::read_to_string(root().join(path));
        Self {
            path: path.to_owned(),
            text: text.unwrap_or_else(|error| panic!("{path}: {error}")),
        }
    }

    /// Returns the lines outside fenced blocks, each with its number.
    fn prose(&self) -> Vec<(usize, &str)> {
        let mut is_fenced = false;
        let mut lines = Vec::new();
        for (at, line) in self.text.lines().enumerate() {
            let is_fence = line.trim_start().starts_with("```");
            if !is_fence && !is_fenced {
                lines.push((at + 1, line));
            }
            is_fenced ^= is_fence;
        }
        lines
    }

    /// Returns the fenced blocks.
    fn blocks(&self) -> Vec<Block<'_>> {
        let mut blocks: Vec<Block> = Vec::new();
        let mut is_fenced = false;
        for (at, line) in self.text.lines().enumerate() {
            if let Some(info) = line.trim_start().strip_prefix("```") {
                if !is_fenced {
                    blocks.push(Block {
                        line: at + 1,
                        info,
                        lines: Vec::new(),
                    });
                }
                is_fenced = !is_fenced;
            } else if is_fenced && let Some(block) = blocks.last_mut() {
                block.lines.push(line);
            }
        }
        blocks
    }
}

/// A fenced block of a page.
struct Block<'a> {
    /// The number of its first line.
    line: usize,
    /// What follows the backticks.
    info: &'a str,
    lines: Vec<&'a str>,
}

/// Returns the files of a folder whose name ends so, by their paths from the root.
fn files(folder: &str, end: &str) -> Vec<String> {
    let entries = fs::read_dir(root().join(folder)).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut files: Vec<String> = names
        .filter(|name| name.ends_with(end))
        .map(|name| format!("{folder}/{name}"))
        .collect();
    files.sort();
    files
}

/// Returns README.md and the pages of docs/.
fn manual() -> Vec<Page> {
    let mut paths = vec!["README.md".to_owned()];
    paths.extend(files("docs", ".md"));
    paths.iter().map(|path| Page::read(path)).collect()
}

/// Returns the manual and the other pages that a reader of the repository meets.
fn all_pages() -> Vec<Page> {
    let mut pages = manual();
    let others = ["SECURITY.md", "CONTRIBUTING.md", "CHANGELOG.md"];
    pages.extend(others.map(Page::read));
    for folder in fs::read_dir(root().join("crates")).unwrap() {
        let folder = folder.unwrap().file_name().into_string().unwrap();
        let path = format!("crates/{folder}/README.md");
        if root().join(&path).exists() {
            pages.push(Page::read(&path));
        }
    }
    pages
}

/// Returns a path without `.` and `..`.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        if part == Component::ParentDir {
            plain.pop();
        } else if part != Component::CurDir {
            plain.push(part);
        }
    }
    plain
}

/// Fails with every fault of a list.
fn assert_none(faults: &[String]) {
    assert!(faults.is_empty(), "\n{}\n", faults.join("\n"));
}
