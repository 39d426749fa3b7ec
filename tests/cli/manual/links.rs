//! Every relative link, image and anchor leads somewhere, on GitHub and in the book.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::LazyLock;

use regex::Regex;

use super::{CODE, Page, all_pages, assert_none, files, manual, plain, root};

static LINK: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"!?\[([^\]]*)\]\([^)]*\)").unwrap());
/// Where a link leads: in line, by reference, or in HTML.
static TARGET: LazyLock<Regex> = LazyLock::new(|| {
    let (inline, reference) = (r"\]\(<?([^)\s>]*)", r"^\[[^\]]+\]:\s*<?([^\s>]+)");
    Regex::new(&format!(r#"{inline}|{reference}|(?:src|href)="([^"]*)""#)).unwrap()
});

/// How a site makes an anchor of a heading.
#[derive(Clone, Copy)]
enum Site {
    GitHub,
    MdBook,
}

/// Returns the anchors of a page. The second heading of the same words ends in `-1`.
fn anchors(page: &Page, site: Site) -> BTreeSet<String> {
    let mut anchors = BTreeSet::new();
    for (_, line) in page.prose() {
        let words = line.trim_start_matches('#');
        let level = line.len() - words.len();
        if !(1..=6).contains(&level) || !words.starts_with(' ') {
            continue;
        }
        let words = LINK.replace_all(words.trim(), "$1");
        let mut anchor = String::new();
        for letter in words.chars() {
            match letter {
                ' ' => anchor.push('-'),
                '-' | '_' => anchor.push(letter),
                _ if !letter.is_alphanumeric() => {}
                _ => match site {
                    Site::GitHub => anchor.extend(letter.to_lowercase()),
                    Site::MdBook => anchor.push(letter.to_ascii_lowercase()),
                },
            }
        }
        let again = (1..).map(|number| format!("{anchor}-{number}"));
        let mut names = std::iter::once(anchor.clone()).chain(again);
        anchors.insert(names.find(|name| !anchors.contains(name)).unwrap());
    }
    anchors
}

/// Returns the targets of a line's links and images. Code is no link.
fn targets(line: &str) -> Vec<String> {
    let line = CODE.replace_all(line, "");
    let found = TARGET.captures_iter(&line);
    found
        .filter_map(|one| one.iter().skip(1).flatten().next())
        .map(|target| target.as_str().to_owned())
        .collect()
}

/// Returns why a link of a page leads nowhere.
fn fault(page: &Page, target: &str) -> Option<String> {
    let (path, anchor) = target.split_once('#').unwrap_or((target, ""));
    let folder = Path::new(&page.path).parent().unwrap();
    let to = if path.is_empty() {
        page.path.clone().into()
    } else {
        plain(&folder.join(path))
    };
    if !root().join(&to).exists() {
        return Some(format!("{} does not exist", to.display()));
    }
    let is_in_the_book = folder == Path::new("docs");
    if is_in_the_book && path.contains("..") {
        return Some("the book has only what is in docs/; write the path as code".to_owned());
    }
    if anchor.is_empty() {
        return None;
    }
    if to.extension().is_none_or(|end| end != "md") {
        return Some("only a page has anchors".to_owned());
    }
    let other = Page::read(to.to_str().unwrap());
    let mut known = anchors(&other, Site::GitHub);
    if is_in_the_book {
        known = &known & &anchors(&other, Site::MdBook);
    }
    (!known.contains(anchor)).then(|| format!("no such heading; {} has {known:?}", other.path))
}

#[test]
fn every_relative_link_leads_to_a_file_and_every_anchor_to_a_heading() {
    let (mut faults, mut count) = (Vec::new(), 0);
    for page in &all_pages() {
        for (number, line) in page.prose() {
            let is_ours =
                |target: &String| !target.contains("://") && !target.starts_with("mailto:");
            for target in targets(line).iter().filter(|target| is_ours(target)) {
                count += 1;
                if let Some(fault) = fault(page, target) {
                    faults.push(format!("{}:{number}: {target}: {fault}", page.path));
                }
            }
        }
    }
    assert!(count > 100, "{count} links: the test no longer finds them");
    assert_none(&faults);
}

#[test]
fn every_page_of_docs_is_in_the_summary_once() {
    let summary = Page::read("docs/SUMMARY.md");
    let lines = summary.prose().into_iter();
    let mut listed: Vec<String> = lines
        .flat_map(|(_, line)| targets(line))
        .map(|target| format!("docs/{target}"))
        .collect();
    listed.sort();
    let mut pages = files("docs", ".md");
    pages.retain(|page| page != "docs/SUMMARY.md");
    assert_eq!(listed, pages, "left: docs/SUMMARY.md; right: the pages");
}

/// A first-time reader reads README.md whole.
const README_BYTES: usize = 8 * 1024;

#[test]
fn the_readme_is_short_and_its_hook_names_a_webhook_of_its_configuration() {
    let readme = &manual()[0];
    let bytes = readme.text.len();
    assert!(
        bytes <= README_BYTES,
        "README.md has {bytes} bytes; move what is beyond {README_BYTES} to docs/"
    );
    let blocks = readme.blocks();
    let hook = Regex::new(r#"data="(?:ask|park)-([a-z_]+)[^"]* XML switchhook""#).unwrap();
    let xml = blocks.iter().filter(|block| block.info == "xml");
    let xml: Vec<&str> = xml.flat_map(|block| block.lines.clone()).collect();
    let asked: Vec<&str> = xml
        .iter()
        .filter_map(|line| Some(hook.captures(line)?.get(1)?.as_str()))
        .collect();
    assert!(!asked.is_empty(), "README.md hands no call over: {xml:?}");
    let toml = blocks.iter().filter(|block| block.info == "toml");
    let toml: Vec<&str> = toml.flat_map(|block| block.lines.clone()).collect();
    for webhook in asked {
        let section = format!("[webhooks.{webhook}]");
        assert!(
            toml.iter().any(|line| line.starts_with(&section)),
            "README.md hands a call to {webhook}; its configuration has no {section}"
        );
    }
}
