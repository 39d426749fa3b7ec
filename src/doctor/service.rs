//! Whether a service of this configuration runs on this machine, by its `/readyz`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use super::finding::{Finding, Findings};

/// What `/readyz` did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Heard {
    Status(u16),
    Nothing,
}

pub(super) async fn examine(http: SocketAddr, within: Duration) -> Vec<Finding> {
    let mut findings = Findings::about("service");
    // Port 0 is any: there is nobody to ask.
    if http.port() != 0 {
        let place = reachable(http);
        judge(place, ask(place, within).await, &mut findings);
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

async fn ask(place: SocketAddr, within: Duration) -> Heard {
    let client = reqwest::Client::builder()
        .no_proxy()
        .timeout(within)
        .build();
    let Ok(client) = client else {
        return Heard::Nothing;
    };
    match client.get(format!("http://{place}/readyz")).send().await {
        Ok(response) => Heard::Status(response.status().as_u16()),
        Err(_) => Heard::Nothing,
    }
}

fn judge(place: SocketAddr, heard: Heard, findings: &mut Findings) {
    match heard {
        Heard::Status(200) => findings.ok("running", format!("it runs and is ready ({place})")),
        Heard::Status(503) => {
            let what = "it runs and cannot serve calls";
            findings.fault(
                "running",
                what,
                &format!("http://{place}/readyz says which part, and why"),
            );
        }
        Heard::Status(status) => {
            let what = format!("who answers at {place} is no switchhook ({status})");
            findings.warn("running", what, "give [listen] http a port of its own");
        }
        Heard::Nothing => {
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
        assert_eq!(level(Heard::Status(200)), Level::Ok);
        assert_eq!(level(Heard::Status(503)), Level::Fault);
        assert_eq!(level(Heard::Status(404)), Level::Warning);
        assert_eq!(level(Heard::Nothing), Level::Note);
    }

    #[test]
    fn who_listens_everywhere_is_asked_on_loopback() {
        let asked = |address: &str| reachable(address.parse().unwrap()).to_string();
        assert_eq!(asked("0.0.0.0:1"), "127.0.0.1:1");
        assert_eq!(asked("[::]:1"), "[::1]:1");
        assert_eq!(asked("10.0.0.1:1"), "10.0.0.1:1");
    }
}
