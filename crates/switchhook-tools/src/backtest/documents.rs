//! Builds the documents of finished calls again with the changed webhooks. The data comes from the
//! call's predefined document in the outbox and from the call history of the operator's page.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde_json::{Value, json};

use crate::replay::{compare_by_name, request_parts};
use switchhook_core::call_history::CallHistory;
use switchhook_service::call_control::WebhookTask;
use switchhook_service::outbox::content::{content, flow_variables};
use switchhook_service::recorder::{Payload, RecordedEvent};
use switchhook_store::{RecentCall, RequestContent};
use switchhook_webhook as webhook;

use super::Backtest;

/// Template values that the store does not keep. A webhook whose settings name one is not tested.
const NOT_KEPT: [&str; 3] = ["caller_name", "ring_ms", "response_raw"];
const NO_DOCUMENT: &str = "the outbox has no predefined document of the call to build it from";

impl Backtest<'_> {
    /// Builds the documents of one call again and compares them. `sent` holds each webhook's name
    /// and the frozen content.
    pub fn documents(&mut self, call: &RecentCall, sent: &[(String, RequestContent)]) {
        let base = sent
            .iter()
            .find_map(|(_, content)| predefined(&content.body));
        for (name, content) in sent.iter().filter(|(_, content)| content.url.is_some()) {
            let task = self.tasks.by_name.get(name).cloned();
            let Some(task) = task.filter(|_| self.wants(name)) else {
                continue;
            };
            if let Some(reads) = NOT_KEPT.iter().find(|what| task.settings.contains(*what)) {
                self.skip(
                    name,
                    format!("its template reads {reads}, which is not stored with a call"),
                );
                continue;
            }
            match &base {
                None => self.skip(name, NO_DOCUMENT),
                Some((document, bytes)) => {
                    self.document(call, &task, name, content, document, bytes)
                }
            }
        }
    }

    fn document(
        &mut self,
        call: &RecentCall,
        task: &WebhookTask,
        name: &str,
        was: &RequestContent,
        document: &Value,
        bytes: &Bytes,
    ) {
        let Some(webhook) = task.webhook() else {
            return;
        };
        let mut with_call = document.clone();
        with_call["call"] = call_values(call, document);
        let made = webhook.prepare(&webhook::CallContext {
            headers: &headers(call, document),
            document: Some(&with_call),
            predefined: &|| bytes.to_vec(),
        });
        self.summary(name).documents += 1;
        let mut differences = Vec::new();
        let is = made.map_or_else(
            |failure| BTreeMap::from([("request".to_owned(), format!("none: {failure}"))]),
            |made| content_parts(&content(&made)),
        );
        compare_by_name(&mut differences, &content_parts(was), &is);
        self.add_change(&call.call_uuid, name, differences);
    }
}

fn content_parts(content: &RequestContent) -> BTreeMap<String, String> {
    request_parts(&RecordedEvent::Request {
        method: content.method.clone().unwrap_or_default(),
        url: content.url.clone().unwrap_or_default(),
        headers: content.headers.clone(),
        body: Payload(content.body.to_vec()),
    })
}

/// Parses `body` if it is a predefined document.
fn predefined(body: &Bytes) -> Option<(Value, Bytes)> {
    let document: Value = serde_json::from_slice(body).ok()?;
    let is_one = document["callDetails"].is_array() && document["keys"].is_array();
    is_one.then(|| (document, body.clone()))
}

fn headers(call: &RecentCall, document: &Value) -> BTreeMap<String, String> {
    let mut headers = flow_variables(document);
    headers.insert("variable_flow.name".into(), call.summary.flow.clone());
    if !call.summary.account.is_empty() {
        headers.insert("variable_flow.account".into(), call.summary.account.clone());
    }
    headers.insert("Unique-ID".into(), call.call_uuid.clone());
    headers
}

/// Returns the values of `call.*` that the store keeps.
fn call_values(call: &RecentCall, document: &Value) -> Value {
    let (summary, first) = (&call.summary, &document["callDetails"][0]);
    let history: CallHistory = serde_json::from_str(&call.history).unwrap_or_default();
    let leg = history.legs.first();
    let start = history.legs.iter().filter_map(|leg| leg.created_us).min();
    let end = history.legs.iter().filter_map(|leg| leg.ended_us).max();
    let filled = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
    json!({
        "account": filled(&summary.account),
        "answered": summary.answered_ms.is_some(),
        "caller_number": filled(&summary.caller),
        "destination_number": filled(&summary.called),
        "did_number": first["didNumber"],
        "duration_ms": start.zip(end).map(|(start, end)| switchhook_core::timestamp::millis_between(start, end)),
        "flow": summary.flow,
        "hangup_cause": filled(&summary.hangup_cause),
        "hangup_cause_name": leg.and_then(|leg| leg.cause.clone()),
        "incoming": first["incoming"],
        "legs": summary.legs,
        "recordings": document.get("recordingUrls").cloned().unwrap_or_else(|| json!([])),
        "remote_hangup": leg.and_then(|leg| leg.remote_hangup),
        "switch": call.switch,
        "talk_ms": summary.talk_ms,
        "uuid": call.call_uuid,
    })
}
