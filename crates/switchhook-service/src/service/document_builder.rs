//! What a finished call becomes: its documents, rendered and frozen, and its row in
//! the report.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use metrics::counter;
use serde_json::{Value, json};
use tracing::{error, warn};

use crate::call_control::WebhookTask;
use crate::config::{self, Config, DEFAULT_FLOW, Diagnostics};
use crate::follow;
use crate::outbox::content::content;
use crate::traces;
use switchhook_admin::live_calls::LiveCalls;
use switchhook_core::call_history::{CallHistory, LookupRecord};
use switchhook_core::details::{self, Format, UrlOf};
use switchhook_core::finished_call::FinishedCall;
use switchhook_core::log_throttle::LogThrottle;
use switchhook_core::metric_names;
use switchhook_core::recording::Recording;
use switchhook_core::tenants::{Account, Tenants};
use switchhook_store::{
    CallSummary, Content, DeliveryKind, FinishedCallRecord, FinishedChannel, NewDocument,
};
use switchhook_webhook as webhook;

use super::build::{self, Built};
use super::raw;
use super::recordings::PublicUrl;
use super::spans;

/// Makes documents after the configuration as it is now.
pub(crate) struct DocumentBuilder {
    pub(super) flows: ArcSwap<Flows>,
    live_calls: Arc<LiveCalls>,
    traces: traces::TracesHandle,
}

/// What is posted of which call, and how that looks.
pub(super) struct Flows {
    by_name: BTreeMap<String, (config::Flow, Format)>,
    tenants: Arc<Tenants>,
    webhooks: HashMap<String, Arc<WebhookTask>>,
    pub(super) public_url: Option<PublicUrl>,
    unwanted_keys: Arc<[String]>,
    /// Names of flows and accounts that are not there, each said once.
    unknown: Mutex<HashSet<(&'static str, String)>>,
}

impl DocumentBuilder {
    /// After a configuration. The runs of a call's widgets are taken off the `live_calls`.
    ///
    /// # Errors
    /// A template for recordings that is none.
    pub(super) fn new(
        config: &Config,
        built: &Built,
        live_calls: Arc<LiveCalls>,
    ) -> Result<Self, Diagnostics> {
        let flows = ArcSwap::from_pointee(Flows::new(config, built)?);
        Ok(Self {
            flows,
            live_calls,
            traces: traces::TracesHandle::default(),
        })
    }

    /// Calls that are over are told to the `traces`.
    pub(super) fn traced(self, traces: traces::TracesHandle) -> Self {
        Self { traces, ..self }
    }

    /// After another one; documents that are frozen already stay as they are.
    ///
    /// # Errors
    /// A template for recordings that is none.
    pub(super) fn replace(&self, config: &Config, built: &Built) -> Result<(), Diagnostics> {
        self.flows.store(Arc::new(Flows::new(config, built)?));
        Ok(())
    }
}

impl follow::FinishCall for DocumentBuilder {
    fn finish(&self, call: &FinishedCall) -> FinishedCallRecord {
        let legs: Vec<String> = call.channels().map(|(uuid, _)| uuid.to_owned()).collect();
        let finished = self.flows.load().finish(call, self.live_calls.take(&legs));
        if finished.call.unpublished.is_none() {
            say_what_is_missing(&call.id, &finished.story);
        }
        if let Some(traces) = self.traces.now() {
            let ran = finished.story.runs.iter().map(|run| run.uuid.as_str());
            spans::call(&traces, &finished.call, ran);
        }
        finished.stored()
    }

    fn unwanted_keys(&self) -> Arc<[String]> {
        Arc::clone(&self.flows.load().unwanted_keys)
    }
}

impl Flows {
    fn new(config: &Config, built: &Built) -> Result<Self, Diagnostics> {
        let formats = config.flows.iter();
        Ok(Self {
            by_name: formats
                .map(|(name, flow)| (name.clone(), (flow.clone(), build::format(config, flow))))
                .collect(),
            tenants: Arc::clone(&built.widgets.tenants),
            webhooks: built.widgets.by_name.clone(),
            public_url: PublicUrl::new(config)?,
            unwanted_keys: raw::unwanted(config).into(),
            unknown: Mutex::default(),
        })
    }

    fn finish(&self, call: &FinishedCall, runs: Vec<LookupRecord>) -> Finished {
        let belongs = self.tenants.of_call(call);
        let name = belongs.flow.unwrap_or(DEFAULT_FLOW);
        let over = self.over(call, name, &|recording| self.url_of(call, recording));
        let story = CallHistory {
            runs,
            ..CallHistory::of(call, &over.document, &self.unwanted_keys)
        };
        let webhooks = self.posts(&over, belongs.of);
        let unpublished = self.unpublished(&over, &story, &webhooks);
        let now = webhooks.iter().filter(|_| unpublished.is_none());
        let documents = now.map(|name| self.document(name, &over));
        let call = FinishedCallRecord {
            switch: call.switch().to_owned(),
            call_uuid: call.id.clone(),
            created_us: call.created_us(),
            legs: call.legs.iter().map(|leg| leg.uuid.clone()).collect(),
            channels: call
                .channels()
                .map(|(uuid, created_us)| FinishedChannel {
                    uuid: uuid.to_owned(),
                    created_us,
                })
                .collect(),
            documents: documents.collect(),
            summary: Some(summary(&over)),
            story: String::new(),
            unpublished,
        };
        Finished { call, story }
    }

