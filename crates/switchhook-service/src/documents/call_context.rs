//! A finished call with what its documents are made of.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::outbox::content::content;
use switchhook_core::details::{self, DocumentFormat, RecordingUrl};
use switchhook_core::finished_call::FinishedCall;
use switchhook_core::outcome::Failure;
use switchhook_core::tenants::TenantMatch;
use switchhook_store::{CallSummary, RequestContent};
use switchhook_webhook::{self as webhook, Webhook};

/// A finished call, its predefined document, and the values of `call.*` for templates.
pub(super) struct CallContext<'a> {
    pub(super) flow: &'a str,
    pub(super) account: Option<&'a str>,
    pub(super) call: &'a FinishedCall,
    pub(super) document: Value,
    values: Value,
}

impl<'a> CallContext<'a> {
    /// Builds the predefined document in `format`. `flow` is the flow's name, `url_of` returns
    /// where a recording can be fetched.
    pub(super) fn new(
        call: &'a FinishedCall,
        flow: &'a str,
        belongs: &TenantMatch<'a>,
        format: &DocumentFormat,
        url_of: RecordingUrl<'_>,
    ) -> Self {
        let document = details::document(call, format, url_of);
        let mut values = details::call_values(call, url_of);
        values["account"] = json!(belongs.account);
        values["flow"] = json!(belongs.flow);
        Self {
            flow,
            account: belongs.account,
            call,
            document,
            values,
        }
    }

    /// Renders the request to a webhook.
    ///
    /// # Errors
    /// A missing variable, or a URL or header that is not valid.
    pub(super) fn render(&self, webhook: &Webhook) -> Result<RequestContent, Failure> {
        let mut with_call = self.document.clone();
        if let Some(fields) = with_call.as_object_mut() {
            fields.insert("call".into(), self.values.clone());
        }
        let request = webhook.prepare(&webhook::CallContext {
            headers: &self.headers(),
            document: Some(&with_call),
            predefined: &|| self.document.to_string().into_bytes(),
        })?;
        Ok(content(&request))
    }

    /// Returns the call's flow variables for the templates.
    fn headers(&self) -> BTreeMap<String, String> {
        let keys = details::flow_keys(self.call).into_iter();
        let text = |value: Value| {
            value
                .as_str()
                .map_or_else(|| value.to_string(), str::to_owned)
        };
        let mut headers: BTreeMap<_, _> = keys
            .map(|(name, value)| (format!("variable_flow.key.{name}"), text(value)))
            .collect();
        headers.insert("variable_flow.name".into(), self.flow.to_owned());
        let account = self.account.map(str::to_owned);
        headers.extend(account.map(|account| ("variable_flow.account".into(), account)));
        headers.insert("Unique-ID".into(), self.call.id.clone());
        headers
    }

    /// Returns the call's row in the report.
    pub(super) fn summary(&self) -> CallSummary {
        let text = |name: &str| {
            self.values
                .get(name)
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned()
        };
        let first = self.call.parties().next();
        let millis = |us: Option<i64>| us.map(|us| us / 1_000);
        let ended = self.call.legs.iter().filter_map(|leg| leg.ended_us).max();
        CallSummary {
            account: self.account.unwrap_or_default().to_owned(),
            flow: self.flow.to_owned(),
            started_ms: millis(first.and_then(|leg| leg.created_us)).unwrap_or_default(),
            answered_ms: millis(first.and_then(|leg| leg.answered_us)),
            ended_ms: millis(ended).unwrap_or_default(),
            talk_ms: self
                .values
                .get("talk_ms")
                .and_then(Value::as_i64)
                .unwrap_or_default(),
            caller: text("caller_number"),
            called: text("destination_number"),
            legs: u32::try_from(self.call.parties().count()).unwrap_or(u32::MAX),
            hangup_cause: text("hangup_cause"),
            incomplete: self.document.get("incomplete").is_some(),
        }
    }
}
