//! The configuration in force and the last reload, as the page shows them.

use std::sync::Arc;

use arc_swap::{ArcSwap, ArcSwapOption};

/// Returns the address of a call's trace; `None` if the call has none.
pub type TraceLink = dyn Fn(&str) -> Option<String> + Send + Sync;

/// The configuration in force, without secrets.
#[derive(Clone, Default)]
pub struct Configuration {
    /// The name of the file.
    pub file: String,
    /// When it was read, ms since 1970.
    pub loaded_ms: i64,
    /// What it says, section by section.
    pub sections: Vec<ConfigSection>,
    /// Leads from a call to its trace.
    pub trace_link: Option<Arc<TraceLink>>,
}

/// A section of the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigSection {
    /// Its name, such as `users.ann`.
    pub name: String,
    /// Names and values of its settings.
    pub settings: Vec<(&'static str, String)>,
}

/// The last reload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastReload {
    /// When it was, ms since 1970.
    pub at_ms: i64,
    /// What came of it.
    pub result: ReloadResult,
}

/// What came of a reload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReloadResult {
    /// The new configuration is in force, but for these settings, which need a restart.
    InForce(Vec<String>),
    /// The old configuration stays in force, for these reasons.
    Refused(String),
}

/// The configuration in force and the last reload; a reload replaces them.
#[derive(Default)]
pub struct ConfigurationCell {
    /// The configuration in force.
    pub current: ArcSwap<Configuration>,
    /// The last reload since the start.
    pub last_reload: ArcSwapOption<LastReload>,
}
