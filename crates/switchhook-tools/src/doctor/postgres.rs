//! Judges a PostgreSQL server by what it reports: role, durability, privileges and clock.

use super::finding::Findings;
use switchhook_store::DatabaseServer;

/// Largest difference of the clocks, ms, at which the times in logs can be compared.
const MAX_SKEW_MS: u64 = 2_000;

pub(super) fn judge(found: &DatabaseServer, now_ms: i64, findings: &mut Findings) {
    findings.ok("server", format!("PostgreSQL {}", found.version));
    if found.is_standby {
        findings.fault(
            "server",
            "it is a standby, which only reads",
            "name the primary in [store] url",
        );
    }
    judge_durability(found, findings);
    match found.inaccessible_tables.join(", ") {
        names if names.is_empty() => {
            findings.ok("privileges", "every table can be read and written")
        }
        names => findings.fault(
            "privileges",
            format!("the user of [store] url may not read and write {names}"),
            "let the user own the tables, or GRANT SELECT, INSERT, UPDATE, DELETE on them",
        ),
    }
    let skew_ms = found.now_ms.abs_diff(now_ms);
    let what = format!("the server's clock and ours are {skew_ms} ms apart");
    if skew_ms > MAX_SKEW_MS {
        findings.warn(
            "clock",
            what,
            "set both clocks by NTP: leases use the server's clock, times in logs use ours",
        );
    } else {
        findings.ok("clock", what);
    }
}

fn judge_durability(found: &DatabaseServer, findings: &mut Findings) {
    let commit = &found.synchronous_commit;
    if !found.syncs {
        findings.warn(
            "durability",
            "fsync is off: a power loss damages the database",
            "set fsync = on in postgresql.conf",
        );
    } else if commit == "off" {
        findings.warn(
            "durability",
            "synchronous_commit is off: the last writes are lost when the server dies",
            "run ALTER ROLE … SET synchronous_commit = on",
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
            inaccessible_tables: Vec::new(),
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
            inaccessible_tables: vec!["leg".into()],
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
