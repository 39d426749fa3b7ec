//! The manual uses the field's words.

use regex::Regex;

use super::{CODE, assert_none, manual};

/// Words that a reader stumbles over, and better ones.
const WORDS: [(&str, &str); 5] = [
    (
        "whoever|who answers|who is told|those who",
        "name the program or the person",
    ),
    ("(is|are|was|were) ill", "fails, degraded"),
    ("(is|are|was|were) told", "receives, is configured with"),
    ("resting|is at rest", "paused, circuit open"),
    ("widgets?", "webhook"),
];

#[test]
fn the_manual_uses_the_words_of_the_field() {
    let words =
        WORDS.map(|(words, cure)| (Regex::new(&format!(r"(?i)\b(?:{words})\b")).unwrap(), cure));
    let mut faults = Vec::new();
    for page in manual() {
        for (number, line) in page.prose() {
            let line = CODE.replace_all(line, "");
            for (word, cure) in &words {
                if let Some(found) = word.find(&line) {
                    let (path, found) = (&page.path, found.as_str());
                    faults.push(format!("{path}:{number}: {found:?}; better: {cure}"));
                }
            }
        }
    }
    assert_none(&faults);
}
