//! A changed configuration over the calls that are kept: what would have come of them, and which
//! paths never found anything. Nothing is sent anywhere.
//!
//! * `recorded_calls`: recorded calls ([`switchhook_service::recorder`]) are played again, request and switch included.
//! * `answers`: kept answers (`persist_response`) are judged and mapped anew.
//! * `documents`: documents that the outbox still has are made anew.

mod answers;
mod documents;
mod recorded_calls;

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::replay::Difference;
use switchhook_service::call_control::WebhookTasks;
use switchhook_webhook::Webhook;

/// A path of `response.map`, and how often it found a value of its kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PathTold {
    /// The variable, without `flow.key.`.
    pub name: String,
    /// The path.
    pub path: String,
    /// Answers in which it did.
    pub matched: u64,
}

/// What was tested of one webhook.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Tested {
    /// Recorded calls.
    pub recordings: u64,
    /// Kept answers.
    pub answers: u64,
    /// Documents.
    pub documents: u64,
    /// Why some could not be, and how many.
    #[serde(rename = "not_tested")]
    pub untold: BTreeMap<String, u64>,
    /// 2xx answers that were read: so often could each path have found something.
    #[serde(rename = "answers_read")]
    pub read: u64,
    /// Its paths.
    pub paths: Vec<PathTold>,
}

impl Tested {
    /// How many of all kinds.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.recordings + self.answers + self.documents
    }
}

/// A call of which something would be different.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Changed {
    /// Unique-ID.
    pub call: String,
    /// The webhook.
    pub webhook: String,
    /// What would be; never empty.
    pub differences: Vec<Difference>,
}

/// What came of all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BacktestReport {
    /// By webhook.
    pub tested: BTreeMap<String, Tested>,
    /// In the order in which they were tested.
    pub changes: Vec<Changed>,
}

/// Takes kept calls one after the other.
pub struct Backtest<'w> {
    widgets: &'w WebhookTasks,
    /// Webhooks that are tested; empty: all.
    only: Vec<String>,
    report: BacktestReport,
    /// Calls and webhooks that a recording has told of: their kept answers are the same again.
    told: BTreeSet<(String, String)>,
}

impl<'w> Backtest<'w> {
    /// With what the changed configuration says; `only` those webhooks, or all when it is empty.
    #[must_use]
    pub fn new(widgets: &'w WebhookTasks, only: Vec<String>) -> Self {
        Self {
            widgets,
            only,
            report: BacktestReport::default(),
            told: BTreeSet::new(),
        }
    }

    /// What came of all.
    #[must_use]
    pub fn finish(self) -> BacktestReport {
        self.report
    }

    fn wants(&self, webhook: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|name| name == webhook)
    }

    fn tested(&mut self, name: &str) -> &mut Tested {
        let webhook = self.widgets.by_name.get(name);
        let webhook = webhook.and_then(|widget| widget.webhook());
        let entry = self.report.tested.entry(name.to_owned());
        entry.or_insert_with(|| Tested {
            paths: webhook.map(paths).unwrap_or_default(),
            ..Tested::default()
        })
    }

    fn untold(&mut self, name: &str, why: impl Into<String>) {
        *self.tested(name).untold.entry(why.into()).or_default() += 1;
    }

    /// Counts which paths find something in a 2xx answer.
    fn count(&mut self, name: &str, webhook: &Webhook, content_type: Option<&str>, body: &[u8]) {
        let Some(found) = webhook.answer.matches(content_type, body) else {
            return;
        };
        let tested = self.tested(name);
        tested.read += 1;
        for (path, found) in tested.paths.iter_mut().zip(found) {
            path.matched += u64::from(found);
        }
    }

    fn changed(&mut self, call: &str, webhook: &str, differences: Vec<Difference>) {
        if !differences.is_empty() {
            self.report.changes.push(Changed {
                call: call.to_owned(),
                webhook: webhook.to_owned(),
                differences,
            });
        }
    }
}

fn paths(webhook: &Webhook) -> Vec<PathTold> {
    let paths = webhook.answer.paths();
    let told = paths.map(|(name, path)| PathTold {
        name: name.to_owned(),
        path: path.to_owned(),
        matched: 0,
    });
    told.collect()
}
