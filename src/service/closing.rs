//! What a finished call becomes: its documents, rendered and frozen, and its row in
//! the report.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use metrics::counter;
use serde_json::Value;
use tracing::{error, warn};

use crate::board::Board;
use crate::call::details::{self, Format};
use crate::call::recording::Recording;
use crate::call::story::Story;
use crate::call::whole::Call;
use crate::config::{self, Config, DEFAULT_FLOW, Faults};
use crate::follow;
use crate::meter;
use crate::sparing::Sparing;
use crate::store::{CallSummary, Content, FinishedCall, FinishedChannel, Kind, NewDocument};
use crate::takeover::Widget;
use crate::traces::Traces;
use crate::webhook;

use super::build::{self, Built};
use super::keeper;
use super::raw;
use super::recordings::PublicUrl;
use super::spans;

/// Makes documents after the configuration as it is now.
pub struct Documents {
    flows: ArcSwap<Flows>,
    board: Arc<Board>,
    traces: Option<Traces>,
}

struct Flows {
    by_name: BTreeMap<String, (config::Flow, Format)>,
    default_webhook: Option<String>,
    webhooks: HashMap<String, Arc<Widget>>,
    public_url: Option<PublicUrl>,
    unwanted_keys: Vec<String>,
    /// Flow names that no flow has, each said once.
    unknown: Mutex<HashSet<String>>,
}

impl Documents {
    /// After a configuration. The runs of a call's widgets are taken off the `board`.
    ///
    /// # Errors
    /// A template for recordings that is none.
    pub fn new(config: &Config, built: &Built, board: Arc<Board>) -> Result<Self, Faults> {
        let flows = ArcSwap::from_pointee(Flows::new(config, built)?);
        Ok(Self {
            flows,
            board,
            traces: None,
        })
    }

    /// Calls that are over are told to the `traces`.
    pub fn traced(self, traces: Option<Traces>) -> Self {
        Self { traces, ..self }
    }

    /// After another one; documents that are frozen already stay as they are.
    ///
    /// # Errors
    /// A template for recordings that is none.
    pub fn replace(&self, config: &Config, built: &Built) -> Result<(), Faults> {
        self.flows.store(Arc::new(Flows::new(config, built)?));
        Ok(())
    }
}

impl follow::Closing for Documents {
    fn finish(&self, call: &Call) -> FinishedCall {
        let mut finished = self.flows.load().finish(call);
        let legs: Vec<String> = call.channels().map(|(uuid, _)| uuid.to_owned()).collect();
        finished.story.runs = self.board.take(&legs);
        finished.say_what_is_missing();
        if let Some(traces) = &self.traces {
            let ran = finished.story.runs.iter().map(|run| run.uuid.as_str());
            spans::call(traces, &finished.call, ran);
        }
        finished.stored()
    }

    fn unwanted_keys(&self) -> Vec<String> {
        self.flows.load().unwanted_keys.clone()
    }
}

impl Flows {
    fn new(config: &Config, built: &Built) -> Result<Self, Faults> {
        let formats = config.flows.iter();
        Ok(Self {
            by_name: formats
                .map(|(name, flow)| (name.clone(), (flow.clone(), build::format(config, flow))))
                .collect(),
            default_webhook: config.account.default_webhook.clone(),
            webhooks: built.widgets.by_name.clone(),
            public_url: PublicUrl::new(config)?,
            unwanted_keys: raw::unwanted(config),
            unknown: Mutex::default(),
        })
    }

    fn finish(&self, call: &Call) -> Finished {
        let name = call
            .flow_name()
            .filter(|name| !name.is_empty())
            .unwrap_or(DEFAULT_FLOW);
        let format = self
            .by_name
            .get(name)
            .map(|(_, format)| format.clone())
            .unwrap_or_default();
        let url_of = |recording: &Recording| self.public_url.as_ref()?.of(&call.id, recording);
        let document = details::document(call, &format, &url_of);
        let over = Over {
            flow: name,
            call,
            document,
            values: details::call_values(call, &url_of),
        };
        let story = Story::of(call, &over.document, &self.unwanted_keys);
        let call = FinishedCall {
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
            documents: self.documents(&over),
            summary: Some(summary(&over)),
            story: String::new(),
        };
        Finished { call, story }
    }

    fn documents(&self, over: &Over<'_>) -> Vec<NewDocument> {
        let Some((flow, _)) = self.by_name.get(over.flow) else {
            self.say_unknown(over.flow);
            return Vec::new();
        };
        let default = self.default_webhook.iter().filter(|_| flow.webhook);
        default
            .chain(&flow.after)
            .filter_map(|name| self.document(name, over))
            .collect()
    }

    /// The request to `name`, frozen. One that cannot be rendered is kept all the same,
    /// with the predefined document as its body, and shows in the outbox.
    fn document(&self, name: &str, over: &Over<'_>) -> Option<NewDocument> {
        // `check` refuses a flow that names an unknown webhook.
        let webhook = self.webhooks.get(name)?.webhook()?;
        let content = over.render(webhook).unwrap_or_else(|failure| {
            error!(call_uuid = over.call.id, webhook = name, %failure, "the document's request cannot be made");
            Content { body: over.document.to_string().into(), ..Content::default() }
        });
        Some(NewDocument {
            kind: Kind::Document,
            webhook: name.to_owned(),
            flow: over.flow.to_owned(),
            call_uuid: over.call.id.clone(),
            content,
        })
    }

    fn say_unknown(&self, flow: &str) {
        let mut unknown = self.unknown.lock().unwrap_or_else(PoisonError::into_inner);
        if flow != DEFAULT_FLOW && unknown.len() < 1_000 && unknown.insert(flow.to_owned()) {
            warn!(
                flow,
                "calls name a flow that the configuration does not have: no document is posted for them"
            );
        }
    }
}

/// What is to be stored of a call, its story not yet as text.
struct Finished {
    call: FinishedCall,
    story: Story,
}

/// After a gap, thousands of calls may end in one second.
static FEW: Sparing = Sparing::new(20);

impl Finished {
    fn say_what_is_missing(&self) {
        let missing = &self.story.missing;
        if missing.is_empty() {
            return;
        }
        counter!(meter::INCOMPLETE).increment(1);
        FEW.say(|left_out| {
            warn!(
                call_uuid = self.call.call_uuid,
                missing = missing.join(", "),
                left_out,
                "the document of a call lacks something"
            );
        });
    }

    fn stored(self) -> FinishedCall {
        // A story that cannot be told must not hold up the documents.
        let story = serde_json::to_string(&self.story).unwrap_or_default();
        FinishedCall { story, ..self.call }
    }
}

/// A call that is over, with what its documents are made of.
struct Over<'a> {
    flow: &'a str,
    call: &'a Call,
    document: Value,
    values: Value,
}

impl Over<'_> {
    fn render(&self, webhook: &webhook::Webhook) -> Result<Content, crate::call::outcome::Failure> {
        let mut with_call = self.document.clone();
        if let Some(fields) = with_call.as_object_mut() {
            fields.insert("call".into(), self.values.clone());
        }
        let request = webhook.prepare(&webhook::Call {
            headers: &self.headers(),
            document: Some(&with_call),
            predefined: &|| self.document.to_string().into_bytes(),
        })?;
        Ok(keeper::content(&request))
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
