//! Documents of calls that are over, made anew as their webhooks would now. RecordedEvent they are made
//! of is taken from the call's predefined document and from what the page tells of it.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde_json::{Value, json};

use crate::replay::{by_name, request};
use switchhook_core::call_history::CallHistory;
use switchhook_service::call_control::WebhookTask;
use switchhook_service::outbox::content::{content, flow_variables};
use switchhook_service::recorder::{Payload, RecordedEvent};
use switchhook_store::{RecentCall, RequestContent};
use switchhook_webhook as webhook;

use super::Backtest;

/// RecordedEvent a template may read that is not kept of a call.
const NOT_KEPT: [&str; 3] = ["caller_name", "ring_ms", "response_raw"];
const NO_DOCUMENT: &str = "no predefined document of the call is kept to make it of";

impl Backtest<'_> {
    /// Makes the documents of one call anew: `sent` are the webhooks and what was frozen for each.
    pub fn documents(&mut self, call: &RecentCall, sent: &[(String, RequestContent)]) {
        let base = sent
            .iter()
            .find_map(|(_, content)| predefined(&content.body));
        for (name, content) in sent.iter().filter(|(_, content)| content.url.is_some()) {
            let widget = self.widgets.by_name.get(name).cloned();
            let Some(widget) = widget.filter(|_| self.wants(name)) else {
                continue;
            };
            if let Some(reads) = NOT_KEPT.iter().find(|what| widget.settings.contains(*what)) {
                self.untold(
                    name,
                    format!("its template reads {reads}, which is not kept of a call"),
                );
                continue;
            }
            match &base {
                None => self.untold(name, NO_DOCUMENT),
                Some((document, bytes)) => {
                    self.document(call, &widget, name, content, document, bytes)
                }
            }
        }
    }

    fn document(
        &mut self,
        call: &RecentCall,
        widget: &WebhookTask,
        name: &str,
        was: &RequestContent,
        document: &Value,
        bytes: &Bytes,
    ) {
        let Some(webhook) = widget.webhook() else {
            return;
        };
        let mut with_call = document.clone();
        with_call["call"] = values(call, document);
        let made = webhook.prepare(&webhook::CallContext {
            headers: &headers(call, document),
            document: Some(&with_call),
            predefined: &|| bytes.to_vec(),
        });
        self.tested(name).documents += 1;
        let mut differences = Vec::new();
        let is = made.map_or_else(
            |failure| BTreeMap::from([("request".to_owned(), format!("none: {failure}"))]),
            |made| parts(&content(&made)),
        );
        by_name(&mut differences, &parts(was), &is);
        self.changed(&call.call_uuid, name, differences);
    }
}

fn parts(content: &RequestContent) -> BTreeMap<String, String> {
    request(&RecordedEvent::Request {
        method: content.method.clone().unwrap_or_default(),
        url: content.url.clone().unwrap_or_default(),
        headers: content.headers.clone(),
        body: Payload(content.body.to_vec()),
    })
}

/// The predefined document, when it is one.
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

/// `call.*` as far as it is kept.
fn values(call: &RecentCall, document: &Value) -> Value {
    let (summary, first) = (&call.summary, &document["callDetails"][0]);
    let story: CallHistory = serde_json::from_str(&call.story).unwrap_or_default();
    let leg = story.legs.first();
    let start = story.legs.iter().filter_map(|leg| leg.created_us).min();
    let end = story.legs.iter().filter_map(|leg| leg.ended_us).max();
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
