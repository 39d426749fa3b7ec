//! What the operator's page shows or obeys of the configuration; a reload replaces it.

use std::sync::Arc;

use arc_swap::ArcSwap;

use super::{config_summary, configuration, options};
use crate::config::Config;
use switchhook_admin::SharedGuard;
use switchhook_admin::config_summary::ConfigSummaries;
use switchhook_admin::configuration::ConfigurationCell;

/// The cells that the page reads.
pub(super) struct PageCells {
    pub(super) summaries: ConfigSummaries,
    pub(super) configuration: Arc<ConfigurationCell>,
    pub(super) guard: SharedGuard,
}

impl PageCells {
    pub(super) fn of(config: &Config) -> Self {
        let cells = Self {
            summaries: ConfigSummaries::default(),
            configuration: Arc::default(),
            guard: Arc::new(ArcSwap::from_pointee(options::guard(config))),
        };
        cells.replace(config);
        cells
    }

    pub(super) fn replace(&self, config: &Config) {
        self.summaries.store(Arc::new(config_summary::of(config)));
        let current = &self.configuration.current;
        current.store(Arc::new(configuration::of(config)));
        self.guard.store(Arc::new(options::guard(config)));
    }
}
