//! What the configuration says of a webhook, for a person who looks at it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;

/// One webhook's settings, without secrets.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ConfigSummary {
    /// The method.
    pub method: String,
    /// The template of its URL.
    pub url: String,
    /// How long an answer may take.
    pub timeout: Duration,
    /// Requests on one HTTP/2 connection, when that is not what it is by itself.
    pub http2_streams: Option<usize>,
    /// Failures in a row after which it rests, and for how long.
    pub rests: Option<(u32, Duration)>,
    /// Calls do not wait for it.
    pub in_background: bool,
    /// Its answers are kept (`persist_response`).
    pub persists: bool,
    /// The variable of the body as received, when it is written.
    pub raw: Option<String>,
    /// The variables, without `flow.key.`, that an answer sets.
    pub mapped: Vec<String>,
    /// Whose documents it gets, in words.
    pub documents: Vec<String>,
}

/// Of every webhook, by its name; a reload replaces them.
pub type ConfigSummaries = Arc<ArcSwap<BTreeMap<String, ConfigSummary>>>;
