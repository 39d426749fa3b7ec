//! Answers a call on hold: with an HTTP webhook, or with Rust code of the embedding program.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt as _;
use serde_json::Value;
use switchhook_core::zone::Zone;
use tokio::time::{Instant, timeout};

use eslclient::Command;
use switchhook_core::details::{self, DocumentFormat};
use switchhook_core::headers::Headers;
use switchhook_core::numbers::DialledNumber;
use switchhook_core::outcome::{Failure, Mapped, Outcome, Phases, Reason};
use switchhook_core::tenants;
use switchhook_core::variables::{VariableNames, VariablePlan, flow_key};
use switchhook_webhook::compile::MAX_TIMEOUT;
use switchhook_webhook::{self as webhook, Client, Prepared, SendContext, Webhook};

use super::{BeforeAnswer, Hold, HoldMusic, WebhookTask};

/// The future of an [`Answerer`]'s values.
pub type Answer = Pin<Box<dyn Future<Output = Result<Vec<Mapped>, Failure>> + Send>>;

/// Answers calls on hold in place of an HTTP webhook.
///
/// The call is held, released and reported as with a webhook: the values become the channel
/// variables `flow.key.NAME`, made inert; a [`Failure`] means line 1, with its reason and sentence.
/// If the caller hangs up, the future is dropped. A future that panics or takes longer than
/// [`Answerer::timeout`] fails only its own call. It shares its thread with other calls, so that
/// long computations and blocking calls belong on `tokio::task::spawn_blocking`.
pub trait Answerer: Send + Sync + 'static {
    /// Returns every variable that an answer may set, without `flow.key.`. An answer unsets each one
    /// that it does not set. An answer that sets another variable fails.
    fn names(&self) -> Vec<String>;

    /// Answers one call.
    fn answer(self: Arc<Self>, question: Question) -> Answer;

    /// Returns how long an answer may take, at most 60 s; a longer time counts as 60 s.
    fn timeout(&self) -> Duration {
        Duration::from_secs(10)
    }

    /// Returns whether answers are kept for `switchhook report` after the call.
    fn persist_response(&self) -> bool {
        false
    }

    /// Returns what the caller hears meanwhile. By default it is the switch's own hold music, as
    /// early media.
    fn hold(&self) -> Hold {
        Hold {
            music: HoldMusic::OfSwitch,
            before_answer: BeforeAnswer::EarlyMedia,
        }
    }
}

/// A call that waits for an answer.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Question {
    /// Unique-ID of the channel.
    pub uuid: String,
    /// The caller's number.
    pub caller: String,
    /// The number that was dialled, or the extension that the call has reached.
    pub called: String,
    /// The channel's `flow.account`, or its route's; `None` is the default account.
    pub account: Option<String>,
    /// The channel's `flow.name`, or its route's.
    pub flow: Option<String>,
    /// The flow variables by name, without `flow.key.`: their exact text, or the JSON value if they
    /// came from JSON.
    pub keys: BTreeMap<String, Value>,
    /// The predefined document, as far as the call has come.
    pub document: Value,
}

impl Question {
    fn of(headers: &dyn Headers, document_format: &DocumentFormat) -> Self {
        let text = |name| {
            headers
                .get(name)
                .map_or_else(String::new, |text| text.into_owned())
        };
        let variable = |name| headers.variable(name).map(|name| name.into_owned());
        Self {
            uuid: text("Unique-ID"),
            caller: text("Caller-Caller-ID-Number"),
            called: DialledNumber::of(&text("Caller-Destination-Number"))
                .number
                .to_owned(),
            account: variable(tenants::ACCOUNT),
            flow: variable(tenants::FLOW),
            keys: details::flow_keys_so_far(headers).into_iter().collect(),
            document: details::document_so_far(headers, document_format),
        }
    }

    /// Returns the JSON object that recordings hold; its fields have these names.
    #[must_use]
    pub fn json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// An answerer's variable whose name cannot be a channel variable's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "the answerer {answerer:?} names a variable {name:?}: {why}; use letters, digits, `_` and `.`"
)]
pub struct InvalidVariableName {
    /// The answerer's name.
    pub answerer: String,
    /// The variable's name.
    pub name: String,
    /// Why the name is invalid.
    pub why: String,
}

/// The source of a call's answer.
pub enum AnswerSource {
    /// An HTTP webhook.
    Webhook(Box<Webhook>),
    /// Rust code.
    Answerer(Arc<dyn Answerer>),
}

impl std::fmt::Debug for AnswerSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Webhook(webhook) => webhook.fmt(f),
            Self::Answerer(_) => f.write_str("Answerer"),
        }
    }
}

/// The request that one call sends.
#[derive(Debug)]
pub enum TaskRequest {
    /// An HTTP request.
    Request(Box<Prepared>),
    /// A question to Rust code.
    Question(Box<Question>),
}

