//! Whether a service of this configuration runs on this machine, by its `/readyz`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use super::finding::{Finding, Findings};
use switchhook_core::metric_names;
use switchhook_core::metrics_reader::MetricsReader;
use switchhook_webhook::client_builder;

/// What `/readyz` did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ReadyzReply {
    Status(u16),
    Nothing,
}

pub(super) async fn examine(http: SocketAddr, within: Duration) -> Vec<Finding> {
    let mut findings = Findings::about("service");
    // Port 0 is any: there is nobody to ask.
    if http.port() != 0 {
        let place = reachable(http);
        let heard = ask(place, "readyz", within).await;
        judge(place, heard.0, &mut findings);
        if heard.0 != ReadyzReply::Nothing {
            resting(&ask(place, "metrics", within).await.1, &mut findings);
        }
    }
    findings.list()
}

/// Whoever listens everywhere is asked on loopback.
fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip @ (IpAddr::V4(_) | IpAddr::V6(_)) => ip,
    };
    SocketAddr::new(ip, address.port())
}

/// What a page did, and its text.
async fn ask(place: SocketAddr, page: &str, within: Duration) -> (ReadyzReply, String) {
    let builder = client_builder().ok();
    let client = builder.and_then(|builder| builder.no_proxy().timeout(within).build().ok());
    let Some(client) = client else {
        return (ReadyzReply::Nothing, String::new());
    };
    match client.get(format!("http://{place}/{page}")).send().await {
        Ok(response) => {
            let heard = ReadyzReply::Status(response.status().as_u16());
            (heard, response.text().await.unwrap_or_default())
        }
        Err(_) => (ReadyzReply::Nothing, String::new()),
    }
}

/// Webhooks that it does not ask for a while.
fn resting(metrics: &str, findings: &mut Findings) {
    let figures = MetricsReader::new(metrics);
    let resting = figures
        .of(metric_names::CIRCUIT_OPEN)
        .filter(|sample| sample.value > 0.0);
    for webhook in resting.filter_map(|sample| sample.label("webhook")) {
        let what = format!(
            "it does not ask {webhook} after failures in a row: calls take line 1 with CIRCUIT_OPEN"
        );
        let cure =
            "see below what is wrong with it; once it answers, one call after the pause ends this";
        findings.warn("breaker", what, cure);
    }
}

fn judge(place: SocketAddr, heard: ReadyzReply, findings: &mut Findings) {
    match heard {
        ReadyzReply::Status(200) => {
            findings.ok("running", format!("it runs and is ready ({place})"))
        }
        ReadyzReply::Status(503) => {
            let what = "it runs and cannot serve calls";
            findings.fault(
                "running",
                what,
                &format!("http://{place}/readyz says which part, and why"),
            );
        }
        ReadyzReply::Status(status) => {
            let what = format!("who answers at {place} is no switchhook ({status})");
            findings.warn("running", what, "give [listen] http a port of its own");
        }
        ReadyzReply::Nothing => {
            let what = format!("it does not run here (nobody answers at {place})");
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
        let level = |heard| {
            let mut findings = Findings::about("service");
            judge("127.0.0.1:1".parse().unwrap(), heard, &mut findings);
            findings.list()[0].level
        };
        assert_eq!(level(ReadyzReply::Status(200)), Level::Ok);
        assert_eq!(level(ReadyzReply::Status(503)), Level::Fault);
        assert_eq!(level(ReadyzReply::Status(404)), Level::Warning);
        assert_eq!(level(ReadyzReply::Nothing), Level::Note);
    }

    #[test]
    fn a_webhook_that_rests_is_named_and_no_other() {
        let name = metric_names::CIRCUIT_OPEN;
        let metrics = format!("{name}{{webhook=\"crm\"}} 1\n{name}{{webhook=\"well\"}} 0\n");
        let mut findings = Findings::about("service");
        resting(&metrics, &mut findings);
        let found = findings.list();
        assert_eq!(found.len(), 1);
        assert!(found[0].what.contains("does not ask crm "), "{found:?}");
    }

    #[test]
    fn who_listens_everywhere_is_asked_on_loopback() {
        let asked = |address: &str| reachable(address.parse().unwrap()).to_string();
        assert_eq!(asked("0.0.0.0:1"), "127.0.0.1:1");
        assert_eq!(asked("[::]:1"), "[::1]:1");
        assert_eq!(asked("10.0.0.1:1"), "10.0.0.1:1");
    }
}
