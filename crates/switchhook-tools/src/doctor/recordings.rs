//! Checks the folder of recordings and the upload target from this machine. [`super::switch`] checks
//! how the switch sees the folder.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;

use super::finding::{Finding, Findings};
use switchhook_service::recordings::{
    Folder, LinkCheck, LinkChecker, LinkOrigin, SignedLinks, Target,
};

/// The published recordings.
#[derive(Debug)]
pub struct Recordings {
    /// The setting that names the folder.
    pub key: &'static str,
    /// The folder that holds them.
    pub folder: Folder,
    /// The links that the service signs; `None` if it serves no recordings.
    pub links: Option<Arc<SignedLinks>>,
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
    let local = &recordings.folder.local;
    judge_folder(recordings.key, local, &mut findings);
    if let Some(links) = &recordings.links {
        judge_own_link(links, local, &mut findings).await;
    }
    let Some(target) = &recordings.target else {
        return findings.list();
    };
    match timeout(within, target.probe()).await {
        Ok(Ok(opened)) => {
            findings.ok(
                "upload",
                format!("{target} stores, lists and deletes an object"),
            );
            judge_link(Ok(opened), &mut findings);
        }
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
    findings.list()
}

/// Fetches one byte of the link to some file of the folder, at the address that receivers use.
async fn judge_own_link(links: &SignedLinks, local: &Path, findings: &mut Findings) {
    let Some(name) = any_file(local) else {
        findings.info("link", "the folder has no file yet, so no link was fetched");
        return;
    };
    let link = match links.link_to(&name).await {
        Ok(link) => link,
        Err(why) => {
            findings.info("link", format!("no link was fetched: {name}: {why}"));
            return;
        }
    };
    let opened = match LinkChecker::new() {
        Ok(checker) => checker.check(&link, LinkOrigin::Operator).await,
        Err(why) => Err(why),
    };
    judge_link(opened, findings);
}

fn judge_link(opened: Result<LinkCheck, String>, findings: &mut Findings) {
    match opened {
        Ok(LinkCheck::Opens) => findings.ok("link", "the link of a recording opens"),
        Ok(LinkCheck::OutOfReach(why)) => findings.note(
            "link",
            format!("the link of a recording was not opened from this machine: {why}"),
            "open one where receivers run, after a call was recorded",
        ),
        Err(why) => findings.fault(
            "link",
            format!("the link of a recording does not open: {why}"),
            "let the address that links begin with forward to recordings.serve.listen",
        ),
    }
}

/// Returns the name of a file in the folder that is not empty.
fn any_file(local: &Path) -> Option<String> {
    let entries = fs::read_dir(local).ok()?.take(SAMPLED_ENTRIES);
    let names = entries.filter_map(|entry| {
        let entry = entry.ok()?;
        let about = entry.metadata().ok()?;
        (about.is_file() && about.len() > 0).then(|| entry.file_name().into_string().ok())?
    });
    names.max()
}

const CURE: &str = "check recordings.upload: to, endpoint, region and the key. The key must be allowed to \
                    put, get, list and delete objects there, and public_url must lead to them. Until then documents wait";

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
            links: None,
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
