//! Builds the events of living calls.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Map, Value, json};
use tracing::error;

use crate::call_control::WebhookTask;
use crate::config::{self, DEFAULT_FLOW};
use crate::outbox::content::content;
use switchhook_core::details::{self, DocumentFormat};
use switchhook_core::finished_call::FinishedCall;
use switchhook_core::headers::VARIABLE;
use switchhook_core::live_events::{self, LiveEvents, Occurrence};
use switchhook_core::tenants::{ACCOUNT, FLOW};
use switchhook_core::variables::flow_key;
use switchhook_store::{NewEvent, RequestContent, event_lane};
use switchhook_webhook::{CallContext, Webhook};

use super::Flows;
use super::cloud_event::{CloudSource, with_media_type};

/// Where the events of a call go, and how they look.
struct Target<'a> {
    flow: &'a config::Flow,
    flow_name: &'a str,
    account: Option<&'a str>,
    format: DocumentFormat,
    webhook_name: &'a str,
    webhook: &'a Arc<WebhookTask>,
    is_cloud: bool,
}

/// An event before its number is known.
struct Unnumbered {
    webhook: Arc<WebhookTask>,
    object: Map<String, Value>,
    headers: BTreeMap<String, String>,
    call_uuid: String,
    cloud: Option<CloudSource>,
}

impl Flows {
    /// Returns the events that are told of a call.
    pub(super) fn events(&self, of: &LiveEvents) -> Vec<NewEvent> {
        let Some(target) = self.target(&of.call) else {
            return Vec::new();
        };
        let events = of.events.iter();
        events.map(|event| target.event(of, event)).collect()
    }

    /// Returns the events that a call that is over still owes.
    pub(super) fn last_events(&self, call: &FinishedCall) -> Vec<NewEvent> {
        let Some(choices) = &self.event_choices else {
            return Vec::new();
        };
        let flow = self.tenants.of_call(call).flow.unwrap_or(DEFAULT_FLOW);
        let wanted = choices.of(flow);
        let owed = wanted.map(|wanted| live_events::last(call, wanted));
        owed.iter()
            .flatten()
            .flat_map(|of| self.events(of))
            .collect()
    }

    fn target<'a>(&'a self, call: &'a FinishedCall) -> Option<Target<'a>> {
        let belongs = self.tenants.of_call(call);
        let flow_name = belongs.flow.unwrap_or(DEFAULT_FLOW);
        let (flow, format) = self.by_name.get(flow_name)?;
        // An event of an unknown account must not go to another account's webhook.
        let settings = belongs.settings?;
        if flow.events.is_empty() {
            return None;
        }
        let named = flow.events_webhook.as_ref();
        let webhook_name = named.or(settings.default_webhook.as_ref())?;
        let webhook = self.webhooks.get(webhook_name)?;
        webhook.webhook()?;
        Some(Target {
            flow,
            flow_name,
            account: belongs.account,
            format: DocumentFormat {
                time_zone: settings.time_zone,
                ..format.clone()
            },
            webhook_name,
            webhook,
            is_cloud: self.cloud_events.contains(webhook_name),
        })
    }
}

impl Target<'_> {
    fn event(&self, of: &LiveEvents, event: &Occurrence) -> NewEvent {
        let mut object = details::live_event(of, event, &self.format);
        object.insert("flow".to_owned(), json!(self.flow_name));
        if let Some(account) = self.account {
            object.insert("account".to_owned(), json!(account));
        }
        let event_of_call = Unnumbered {
            webhook: Arc::clone(self.webhook),
            object,
            headers: self.headers(of),
            call_uuid: of.id.clone(),
            cloud: self.is_cloud.then(|| CloudSource {
                switch: of.call.switch().to_owned(),
                call: of.id.clone(),
                created_us: of.created_us,
            }),
        };
        NewEvent {
            switch: of.call.switch().to_owned(),
            call_uuid: of.id.clone(),
            created_us: of.created_us,
            fact: event.fact.clone(),
            instead_of: event.instead_of.clone(),
            endpoint: event_lane(self.webhook_name),
            flow: self.flow_name.to_owned(),
            account: self.account.unwrap_or_default().to_owned(),
            wait: self.flow.events_wait,
            expire: self.flow.events_expire,
            render: Arc::new(move |sequence| event_of_call.numbered(sequence)),
        }
    }

    /// Returns the call's flow variables for the templates.
    fn headers(&self, of: &LiveEvents) -> BTreeMap<String, String> {
        let keys = details::flow_keys(&of.call).into_iter();
        let text = |value: Value| {
            let text = value.as_str().map(str::to_owned);
            text.unwrap_or_else(|| value.to_string())
        };
        let variable = |name: &str| [VARIABLE, name].concat();
        let keys = keys.map(|(name, value)| (variable(&flow_key(&name)), text(value)));
        let mut headers: BTreeMap<_, _> = keys.collect();
        headers.insert(variable(FLOW), self.flow_name.to_owned());
        let account = self.account.map(str::to_owned);
        headers.extend(account.map(|account| (variable(ACCOUNT), account)));
        headers.insert("Unique-ID".into(), of.id.clone());
        headers
    }
}

impl Unnumbered {
    /// Returns the request of the event with this number in its call.
    fn numbered(&self, sequence: u64) -> RequestContent {
        let mut object = self.object.clone();
        object.insert("sequence".to_owned(), json!(sequence));
        let document = for_templates(&object);
        let body = || match &self.cloud {
            Some(cloud) => cloud.envelope(sequence, &object).into_bytes(),
            None => Value::Object(object.clone()).to_string().into_bytes(),
        };
        let rendered = self.webhook.webhook().map(|webhook: &Webhook| {
            webhook.prepare(&CallContext {
                headers: &self.headers,
                document: Some(&document),
                predefined: &body,
            })
        });
        let made = match rendered {
            Some(Ok(request)) => content(&request),
            Some(Err(failure)) => {
                error!(call_uuid = self.call_uuid, %failure, "the request of an event cannot be made");
                RequestContent::of_body(body())
            }
            None => RequestContent::of_body(body()),
        };
        match self.cloud {
            Some(_) => with_media_type(made),
            None => made,
        }
    }
}

/// Returns the object with an empty value for each name that the event does not have, so that a
/// template may use every name for every event.
fn for_templates(object: &Map<String, Value>) -> Value {
    let mut all = object.clone();
    let empty = [
        ("account", json!("")),
        ("from", json!({})),
        ("joined", json!("")),
        ("keys", json!([])),
        ("legs", json!([])),
        ("lookup", json!({})),
        ("other", json!({})),
        ("recording", json!({})),
    ];
    for (name, value) in empty {
        all.entry(name).or_insert(value);
    }
    Value::Object(all)
}
