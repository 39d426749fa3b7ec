//! Builds the documents of finished calls, and their rows in the report.
//!
//! A document is rendered once and frozen: every attempt to deliver it sends the same bytes. A call
//! whose recordings others must be able to fetch waits in the store first (`pending`).

mod call_context;
mod call_span;
mod cloud_event;
pub(crate) mod format;
mod live;
mod pending;
pub(crate) mod public_url;
mod unused_keys;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use metrics::counter;
use tracing::{error, warn};

use crate::call_control::{WebhookTask, WebhookTasks};
use crate::config::{self, Config, DEFAULT_FLOW, Diagnostics};
use crate::follow::{EndedLookups, FinishCall, LedgerSettings};
use crate::traces::TracesHandle;
use call_context::CallContext;
use public_url::PublicUrl;
use switchhook_admin::live_calls::LiveCalls;
use switchhook_core::call_history::{CallHistory, LookupRecord};
use switchhook_core::details::{self, DocumentFormat, RecordingUrl};
use switchhook_core::finished_call::FinishedCall;
use switchhook_core::live_events::{EventChoices, LiveEvents};
use switchhook_core::log_throttle::LogThrottle;
use switchhook_core::metric_names;
use switchhook_core::recording::Recording;
use switchhook_core::tenants::{Account, Tenants};
use switchhook_store::{
    DeliveryKind, FinishedCallRecord, FinishedChannel, NewDocument, NewEvent, RequestContent,
    asked_line,
};
use switchhook_webhook::Webhook;

/// Builds documents by the present configuration.
pub(crate) struct DocumentBuilder {
    flows: ArcSwap<Flows>,
    live_calls: Arc<LiveCalls>,
    traces: TracesHandle,
}

/// Which calls are posted where, and how their documents look.
struct Flows {
    by_name: BTreeMap<String, (config::Flow, DocumentFormat)>,
    tenants: Arc<Tenants>,
    webhooks: HashMap<String, Arc<WebhookTask>>,
    public_url: Option<PublicUrl>,
    unused_keys: Arc<[String]>,
    outcome_names: Vec<String>,
    /// Webhooks that get CloudEvents.
    cloud_events: HashSet<String>,
    /// What flows are told of living calls, if any is.
    event_choices: Option<Arc<EventChoices>>,
    /// Unknown flows and accounts that calls named, each logged once.
    unknown: Mutex<HashSet<(&'static str, String)>>,
}

impl DocumentBuilder {
    /// Returns the builder for a configuration and its compiled webhooks. It takes the webhook
    /// runs of a finished call from `live_calls`.
    ///
    /// # Errors
    /// An invalid `[recordings]` template or target.
    pub(crate) fn new(
        config: &Config,
        webhook_tasks: &WebhookTasks,
        live_calls: Arc<LiveCalls>,
    ) -> Result<Self, Diagnostics> {
        let flows = ArcSwap::from_pointee(Flows::new(config, webhook_tasks)?);
        Ok(Self {
            flows,
            live_calls,
            traces: TracesHandle::default(),
        })
    }

    /// Sends a span of each finished call to `traces`.
    pub(crate) fn traced(self, traces: TracesHandle) -> Self {
        Self { traces, ..self }
    }

    /// Takes another configuration. Documents that are frozen stay as they are.
    ///
    /// # Errors
    /// An invalid `[recordings]` template or target.
    pub(crate) fn replace(
        &self,
        config: &Config,
        webhook_tasks: &WebhookTasks,
    ) -> Result<(), Diagnostics> {
        self.flows
            .store(Arc::new(Flows::new(config, webhook_tasks)?));
        Ok(())
    }
}

impl FinishCall for DocumentBuilder {
    fn finish(&self, call: &FinishedCall) -> FinishedCallRecord {
        let legs: Vec<String> = call.channels().map(|(uuid, _)| uuid.to_owned()).collect();
        let (record, history) = self.record(call, self.live_calls.take_lookups(&legs));
        if let Some(traces) = self.traces.current() {
            let channels = history.runs.iter().map(|run| run.uuid.as_str());
            call_span::send(&traces, &record, channels);
        }
        with_history(record, &history)
    }

