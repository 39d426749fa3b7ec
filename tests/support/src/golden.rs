//! Reads the golden documents, as a receiver gets them.

use serde_json::Value;

/// Returns the text of the golden file of a JSON capture.
pub fn text(name: &str) -> String {
    let golden = crate::root().join("tests/golden");
    let files = ["json", "further"].map(|folder| golden.join(folder).join(format!("{name}.json")));
    let file = files.iter().find(|file| file.exists()).unwrap();
    std::fs::read_to_string(file).unwrap()
}

/// Returns the documents in that file.
pub fn documents(name: &str) -> Vec<Value> {
    serde_json::from_str(&text(name)).unwrap()
}

/// Returns the documents sorted by `phonon-uuid`, because their order of delivery varies.
pub fn sorted(mut documents: Vec<Value>) -> Vec<Value> {
    documents.sort_by_key(|document| document["phonon-uuid"].to_string());
    documents
}
