//! Checks mod_event_socket: address, password and ACL. A client that gets in controls the switch and
//! its machine.

use std::net::IpAddr;

use super::settings::Settings;
use crate::doctor::answers::Answers;
use crate::doctor::finding::Findings;

/// The query for the module's configuration.
pub(super) const CONF: &str = "xml_locate configuration configuration name event_socket.conf";

/// The password if none is set. FreeSWITCH: mod_event_socket.c `config`.
const DEFAULT_PASSWORD: &str = "ClueCon";

/// An address reserved for documentation (RFC 5737): a list that admits it admits every address.
const OUTSIDE_ADDRESS: &str = "203.0.113.77";

/// Most ACL lists that are queried.
const MAX_LISTS: usize = 8;

fn settings(answers: &Answers) -> Option<Settings> {
    Settings::parse(answers.output(CONF)?)
}

/// Returns the queries whether each list admits an outside address.
pub(super) fn queries(answers: &Answers) -> Vec<String> {
    let Some(settings) = settings(answers) else {
        return Vec::new();
    };
    let lists = settings
        .all("apply-inbound-acl")
        .filter(|list| !list.is_empty());
    lists.take(MAX_LISTS).map(acl_query).collect()
}

fn acl_query(list: &str) -> String {
    format!("acl {OUTSIDE_ADDRESS} {list}")
}

pub(super) fn judge(answers: &Answers, findings: &mut Findings) {
    let Some(settings) = settings(answers) else {
        let what =
            "its event_socket.conf cannot be read, so address, password and ACL were not checked";
        return findings.info("event socket", what);
    };
    let listen = settings
        .get("listen-ip")
        .filter(|ip| !ip.is_empty())
        .unwrap_or("127.0.0.1");
    let is_loopback = is_loopback(listen);
    judge_address(listen, is_loopback, findings);
    judge_password(settings.get("password"), is_loopback, findings);
    // FreeSWITCH: mod_event_socket.c `listener_run` requires every list to admit an address.
    let mut lists = settings
        .all("apply-inbound-acl")
        .filter(|list| !list.is_empty())
        .peekable();
    if lists.peek().is_none() {
        return findings.ok("ACL", "no apply-inbound-acl, so only loopback is admitted");
    }
    if lists.all(|list| answers.output(&acl_query(list)) == Some("true")) {
        let what = "apply-inbound-acl lets every address in";
        let cure =
            "name a list of acl.conf with default=\"deny\" that allows only the services' machines";
        judge_open_acl(what, cure, is_loopback, findings);
    } else {
        findings.ok("ACL", "apply-inbound-acl keeps outside addresses out");
    }
}

fn is_loopback(listen: &str) -> bool {
    let ip = listen.parse::<IpAddr>();
    ip.map_or(listen == "localhost", |ip| ip.to_canonical().is_loopback())
}

fn judge_address(listen: &str, is_loopback: bool, findings: &mut Findings) {
    if is_loopback {
        findings.ok("event socket", format!("it listens on {listen} alone"));
    } else {
        let what = format!(
            "it listens on {listen} without encryption: others on the network can read password and calls"
        );
        let cure = "set listen-ip to 127.0.0.1 if the service is on the same machine, else use a private network or a tunnel";
        findings.warn("event socket", what, cure);
    }
}

fn judge_password(password: Option<&str>, is_loopback: bool, findings: &mut Findings) {
    let is_default = password.is_none_or(|word| word.is_empty() || word == DEFAULT_PASSWORD);
    let cure = "choose another in event_socket.conf, set it by password_env here, and reload the module when no call is up";
    match (is_default, is_loopback) {
        (true, false) => {
            let what = "its password is FreeSWITCH's default, on an address that is not loopback";
            findings.fault("password", what, cure);
        }
        (true, true) => {
            let what =
                "its password is FreeSWITCH's default: every user of its machine can control it";
            findings.note("password", what, cure);
        }
        (false, _) => findings.ok("password", "its password is not the default one"),
    }
}

fn judge_open_acl(what: &str, cure: &str, is_loopback: bool, findings: &mut Findings) {
    if is_loopback {
        findings.note("ACL", format!("{what}; it listens on loopback alone"), cure);
    } else {
        findings.fault("ACL", what, cure);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Level;

    fn conf(params: &[(&str, &str)]) -> String {
        let params: String = params
            .iter()
            .map(|(name, value)| format!("<param name=\"{name}\" value=\"{value}\"></param>\n"))
            .collect();
        format!(
            "<configuration name=\"event_socket.conf\">\n<settings>{params}</settings>\n</configuration>"
        )
    }

    fn levels(params: &[(&str, &str)], stranger: &str) -> Vec<(&'static str, Level)> {
        let mut answers = Answers::canned(&[(CONF, &conf(params))]);
        for query in queries(&answers) {
            answers = answers.with(&query, stranger);
        }
        let mut findings = Findings::about("switch");
        judge(&answers, &mut findings);
        let found = findings.list();
        for finding in &found {
            let shown = format!("{finding:?}");
            assert!(
                !shown.contains("hunter2") && !shown.contains(DEFAULT_PASSWORD),
                "{shown}"
            );
        }
        found
            .iter()
            .map(|finding| (finding.check, finding.level))
            .collect()
    }

    #[test]
    fn the_address_decides_how_bad_a_password_and_a_list_are() {
        let everywhere = ("listen-ip", "::");
        let known = ("password", "ClueCon");
        let own = ("password", "hunter2");
        let list = ("apply-inbound-acl", "lan");
        let (ok, note) = (Level::Ok, Level::Note);
        let (warning, fault) = (Level::Warning, Level::Fault);
        for (params, stranger, socket, password, acl) in [
            (&[("listen-ip", "127.0.0.1"), known][..], "", ok, note, ok),
            (&[own], "", ok, ok, ok),
            (&[("listen-ip", "::1"), own, list], "true", ok, ok, note),
            (&[everywhere, known, list], "false", warning, fault, ok),
            (&[everywhere], "", warning, fault, ok),
            (&[everywhere, own, list], "true", warning, ok, fault),
            (
                &[("listen-ip", "10.0.0.9"), own, list],
                "false",
                warning,
                ok,
                ok,
            ),
        ] {
            assert_eq!(
                levels(params, stranger),
                [
                    ("event socket", socket),
                    ("password", password),
                    ("ACL", acl)
                ],
                "{params:?}"
            );
        }
    }

    #[test]
    fn what_is_not_to_be_seen_is_a_note() {
        for text in [
            "can't find anything",
            "<configuration",
            "-ERR x Command not found!",
        ] {
            let mut findings = Findings::about("switch");
            judge(&Answers::canned(&[(CONF, text)]), &mut findings);
            assert_eq!(findings.list()[0].level, Level::Note, "{text}");
        }
    }
}
