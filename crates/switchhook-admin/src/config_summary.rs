//! The settings of the webhooks as the page shows them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;

/// The settings of one webhook, without secrets.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ConfigSummary {
    /// The HTTP method.
    pub method: String,
    /// The template of the URL.
    pub url: String,
    /// The templates of the further URLs.
    pub fallback_urls: Vec<String>,
    /// The time within which an answer must arrive.
    pub timeout: Duration,
    /// Requests on one HTTP/2 connection, if it is not the default.
    pub http2_streams: Option<usize>,
    /// The failures in a row that open the circuit, and for how long.
    pub breaker: Option<(u32, Duration)>,
    /// Whether calls do not wait for it.
    pub in_background: bool,
    /// Whether its answers are kept (`persist_response`).
    pub persists: bool,
    /// The variable that gets the body as received, if one does.
    pub raw: Option<String>,
    /// The variables that an answer sets, without `flow.key.`.
    pub mapped: Vec<String>,
    /// The documents that it receives, in words.
    pub documents: Vec<String>,
}

impl ConfigSummary {
    /// Returns the templates of all URLs, in the order in which they are asked.
    pub(crate) fn urls(&self) -> Vec<&str> {
        let fallback_urls = self.fallback_urls.iter().map(String::as_str);
        std::iter::once(&*self.url).chain(fallback_urls).collect()
    }
}

/// The settings of every webhook by its name; a reload replaces them.
pub type ConfigSummaries = Arc<ArcSwap<BTreeMap<String, ConfigSummary>>>;