    fn finish_rest(&self, rest: &FinishedCall, first: &FinishedCallRecord) -> FinishedCallRecord {
        let known: CallHistory = serde_json::from_str(&first.history).unwrap_or_default();
        let is_left = |run: &LookupRecord| rest.channels().any(|(uuid, _)| uuid == run.uuid);
        let runs = known.runs.into_iter().filter(is_left).collect();
        let (record, history) = self.record(rest, runs);
        with_history(record.of_switch(first.switch.clone()), &history)
    }

    fn settings(&self) -> LedgerSettings {
        let flows = self.flows.load();
        LedgerSettings {
            unused_keys: Arc::clone(&flows.unused_keys),
            tenants: Arc::clone(&flows.tenants),
            event_choices: flows.event_choices.clone(),
        }
    }

    fn events(&self, of: &LiveEvents) -> Vec<NewEvent> {
        self.flows.load().events(of)
    }

    fn ended_lookups(&self) -> Option<EndedLookups> {
        Some(self.live_calls.ended_lookups())
    }
}

impl DocumentBuilder {
    /// Returns the record of a finished call, its `history` still empty, and the history for it;
    /// logs what the documents lack.
    fn record(
        &self,
        call: &FinishedCall,
        runs: Vec<LookupRecord>,
    ) -> (FinishedCallRecord, CallHistory) {
        let flows = self.flows.load();
        let stripped = call.without_outcome(&flows.outcome_names);
        let call = stripped.as_ref().unwrap_or(call);
        let (record, history) = flows.finish(call, runs);
        report_recordings_not_opened(&call.id, &history);
        report_withheld(call);
        if record.unpublished.is_none() {
            report_missing(&call.id, &history);
        }
        (record, history)
    }
}

/// Adds the history. One that cannot be encoded must not hold up the documents.
fn with_history(record: FinishedCallRecord, history: &CallHistory) -> FinishedCallRecord {
    let runs = history.runs.iter();
    let asked = runs.map(|run| {
        let reason = run.reason().unwrap_or_default();
        asked_line(&run.webhook, reason, &run.ending)
    });
    FinishedCallRecord {
        asked: asked.collect(),
        history: serde_json::to_string(history).unwrap_or_default(),
        ..record
    }
}

impl Flows {
    fn new(config: &Config, webhook_tasks: &WebhookTasks) -> Result<Self, Diagnostics> {
        let flows = config.flows.iter();
        Ok(Self {
            by_name: flows
                .map(|(name, flow)| (name.clone(), (flow.clone(), format::of_flow(config, flow))))
                .collect(),
            tenants: Arc::clone(&webhook_tasks.tenants),
            webhooks: webhook_tasks.by_name.clone(),
            public_url: PublicUrl::new(config)?,
            unused_keys: unused_keys::unused_keys(config).into(),
            outcome_names: format::outcome_names(config),
            cloud_events: format::cloud_events(config),
            event_choices: format::event_choices(config),
            unknown: Mutex::default(),
        })
    }

    /// Returns the record of a finished call, its `history` still empty, and the history for it.
    fn finish(
        &self,
        call: &FinishedCall,
        runs: Vec<LookupRecord>,
    ) -> (FinishedCallRecord, CallHistory) {
        let belongs = self.tenants.of_call(call);
        let name = belongs.flow.unwrap_or(DEFAULT_FLOW);
        let context = self.context(call, name, &|recording| self.url_of(call, recording));
        let history = CallHistory {
            runs,
            ..CallHistory::of(call, &context.document, &self.unused_keys)
        };
        let webhooks = self.receivers(&context, belongs.settings);
        let unpublished = self.unpublished(&context, &history, &webhooks);
        let now = webhooks.iter().filter(|_| unpublished.is_none());
        let documents = now.map(|name| self.document(name, &context));
        let record = FinishedCallRecord {
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
            summary: Some(context.summary()),
            history: String::new(),
            asked: String::new(),
            unpublished,
            events: self.last_events(call),
        };
        (record, history)
    }

