//! Judges and maps stored answers (`persist_response`) again with the changed webhooks.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::replay::{Difference, compare_by_name, judge_recorded};
use switchhook_core::outcome::{Outcome, Reason};
use switchhook_core::variables::{FLOW_KEY, VariableNames};
use switchhook_service::call_control::WebhookTask;
use switchhook_service::recorder::{Payload, RecordedEvent};
use switchhook_store::PersistedResponse;
use switchhook_webhook::{Prepared, Webhook};

use super::Backtest;

/// Reasons why an answer cannot be judged again.
const NO_WEBHOOK: &str = "the configuration has no such webhook";
const NO_ANSWER: &str = "no complete answer came that could be judged again";
const NO_BODY: &str = "its body was not stored (response.raw was off, or had another name)";

impl Backtest<'_> {
    /// Judges a stored answer again and compares the result. It skips a call that a recording covered.
    pub fn answer(&mut self, kept: &PersistedResponse) {
        let name = &kept.webhook;
        let call = (kept.call_uuid.clone(), name.clone());
        if !self.wants(name) || self.recorded.contains(&call) {
            return;
        }
        let Some(task) = self.tasks.by_name.get(name) else {
            return self.skip(name, NO_WEBHOOK);
        };
        let webhook = task.webhook();
        let Some((webhook, request)) = webhook.and_then(|it| Some((it, unsent_request(it)?)))
        else {
            return self.skip(name, NO_WEBHOOK);
        };
        let was = PreviousAnswer::of(kept, task.plan.names());
        match was.answer() {
            Err(why) => self.skip(name, why),
            Ok(answer) => {
                let outcome = judge_recorded(webhook, &request, &answer);
                self.summary(name).answers += 1;
                if was
                    .status
                    .is_some_and(|status| (200..300).contains(&status))
                {
                    self.count_matches(name, webhook, None, was.body.as_bytes());
                }
                self.add_change(&kept.call_uuid, name, was.differences(task, &outcome));
            }
        }
    }
}

/// Returns a request that is never sent. Judging needs only its URL, for the failure's sentence.
fn unsent_request(webhook: &Webhook) -> Option<Prepared> {
    let url = webhook.sample_url();
    Some(Prepared {
        method: http::Method::POST,
        url: url.or_else(|| "https://webhook.invalid/".parse().ok())?,
        fallback_urls: Vec::new(),
        headers: http::HeaderMap::new(),
        body: bytes::Bytes::new(),
    })
}

/// An answer as it was stored.
struct PreviousAnswer {
    status: Option<u16>,
    reason: Option<String>,
    detail: Option<String>,
    body: String,
    /// Mapped values by the variable's full name.
    values: BTreeMap<String, String>,
}

impl PreviousAnswer {
    /// Reads the stored variables. `names` are those that the changed webhook writes.
    fn of(kept: &PersistedResponse, names: &VariableNames) -> Self {
        let text = |name: &str| {
            kept.variables
                .get(name)
                .and_then(Value::as_str)
                .map(str::to_owned)
        };
        let own: Vec<&str> = names.all().map(|(_, name)| name).to_vec();
        let mapped = kept
            .variables
            .iter()
            .filter(|(name, _)| name.starts_with(FLOW_KEY) && !own.contains(&name.as_str()));
        let value = |value: &Value| {
            value
                .as_str()
                .map_or_else(|| value.to_string(), str::to_owned)
        };
        Self {
            status: text(&names.response_status_code).and_then(|text| text.parse().ok()),
            reason: text(&names.error_reason),
            detail: text(&names.error_detail),
            body: text(&names.response_raw).unwrap_or_default(),
            values: mapped
                .map(|(name, text)| (name.clone(), value(text)))
                .collect(),
        }
    }

    fn answer(&self) -> Result<RecordedEvent, &'static str> {
        let reason = self.reason.as_deref().map(Reason::from_word);
        let Some(status) = self.status else {
            return Err(NO_ANSWER);
        };
        // The stored body is incomplete after a timeout or a lost connection.
        let in_part = matches!(reason, Some(Reason::Timeout | Reason::ConnectionFailure));
        let too_large = reason == Some(Reason::InvalidResponse)
            && self
                .detail
                .as_deref()
                .is_some_and(|detail| detail.contains("larger than"));
        if in_part || too_large {
            return Err(NO_ANSWER);
        }
        if (200..300).contains(&status) && self.body.is_empty() && !self.values.is_empty() {
            return Err(NO_BODY);
        }
        Ok(RecordedEvent::Outcome {
            status: Some(status),
            content_type: None,
            whole: true,
            redirect: None,
            body: Payload(self.body.clone().into_bytes()),
            reason: self.reason.clone(),
            detail: self.detail.clone(),
            duration_us: None,
            mapped: Vec::new(),
            typed: Vec::new(),
            tries: Vec::new(),
        })
    }

    /// Compares the failure reason and the mapped values. It compares the sentence only if the
    /// reason differs, because sentences name addresses and times.
    fn differences(&self, task: &WebhookTask, outcome: &Outcome) -> Vec<Difference> {
        let mut all = Vec::new();
        let failure = outcome.verdict.as_ref().err();
        let is = failure.map(|failure| failure.reason.as_str().to_owned());
        if self.reason != is {
            let sentence = failure.map(|failure| failure.detail.clone());
            all.push(Difference {
                what: "reason".into(),
                was: self.reason.clone(),
                is,
            });
            all.push(Difference {
                what: "sentence".into(),
                was: self.detail.clone(),
                is: sentence,
            });
        }
        let exact = task.plan.exact(outcome).into_iter();
        let mapped: Vec<String> = task.plan.mapped_names().collect();
        let values = exact.filter(|(name, _)| mapped.contains(name));
        compare_by_name(&mut all, &self.values, &values.collect());
        all
    }
}
