//! Turns the result of a probe into findings.

use std::time::Duration;

use super::ProbeResult;
use crate::doctor::finding::{Finding, Findings};
use crate::doctor::net::millis;
use switchhook_core::outcome::{Failure, Reason};
use switchhook_webhook::client::Delivery;

/// Returns the findings about one webhook. `timeout` is the longest time that a caller waits.
pub(in crate::doctor) fn judge(
    name: &str,
    timeout: Duration,
    probed: &ProbeResult,
) -> Vec<Finding> {
    let mut findings = Findings::about(format!("webhook {name}"));
    let Some(authority) = &probed.authority else {
        let what = "not checked: its host comes from a variable of the call";
        findings.info("address", what);
        return findings.list();
    };
    if let Some(blocked) = &probed.blocked {
        let text = blocked.to_string();
        let (what, cure) = text
            .split_once("; ")
            .unwrap_or((&text, "choose another address"));
        let what = format!("{what}: every call takes line 1, BLOCKED_ADDRESS");
        findings.fault("address", what, cure);
        return findings.list();
    }
    let target = probed.proxy.as_deref().unwrap_or(authority);
    judge_address(target, probed, &mut findings);
    judge_connection(target, probed, &mut findings);
    judge_tls(authority, probed, &mut findings);
    if probed.proxy.is_some() && probed.answer.is_none() {
        let what = format!("{authority} was not checked: it is behind the proxy");
        findings.note(
            "proxy",
            what,
            "switchhook doctor --ask sends a HEAD request through it",
        );
    }
    if let Some(answer) = &probed.answer {
        judge_answer(authority, answer, &mut findings);
    }
    judge_time(timeout, probed, &mut findings);
    findings.list()
}

fn judge_address(target: &str, probed: &ProbeResult, findings: &mut Findings) {
    match &probed.resolved {
        Some(Ok(found)) => {
            let shown: Vec<_> = found
                .value
                .iter()
                .take(4)
                .map(|at| at.ip().to_string())
                .collect();
            let shown = shown.join(", ");
            let from = if probed.is_given {
                "given in [egress] hosts".to_owned()
            } else {
                millis(found.took)
            };
            findings.ok("address", format!("{target} is at {shown} ({from})"));
        }
        Some(Err(why)) => {
            let what = format!("no address found for {target}: {why}");
            findings.fault(
                "address",
                what,
                "correct the URL's host, or this machine's name servers",
            );
        }
        None => {}
    }
}

fn judge_connection(target: &str, probed: &ProbeResult, findings: &mut Findings) {
    match &probed.connected {
        Some(Ok(took)) => {
            let what = format!("{target} takes connections ({})", millis(*took));
            findings.ok("connect", what);
            judge_addresses(target, probed, findings);
        }
        Some(Err(why)) => {
            let what = format!("cannot connect to {target}: {why}");
            let cure =
                "start its server, correct the URL's host and port, or open the firewalls between";
            findings.fault("connect", what, cure);
        }
        None => {}
    }
}

/// Names the addresses that take no connections although another one does.
fn judge_addresses(target: &str, probed: &ProbeResult, findings: &mut Findings) {
    for (address, why) in &probed.failed_addresses {
        let what =
            format!("{address}, one of several addresses of {target}, takes no connections: {why}");
        let cure = "take it out of the name's records, or start its server; meanwhile a call now and then waits \
                    up to 2 s for it before the next address is tried";
        findings.warn("connect", what, cure);
    }
}

fn judge_tls(authority: &str, probed: &ProbeResult, findings: &mut Findings) {
    match &probed.tls {
        Some(Ok(handshake)) => {
            let what = format!(
                "{} and a certificate that this machine trusts ({})",
                handshake.version,
                millis(handshake.took)
            );
            findings.ok("TLS", what);
            if handshake.lacks_certificate {
                let what =
                    format!("{authority} asks for a client certificate, and the webhook has none");
                let cure = "set tls.client_cert_file and tls.client_key_file, unless it also \
                            answers without";
                findings.warn("TLS", what, cure);
            }
            judge_streams(authority, handshake.streams, probed.streams, findings);
        }
        Some(Err(fault)) => {
            let what = format!("no TLS with {authority}: {}", fault.what);
            findings.fault("TLS", what, fault.cure);
        }
        None => {}
    }
}

