//! Checks the folder of recordings and the upload target from this machine. [`super::switch`] checks
//! how the switch sees the folder.

use std::fs;
use std::path::Path;
use std::time::Duration;

use tokio::time::timeout;

use super::finding::{Finding, Findings};
use switchhook_service::recordings::{Folder, Target};

/// The published recordings.
#[derive(Debug)]
pub struct Recordings {
    /// The setting that names the folder.
    pub key: &'static str,
    /// The folder that holds them.
    pub folder: Folder,
    /// The upload target; `None` if the service serves them itself.
    pub target: Option<Target>,
}

/// Most entries of the folder that are read to choose a sample file.
const SAMPLED_ENTRIES: usize = 1_000;

impl Recordings {
    /// Returns the name of a file in the folder, to ask the switch whether it sees the same file.
    pub(super) fn sample(&self) -> Option<String> {
        let entries = fs::read_dir(&self.folder.local).ok()?.take(SAMPLED_ENTRIES);
        let names = entries.filter_map(|entry| {
            let entry = entry.ok()?;
            let name = entry.file_name().into_string().ok()?;
            // Other names cannot be sent in an API command, or are not found by name alone.
            let is_plain = name
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "._-+".contains(c));
            (is_plain && entry.file_type().ok()?.is_file()).then_some(name)
        });
        names.max()
    }
}

pub(super) async fn examine(recordings: &Recordings, within: Duration) -> Vec<Finding> {
    let mut findings = Findings::about("recordings");
    judge_folder(recordings.key, &recordings.folder.local, &mut findings);
    if let Some(target) = &recordings.target {
        match timeout(within, target.probe()).await {
            Ok(Ok(())) => findings.ok(
                "upload",
                format!("{target} stores, lists and deletes an object"),
            ),
            Ok(Err(why)) => findings.fault("upload", format!("{target}: {why}"), CURE),
            Err(_) => {
                let what = format!("{target} gave no answer within {within:?}");
                findings.fault(
                    "upload",
                    what,
                    "check recordings.upload.endpoint, and whether this machine reaches it",
                );
            }
        }
    }
    findings.list()
}

const CURE: &str = "check recordings.upload: to, endpoint, region and the key. The key must be allowed to \
                    put, get, list and delete objects there. Until then documents wait";

fn judge_folder(key: &str, here: &Path, findings: &mut Findings) {
    match fs::read_dir(here) {
        Ok(_) => findings.ok("folder", format!("{} can be read", here.display())),
        Err(error) => {
            let what = format!("{} cannot be read: {error}", here.display());
            let cure = format!("mount it, or let this program's user read it ({key})");
            findings.fault("folder", what, &cure);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Level;

    #[tokio::test]
    async fn a_folder_that_cannot_be_read_is_a_fault_and_a_file_in_it_is_asked_after() {
        let place = tempfile::tempdir().unwrap();
        let of = |here: &Path| Recordings {
            key: "serve.folder",
            folder: Folder {
                local: here.into(),
                on_switch: "/rec".into(),
            },
            target: None,
        };
        let found = examine(&of(&place.path().join("none")), Duration::from_secs(60)).await;
        assert_eq!(found[0].level, Level::Fault, "{found:?}");
        let here = of(place.path());
        let found = examine(&here, Duration::from_secs(60)).await;
        assert_eq!(found[0].level, Level::Ok, "{found:?}");
        assert_eq!(here.sample(), None);
        fs::write(place.path().join("a b.wav"), "").unwrap();
        fs::create_dir(place.path().join("2026")).unwrap();
        assert_eq!(here.sample(), None);
        fs::write(place.path().join("a.wav"), "").unwrap();
        assert_eq!(here.sample().as_deref(), Some("a.wav"));
    }
}
