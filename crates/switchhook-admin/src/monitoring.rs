//! Files for the operator's monitoring. A test compares them with the metrics that exist.

/// A dashboard for Grafana (its JSON model).
pub const DASHBOARD: &str = include_str!("files/dashboard.json");

/// Alert rules for Prometheus.
pub const ALERTS: &str = include_str!("files/alerts.yml");