    /// A call with what its documents are made of.
    pub(super) fn over<'a>(
        &'a self,
        call: &'a FinishedCall,
        flow: &'a str,
        url_of: UrlOf<'_>,
    ) -> Over<'a> {
        let belongs = self.tenants.of_call(call);
        let format = self.by_name.get(flow).map(|(_, format)| format.clone());
        let format = Format {
            time_zone: belongs.of.unwrap_or(&self.tenants.default).time_zone,
            ..format.unwrap_or_default()
        };
        let document = details::document(call, &format, url_of);
        let mut values = details::call_values(call, url_of);
        values["account"] = json!(belongs.account);
        values["flow"] = json!(belongs.flow);
        Over {
            flow,
            account: belongs.account,
            call,
            document,
            values,
        }
    }

    /// Where a recording can be fetched, when that is known without waiting for it.
    pub(super) fn url_of(&self, call: &FinishedCall, recording: &Recording) -> Option<String> {
        self.public_url.as_ref()?.of(&call.id, recording)
    }

    /// The webhooks that get a document of the call.
    fn posts(&self, over: &Over<'_>, account: Option<&Account>) -> Vec<String> {
        let Some((flow, _)) = self.by_name.get(over.flow) else {
            if over.flow != DEFAULT_FLOW {
                self.say_unknown("a flow", over.flow);
            }
            return Vec::new();
        };
        // Nobody knows whose it is: it must not be shown to another.
        let Some(account) = account else {
            self.say_unknown("an account", over.account.unwrap_or_default());
            return Vec::new();
        };
        let default = account.default_webhook.iter().filter(|_| flow.webhook);
        // `check` refuses a flow that names an unknown webhook.
        let known = |name: &&String| self.webhook(name).is_some();
        default.chain(&flow.after).filter(known).cloned().collect()
    }

    fn webhook(&self, name: &str) -> Option<&webhook::Webhook> {
        self.webhooks.get(name)?.webhook()
    }

    /// The request to `name`, frozen. One that cannot be rendered is kept all the same,
    /// with the predefined document as its body, and shows in the outbox.
    pub(super) fn document(&self, name: &str, over: &Over<'_>) -> NewDocument {
        let predefined = || Content {
            body: over.document.to_string().into(),
            ..Content::default()
        };
        // One that the configuration has lost while the call's recordings were waited for.
        let content = self.webhook(name).map_or_else(predefined, |webhook| {
            over.render(webhook).unwrap_or_else(|failure| {
                error!(call_uuid = over.call.id, webhook = name, %failure, "the document's request cannot be made");
                predefined()
            })
        });
        NewDocument {
            kind: DeliveryKind::Document,
            webhook: name.to_owned(),
            flow: over.flow.to_owned(),
            call_uuid: over.call.id.clone(),
            content,
        }
    }

    fn say_unknown(&self, what: &'static str, name: &str) {
        let mut unknown = self.unknown.lock().unwrap_or_else(PoisonError::into_inner);
        if unknown.len() < 1_000 && unknown.insert((what, name.to_owned())) {
            warn!(
                name,
                "calls name {what} that the configuration does not have: no document is posted for them"
            );
        }
    }
}

/// What is to be stored of a call, its story not yet as text.
struct Finished {
    call: FinishedCallRecord,
    story: CallHistory,
}

/// After a gap, thousands of calls may end in one second.
static FEW: LogThrottle = LogThrottle::new(20);

/// Counts and tells a document that is incomplete.
pub(super) fn say_what_is_missing(call_uuid: &str, story: &CallHistory) {
    let missing = &story.missing;
    if missing.is_empty() {
        return;
    }
    counter!(metric_names::INCOMPLETE).increment(1);
    FEW.say(|left_out| {
        warn!(
            call_uuid,
            missing = missing.join(", "),
            left_out,
            "the document of a call lacks something"
        );
    });
}

impl Finished {
    fn stored(self) -> FinishedCallRecord {
        // A story that cannot be told must not hold up the documents.
        let story = serde_json::to_string(&self.story).unwrap_or_default();
        FinishedCallRecord { story, ..self.call }
    }
}

/// A call that is over, with what its documents are made of.
pub(super) struct Over<'a> {
    pub(super) flow: &'a str,
    account: Option<&'a str>,
    pub(super) call: &'a FinishedCall,
    pub(super) document: Value,
    values: Value,
}

impl Over<'_> {
    fn render(
        &self,
        webhook: &webhook::Webhook,
    ) -> Result<Content, switchhook_core::outcome::Failure> {
        let mut with_call = self.document.clone();
        if let Some(fields) = with_call.as_object_mut() {
            fields.insert("call".into(), self.values.clone());
        }
        let request = webhook.prepare(&webhook::Call {
            headers: &self.headers(),
            document: Some(&with_call),
            predefined: &|| self.document.to_string().into_bytes(),
        })?;
        Ok(content(&request))
    }

    /// The call's flow variables, for the templates.
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
}

fn summary(over: &Over<'_>) -> CallSummary {
    let text = |name: &str| {
        over.values
            .get(name)
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned()
    };
    let first = over.call.parties().next();
    let millis = |us: Option<i64>| us.map(|us| us / 1_000);
    let ended = over.call.legs.iter().filter_map(|leg| leg.ended_us).max();
    CallSummary {
        account: over.account.unwrap_or_default().to_owned(),
        flow: over.flow.to_owned(),
        started_ms: millis(first.and_then(|leg| leg.created_us)).unwrap_or_default(),
        answered_ms: millis(first.and_then(|leg| leg.answered_us)),
        ended_ms: millis(ended).unwrap_or_default(),
        talk_ms: over
            .values
            .get("talk_ms")
            .and_then(Value::as_i64)
            .unwrap_or_default(),
        caller: text("caller_number"),
        called: text("destination_number"),
        legs: u32::try_from(over.call.parties().count()).unwrap_or(u32::MAX),
        hangup_cause: text("hangup_cause"),
        incomplete: over.document.get("incomplete").is_some(),
    }
}
