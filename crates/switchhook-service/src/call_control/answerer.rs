//! Who answers a call on hold: an HTTP webhook, or Rust code of the program that this crate is
//! part of.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use chrono_tz::Tz;
use futures_util::FutureExt as _;
use serde_json::Value;
use tokio::time::{Instant, timeout};

use eslclient::Command;
use switchhook_core::details::{self, Format};
use switchhook_core::headers::Headers;
use switchhook_core::outcome::{Failure, Mapped, Outcome, Phases, Reason};
use switchhook_core::tenants;
use switchhook_core::variables::{Names, Plan, flow_key};
use switchhook_webhook::compile::LONGEST_TIMEOUT;
use switchhook_webhook::{self as webhook, Answered, Client, Prepared, Webhook};

use super::{BeforeAnswer, Hold, HoldMusic, WebhookTask};

/// What an [`Answerer`] comes to.
pub type Answer = Pin<Box<dyn Future<Output = Result<Vec<Mapped>, Failure>> + Send>>;

/// Answers calls on hold in place of an HTTP webhook.
///
/// The call is held, given back and reported as with a webhook: the values become the channel
/// variables `flow.key.NAME`, made inert; a [`Failure`] is line 1, with its reason and sentence.
/// When the caller hangs up the future is dropped. One that panics, or that takes longer than
/// [`Answerer::timeout`], fails its own call alone. It shares its thread with other calls: what
/// computes for long or blocks belongs on `tokio::task::spawn_blocking`.
pub trait Answerer: Send + Sync + 'static {
    /// Every variable that an answer may set, without `flow.key.`. Each is unset by an answer
    /// that does not set it; an answer that sets another fails.
    fn names(&self) -> Vec<String>;

    /// Answers for one call.
    fn answer(self: Arc<Self>, question: Question) -> Answer;

    /// How long an answer may take, at most 60 s; what is longer counts as that.
    fn timeout(&self) -> Duration {
        Duration::from_secs(10)
    }

    /// Whether its answers are kept for `switchhook report` once the call is over.
    fn persist_response(&self) -> bool {
        false
    }

    /// What the caller hears meanwhile: the switch's own hold music, as early media.
    fn hold(&self) -> Hold {
        Hold {
            music: HoldMusic::OfSwitch,
            before_answer: BeforeAnswer::EarlyMedia,
        }
    }
}

/// What is known of a call that waits for an answer.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Question {
    /// Unique-ID of the channel.
    pub uuid: String,
    /// The caller's number.
    pub caller: String,
    /// The number that was dialled, or the extension that the call has come to.
    pub called: String,
    /// The channel's `flow.account`, or its route's; `None` is the default account.
    pub account: Option<String>,
    /// The channel's `flow.name`, or its route's.
    pub flow: Option<String>,
    /// The flow variables by name, without `flow.key.`: text as it came, and JSON's type where
    /// it came from JSON.
    pub keys: BTreeMap<String, Value>,
    /// The predefined document, as far as the call has come.
    pub document: Value,
}

impl Question {
    fn of(headers: &dyn Headers, so_far: &Format) -> Self {
        let text = |name| {
            headers
                .get(name)
                .map_or_else(String::new, |text| text.into_owned())
        };
        let variable = |name| headers.variable(name).map(|name| name.into_owned());
        Self {
            uuid: text("Unique-ID"),
            caller: text("Caller-Caller-ID-Number"),
            called: text("Caller-Destination-Number"),
            account: variable(tenants::ACCOUNT),
            flow: variable(tenants::FLOW),
            keys: details::flow_keys_so_far(headers).into_iter().collect(),
            document: details::document_so_far(headers, so_far),
        }
    }

    /// As it stands in a recording: an object whose fields have these names.
    #[must_use]
    pub fn json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// A name that no webhook and no variable can have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "the answerer {answerer:?} names a variable {name:?}: {why}; letters, digits, `_` and `.` make a name"
)]
pub struct BadName {
    /// The answerer's own name.
    pub answerer: String,
    /// The variable.
    pub name: String,
    /// What is wrong with it.
    pub why: String,
}

/// Who is asked.
pub enum Source {
    /// An HTTP webhook.
    Webhook(Box<Webhook>),
    /// Rust code.
    Own(Arc<dyn Answerer>),
}

impl std::fmt::Debug for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Webhook(webhook) => webhook.fmt(f),
            Self::Own(_) => f.write_str("Own"),
        }
    }
}

/// What one call asks.
#[derive(Debug)]
pub enum Asked {
    /// An HTTP request.
    Request(Box<Prepared>),
    /// A question to Rust code.
    Question(Box<Question>),
}

