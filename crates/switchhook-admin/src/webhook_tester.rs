//! The interface to test a webhook from the page. The service implements it.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use tokio::sync::Semaphore;

/// Test requests under way at once.
pub(crate) const MAX_TESTS: usize = 4;

/// Sends a request to a webhook as a call would.
pub trait TestWebhook: Send + Sync {
    /// Whether there is a webhook of this name.
    fn knows(&self, webhook: &str) -> bool;

    /// Sends the request for a channel with these variables; `None` if the webhook is not in the
    /// configuration any more.
    fn attempt(
        &self,
        webhook: String,
        variables: Vec<(String, String)>,
    ) -> BoxFuture<'_, Option<TestResult>>;
}

/// The result of a test request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TestResult {
    /// The request, without secrets; `None` if nothing was sent.
    pub request: Option<String>,
    /// The HTTP status.
    pub status: Option<u16>,
    /// The phases, each with its end in µs from the beginning.
    pub phases: Vec<(&'static str, u64)>,
    /// Each try in words, if the webhook may be tried more than once.
    pub tries: Vec<String>,
    /// The response body.
    pub body: String,
    /// Reason and sentence of a failure.
    pub failure: Option<(String, String)>,
    /// The variables that a channel would get.
    pub variables: Vec<(String, String)>,
    /// The line that a call would take.
    pub line: &'static str,
}

/// Sends test requests, at most four at once.
#[derive(Clone)]
pub struct WebhookTester {
    pub(crate) webhooks: Arc<dyn TestWebhook>,
    pub(crate) permits: Arc<Semaphore>,
}

impl WebhookTester {
    /// Sends to these webhooks.
    #[must_use]
    pub fn new(webhooks: Arc<dyn TestWebhook>) -> Self {
        Self {
            webhooks,
            permits: Arc::new(Semaphore::new(MAX_TESTS)),
        }
    }
}