    /// Returns a call with what its documents are made of. `flow` is its flow's name.
    fn context<'a>(
        &'a self,
        call: &'a FinishedCall,
        flow: &'a str,
        url_of: RecordingUrl<'_>,
    ) -> CallContext<'a> {
        let belongs = self.tenants.of_call(call);
        let format = self.by_name.get(flow).map(|(_, format)| format.clone());
        let format = DocumentFormat {
            time_zone: belongs.settings.unwrap_or(&self.tenants.default).time_zone,
            ..format.unwrap_or_default()
        };
        CallContext::new(call, flow, &belongs, &format, url_of)
    }

    /// Returns where a recording can be fetched, if that is known already.
    fn url_of(&self, call: &FinishedCall, recording: &Recording) -> Option<String> {
        let name = details::distinct_name(call, recording);
        self.public_url.as_ref()?.of(&call.id, recording, &name)
    }

    /// Returns the webhooks that get a document of the call.
    fn receivers(&self, context: &CallContext<'_>, account: Option<&Account>) -> Vec<String> {
        let Some((flow, _)) = self.by_name.get(context.flow) else {
            if context.flow != DEFAULT_FLOW {
                self.report_unknown("a flow", context.flow);
            }
            return Vec::new();
        };
        // The document of an unknown account must not go to another account's webhook.
        let Some(account) = account else {
            self.report_unknown("an account", context.account.unwrap_or_default());
            return Vec::new();
        };
        let default = account.default_webhook.iter().filter(|_| flow.webhook);
        // `check` refuses a flow that names an unknown webhook.
        let known = |name: &&String| self.webhook(name).is_some();
        default.chain(&flow.after).filter(known).cloned().collect()
    }

    fn webhook(&self, name: &str) -> Option<&Webhook> {
        self.webhooks.get(name)?.webhook()
    }

    /// Returns the frozen request to the webhook `name`. If the request cannot be rendered, the
    /// predefined document is its body, and the outbox shows it.
    fn document(&self, name: &str, context: &CallContext<'_>) -> NewDocument {
        let predefined = || RequestContent::of_body(context.document.to_string());
        // A reload may have removed the webhook while the call waited for its recordings.
        let content = self.webhook(name).map_or_else(predefined, |webhook| {
            context.render(webhook).unwrap_or_else(|failure| {
                error!(call_uuid = context.call.id, webhook = name, %failure, "the document's request cannot be made");
                predefined()
            })
        });
        NewDocument {
            kind: DeliveryKind::Document,
            webhook: name.to_owned(),
            flow: context.flow.to_owned(),
            account: context.account.unwrap_or_default().to_owned(),
            call_uuid: context.call.id.clone(),
            content,
        }
    }

    fn report_unknown(&self, what: &'static str, name: &str) {
        let mut unknown = self.unknown.lock().unwrap_or_else(PoisonError::into_inner);
        if unknown.len() < 1_000 && unknown.insert((what, name.to_owned())) {
            warn!(
                name,
                "calls name {what} that the configuration does not have: no document is posted for them"
            );
        }
    }
}

/// After a gap, thousands of calls may end in one second.
static LOG_LIMIT: LogThrottle = LogThrottle::new(20);

/// Logs recordings that the switch could not open.
fn report_recordings_not_opened(call_uuid: &str, history: &CallHistory) {
    for leg in &history.legs {
        let Some(cause) = &leg.recording_failed else {
            continue;
        };
        LOG_LIMIT.log(|left_out| {
            warn!(
                call_uuid,
                leg_uuid = leg.uuid,
                cause,
                left_out,
                "the switch could not open a recording's file, so there is none; its folder must exist and be writable for the switch"
            );
        });
    }
}

/// Logs recordings that no document lists, because they hold talks of another account.
fn report_withheld(call: &FinishedCall) {
    for file in &call.withheld {
        LOG_LIMIT.log(|left_out| {
            warn!(
                call_uuid = call.id,
                file,
                left_out,
                "a recording holds calls of several accounts, so no document lists it; stop the recording before the agent's next call"
            );
        });
    }
}

/// Counts and logs a document that is incomplete.
fn report_missing(call_uuid: &str, history: &CallHistory) {
    let missing = &history.missing;
    if missing.is_empty() {
        return;
    }
    counter!(metric_names::INCOMPLETE).increment(1);
    LOG_LIMIT.log(|left_out| {
        warn!(
            call_uuid,
            missing = missing.join(", "),
            left_out,
            "the document of a call is incomplete"
        );
    });
}
