//! The system's time zone database, beside the copy that is built in. The newer one is used.

use std::env;
use std::fs::{self, File};
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use metrics::gauge;
use tokio::task::spawn_blocking;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::info;

use switchhook_core::metric_names;
use switchhook_core::zone::{self, ZoneDatabase};

/// The variable that names another folder, as for the C library.
const FOLDER_VARIABLE: &str = "TZDIR";
/// Where systems keep it.
const FOLDERS: [&str; 4] = [
    "/usr/share/zoneinfo",
    "/usr/lib/zoneinfo",
    "/usr/share/lib/zoneinfo",
    "/etc/zoneinfo",
];
/// The files that say the release, and what stands before it: `tzdata.zi` of the IANA's own build,
/// `+VERSION` of BSD and macOS.
const RELEASE_FILES: [(&str, &str); 2] = [("tzdata.zi", "# version "), ("+VERSION", "")];
/// The largest file of one zone that is read, in bytes.
const MAX_ZONE: u64 = 256 * 1024;
/// How often a running service looks for another release.
const LOOK_EVERY: Duration = Duration::from_secs(10);

/// A time zone database in a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SystemZones {
    /// The folder.
    pub folder: PathBuf,
    /// Its release, such as `2026f`.
    pub release: String,
    changed: Option<SystemTime>,
}

impl SystemZones {
    /// Finds the system's database: in the folder that `TZDIR` names, or where systems keep it.
    /// One that does not say its release cannot be compared, and is not used.
    #[must_use]
    pub fn find() -> Option<Self> {
        match env::var_os(FOLDER_VARIABLE).filter(|folder| !folder.is_empty()) {
            Some(folder) => Self::at(Path::new(&folder)),
            None => FOLDERS
                .iter()
                .find_map(|folder| Self::at(Path::new(folder))),
        }
    }

    fn at(folder: &Path) -> Option<Self> {
        let mut files = RELEASE_FILES.iter();
        files.find_map(|(name, before)| {
            let file = folder.join(name);
            let text = beginning(&file)?;
            let release = release(text.strip_prefix(before)?)?;
            Some(Self {
                folder: folder.to_owned(),
                release,
                changed: fs::metadata(file).and_then(|file| file.modified()).ok(),
            })
        })
    }

    /// Returns the database, which reads each zone when it is asked for.
    #[must_use]
    pub fn database(&self) -> ZoneDatabase {
        let folder = self.folder.clone();
        ZoneDatabase {
            release: self.release.clone(),
            place: folder.display().to_string(),
            read: Box::new(move |name| read(&folder.join(name))),
        }
    }
}

/// Takes the newer of the system's database and the one that is built in; of the same release, the
/// one that is built in.
pub fn use_the_newer() {
    take(SystemZones::find());
}

fn take(system: Option<SystemZones>) -> Arc<ZoneDatabase> {
    let built_in = ZoneDatabase::built_in();
    let newer = system.filter(|system| system.release > built_in.release);
    zone::install(newer.map_or(built_in, |system| system.database()));
    zone::database()
}

/// Notices another release on the system until `stop`, and takes it.
pub(crate) async fn follow(stop: CancellationToken) {
    info!(release = %zone::database(), "time zones");
    count(&zone::database());
    let look = || spawn_blocking(SystemZones::find);
    let mut taken = look().await.ok().flatten();
    let mut before = taken.clone();
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = sleep(LOOK_EVERY) => {}
        }
        let Ok(found) = look().await else { continue };
        // An update replaces one file after another: it is taken when nothing has changed since the
        // last look.
        if found != taken && found == before {
            taken.clone_from(&found);
            if let Ok(database) = spawn_blocking(move || take(found)).await {
                info!(release = %database, "the time zones have changed");
                count(&database);
            }
        } else {
            before = found;
        }
    }
}

fn count(database: &ZoneDatabase) {
    gauge!(metric_names::ZONES_RELEASE).set(release_number(&database.release).unwrap_or(0.0));
}

/// Returns a release as a number that grows with each: 2026.06 for `2026f`.
fn release_number(release: &str) -> Option<f64> {
    let (year, letters) = release.split_at_checked(4)?;
    let year: f64 = year.parse().ok()?;
    // After `z` come `za`, `zb` and so on.
    let letters = letters
        .bytes()
        .map(|byte| f64::from(byte.saturating_sub(b'a')) + 1.0);
    Some(year + letters.sum::<f64>() / 100.0)
}

fn beginning(file: &Path) -> Option<String> {
    let mut text = String::new();
    File::open(file)
        .ok()?
        .take(64)
        .read_to_string(&mut text)
        .ok()?;
    Some(text)
}

/// Returns the release at the front of a text: a year and letters.
fn release(text: &str) -> Option<String> {
    let end = text.find(|next: char| !next.is_ascii_alphanumeric());
    let release = &text[..end.unwrap_or(text.len())];
    let (year, letters) = release.split_at_checked(4)?;
    let is_one = year.bytes().all(|byte| byte.is_ascii_digit())
        && letters.bytes().all(|byte| byte.is_ascii_lowercase());
    is_one.then(|| release.to_owned())
}

fn read(file: &Path) -> Option<Vec<u8>> {
    let found = fs::metadata(file).ok()?;
    (found.is_file() && found.len() <= MAX_ZONE).then(|| fs::read(file).ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_says_its_release() {
        for (name, text, release) in [
            ("tzdata.zi", "# version 2026f\n# This zic", Some("2026f")),
            ("tzdata.zi", "# version 2026f-dirty\n", Some("2026f")),
            ("tzdata.zi", "R d 1916", None),
            ("tzdata.zi", "# version unknown\n", None),
            ("+VERSION", "2027a\n", Some("2027a")),
            ("+VERSION", "", None),
            ("zone.tab", "2027a\n", None),
        ] {
            let folder = tempfile::tempdir().unwrap();
            fs::write(folder.path().join(name), text).unwrap();
            let found = SystemZones::at(folder.path()).map(|found| found.release);
            assert_eq!(found.as_deref(), release, "{name} {text:?}");
        }
    }

    #[test]
    fn releases_are_numbers_that_grow() {
        let releases = ["2026a", "2026f", "2026z", "2026za", "2027", "2027a"];
        let numbers = releases.map(|release| release_number(release).unwrap());
        assert!(numbers.is_sorted(), "{numbers:?}");
        assert_eq!(numbers[1], 2026.06);
        assert_eq!(release_number("?"), None);
    }

    #[test]
    fn a_zone_is_read_from_its_file() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("+VERSION"), "2099a").unwrap();
        fs::create_dir(folder.path().join("Europe")).unwrap();
        let data = (ZoneDatabase::built_in().read)("Asia/Tokyo").unwrap();
        fs::write(folder.path().join("Europe/Berlin"), data).unwrap();
        let system = SystemZones::at(folder.path()).unwrap().database();
        let built_in = ZoneDatabase::built_in();
        assert_eq!(
            system.differs(&built_in, "Europe/Berlin", 0, 3_600),
            Some(0)
        );
        assert!((system.read)("Europe").is_none());
        assert!((system.read)("Europe/Paris").is_none());
    }
}
