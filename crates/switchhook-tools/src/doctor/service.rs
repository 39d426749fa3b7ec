//! Checks by `/readyz` and `/metrics` whether a service of this configuration runs on this machine.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use super::finding::{Finding, Findings};
use switchhook_core::metric_names;
use switchhook_core::metrics_reader::MetricsReader;
use switchhook_webhook::client_builder;

/// How the service replied to a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ReadyzReply {
    Status(u16),
    NoReply,
}

pub(super) async fn examine(http: SocketAddr, within: Duration) -> Vec<Finding> {
    let mut findings = Findings::about("service");
    // Port 0 means any free port, so the service's port is not known.
    if http.port() != 0 {
        let address = connectable(http);
        let reply = get(address, "readyz", within).await;
        judge(address, reply.0, &mut findings);
        if reply.0 != ReadyzReply::NoReply {
            open_circuits(&get(address, "metrics", within).await.1, &mut findings);
        }
    }
    findings.list()
}

/// Returns the address to connect to: loopback if the service listens on every address.
fn connectable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip @ (IpAddr::V4(_) | IpAddr::V6(_)) => ip,
    };
    SocketAddr::new(ip, address.port())
}

/// Requests a page. Returns how the service replied, and the page's text.
async fn get(address: SocketAddr, page: &str, within: Duration) -> (ReadyzReply, String) {
    let builder = client_builder().ok();
    let client = builder.and_then(|builder| builder.no_proxy().timeout(within).build().ok());
    let Some(client) = client else {
        return (ReadyzReply::NoReply, String::new());
    };
    match client.get(format!("http://{address}/{page}")).send().await {
        Ok(response) => {
            let reply = ReadyzReply::Status(response.status().as_u16());
            (reply, response.text().await.unwrap_or_default())
        }
        Err(_) => (ReadyzReply::NoReply, String::new()),
    }
}

/// Reports the webhooks of which a URL has an open circuit.
fn open_circuits(metrics: &str, findings: &mut Findings) {
    let figures = MetricsReader::new(metrics);
    for webhook in figures.labels(metric_names::CIRCUIT_OPEN, "webhook") {
        let circuits = figures.of(metric_names::CIRCUIT_OPEN);
        let own = circuits.filter(|sample| sample.label("webhook").as_deref() == Some(&webhook));
        let (open, closed): (Vec<_>, Vec<_>) = own.partition(|sample| sample.value > 0.0);
        let urls: Vec<String> = open
            .iter()
            .filter_map(|sample| sample.label("url"))
            .collect();
        let what = match (open.is_empty(), closed.is_empty()) {
            (true, _) => continue,
            (false, true) => format!(
                "the circuit of {webhook} is open after failures in a row: calls take line 1 with CIRCUIT_OPEN"
            ),
            (false, false) => format!(
                "the circuit of {webhook} is open for {} after failures in a row: calls ask its other URLs",
                urls.join(" and ")
            ),
        };
        let cure = "correct the faults of this webhook in this report; the first call after the pause closes the circuit if the webhook answers";
        findings.warn("breaker", what, cure);
    }
}

fn judge(address: SocketAddr, reply: ReadyzReply, findings: &mut Findings) {
    match reply {
        ReadyzReply::Status(200) => {
            findings.ok("running", format!("it runs and is ready ({address})"))
        }
        ReadyzReply::Status(503) => {
            let what = "it runs and cannot serve calls";
            findings.fault(
                "running",
                what,
                &format!("http://{address}/readyz says which part, and why"),
            );
        }
        ReadyzReply::Status(status) => {
            let what =
                format!("another program answers at {address}: /readyz gives status {status}");
            findings.warn("running", what, "give [listen] http a port of its own");
        }
        ReadyzReply::NoReply => {
            let what = format!("it does not run here: no answer at {address}");
            findings.note(
                "running",
                what,
                "start switchhook serve; without it calls take line 1",
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Level;

    #[test]
    fn a_service_that_does_not_run_is_no_fault_and_one_that_cannot_serve_is() {
        let level = |reply| {
            let mut findings = Findings::about("service");
            judge("127.0.0.1:1".parse().unwrap(), reply, &mut findings);
            findings.list()[0].level
        };
        assert_eq!(level(ReadyzReply::Status(200)), Level::Ok);
        assert_eq!(level(ReadyzReply::Status(503)), Level::Fault);
        assert_eq!(level(ReadyzReply::Status(404)), Level::Warning);
        assert_eq!(level(ReadyzReply::NoReply), Level::Note);
    }

    #[test]
    fn a_webhook_that_rests_is_named_and_no_other() {
        let name = metric_names::CIRCUIT_OPEN;
        let circuit = |webhook: &str, url: &str, value: u8| {
            format!("{name}{{webhook=\"{webhook}\",url=\"{url}\"}} {value}\n")
        };
        let metrics = [
            circuit("crm", "url", 1),
            circuit("well", "url", 0),
            circuit("pair", "fallback_urls.1", 0),
            circuit("pair", "url", 1),
        ];
        let mut findings = Findings::about("service");
        open_circuits(&metrics.concat(), &mut findings);
        let found = findings.list();
        let what: Vec<&str> = found.iter().map(|finding| &*finding.what).collect();
        let expected = [
            "the circuit of crm is open after failures in a row: calls take line 1",
            "the circuit of pair is open for url after failures in a row: calls ask its other URLs",
        ];
        assert_eq!(what.len(), expected.len(), "{what:?}");
        for (what, expected) in what.iter().zip(expected) {
            assert!(what.starts_with(expected), "{what}");
        }
    }

    #[test]
    fn who_listens_everywhere_is_asked_on_loopback() {
        let connected_to = |address: &str| connectable(address.parse().unwrap()).to_string();
        assert_eq!(connected_to("0.0.0.0:1"), "127.0.0.1:1");
        assert_eq!(connected_to("[::]:1"), "[::1]:1");
        assert_eq!(connected_to("10.0.0.1:1"), "10.0.0.1:1");
    }
}
