//! Checks the time zones of the configuration: which release of their rules is in use, and whether
//! the other one agrees.

use super::finding::{Finding, Findings};
use switchhook_core::clock::now_ms;
use switchhook_core::timestamp::rfc3339_ms;
use switchhook_core::zone::{self, Zone, ZoneDatabase};
use switchhook_service::zoneinfo::SystemZones;

/// How far ahead the rules are compared.
const YEAR_S: i64 = 366 * 86_400;
const NO_SYSTEM: &str =
    "install the package tzdata, so that new rules come without a new version of switchhook";
const OLD_SYSTEM: &str =
    "update the package tzdata: other programs on this machine have the old rules";
const OLD_BUILT_IN: &str =
    "nothing needs to be done here; a machine without the package tzdata needs a newer switchhook";

pub(super) fn examine() -> Vec<Finding> {
    let system = SystemZones::find().map(|system| system.database());
    judge(&zone::database(), system, &zone::in_use(), now_ms() / 1_000)
}

/// Judges the database in use against the system's and the built-in one. `names` are the zones of
/// the configuration.
fn judge(
    used: &ZoneDatabase,
    system: Option<ZoneDatabase>,
    names: &[String],
    now_s: i64,
) -> Vec<Finding> {
    let mut findings = Findings::about("time zones");
    findings.ok("release", format!("{used} is in use"));
    let Some(system) = system else {
        let what = "the system has no time zone database that says its release";
        findings.note("system", what, NO_SYSTEM);
        return findings.list();
    };
    let (other, cure) = if system.place == used.place {
        (ZoneDatabase::built_in(), OLD_BUILT_IN)
    } else {
        (system, OLD_SYSTEM)
    };
    for name in names {
        if let Some(from_s) = used.differs(&other, name, now_s, now_s + YEAR_S) {
            let from = rfc3339_ms(from_s.saturating_mul(1_000), Zone::UTC);
            let what = format!("{name} has another offset in {other}, from {from} on");
            findings.warn("agreement", what, cure);
        }
    }
    findings.list()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Level;

    /// A database in which every zone is Tokyo.
    fn tokyo(release: &str, place: &str) -> ZoneDatabase {
        ZoneDatabase {
            release: release.into(),
            place: place.into(),
            read: Box::new(|_| (ZoneDatabase::built_in().read)("Asia/Tokyo")),
        }
    }

    #[test]
    fn another_release_that_disagrees_within_a_year_is_warned_of() {
        let names = ["Asia/Tokyo".to_owned(), "Europe/Berlin".to_owned()];
        let (built_in, folder) = (ZoneDatabase::built_in, "/usr/share/zoneinfo");
        for (used, system, levels) in [
            (built_in(), None, vec![Level::Ok, Level::Note]),
            (built_in(), Some(built_in()), vec![Level::Ok]),
            (
                built_in(),
                Some(tokyo("2001a", folder)),
                vec![Level::Ok, Level::Warning],
            ),
            (
                tokyo("2099a", folder),
                Some(tokyo("2099a", folder)),
                vec![Level::Ok, Level::Warning],
            ),
        ] {
            let found = judge(&used, system, &names, 1_796_000_000);
            let levels_found: Vec<Level> = found.iter().map(|one| one.level).collect();
            assert_eq!(levels_found, levels, "{used}: {found:?}");
            if let Some(warning) = found.iter().find(|one| one.level == Level::Warning) {
                assert!(warning.what.starts_with("Europe/Berlin "), "{warning:?}");
            }
        }
    }
}
