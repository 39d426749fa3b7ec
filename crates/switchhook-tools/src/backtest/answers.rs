//! Answers that were kept for the report, judged and mapped as the webhook would now.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::replay::{Difference, again, by_name};
use switchhook_core::outcome::{Outcome, Reason};
use switchhook_core::variables::{FLOW_KEY, VariableNames};
use switchhook_service::call_control::WebhookTask;
use switchhook_service::recorder::{Payload, RecordedEvent};
use switchhook_store::PersistedResponse;
use switchhook_webhook::{Prepared, Webhook};

use super::Backtest;

/// Why an answer cannot be judged again.
const NO_WEBHOOK: &str = "the configuration has no such webhook";
const NO_ANSWER: &str = "no answer came that could be read anew";
const NO_BODY: &str = "its body was not kept (response.raw was off, or had another name)";

impl Backtest<'_> {
    /// Judges a kept answer anew, unless a recording has told of it.
    pub fn answer(&mut self, kept: &PersistedResponse) {
        let name = &kept.webhook;
        let call = (kept.call_uuid.clone(), name.clone());
        if !self.wants(name) || self.told.contains(&call) {
            return;
        }
        let Some(widget) = self.widgets.by_name.get(name) else {
            return self.untold(name, NO_WEBHOOK);
        };
        let webhook = widget.webhook();
        let Some((webhook, request)) = webhook.and_then(|it| Some((it, nowhere(it)?))) else {
            return self.untold(name, NO_WEBHOOK);
        };
        let was = Was::of(kept, widget.plan.names());
        match was.answer() {
            Err(why) => self.untold(name, why),
            Ok(answer) => {
                let outcome = again(webhook, &request, &answer);
                self.tested(name).answers += 1;
                if was
                    .status
                    .is_some_and(|status| (200..300).contains(&status))
                {
                    self.count(name, webhook, None, was.body.as_bytes());
                }
                self.changed(&kept.call_uuid, name, was.differences(widget, &outcome));
            }
        }
    }
}

/// Where nothing is sent to: of a request only its address is told, in a sentence.
fn nowhere(webhook: &Webhook) -> Option<Prepared> {
    let url = webhook.sample_url();
    Some(Prepared {
        method: http::Method::POST,
        url: url.or_else(|| "https://webhook.invalid/".parse().ok())?,
        headers: http::HeaderMap::new(),
        body: bytes::Bytes::new(),
    })
}

/// An answer as it was kept.
struct Was {
    status: Option<u16>,
    reason: Option<String>,
    detail: Option<String>,
    body: String,
    /// Mapped values, by full name.
    values: BTreeMap<String, String>,
}

impl Was {
    /// By the names that the webhook writes under now.
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
        // A body that came in part, or not in time, is not a whole one.
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
            body: Payload(self.body.clone().into_bytes()),
            reason: self.reason.clone(),
            detail: self.detail.clone(),
            duration_us: None,
            mapped: Vec::new(),
            typed: Vec::new(),
        })
    }

    /// The reason and the mapped values; the sentence only where the reason is another.
    fn differences(&self, widget: &WebhookTask, outcome: &Outcome) -> Vec<Difference> {
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
        let exact = widget.plan.exact(outcome).into_iter();
        let mapped: Vec<String> = widget.plan.mapped_names().collect();
        let values = exact.filter(|(name, _)| mapped.contains(name));
        by_name(&mut all, &self.values, &values.collect());
        all
    }
}