impl WebhookTask {
    /// One that `answerer` answers, under the name `name`; it is shown the call as `so_far` says.
    ///
    /// # Errors
    /// A name of a variable that cannot be one.
    pub fn answered_by(
        name: &str,
        answerer: Arc<dyn Answerer>,
        so_far: Format,
    ) -> Result<Self, BadName> {
        let mapped = answerer.names();
        for variable in &mapped {
            // The rules of a variable's name are the switch's.
            Command::get_variable("uuid", &flow_key(variable)).map_err(|error| BadName {
                answerer: name.to_owned(),
                name: variable.clone(),
                why: error.to_string(),
            })?;
        }
        Ok(Self {
            hold: answerer.hold(),
            persist_response: answerer.persist_response(),
            source: Source::Own(answerer),
            plan: Plan::new(Names::default(), false, mapped),
            so_far,
            wait_for_response: true,
            settings: String::new(),
        })
    }

    /// The HTTP webhook, when it is one.
    #[must_use]
    pub fn webhook(&self) -> Option<&Webhook> {
        match &self.source {
            Source::Webhook(webhook) => Some(webhook),
            Source::Own(_) => None,
        }
    }

    /// How long an answer may take.
    #[must_use]
    pub fn timeout(&self) -> Duration {
        match &self.source {
            Source::Webhook(webhook) => webhook.timeout(),
            Source::Own(answerer) => answerer.timeout().min(LONGEST_TIMEOUT),
        }
    }

    /// How the predefined document shows a call of an account in this time zone.
    fn format(&self, zone: Tz) -> Cow<'_, Format> {
        if self.so_far.time_zone == zone {
            return Cow::Borrowed(&self.so_far);
        }
        Cow::Owned(Format {
            time_zone: zone,
            ..self.so_far.clone()
        })
    }

    /// What a channel with these headers asks, of an account in this time zone.
    ///
    /// # Errors
    /// A variable that is missing, or a URL or header that is not valid.
    pub fn prepare(&self, headers: &dyn Headers, zone: Tz) -> Result<Asked, Failure> {
        let document = || details::document_so_far(headers, &self.format(zone));
        match &self.source {
            Source::Own(_) => {
                let question = Question::of(headers, &self.format(zone));
                Ok(Asked::Question(Box::new(question)))
            }
            Source::Webhook(webhook) => {
                let request = webhook.prepare(&webhook::Call {
                    headers,
                    document: None,
                    predefined: &|| document().to_string().into_bytes(),
                });
                request.map(|request| Asked::Request(Box::new(request)))
            }
        }
    }

    /// Asks, and waits for the outcome.
    pub(super) fn ask<'a>(
        &'a self,
        client: &'a Client,
        asked: Asked,
    ) -> impl Future<Output = Outcome> + Send + 'a {
        self.ask_noting(client, asked, None)
    }

    /// The same, noting besides how a webhook's answer came.
    pub(super) async fn ask_noting(
        &self,
        client: &Client,
        asked: Asked,
        note: Option<&mut Answered>,
    ) -> Outcome {
        match (&self.source, asked) {
            (Source::Webhook(webhook), Asked::Request(request)) => {
                client.ask_noting(webhook, request, note).await
            }
            (Source::Own(answerer), Asked::Question(question)) => {
                let allowed = self.plan.mapped();
                Box::pin(answer(answerer, *question, self.timeout(), allowed)).await
            }
            (Source::Webhook(_), Asked::Question(_)) | (Source::Own(_), Asked::Request(_)) => {
                let detail = "the question is another's; please report it";
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
    // Its own first lines may panic as well as its future.
    let answered = AssertUnwindSafe(async move { answerer.answer(question).await }).catch_unwind();
    let verdict = match timeout(within, answered).await {
        Ok(Ok(verdict)) => verdict.and_then(|values| known(values, allowed)),
        Ok(Err(_)) => Err(Failure::new(
            Reason::InvalidResponse,
            "the code that answers panicked; its message is on standard error",
        )),
        Err(_) => Err(Failure::new(
            Reason::Timeout,
            format!("the code that answers took longer than {within:?}"),
        )),
    };
    Outcome {
        verdict,
        status: None,
        duration: Some(began.elapsed()),
        raw: Bytes::new(),
        phases: Phases::default(),
    }
}

/// Only what an answer that does not set it unsets may be set.
fn known(values: Vec<Mapped>, allowed: &[String]) -> Result<Vec<Mapped>, Failure> {
    match values.iter().find(|value| !allowed.contains(&value.name)) {
        None => Ok(values),
        Some(Mapped { name, .. }) => Err(Failure::new(
            Reason::InvalidResponseMap,
            format!("the answer sets {name}, which the answerer's names() does not list"),
        )),
    }
}
