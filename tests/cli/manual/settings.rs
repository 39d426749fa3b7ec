//! A setting that the manual names in a sentence, such as `listen.allow`, is in the reference.

use std::collections::{BTreeMap, BTreeSet};

use regex::Regex;

use super::{Page, assert_none, manual};

/// Returns the settings of the reference by what is before their dot: a section such as `listen`, or
/// a table of a webhook such as `delivery`.
fn settings() -> BTreeMap<String, BTreeSet<String>> {
    let reference = Page::read("crates/switchhook-service/src/config/reference.toml");
    let section = Regex::new(r"^#?\[([a-z]+)\]").unwrap();
    let other = Regex::new(r"^#?\[").unwrap();
    let key = Regex::new(r"^#?([a-z0-9_]+)(?:\.([a-z0-9_]+))? = ").unwrap();
    let (mut settings, mut within) = (BTreeMap::<String, BTreeSet<String>>::new(), None);
    for line in reference.text.lines() {
        if let Some(found) = section.captures(line) {
            within = Some(found[1].to_owned());
        } else if other.is_match(line) {
            within = None;
        } else if let Some(found) = key.captures(line) {
            if let Some(second) = found.get(2) {
                let keys = settings.entry(found[1].to_owned()).or_default();
                keys.insert(second.as_str().to_owned());
            }
            if let Some(within) = &within {
                let keys = settings.entry(within.clone()).or_default();
                keys.insert(found[1].to_owned());
            }
        }
    }
    settings
}

#[test]
fn every_setting_that_a_sentence_names_is_in_the_reference() {
    let settings = settings();
    let named = Regex::new(r"`([a-z0-9_]+)\.([a-z0-9_]+)(?: = [^`]*)?`").unwrap();
    let (mut faults, mut count) = (Vec::new(), 0);
    for page in manual() {
        for (number, line) in page.prose() {
            for found in named.captures_iter(line) {
                let Some(keys) = settings.get(&found[1]) else {
                    continue;
                };
                count += 1;
                if !keys.contains(&found[2]) {
                    let setting = format!("{}.{}", &found[1], &found[2]);
                    faults.push(format!("{}:{number}: no setting {setting}", page.path));
                }
            }
        }
    }
    assert!(
        count > 50,
        "{count} settings: the test no longer finds them"
    );
    assert_none(&faults);
}