impl WebhookTask {
    /// Returns the task that `answerer` answers under the name `name`. `document_format` is the format of the
    /// document it gets.
    ///
    /// # Errors
    /// A variable's name is invalid.
    pub fn answered_by(
        name: &str,
        answerer: Arc<dyn Answerer>,
        document_format: DocumentFormat,
    ) -> Result<Self, InvalidVariableName> {
        let mapped = answerer.names();
        for variable in &mapped {
            // The command applies the switch's rules for names.
            Command::get_variable("uuid", &flow_key(variable)).map_err(|error| {
                InvalidVariableName {
                    answerer: name.to_owned(),
                    name: variable.clone(),
                    why: error.to_string(),
                }
            })?;
        }
        Ok(Self {
            hold: answerer.hold(),
            persist_response: answerer.persist_response(),
            source: AnswerSource::Answerer(answerer),
            plan: VariablePlan::new(VariableNames::default(), false, mapped),
            document_format,
            wait_for_response: true,
            settings: String::new(),
        })
    }

    /// Returns the HTTP webhook, if the task is one.
    #[must_use]
    pub fn webhook(&self) -> Option<&Webhook> {
        match &self.source {
            AnswerSource::Webhook(webhook) => Some(webhook),
            AnswerSource::Answerer(_) => None,
        }
    }

    /// Returns how long an answer may take.
    #[must_use]
    pub fn timeout(&self) -> Duration {
        match &self.source {
            AnswerSource::Webhook(webhook) => webhook.timeout(),
            AnswerSource::Answerer(answerer) => answerer.timeout().min(MAX_TIMEOUT),
        }
    }

    /// Returns the format of the predefined document in this time zone.
    fn format(&self, zone: Zone) -> Cow<'_, DocumentFormat> {
        if self.document_format.time_zone == zone {
            return Cow::Borrowed(&self.document_format);
        }
        Cow::Owned(DocumentFormat {
            time_zone: zone,
            ..self.document_format.clone()
        })
    }

    /// Renders the request for a channel with these headers. `zone` is its account's time zone.
    ///
    /// # Errors
    /// A missing variable, or a URL or header that is not valid.
    pub fn prepare(&self, headers: &dyn Headers, zone: Zone) -> Result<TaskRequest, Failure> {
        match &self.source {
            AnswerSource::Answerer(_) => {
                let question = Question::of(headers, &self.format(zone));
                Ok(TaskRequest::Question(Box::new(question)))
            }
            AnswerSource::Webhook(webhook) => {
                let request = webhook.prepare(&webhook::CallContext {
                    headers,
                    document: None,
                    predefined: &|| details::json_so_far(headers, &self.format(zone)),
                });
                request.map(|request| TaskRequest::Request(Box::new(request)))
            }
        }
    }

    /// Sends the request and waits for the outcome.
    pub(super) async fn ask(
        &self,
        client: &Client,
        request: TaskRequest,
        context: SendContext<'_>,
    ) -> Outcome {
        match (&self.source, request) {
            (AnswerSource::Webhook(webhook), TaskRequest::Request(request)) => {
                client.send_with(webhook, request, context).await
            }
            (AnswerSource::Answerer(answerer), TaskRequest::Question(question)) => {
                let allowed = self.plan.mapped();
                Box::pin(answer(answerer, *question, self.timeout(), allowed)).await
            }
            (AnswerSource::Webhook(_), TaskRequest::Question(_))
            | (AnswerSource::Answerer(_), TaskRequest::Request(_)) => {
                let detail =
                    "the request is of another kind than its webhook; please report this as a bug";
                Outcome::unsent(Failure::new(Reason::InvalidRequest, detail))
            }
        }
    }
}

async fn answer(
    answerer: &Arc<dyn Answerer>,
    question: Question,
    within: Duration,
    allowed: &[String],
) -> Outcome {
    let began = Instant::now();
    let answerer = Arc::clone(answerer);
    // `answer` itself may panic, as well as its future.
    let answered = AssertUnwindSafe(async move { answerer.answer(question).await }).catch_unwind();
    let verdict = match timeout(within, answered).await {
        Ok(Ok(verdict)) => verdict.and_then(|values| only_allowed(values, allowed)),
        Ok(Err(_)) => Err(Failure::new(
            Reason::InvalidResponse,
            "the Rust code that answers panicked; see its message on standard error",
        )),
        Err(_) => Err(Failure::new(
            Reason::Timeout,
            format!("the Rust code that answers took longer than {within:?}"),
        )),
    };
    Outcome {
        verdict,
        status: None,
        duration: Some(began.elapsed()),
        raw: Bytes::new(),
        phases: Phases::default(),
        tries: Vec::new(),
    }
}

/// Refuses a variable that `names()` does not list: a later answer would not unset it.
fn only_allowed(values: Vec<Mapped>, allowed: &[String]) -> Result<Vec<Mapped>, Failure> {
    match values.iter().find(|value| !allowed.contains(&value.name)) {
        None => Ok(values),
        Some(Mapped { name, .. }) => Err(Failure::new(
            Reason::InvalidResponseMap,
            format!("the answer sets {name}, which the answerer's names() does not list"),
        )),
    }
}
