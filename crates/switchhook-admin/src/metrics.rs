//! `/metrics`: the metrics in Prometheus's text format, or as OpenMetrics if the client accepts it.

use std::fmt::Write as _;
use std::time::Duration;

use axum::body::Bytes;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse as _, Response};
use metrics::gauge;
use tokio::time::timeout;
use tracing::debug;

use switchhook_core::clock;
use switchhook_core::metric_names;
use switchhook_store::EndpointBacklog;

use crate::shared_result::SharedResult;
use crate::state::AdminState;
use switchhook_core::metrics_reader::MetricsReader;

/// The time for one read of the store: a slow store must not delay the metrics.
const STORE_TIMEOUT: Duration = Duration::from_secs(2);

const PROMETHEUS: &str = "text/plain; version=0.0.4; charset=utf-8";
const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The metrics for those who scrape at the same time. Anyone may scrape, and it is work: many who
/// do take no more of it from calls than one does.
#[derive(Default)]
pub(crate) struct Scrapes {
    prometheus: SharedResult<Bytes>,
    openmetrics: SharedResult<Bytes>,
}

/// Responds in the format that the client accepts.
pub(crate) async fn respond(
    state: &AdminState,
    scrapes: &Scrapes,
    headers: &HeaderMap,
) -> Response {
    let accepts = headers.get(header::ACCEPT);
    let accepts = accepts.and_then(|value| value.to_str().ok());
    let open = accepts.is_some_and(|value| value.contains("application/openmetrics-text"));
    let scrape = async || {
        refresh(state).await;
        state.metrics.render()
    };
    let (kind, text) = if open {
        let text = async || openmetrics(&scrape().await).into();
        (OPENMETRICS, scrapes.openmetrics.get(text).await)
    } else {
        let text = async || scrape().await.into();
        (PROMETHEUS, scrapes.prometheus.get(text).await)
    };
    ([(header::CONTENT_TYPE, kind)], text).into_response()
}

/// Sets the metrics that are read on request: components, backlogs, unpublished calls.
async fn refresh(state: &AdminState) {
    for check in (state.checks)() {
        let up = if check.ok { 1.0 } else { 0.0 };
        gauge!(metric_names::COMPONENT_UP, "component" => check.name).set(up);
    }
    if let Ok(Ok(calls)) = timeout(STORE_TIMEOUT, state.store.unpublished()).await {
        gauge!(metric_names::UNPUBLISHED).set(float(calls));
    }
    match timeout(STORE_TIMEOUT, state.store.backlogs()).await {
        Ok(Ok(backlogs)) => set_backlogs(&state.metrics.render(), &backlogs),
        Ok(Err(error)) => {
            debug!(%error, "the store cannot be read; the backlog metrics keep their last values")
        }
        Err(_) => debug!("the store is slow; the backlog metrics keep their last values"),
    }
}

/// Sets the backlog of every endpoint that has, or had, documents.
fn set_backlogs(rendered: &str, backlogs: &[EndpointBacklog]) {
    let mut endpoints =
        MetricsReader::new(rendered).labels(metric_names::OLDEST_DOCUMENT, "endpoint");
    let named = backlogs.iter().map(|backlog| backlog.endpoint.clone());
    let new: Vec<String> = named.filter(|name| !endpoints.contains(name)).collect();
    endpoints.extend(new);
    for endpoint in endpoints {
        let found = backlogs.iter().find(|backlog| backlog.endpoint == endpoint);
        let backlog = found.cloned().unwrap_or_default();
        let age_ms = backlog
            .oldest_ms
            .map_or(0, |ms| clock::now_ms().saturating_sub(ms).max(0));
        gauge!(metric_names::OLDEST_DOCUMENT, "endpoint" => endpoint.clone())
            .set(float(age_ms.unsigned_abs()) / 1e3);
        for (state, count) in metric_names::DOCUMENT_STATES.into_iter().zip([
            backlog.waiting,
            backlog.leased,
            backlog.dead,
        ]) {
            gauge!(metric_names::DOCUMENTS, "endpoint" => endpoint.clone(), "state" => state)
                .set(float(count));
        }
    }
}

