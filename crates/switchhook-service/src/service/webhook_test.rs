//! Tests of webhooks from the operator's page, as they are configured now.

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;

use crate::call_control::webhook_test::{WebhookTest, channel_headers};
use crate::call_control::{CallControl, TaskRequest};
use switchhook_admin::webhook_tester::{TestResult, TestWebhook, WebhookTester};
use switchhook_core::outcome::Outcome;

/// Tests the webhooks that calls on hold use.
pub(crate) struct WebhookTests(Arc<CallControl>);

impl WebhookTests {
    /// Returns the tester for the page.
    pub(super) fn tester(call_control: &Arc<CallControl>) -> WebhookTester {
        WebhookTester::new(Arc::new(Self(Arc::clone(call_control))))
    }
}

impl TestWebhook for WebhookTests {
    fn knows(&self, webhook: &str) -> bool {
        self.0.tasks().by_name.contains_key(webhook)
    }

    fn attempt(
        &self,
        webhook: String,
        variables: Vec<(String, String)>,
    ) -> BoxFuture<'_, Option<TestResult>> {
        let tasks = self.0.tasks();
        async move {
            let channel = channel_headers(variables);
            let test = WebhookTest::prepare(&tasks, &webhook, &channel)?;
            let request = match &test.request {
                Ok(TaskRequest::Request(request)) => Some(request.redacted()),
                Ok(TaskRequest::Question(_)) => {
                    Some("Rust code of this program answers.".to_owned())
                }
                Err(_) => None,
            };
            let result = test.run().await;
            let failure = result.outcome.verdict.as_ref().err();
            Some(TestResult {
                request,
                status: result.outcome.status,
                phases: phases(&result.outcome),
                tries: result
                    .outcome
                    .tries
                    .iter()
                    .map(ToString::to_string)
                    .collect(),
                body: String::from_utf8_lossy(&result.outcome.raw).into_owned(),
                failure: failure.map(|it| (it.reason.as_str().to_owned(), it.detail.clone())),
                variables: result.variables,
                line: result.line.as_str(),
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
