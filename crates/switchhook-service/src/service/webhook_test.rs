//! Webhooks tried from the page, as they are configured now.

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;

use crate::call_control::webhook_test::{WebhookTest, channel};
use crate::call_control::{Asked, CallControl};
use switchhook_admin::webhook_test::{self, TestWebhook};
use switchhook_core::outcome::Outcome;

/// Over the webhooks of the calls on hold.
pub(crate) struct WebhookTests(Arc<CallControl>);

impl WebhookTests {
    /// For the page.
    pub(super) fn desk(call_control: &Arc<CallControl>) -> webhook_test::WebhookTester {
        webhook_test::WebhookTester::new(Arc::new(Self(Arc::clone(call_control))))
    }
}

impl TestWebhook for WebhookTests {
    fn knows(&self, webhook: &str) -> bool {
        self.0.widgets().by_name.contains_key(webhook)
    }

    fn attempt(
        &self,
        webhook: String,
        variables: Vec<(String, String)>,
    ) -> BoxFuture<'_, Option<webhook_test::TestResult>> {
        let widgets = self.0.widgets();
        async move {
            let channel = channel(variables);
            let trial = WebhookTest::of(&widgets, &webhook, &channel)?;
            let request = match &trial.asked {
                Ok(Asked::Request(request)) => Some(request.shown()),
                Ok(Asked::Question(_)) => Some("Rust code of this program is asked.".to_owned()),
                Err(_) => None,
            };
            let tried = trial.ask().await;
            let failure = tried.outcome.verdict.as_ref().err();
            Some(webhook_test::TestResult {
                request,
                status: tried.outcome.status,
                phases: phases(&tried.outcome),
                body: String::from_utf8_lossy(&tried.outcome.raw).into_owned(),
                failure: failure.map(|it| (it.reason.as_str().to_owned(), it.detail.clone())),
                variables: tried.variables,
                line: tried.line.as_str(),
            })
        }
        .boxed()
    }
}

fn phases(outcome: &Outcome) -> Vec<(&'static str, u64)> {
    let micros = |time: Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
    let all = [
        ("headers", outcome.phases.headers),
        ("body", outcome.phases.body),
        ("total", outcome.duration),
    ];
    let all = all.into_iter();
    all.filter_map(|(name, time)| Some((name, micros(time?))))
        .collect()
}