/// Compares the streams that the server allows with the webhook's `http2_streams`, `wanted`.
fn judge_streams(authority: &str, allowed: Option<usize>, wanted: usize, findings: &mut Findings) {
    match allowed {
        Some(allowed) if allowed < wanted => {
            let what = format!(
                "{authority} takes {allowed} requests at once on a connection, and http2_streams is {wanted}: \
                 further requests wait until others are answered"
            );
            let cure = format!("set http2_streams = {allowed} for this webhook");
            findings.warn("HTTP/2", what, &cure);
        }
        Some(_) => findings.ok(
            "HTTP/2",
            format!(
                "{authority} takes {wanted} requests at once on a connection, as http2_streams asks"
            ),
        ),
        None => {}
    }
}

fn judge_answer(authority: &str, answer: &Result<Delivery, Failure>, findings: &mut Findings) {
    let delivery = match answer {
        Ok(delivery) => delivery,
        Err(failure) => return judge_failure(authority, failure, findings),
    };
    let (status, took) = (delivery.status, millis(delivery.duration));
    let what = format!("{authority} answered HEAD with {status} ({took})");
    let redirect = delivery.failure.as_ref().map(|failure| &failure.detail);
    match status {
        401 | 403 | 407 => {
            let cure = "correct the webhook's auth: its user, password or token";
            findings.fault(
                "answer",
                format!("{what}: it does not accept our credentials"),
                cure,
            );
        }
        200..=299 => findings.ok("answer", what),
        300..=399 => {
            let cure = "set the URL that it redirects to; if it did its work before, and takes \
                        documents, set delivery.taken";
            let what = redirect.map_or(what, |redirect| format!("HEAD: {redirect} ({took})"));
            findings.warn("answer", what, cure);
        }
        404 | 405 | 410 | 501 => {
            findings.info(
                "answer",
                format!("{what}; this does not show whether it accepts the webhook's own request"),
            );
        }
        500.. => findings.warn("answer", what, "see the server's log"),
        _ => findings.info("answer", what),
    }
}

fn judge_failure(authority: &str, failure: &Failure, findings: &mut Findings) {
    let what = format!(
        "HEAD to {authority}: {}: {}",
        failure.reason, failure.detail
    );
    let cure = match failure.reason {
        Reason::AuthenticationFailure => "correct the webhook's auth, or the proxy's",
        Reason::Timeout => "the HEAD request took longer than a caller waits; see the server's log",
        Reason::InvalidResponse => "check that an HTTP server listens at that port",
        Reason::InvalidRequest
        | Reason::ConnectionFailure
        | Reason::BlockedAddress
        | Reason::InvalidFlowVar
        | Reason::InvalidResponseMap
        | Reason::HttpStatus
        | Reason::CircuitOpen
        | Reason::Overloaded => "see the log of the server, or of the proxy",
    };
    findings.fault("answer", what, cure);
}

