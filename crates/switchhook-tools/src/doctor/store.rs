//! Checks the store. It is opened beside a service that may be running.

use std::path::{Path, PathBuf};

use super::finding::{Finding, Findings};
use super::postgres;
use switchhook_core::clock::now_ms;
use switchhook_core::shell;
use switchhook_service::service::grants;
use switchhook_store::{Store, StoreError, StoreOptions};

const MIB: u64 = 1024 * 1024;
/// Free bytes below which a busy day may fill the disk.
const LOW_SPACE: u64 = 1024 * MIB;
/// Free bytes below which the write-ahead log alone may fill the disk.
const CRITICAL_SPACE: u64 = 128 * MIB;

pub(super) async fn examine(options: &StoreOptions) -> Vec<Finding> {
    let mut findings = Findings::about("store");
    let mut is_place_known = false;
    match Store::open(options.clone()).await {
        Ok(store) => {
            judge_open(&store, &mut findings).await;
            store.close().await;
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
            is_place_known = matches!(error, StoreError::Place { .. });
            let (what, cure) = split_cure(&error.to_string());
            findings.fault("opens", what, &cure);
        }
    }
    if let Some(file) = database_file(&options.url) {
        judge_permissions(&file, &mut findings);
        let parent = file
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty());
        let folder = parent.unwrap_or(Path::new("."));
        if !is_place_known {
            judge_folder(folder, &mut findings);
        }
        judge_space(folder, free_bytes(folder), &mut findings);
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
            &shell::command(["switchhook", "outbox", "resume", &webhook]),
        );
    }
}

/// Tries to write into the store's folder: a log lies there beside the database. The file has no
/// name, and is gone at once.
fn judge_folder(folder: &Path, findings: &mut Findings) {
    if !folder.is_dir() {
        return;
    }
    if let Err(error) = tempfile::tempfile_in(folder) {
        let what = format!("{} cannot be written: {}", folder.display(), error.kind());
        let cure = "give the folder to the service's user, or name another one in [store] url";
        findings.fault("folder", what, cure);
    }
}

/// Splits a store error of the form "what; cure".
fn split_cure(text: &str) -> (String, String) {
    let (what, cure) = text.split_once("; ").unwrap_or((text, "see [store] url"));
    (what.to_owned(), cure.to_owned())
}

/// Returns the SQLite file, which exists or will be created.
fn database_file(url: &str) -> Option<PathBuf> {
    let file = url.strip_prefix("sqlite:")?;
    let file = file.strip_prefix("//").unwrap_or(file);
    Some(PathBuf::from(file.split('?').next().unwrap_or(file)))
}

/// Warns of files that other users may read. `serve` makes new ones for its own user alone.
fn judge_permissions(file: &Path, findings: &mut Findings) {
    let of = |end: &str| {
        let mut name = file.as_os_str().to_owned();
        name.push(end);
        PathBuf::from(name)
    };
    let open: Vec<String> = ["", "-wal", "-shm"]
        .into_iter()
        .map(of)
        .filter(|file| file.is_file() && grants(file, 0o077))
        .map(|file| file.display().to_string())
        .collect();
    if open.is_empty() {
        return;
    }
    let files = shell::command(open.iter().map(String::as_str));
    let what = format!("other users of this machine can read documents in {files}");
    findings.warn("permissions", what, &format!("chmod 600 {files}"));
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
    fn the_file_is_that_of_the_url() {
        let file = |url| database_file(url).unwrap().display().to_string();
        assert_eq!(file("sqlite:switchhook.db"), "switchhook.db");
        assert_eq!(file("sqlite:/var/lib/x.db?mode=rwc"), "/var/lib/x.db");
        assert_eq!(file("sqlite:///var/lib/x.db"), "/var/lib/x.db");
        assert_eq!(database_file("postgres://db.example/x"), None);
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn a_store_that_others_can_read_is_warned_of_with_the_cure() {
        use std::fs::{Permissions, set_permissions};
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("x.db");
        let url = format!("sqlite:{}", file.display());
        Store::open(StoreOptions::new(&url, Role::Serve))
            .await
            .unwrap()
            .close()
            .await;
        for (mode, warned) in [(0o600, false), (0o644, true), (0o660, true)] {
            set_permissions(&file, Permissions::from_mode(mode)).unwrap();
            let found = examine(&StoreOptions::new(&url, Role::Command)).await;
            let finding = found.iter().find(|finding| finding.check == "permissions");
            assert_eq!(finding.is_some(), warned, "{mode:o} {found:?}");
            let cure = finding.and_then(|finding| finding.cure.as_deref());
            assert!(cure.is_none_or(|cure| cure.starts_with("chmod 600 ")));
        }
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn a_folder_where_no_store_can_be_is_a_fault_with_its_cure() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("file"), "").unwrap();
        let inside = |name: &str| folder.path().join(name).display().to_string();
        for (file, check, cure) in [
            // Nobody can write there, not even root.
            ("/proc/x.db".to_owned(), "folder", "give the folder to"),
            (inside("none/x.db"), "opens", "create the folder"),
            (inside("file/x.db"), "opens", "correct the path"),
            (inside(""), "opens", "name a file in it"),
        ] {
            let is_place_known = check == "opens";
            let url = format!("sqlite:{file}");
            let found = examine(&StoreOptions::new(&url, Role::Command)).await;
            let mut faults = found.iter().filter(|one| one.level == Level::Fault);
            let fault = faults.find(|fault| fault.check == check).unwrap();
            assert!(fault.cure.as_ref().unwrap().starts_with(cure), "{fault:?}");
            if is_place_known {
                // The cause is said once, and no right of a folder is taken.
                let others = ["folder", "permissions"];
                assert!(
                    found.iter().all(|one| !others.contains(&one.check)),
                    "{found:?}"
                );
            }
        }
        let url = format!("sqlite:{}", inside("x.db"));
        let found = examine(&StoreOptions::new(&url, Role::Command)).await;
        assert!(found.iter().all(|one| one.check != "folder"), "{found:?}");
        assert_eq!(
            folder.path().read_dir().unwrap().count(),
            1,
            "nothing is left"
        );
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
