//! Calls that a real switch once played, on channels of their own, and what their documents
//! must say.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::anew::{anew, renewed};
use crate::events::{bodies, names};
use crate::golden;
use crate::inbox::Post;

/// One call.
pub struct Played {
    pub name: String,
    pub bodies: Vec<String>,
    pub golden: Value,
}

/// Calls whose document is given by the first channel that was created, without loopbacks.
pub fn playable() -> Vec<String> {
    let fits = |name: &String| {
        let golden = golden::documents(name);
        let bodies = bodies(name);
        let [document] = golden.as_slice() else {
            return false;
        };
        let first: Value = serde_json::from_str(&bodies[0]).unwrap();
        let loopback = bodies.iter().any(|body| body.contains("loopback/"));
        first["Unique-ID"] == document["phonon-uuid"] && !loopback
    };
    names().into_iter().filter(fits).collect()
}

impl Played {
    pub fn new(name: &str) -> Self {
        let (bodies, new) = anew(&bodies(name));
        let golden: Vec<Value> = serde_json::from_str(&renewed(&golden::text(name), &new)).unwrap();
        Self {
            name: name.to_owned(),
            bodies,
            golden: golden[0].clone(),
        }
    }

    pub fn id(&self) -> &str {
        self.golden["phonon-uuid"].as_str().unwrap()
    }

    /// The number of its first event of this name.
    pub fn first(&self, event: &str) -> usize {
        let name = format!("\"Event-Name\":\"{event}\"");
        let found = self.bodies.iter().position(|body| body.contains(&name));
        found.unwrap_or(self.bodies.len())
    }

    /// What the posts of its document say: how often it came, and whether it says that it is
    /// whole. Panics when two of them differ, or one says that it is whole and is not.
    pub fn judge(&self, posts: &[Post]) -> Judged {
        let of_call = |post: &&Post| post.json()["phonon-uuid"] == self.id();
        let posts: Vec<&Post> = posts.iter().filter(of_call).collect();
        let Some(first) = posts.first() else {
            return Judged::default();
        };
        for post in &posts {
            let what = (post.id(), &post.body);
            assert_eq!(what, (first.id(), &first.body), "{}", self.name);
        }
        let document = first.json();
        let is_whole = document.get("incomplete").is_none();
        if is_whole {
            let [document, golden] = [document, self.golden.clone()].map(by_start);
            assert_eq!(
                document, golden,
                "{}: does not say that it lacks something",
                self.name
            );
        }
        Judged {
            times: posts.len(),
            is_taken: posts.iter().any(|post| post.taken),
            is_whole,
        }
    }
}

/// How a call's document came.
#[derive(Debug, Clone, Copy, Default)]
pub struct Judged {
    pub times: usize,
    pub is_taken: bool,
    pub is_whole: bool,
}

/// Sorts the legs by start. Legs of one tick of the switch are in the order of their
/// CHANNEL_CREATE; when one of these was lost, in any.
fn by_start(mut document: Value) -> Value {
    let entries = document["callDetails"].as_array_mut().unwrap();
    entries.sort_by_key(|entry| format!("{} {}", entry["startTime"], entry["cdrId"]));
    document
}

/// The channel that an event is of.
pub fn uuid(body: &str) -> String {
    let event: Value = serde_json::from_str(body).unwrap();
    event["Unique-ID"].as_str().unwrap_or_default().to_owned()
}

/// The channels that these events destroy.
pub fn destroyed(bodies: &[String]) -> Vec<String> {
    let events = bodies
        .iter()
        .map(|body| serde_json::from_str::<Value>(body).unwrap());
    let ends = events.filter(|event| event["Event-Name"] == "CHANNEL_DESTROY");
    ends.map(|event| event["Unique-ID"].as_str().unwrap_or_default().to_owned())
        .collect()
}

/// A call that was still to be joined with another when it was lost has a document of its own;
/// no leg is whole in two.
pub fn each_leg_is_in_one_document(posts: &[Post]) {
    let mut documents: BTreeMap<String, String> = BTreeMap::new();
    for post in posts {
        let document = post.json();
        let entries = document["callDetails"].as_array().unwrap();
        let whole = entries.iter().filter(|entry| entry["tookPart"] != true);
        let cdr_ids = whole.filter_map(|entry| entry["cdrId"].as_str());
        let legs = cdr_ids.map(|id| id.split("##").next().unwrap().to_owned());
        let id = document["phonon-uuid"].as_str().unwrap().to_owned();
        for leg in legs.chain([id]) {
            let first = documents
                .entry(leg.clone())
                .or_insert_with(|| post.id().to_owned());
            assert_eq!(first, post.id(), "two documents have the leg {leg}");
        }
    }
}
