//! PostgreSQL's server, as it says it is.

use super::finding::Findings;
use switchhook_store::DatabaseServer;

/// Clocks farther apart than this make the times in logs hard to compare.
const APART_MS: u64 = 2_000;

pub(super) fn judge(found: &DatabaseServer, now_ms: i64, findings: &mut Findings) {
    findings.ok("server", format!("PostgreSQL {}", found.version));
    if found.is_standby {
        findings.fault(
            "server",
            "it is a standby, which only reads",
            "let [store] url name the primary",
        );
    }
    durability(found, findings);
    match found.closed_tables.join(", ") {
        names if names.is_empty() => {
            findings.ok("privileges", "every table can be read and written")
        }
        names => findings.fault(
            "privileges",
            format!("our user may not read and write {names}"),
            "let it own the tables, or GRANT SELECT, INSERT, UPDATE, DELETE on them",
        ),
    }
    let apart = found.now_ms.abs_diff(now_ms);
    let what = format!("the server's clock and ours are {apart} ms apart");
    match apart > APART_MS {
        true => findings.warn(
            "clock",
            what,
            "let both follow NTP: leases are by the server's, times in logs by ours",
        ),
        false => findings.ok("clock", what),
    }
}

fn durability(found: &DatabaseServer, findings: &mut Findings) {
    let commit = &found.synchronous_commit;
    if !found.syncs {
        findings.warn(
            "durability",
            "fsync is off: a power loss damages the database",
            "fsync = on in postgresql.conf",
        );
    } else if commit == "off" {
        findings.warn(
            "durability",
            "synchronous_commit is off: what was stored last is lost when the server dies",
            "ALTER ROLE … SET synchronous_commit = on",
        );
    } else {
        findings.ok("durability", format!("synchronous_commit is {commit}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Level;

    fn server() -> DatabaseServer {
        DatabaseServer {
            version: "15.1".into(),
            synchronous_commit: "on".into(),
            syncs: true,
            is_standby: false,
            now_ms: 1_000,
            closed_tables: Vec::new(),
        }
    }

    fn worst(found: &DatabaseServer) -> Option<(&'static str, Level)> {
        let mut findings = Findings::about("store");
        judge(found, 1_000, &mut findings);
        let list = findings.list();
        let worst = list.iter().max_by_key(|finding| finding.level);
        worst.map(|finding| (finding.check, finding.level))
    }

    #[test]
    fn a_server_that_forgets_or_refuses_is_said() {
        assert_eq!(worst(&server()).map(|(_, level)| level), Some(Level::Ok));
        let off = DatabaseServer {
            synchronous_commit: "off".into(),
            ..server()
        };
        assert_eq!(worst(&off), Some(("durability", Level::Warning)));
        let no_sync = DatabaseServer {
            syncs: false,
            ..server()
        };
        assert_eq!(worst(&no_sync), Some(("durability", Level::Warning)));
        let standby = DatabaseServer {
            is_standby: true,
            ..server()
        };
        assert_eq!(worst(&standby), Some(("server", Level::Fault)));
        let closed = DatabaseServer {
            closed_tables: vec!["leg".into()],
            ..server()
        };
        assert_eq!(worst(&closed), Some(("privileges", Level::Fault)));
        let late = DatabaseServer {
            now_ms: 9_000,
            ..server()
        };
        assert_eq!(worst(&late), Some(("clock", Level::Warning)));
    }
}
