//! What of a changed configuration takes effect with a restart only (docs/operations.md, What SIGHUP
//! changes).

use switchhook_core::secret::Secret;

use crate::config::{Config, Listen, Switch};

/// Returns the settings in which `new` differs from the configuration that `running` was started
/// with, and that a reload leaves as they were.
#[must_use]
pub fn needs_restart(running: &Config, new: &Config) -> Vec<&'static str> {
    let (before, after) = (&running.recordings.serve, &new.recordings.serve);
    let moves = before.as_ref().zip(after.as_ref());
    let differs = [
        ("listen", listen(&running.listen) != listen(&new.listen)),
        (
            "freeswitch",
            switches(&running.freeswitch) != switches(&new.freeswitch),
        ),
        ("store", running.store != new.store),
        ("keep", running.keep != new.keep),
        ("limits", running.limits != new.limits),
        ("recorder", running.recorder != new.recorder),
        (
            "account.mask_numbers",
            running.account.mask_numbers != new.account.mask_numbers,
        ),
        (
            "account.time_zone of the page",
            running.account.time_zone != new.account.time_zone,
        ),
        (
            "recordings.serve.listen",
            moves.is_some_and(|(before, after)| before.listen != after.listen),
        ),
    ];
    let differs = differs.into_iter().filter(|(_, differs)| *differs);
    differs.map(|(name, _)| name).collect()
}

/// Returns the section without what a reload changes.
fn listen(listen: &Listen) -> Listen {
    Listen {
        http_hosts: Vec::new(),
        http_token: None,
        ..listen.clone()
    }
}

/// Returns the switches without what a reload changes.
fn switches(switches: &[Switch]) -> Vec<Switch> {
    let without_secrets = |switch: &Switch| Switch {
        password: Secret::new(""),
        json_cdr_auth: None,
        ..switch.clone()
    };
    switches.iter().map(without_secrets).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    const RUNNING: &str = "[listen]\nhttp_token = \"a token of sixteen\"\n\
        [[freeswitch]]\naddress = \"127.0.0.1:8021\"\npassword = \"ClueCon\"\n\
        [account]\ntime_zone = \"UTC\"\n[limits]\n[store]\n[keep]\n[recorder]\n";

    #[test]
    fn what_a_reload_leaves_as_it_was_is_named() {
        let running = Config::parse(RUNNING, "x").unwrap();
        for (from, to, names) in [
            ("a token of sixteen", "another of sixteen", &[] as &[&str]),
            ("ClueCon", "Gooseberry", &[]),
            ("[listen]", "[listen]\nhttp_hosts = [\"a.example\"]", &[]),
            (
                "[listen]",
                "[listen]\nesl = \"127.0.0.1:9084\"",
                &["listen"],
            ),
            ("[listen]", "[listen]\nconfirm_calls = false", &["listen"]),
            ("[listen]", "[listen]\nhttp_base = \"/hook\"", &["listen"]),
            (
                "[listen]",
                "[users.ann]\ntoken_hash = \"sha256:b7b8d2f7a0a2b5b1a1d7c2a1e7f0c9d8e6f5a4b3c2d1e0f9a8b7c6d5e4f3a2b1\"\n[listen]",
                &[],
            ),
            ("8021", "8022", &["freeswitch"]),
            ("ClueCon\"", "ClueCon\"\nname = \"pbx\"", &["freeswitch"]),
            ("[store]", "[store]\nurl = \"sqlite:other.db\"", &["store"]),
            ("[keep]", "[keep]\ncalls = \"1 day\"", &["keep"]),
            ("[limits]", "[limits]\ncalls_on_hold = 5", &["limits"]),
            ("[recorder]", "[recorder]\nfiles = 7", &["recorder"]),
            (
                "UTC\"",
                "UTC\"\nmask_numbers = true",
                &["account.mask_numbers"],
            ),
            (
                "\"UTC\"",
                "\"Asia/Kolkata\"",
                &["account.time_zone of the page"],
            ),
        ] {
            let text = RUNNING.replacen(from, to, 1);
            assert_ne!(text, RUNNING);
            let new = Config::parse(&text, "x").unwrap_or_else(|faults| panic!("{text}\n{faults}"));
            assert_eq!(needs_restart(&running, &new), names, "{to}");
        }
    }
}