/// Warns if most of the caller's time passes before the request is sent.
fn judge_time(timeout: Duration, probed: &ProbeResult, findings: &mut Findings) {
    let took = |step: Option<Duration>| step.unwrap_or_default();
    let of = |step: &Option<Result<Duration, String>>| {
        step.as_ref().and_then(|step| step.as_ref().ok()).copied()
    };
    let resolved = probed.resolved.as_ref().and_then(|step| step.as_ref().ok());
    let handshake = probed.tls.as_ref().and_then(|step| step.as_ref().ok());
    let before = took(resolved.map(|step| step.took))
        + took(of(&probed.connected))
        + took(handshake.map(|step| step.took));
    if before > timeout / 2 {
        let what = format!(
            "{} of its timeout of {timeout:?} pass before the request is sent",
            millis(before)
        );
        findings.warn(
            "time",
            what,
            "set a longer timeout, or use a server that is nearer",
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Level;
    use crate::doctor::net::Timed;
    use crate::doctor::webhook::tls::Handshake;
    use switchhook_webhook::TlsFault;
    use switchhook_webhook::egress::Blocked;

    fn good() -> ProbeResult {
        let took = Duration::from_millis(3);
        ProbeResult {
            authority: Some("crm.example:443".into()),
            resolved: Some(Ok(Timed {
                value: vec!["192.0.2.1:443".parse().unwrap()],
                took,
            })),
            connected: Some(Ok(took)),
            tls: Some(Ok(Handshake {
                version: "TLS 1.3",
                took,
                streams: Some(100),
                lacks_certificate: false,
            })),
            streams: 100,
            ..ProbeResult::default()
        }
    }

    fn worst(probed: &ProbeResult) -> (Level, Finding) {
        let found = judge("lookup", Duration::from_secs(10), probed);
        let worst = found
            .into_iter()
            .max_by_key(|finding| finding.level)
            .unwrap();
        (worst.level, worst)
    }

    fn answer(status: u16) -> ProbeResult {
        let delivery = Delivery {
            status,
            retry_after: None,
            failure: None,
            duration: Duration::from_millis(20),
        };
        ProbeResult {
            answer: Some(Ok(delivery)),
            ..good()
        }
    }

    #[test]
    fn each_step_that_fails_is_a_fault_with_its_own_cure() {
        assert_eq!(worst(&good()).0, Level::Ok);
        let table = [
            (
                ProbeResult {
                    resolved: Some(Err("no name".into())),
                    connected: None,
                    tls: None,
                    ..good()
                },
                "address",
                "name servers",
            ),
            (
                ProbeResult {
                    connected: Some(Err("refused".into())),
                    tls: None,
                    ..good()
                },
                "connect",
                "firewall",
            ),
            (
                ProbeResult {
                    tls: Some(Err(TlsFault::closed())),
                    ..good()
                },
                "TLS",
                "client_cert_file",
            ),
            (
                ProbeResult {
                    blocked: Some(Blocked::PlainHttp {
                        host: "crm.example".into(),
                    }),
                    ..good()
                },
                "address",
                "allow_plain_http",
            ),
        ];
        for (probed, check, cure) in table {
            let (level, finding) = worst(&probed);
            assert_eq!((level, finding.check), (Level::Fault, check), "{finding:?}");
            assert!(
                finding.cure.as_deref().unwrap().contains(cure),
                "{finding:?}"
            );
        }
    }

    #[test]
    fn a_server_that_takes_fewer_streams_than_we_open_is_reported() {
        let few = ProbeResult {
            streams: 101,
            ..good()
        };
        let (level, finding) = worst(&few);
        assert_eq!((level, finding.check), (Level::Warning, "HTTP/2"));
        let cure = finding.cure.unwrap();
        assert!(cure.contains("http2_streams = 100"), "{cure}");
    }

    #[test]
    fn an_answer_is_judged_by_what_it_says_of_us() {
        for (status, level) in [
            (200, Level::Ok),
            (204, Level::Ok),
            (302, Level::Warning),
            (401, Level::Fault),
            (403, Level::Fault),
            (404, Level::Note),
            (405, Level::Note),
            (429, Level::Note),
            (503, Level::Warning),
        ] {
            assert_eq!(worst(&answer(status)).0, level, "{status}");
        }
    }

    #[test]
    fn a_slow_way_and_a_proxy_are_reported() {
        let slow = ProbeResult {
            connected: Some(Ok(Duration::from_secs(6))),
            ..good()
        };
        assert_eq!(worst(&slow).1.check, "time");
        let proxied = ProbeResult {
            proxy: Some("proxy.example:3128".into()),
            tls: None,
            ..good()
        };
        assert_eq!(worst(&proxied).1.check, "proxy");
        assert_eq!(worst(&ProbeResult::default()).0, Level::Note);
    }
}
