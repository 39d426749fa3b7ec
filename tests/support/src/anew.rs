//! Gives a captured call new channels, so that a test can play it again.

use std::collections::HashMap;

use regex::{Captures, Regex};

const UUID: &str = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}";

/// Returns the events with a new UUID for each UUID in them, and the map from old to new.
pub fn anew(bodies: &[String]) -> (Vec<String>, HashMap<String, String>) {
    let uuid = Regex::new(UUID).unwrap();
    let mut new: HashMap<String, String> = HashMap::new();
    let bodies = bodies
        .iter()
        .map(|body| {
            let renewed = uuid.replace_all(body, |found: &Captures<'_>| {
                let name = || uuid::Uuid::new_v4().to_string();
                new.entry(found[0].to_owned()).or_insert_with(name).clone()
            });
            renewed.into_owned()
        })
        .collect();
    (bodies, new)
}

/// Returns the text with every UUID replaced as in `new`.
pub fn renewed(text: &str, new: &HashMap<String, String>) -> String {
    let uuid = Regex::new(UUID).unwrap();
    let renewed = uuid.replace_all(text, |found: &Captures<'_>| {
        new.get(&found[0])
            .cloned()
            .unwrap_or_else(|| found[0].to_owned())
    });
    renewed.into_owned()
}
