//! Tests a changed configuration with stored calls: which results would differ, and which mapped
//! paths never match. It sends nothing.
//!
//! * `recorded_calls` plays recordings ([`switchhook_service::recorder`]) again, with request and switch.
//! * `kept_answers` judges and maps stored answers (`persist_response`) again.
//! * `documents` builds the documents of the outbox again.

mod documents;
mod kept_answers;
mod recorded_calls;

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::replay::Difference;
use switchhook_service::call_control::WebhookTasks;
use switchhook_webhook::Webhook;

/// A path of `response.map`, and how many answers it matched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PathMatches {
    /// The variable's name without `flow.key.`.
    pub name: String,
    /// The path as the configuration has it.
    pub path: String,
    /// Answers in which the path found a value of its kind.
    pub matched: u64,
}

/// What was tested for one webhook.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct WebhookSummary {
    /// Recorded calls that were played again.
    pub recordings: u64,
    /// Stored answers that were judged again.
    pub answers: u64,
    /// Documents that were built again.
    pub documents: u64,
    /// Cases that could not be tested: how many, by reason.
    pub not_tested: BTreeMap<String, u64>,
    /// 2xx answers whose body could be parsed: the most that `matched` of a path can be.
    pub answers_read: u64,
    /// The paths of `response.map`.
    pub paths: Vec<PathMatches>,
}

impl WebhookSummary {
    /// Returns how many cases of all kinds were tested.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.recordings + self.answers + self.documents
    }
}

/// A call that would have another result.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ChangedCall {
    /// Unique-ID of the call's first leg.
    pub call: String,
    /// The webhook's name.
    pub webhook: String,
    /// What would differ; never empty.
    pub differences: Vec<Difference>,
}

/// The result of a backtest.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BacktestReport {
    /// What was tested, by webhook.
    pub tested: BTreeMap<String, WebhookSummary>,
    /// The calls with another result, in the order in which they were tested.
    pub changes: Vec<ChangedCall>,
}

/// A backtest in progress. It is given stored calls one after the other.
pub struct Backtest<'w> {
    tasks: &'w WebhookTasks,
    /// Names of the webhooks to test; empty for all.
    only: Vec<String>,
    report: BacktestReport,
    /// Calls and webhooks that a recording covered. Their stored answers would be tested twice.
    recorded: BTreeSet<(String, String)>,
}

impl<'w> Backtest<'w> {
    /// Starts a backtest with the webhooks of the changed configuration. It tests the webhooks
    /// named in `only`, or all if `only` is empty.
    #[must_use]
    pub fn new(tasks: &'w WebhookTasks, only: Vec<String>) -> Self {
        Self {
            tasks,
            only,
            report: BacktestReport::default(),
            recorded: BTreeSet::new(),
        }
    }

    /// Ends the backtest and returns its result.
    #[must_use]
    pub fn finish(self) -> BacktestReport {
        self.report
    }

    fn wants(&self, webhook: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|name| name == webhook)
    }

    fn summary(&mut self, name: &str) -> &mut WebhookSummary {
        let webhook = self.tasks.by_name.get(name);
        let webhook = webhook.and_then(|task| task.webhook());
        let entry = self.report.tested.entry(name.to_owned());
        entry.or_insert_with(|| WebhookSummary {
            paths: webhook.map(paths).unwrap_or_default(),
            ..WebhookSummary::default()
        })
    }

    fn skip(&mut self, name: &str, why: impl Into<String>) {
        *self.summary(name).not_tested.entry(why.into()).or_default() += 1;
    }

    /// Counts the paths that match in a 2xx answer.
    fn count_matches(
        &mut self,
        name: &str,
        webhook: &Webhook,
        content_type: Option<&str>,
        body: &[u8],
    ) {
        let Some(found) = webhook.answer.matches(content_type, body) else {
            return;
        };
        let tested = self.summary(name);
        tested.answers_read += 1;
        for (path, found) in tested.paths.iter_mut().zip(found) {
            path.matched += u64::from(found);
        }
    }

    fn add_change(&mut self, call: &str, webhook: &str, differences: Vec<Difference>) {
        if !differences.is_empty() {
            self.report.changes.push(ChangedCall {
                call: call.to_owned(),
                webhook: webhook.to_owned(),
                differences,
            });
        }
    }
}

fn paths(webhook: &Webhook) -> Vec<PathMatches> {
    let paths = webhook.answer.paths();
    let counts = paths.map(|(name, path)| PathMatches {
        name: name.to_owned(),
        path: path.to_owned(),
        matched: 0,
    });
    counts.collect()
}
