//! Files for the operator's other tools, checked by a test against the metrics that there are.

/// A dashboard for Grafana (its JSON model).
pub const DASHBOARD: &str = include_str!("files/dashboard.json");

/// Alert rules for Prometheus.
pub const ALERTS: &str = include_str!("files/alerts.yml");
