//! Answers a replayed call with the recorded outcome, at the recorded time. It stands for the
//! webhook, or for the embedder's Rust code.

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use tokio::time::{Instant, sleep_until};

use switchhook_core::call_history::TrySummary;
use switchhook_core::outcome::{Failure, Mapped, Outcome, Phases, Reason, Try};
use switchhook_service::call_control::{Answer, Answerer, BeforeAnswer, Hold, HoldMusic, Question};
use switchhook_service::recorder::{Code, RecordedEvent};
use switchhook_webhook::{self as webhook, OutcomeSource, Prepared, ResponseMeta, Webhook};

/// The last request to the webhook, or question to the Rust code.
pub(super) type LastRequest = Arc<std::sync::Mutex<Option<RecordedEvent>>>;

/// Gives the recorded outcome in place of the webhook or of the embedder's code.
pub(super) struct RecordedAnswerer {
    pub began: Instant,
    /// The recorded outcome and its time since `began`.
    pub outcome: Option<(Duration, RecordedEvent)>,
    pub last_request: LastRequest,
    pub code: Code,
}

impl RecordedAnswerer {
    /// Waits until the recorded time, then returns the outcome; never returns without one.
    async fn outcome(&self) -> &RecordedEvent {
        let Some((at, what)) = &self.outcome else {
            return std::future::pending().await;
        };
        sleep_until(self.began + *at).await;
        what
    }
}

impl OutcomeSource for RecordedAnswerer {
    fn answer<'a>(&'a self, webhook: &'a Webhook, request: Prepared) -> BoxFuture<'a, Outcome> {
        remember(&self.last_request, RecordedEvent::request(&request));
        async move { judge_recorded(webhook, &request, self.outcome().await) }.boxed()
    }
}

impl Answerer for RecordedAnswerer {
    fn names(&self) -> Vec<String> {
        self.code.names.clone()
    }

    fn answer(self: Arc<Self>, question: Question) -> Answer {
        remember(
            &self.last_request,
            RecordedEvent::Question(question.json().into()),
        );
        async move { code_result(self.outcome().await) }.boxed()
    }

    /// The recorded outcome says whether the answer was too late, so no second limit applies.
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

pub(super) fn remember(last_request: &LastRequest, what: RecordedEvent) {
    if let Ok(mut last_request) = last_request.lock() {
        *last_request = Some(what);
    }
}

/// Returns the recorded answer of the embedder's code.
fn code_result(what: &RecordedEvent) -> Result<Vec<Mapped>, Failure> {
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

/// Judges the recorded outcome `what` with the settings of `webhook`. A timeout or a lost
/// connection stays as recorded, because its body is incomplete.
#[must_use]
pub fn judge_recorded(webhook: &Webhook, request: &Prepared, what: &RecordedEvent) -> Outcome {
    let RecordedEvent::Outcome {
        status,
        content_type,
        whole,
        redirect,
        body,
        reason,
        detail,
        duration_us,
        tries,
        ..
    } = what
    else {
        return Outcome::unsent(no_outcome());
    };
    let tries: Vec<Try> = tries.iter().map(TrySummary::restored).collect();
    let asked = tries.iter().rfind(|one| one.duration.is_some());
    let asked = asked.and_then(|one| one.url.parse().ok());
    let url = asked.as_ref().unwrap_or(&request.url);
    let raw = body.bytes();
    let answered = ResponseMeta {
        content_type: content_type.clone(),
        whole: *whole,
        redirect: redirect.clone(),
    };
    let reason = reason.as_deref().map(Reason::from_word);
    let failure = reason.map(|reason| Failure::new(reason, detail.clone().unwrap_or_default()));
    let was_read = |reason: Reason| !matches!(reason, Reason::Timeout | Reason::ConnectionFailure);
    let status_code = status.and_then(|status| http::StatusCode::from_u16(status).ok());
    let verdict = match (failure, status_code) {
        (Some(failure), Some(_)) if !was_read(failure.reason) => Err(failure),
        (_, Some(status)) => {
            let verdict = webhook::evaluate_response(webhook, (status, url), &answered, &raw);
            verdict.map_err(|failure| failure.of_tries(&tries))
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
        tries,
    }
}
