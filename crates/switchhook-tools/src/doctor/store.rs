//! The store, opened beside a service that may be running.

use std::path::{Path, PathBuf};

use super::finding::{Finding, Findings};
use super::server;
use switchhook_store::{Clock, Store, StoreError, StoreOptions};

const MIB: u64 = 1024 * 1024;
/// Below it the next busy day may fill the disk.
const LITTLE: u64 = 1024 * MIB;
/// Below it the write-ahead log alone may fill it.
const TOO_LITTLE: u64 = 128 * MIB;

pub(super) async fn examine(options: &StoreOptions) -> Vec<Finding> {
    let mut findings = Findings::about("store");
    match Store::open(options.clone()).await {
        Ok(store) => {
            open(&store, &mut findings).await;
            store.close().await;
        }
        Err(StoreError::NotThere { path }) if !is_in_a_folder(&path) => {
            let what = format!("{} cannot be made: its folder is not there", path.display());
            findings.fault(
                "opens",
                what,
                "make the folder, for the service's user alone",
            );
        }
        Err(StoreError::NotThere { path }) => {
            let what = format!("{} is not there yet", path.display());
            findings.note(
                "opens",
                what,
                "switchhook serve makes it at its first start",
            );
        }
        Err(error @ StoreError::NoTables { .. }) => {
            let (what, _) = split(&error.to_string());
            findings.note(
                "opens",
                what,
                "switchhook serve makes them at its first start",
            );
        }
        Err(error) => {
            let (what, cure) = split(&error.to_string());
            findings.fault("opens", what, &cure);
        }
    }
    if let Some(folder) = folder(&options.url) {
        space(&folder, free_bytes(&folder), &mut findings);
    }
    findings.list()
}

async fn open(store: &Store, findings: &mut Findings) {
    let what = format!("{store} opens, and its tables are of this version");
    findings.ok("opens", what);
    match store.server().await {
        Ok(Some(found)) => server::judge(&found, now_ms(), findings),
        Ok(None) => {}
        Err(error) => {
            let (what, cure) = split(&error.to_string());
            findings.fault("server", what, &cure);
        }
    }
    let pauses = store.pauses().await.unwrap_or_default();
    for (webhook, reason) in pauses {
        let what = format!("nothing is delivered to {webhook}: it is paused, {reason}");
        findings.warn(
            "deliveries",
            what,
            &format!("switchhook outbox resume {webhook}"),
        );
    }
}

fn now_ms() -> i64 {
    let now = Clock::Database.since_1970().as_millis();
    i64::try_from(now).unwrap_or(i64::MAX)
}

fn is_in_a_folder(file: &Path) -> bool {
    let folder = file
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    folder.is_none_or(Path::is_dir)
}

/// A store's error is "what; cure".
fn split(text: &str) -> (String, String) {
    let (what, cure) = text.split_once("; ").unwrap_or((text, "see [store] url"));
    (what.to_owned(), cure.to_owned())
}

/// Where the file is, or will be.
fn folder(url: &str) -> Option<PathBuf> {
    let file = url.strip_prefix("sqlite:")?;
    let file = file.strip_prefix("//").unwrap_or(file);
    let file = Path::new(file.split('?').next().unwrap_or(file));
    let parent = file
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty());
    Some(parent.unwrap_or(Path::new(".")).to_owned())
}

#[cfg(unix)]
fn free_bytes(folder: &Path) -> Option<u64> {
    let found = rustix::fs::statvfs(folder).ok()?;
    Some(found.f_bavail.saturating_mul(found.f_frsize))
}

#[cfg(not(unix))]
fn free_bytes(_folder: &Path) -> Option<u64> {
    None
}

fn space(folder: &Path, free: Option<u64>, findings: &mut Findings) {
    let Some(free) = free else {
        let what = format!("how much space {} has is not known", folder.display());
        return findings.know("disk space", what);
    };
    let what = format!("{} MiB are free in {}", free / MIB, folder.display());
    let cure = "free some: on a full disk documents are refused until there is space";
    match free {
        _ if free < TOO_LITTLE => findings.fault("disk space", what, cure),
        _ if free < LITTLE => findings.warn("disk space", what, cure),
        _ => findings.ok("disk space", what),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Level;
    use switchhook_store::Role;

    #[test]
    fn space_is_judged_by_what_a_busy_day_needs() {
        let level = |free| {
            let mut findings = Findings::about("store");
            space(Path::new("."), free, &mut findings);
            findings.list()[0].level
        };
        assert_eq!(level(Some(10 * MIB)), Level::Fault);
        assert_eq!(level(Some(500 * MIB)), Level::Warning);
        assert_eq!(level(Some(5_000 * MIB)), Level::Ok);
        assert_eq!(level(None), Level::Note);
    }

    #[test]
    fn the_folder_is_that_of_the_file() {
        let folder = |url| folder(url).unwrap().display().to_string();
        assert_eq!(folder("sqlite:switchhook.db"), ".");
        assert_eq!(folder("sqlite:/var/lib/x.db?mode=rwc"), "/var/lib");
        assert_eq!(folder("sqlite:///var/lib/x.db"), "/var/lib");
    }

    #[tokio::test]
    async fn a_store_that_serve_has_not_made_yet_is_no_fault() {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", folder.path().join("x.db").display());
        let found = examine(&StoreOptions::new(&url, Role::Beside)).await;
        assert_eq!(found[0].level, Level::Note, "{found:?}");
        std::fs::write(
            folder.path().join("x.db"),
            "not a database, and long enough",
        )
        .unwrap();
        let found = examine(&StoreOptions::new(&url, Role::Beside)).await;
        assert_eq!(found[0].level, Level::Fault, "{found:?}");
        assert!(found[0].cure.is_some());
    }
}