#[allow(clippy::cast_precision_loss)] // a gauge
fn float(count: u64) -> f64 {
    count as f64
}

/// Converts Prometheus's format to OpenMetrics 1.0: counter families lose `_total`, empty lines
/// go, an end mark is added.
fn openmetrics(text: &str) -> String {
    let counters: Vec<&str> = text
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE ")?.strip_suffix(" counter"))
        .collect();
    let mut out = String::with_capacity(text.len() + 8);
    for line in text.lines().filter(|line| !line.is_empty()) {
        let head = line
            .strip_prefix("# ")
            .and_then(|rest| rest.split_once(' '));
        let family = head.and_then(|(word, rest)| Some((word, rest.split_once(' ')?)));
        // Writing to a String cannot fail.
        let _ = match family {
            Some((word, (name, rest))) if counters.contains(&name) => {
                let family = name.strip_suffix("_total").unwrap_or(name);
                writeln!(out, "# {word} {family} {rest}")
            }
            Some(_) | None => writeln!(out, "{line}"),
        };
    }
    out.push_str("# EOF\n");
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::monitoring;
    use switchhook_core::metrics_recorder::MetricsRecorder;

    #[test]
    fn openmetrics_names_a_counters_family_and_ends() {
        let text = "# HELP a_total All of a\n# TYPE a_total counter\na_total{b=\"c\"} 3\n\n\
                    # TYPE g gauge\ng 1\n";
        let open = "# HELP a All of a\n# TYPE a counter\na_total{b=\"c\"} 3\n\
                    # TYPE g gauge\ng 1\n# EOF\n";
        assert_eq!(openmetrics(text), open);
    }

    /// Returns the metrics of a fresh service.
    fn exposition() -> String {
        let recorder = MetricsRecorder::default();
        metrics::with_local_recorder(&recorder, || {
            let (webhooks, switches) = (["lookup"].into_iter(), ["127.0.0.1:8021"].into_iter());
            metric_names::start_at_zero(webhooks, switches, ["acme"].into_iter());
        });
        recorder.render()
    }

    /// Returns names and labels of the metrics in PromQL expressions.
    fn used(text: &str) -> Vec<(String, Vec<String>)> {
        let series = regex::Regex::new(r"(switchhook_[a-z_]+)(?:\{([^}]*)\})?").unwrap();
        let label = regex::Regex::new(r#"([a-z]+)\s*(?:=~|!=|=)\s*\\?""#).unwrap();
        let found = series.captures_iter(text).map(|found| {
            let labels = found.get(2).map_or("", |labels| labels.as_str());
            let labels = label.captures_iter(labels).map(|one| one[1].to_owned());
            (found[1].to_owned(), labels.collect())
        });
        found.collect()
    }

    #[test]
    fn the_dashboard_and_the_alerts_ask_for_metrics_and_labels_that_exist() {
        let exposition = exposition();
        let reader: Vec<&str> = exposition
            .lines()
            .filter(|line| !line.starts_with('#'))
            .collect();
        for text in [monitoring::DASHBOARD, monitoring::ALERTS] {
            let used = used(text);
            assert!(used.len() >= 10, "{}", used.len());
            for (name, labels) in used {
                let plain = ["_bucket", "_sum", "_count"];
                let of = |line: &&&str| line.split(['{', ' ']).next() == Some(name.as_str());
                let family = plain.iter().find_map(|end| name.strip_suffix(end));
                let typed = |name: &str| exposition.contains(&format!("# TYPE {name} "));
                assert!(typed(&name) || family.is_some_and(typed), "{name}");
                let sample = reader.iter().find(of);
                for label in labels {
                    // Prometheus adds the instance.
                    let has = label == "instance"
                        || sample.is_none_or(|line| line.contains(&format!("{label}=\"")));
                    assert!(has, "{name} has no label {label}: {sample:?}");
                }
            }
        }
    }

    /// Returns the queries of the dashboard, each with the title of its panel.
    fn queries() -> Vec<(String, String)> {
        let dashboard: serde_json::Value = serde_json::from_str(monitoring::DASHBOARD).unwrap();
        let mut queries = Vec::new();
        for panel in dashboard["panels"].as_array().unwrap() {
            for target in panel["targets"].as_array().unwrap() {
                let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
                queries.push((text(&panel["title"]), text(&target["expr"])));
            }
        }
        queries
    }

    #[test]
    fn every_query_of_the_dashboard_obeys_the_variables_that_its_metric_has() {
        let exposition = exposition();
        let series =
            regex::Regex::new(r"(switchhook_[a-z_]+?)(?:_bucket|_sum|_count)?\{([^}]*)\}").unwrap();
        let labels_of = |metric: &str| {
            let starts = [format!("{metric}{{"), format!("{metric}_bucket{{")];
            let is_one = |line: &&str| starts.iter().any(|start| line.starts_with(start));
            exposition.lines().find(is_one).unwrap_or_default()
        };
        for (panel, query) in queries() {
            assert_eq!(
                query.matches("switchhook_").count(),
                series.captures_iter(&query).count(),
                "{panel}: a metric without variables in {query}"
            );
            for found in series.captures_iter(&query) {
                let labels = labels_of(&found[1]);
                for (label, variable) in [
                    ("instance", "instance"),
                    ("webhook", "webhook"),
                    ("endpoint", "webhook"),
                    ("account", "account"),
                ] {
                    // Prometheus adds the instance.
                    let applies = label == "instance" || labels.contains(&format!("{label}=\""));
                    let matcher = format!("{label}=~\"${variable}\"");
                    assert_eq!(found[2].contains(&matcher), applies, "{panel}: {query}");
                }
            }
        }
    }

    #[test]
    fn the_variables_are_there_and_present_states_are_no_lines() {
        let dashboard: serde_json::Value = serde_json::from_str(monitoring::DASHBOARD).unwrap();
        let variables = dashboard["templating"]["list"].as_array().unwrap();
        let names: Vec<_> = variables.iter().map(|one| one["name"].as_str()).collect();
        assert_eq!(
            names,
            ["source", "instance", "webhook", "account"].map(Some)
        );
        let panels = dashboard["panels"].as_array().unwrap();
        let of = |kind: &str| panels.iter().filter(|panel| panel["type"] == kind).count();
        assert_eq!([of("stat"), of("table")], [8, 6]);
        // What is asked for as it is now is never drawn over time.
        for panel in panels {
            for target in panel["targets"].as_array().unwrap() {
                let is_now = target["instant"] == true;
                assert_eq!(is_now, panel["type"] != "timeseries", "{}", panel["title"]);
            }
        }
    }

    #[test]
    fn the_dashboard_shows_every_metric_there_is() {
        let exposition = exposition();
        let types = exposition
            .lines()
            .filter_map(|line| line.strip_prefix("# TYPE "));
        let all: Vec<&str> = types.filter_map(|line| line.split(' ').next()).collect();
        assert!(all.len() >= 30, "{all:?}");
        let asked = used(monitoring::DASHBOARD);
        for metric in all {
            let is_it = |name: &str| {
                let end = name.strip_prefix(metric);
                end.is_some_and(|end| ["", "_bucket", "_sum", "_count"].contains(&end))
            };
            assert!(
                asked.iter().any(|(name, _)| is_it(name)),
                "{metric} is on no panel"
            );
        }
    }

    #[test]
    fn the_dashboard_is_json_and_every_alert_names_its_cure() {
        let dashboard: serde_json::Value = serde_json::from_str(monitoring::DASHBOARD).unwrap();
        assert!(dashboard["panels"].as_array().unwrap().len() >= 12);
        let count = |word: &str| monitoring::ALERTS.matches(word).count();
        let alerts = count("- alert:");
        assert!(alerts >= 10);
        for word in ["expr:", "for:", "severity:", "summary:", "description:"] {
            assert_eq!(count(word), alerts, "{word}");
        }
    }
}
