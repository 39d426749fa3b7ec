//! Who answers a call that is played again: what came then, when it came.

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use tokio::time::{Instant, sleep_until};

use switchhook_core::outcome::{Failure, Mapped, Outcome, Phases, Reason};
use switchhook_service::call_control::{Answer, Answerer, BeforeAnswer, Hold, HoldMusic, Question};
use switchhook_service::recorder::{Code, RecordedEvent};
use switchhook_webhook::{self as webhook, OutcomeSource, Prepared, ResponseMeta, Webhook};

/// RecordedEvent was asked last.
pub(super) type Asked = Arc<std::sync::Mutex<Option<RecordedEvent>>>;

/// The webhook, or the Rust code in its place.
pub(super) struct Answers {
    pub began: Instant,
    /// RecordedEvent came, and when.
    pub outcome: Option<(Duration, RecordedEvent)>,
    pub asked: Asked,
    pub code: Code,
}

impl Answers {
    /// RecordedEvent came, when it did.
    async fn outcome(&self) -> &RecordedEvent {
        let Some((at, what)) = &self.outcome else {
            return std::future::pending().await;
        };
        sleep_until(self.began + *at).await;
        what
    }
}

impl OutcomeSource for Answers {
    fn answer<'a>(&'a self, webhook: &'a Webhook, request: Prepared) -> BoxFuture<'a, Outcome> {
        note(&self.asked, RecordedEvent::request(&request));
        async move { again(webhook, &request, self.outcome().await) }.boxed()
    }
}

impl Answerer for Answers {
    fn names(&self) -> Vec<String> {
        self.code.names.clone()
    }

    fn answer(self: Arc<Self>, question: Question) -> Answer {
        note(&self.asked, RecordedEvent::Question(question.json().into()));
        async move { code_answered(self.outcome().await) }.boxed()
    }

    /// That it was too late is told by what came.
    fn timeout(&self) -> Duration {
        Duration::MAX
    }

    fn hold(&self) -> Hold {
        serde_json::from_value(self.code.hold.clone()).unwrap_or(Hold {
            music: HoldMusic::Silence,
            before_answer: BeforeAnswer::Silence,
        })
    }
}

pub(super) fn note(asked: &Asked, what: RecordedEvent) {
    if let Ok(mut asked) = asked.lock() {
        *asked = Some(what);
    }
}

/// RecordedEvent code answered.
fn code_answered(what: &RecordedEvent) -> Result<Vec<Mapped>, Failure> {
    let RecordedEvent::Outcome {
        reason,
        detail,
        mapped,
        typed,
        ..
    } = what
    else {
        return Err(no_outcome());
    };
    if let Some(reason) = reason {
        let detail = detail.clone().unwrap_or_default();
        return Err(Failure::new(Reason::from_word(reason), detail));
    }
    let mapped = mapped.iter().map(|(name, text)| Mapped {
        name: name.clone(),
        text: text.clone(),
        typed: typed.contains(name),
    });
    Ok(mapped.collect())
}

fn no_outcome() -> Failure {
    Failure::new(Reason::ConnectionFailure, "the recording has no outcome")
}

/// RecordedEvent came of the request, judged anew where an answer was read to its end.
#[must_use]
pub fn again(webhook: &Webhook, request: &Prepared, what: &RecordedEvent) -> Outcome {
    let RecordedEvent::Outcome {
        status,
        content_type,
        whole,
        body,
        reason,
        detail,
        duration_us,
        ..
    } = what
    else {
        return Outcome::unsent(no_outcome());
    };
    let raw = body.bytes();
    let answered = ResponseMeta {
        content_type: content_type.clone(),
        whole: *whole,
    };
    let reason = reason.as_deref().map(Reason::from_word);
    let failure = reason.map(|reason| Failure::new(reason, detail.clone().unwrap_or_default()));
    let was_read = |reason: Reason| !matches!(reason, Reason::Timeout | Reason::ConnectionFailure);
    let status_code = status.and_then(|status| http::StatusCode::from_u16(status).ok());
    let verdict = match (failure, status_code) {
        (Some(failure), Some(_)) if !was_read(failure.reason) => Err(failure),
        (_, Some(status)) => {
            webhook::evaluate_response(webhook, (status, &request.url), &answered, &raw)
        }
        (Some(failure), None) => Err(failure),
        (None, None) => Ok(Vec::new()),
    };
    Outcome {
        verdict,
        status: *status,
        duration: duration_us.map(Duration::from_micros),
        raw,
        phases: Phases::default(),
    }
}
