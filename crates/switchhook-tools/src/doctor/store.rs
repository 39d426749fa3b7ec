//! Checks the store. It is opened beside a service that may be running.

use std::path::{Path, PathBuf};

use super::finding::{Finding, Findings};
use super::postgres;
use switchhook_core::clock::now_ms;
use switchhook_store::{Store, StoreError, StoreOptions};

const MIB: u64 = 1024 * 1024;
/// Free bytes below which a busy day may fill the disk.
const LOW_SPACE: u64 = 1024 * MIB;
/// Free bytes below which the write-ahead log alone may fill the disk.
const CRITICAL_SPACE: u64 = 128 * MIB;

pub(super) async fn examine(options: &StoreOptions) -> Vec<Finding> {
    let mut findings = Findings::about("store");
    match Store::open(options.clone()).await {
        Ok(store) => {
            judge_open(&store, &mut findings).await;
            store.close().await;
        }
        Err(StoreError::NotThere { path }) if !folder_exists(&path) => {
            let what = format!(
                "{} cannot be created: its folder does not exist",
                path.display()
            );
            findings.fault(
                "opens",
                what,
                "create the folder, for the service's user alone",
            );
        }
        Err(StoreError::NotThere { path }) => {
            let what = format!("{} does not exist yet", path.display());
            findings.note(
                "opens",
                what,
                "switchhook serve creates it at its first start",
            );
        }
        Err(error @ StoreError::NoTables { .. }) => {
            let (what, _) = split_cure(&error.to_string());
            findings.note(
                "opens",
                what,
                "switchhook serve creates them at its first start",
            );
        }
        Err(error) => {
            let (what, cure) = split_cure(&error.to_string());
            findings.fault("opens", what, &cure);
        }
    }
    if let Some(folder) = database_folder(&options.url) {
        judge_space(&folder, free_bytes(&folder), &mut findings);
    }
    findings.list()
}

async fn judge_open(store: &Store, findings: &mut Findings) {
    let what = format!("{store} opens, and its tables are of this version");
    findings.ok("opens", what);
    match store.server().await {
        Ok(Some(found)) => postgres::judge(&found, now_ms(), findings),
        Ok(None) => {}
        Err(error) => {
            let (what, cure) = split_cure(&error.to_string());
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

fn folder_exists(file: &Path) -> bool {
    let folder = file
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    folder.is_none_or(Path::is_dir)
}

/// Splits a store error of the form "what; cure".
fn split_cure(text: &str) -> (String, String) {
    let (what, cure) = text.split_once("; ").unwrap_or((text, "see [store] url"));
    (what.to_owned(), cure.to_owned())
}

/// Returns the folder of an SQLite file that exists or will be created.
fn database_folder(url: &str) -> Option<PathBuf> {
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

fn judge_space(folder: &Path, free: Option<u64>, findings: &mut Findings) {
    let Some(free) = free else {
        let what = format!("the free space of {} is not known", folder.display());
        return findings.info("disk space", what);
    };
    let what = format!("{} MiB are free in {}", free / MIB, folder.display());
    let cure = "free some space: on a full disk no document can be stored";
    match free {
        _ if free < CRITICAL_SPACE => findings.fault("disk space", what, cure),
        _ if free < LOW_SPACE => findings.warn("disk space", what, cure),
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
            judge_space(Path::new("."), free, &mut findings);
            findings.list()[0].level
        };
        assert_eq!(level(Some(10 * MIB)), Level::Fault);
        assert_eq!(level(Some(500 * MIB)), Level::Warning);
        assert_eq!(level(Some(5_000 * MIB)), Level::Ok);
        assert_eq!(level(None), Level::Note);
    }

    #[test]
    fn the_folder_is_that_of_the_file() {
        let folder = |url| database_folder(url).unwrap().display().to_string();
        assert_eq!(folder("sqlite:switchhook.db"), ".");
        assert_eq!(folder("sqlite:/var/lib/x.db?mode=rwc"), "/var/lib");
        assert_eq!(folder("sqlite:///var/lib/x.db"), "/var/lib");
    }

    #[tokio::test]
    async fn a_store_that_serve_has_not_made_yet_is_no_fault() {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", folder.path().join("x.db").display());
        let found = examine(&StoreOptions::new(&url, Role::Command)).await;
        assert_eq!(found[0].level, Level::Note, "{found:?}");
        std::fs::write(
            folder.path().join("x.db"),
            "not a database, and long enough",
        )
        .unwrap();
        let found = examine(&StoreOptions::new(&url, Role::Command)).await;
        assert_eq!(found[0].level, Level::Fault, "{found:?}");
        assert!(found[0].cure.is_some());
    }
}
