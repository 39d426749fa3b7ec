//! Checks whether the switch records to the published folder.

use std::path::Path;

use crate::doctor::ExpectedSetup;
use crate::doctor::answers::{Answers, global_query};
use crate::doctor::finding::Findings;

/// The variables that name the dialplan's recording folder: the shipped configuration's, then the
/// switch's own.
const FOLDER_VARIABLES: [&str; 2] = ["recordings_folder", "recordings_dir"];

/// Returns the query whether the switch sees a file or folder.
fn exists(path: &Path) -> String {
    format!("file_exists {}", path.display())
}

/// Returns the queries about the folder.
pub(super) fn queries(expected: &ExpectedSetup) -> Vec<String> {
    let Some(recorded) = &expected.recordings else {
        return Vec::new();
    };
    let sample = recorded.sample.as_ref();
    let sample = sample.map(|name| exists(&recorded.switch_folder.join(name)));
    let own = FOLDER_VARIABLES.map(global_query).into_iter();
    own.chain([exists(&recorded.switch_folder)])
        .chain(sample)
        .collect()
}

/// Adds the findings that follow from the answers.
pub(super) fn judge(answers: &Answers, expected: &ExpectedSetup, findings: &mut Findings) {
    let Some(recorded) = &expected.recordings else {
        return;
    };
    let folder = &recorded.switch_folder;
    let shown = folder.display();
    let is_there = |path: &Path| answers.output(&exists(path)).map(|output| output == "true");
    if is_there(folder) == Some(false) {
        let cure = "set switch_folder in [recordings] to the folder's path on the switch";
        return findings.fault("recordings", format!("the switch has no {shown}"), cure);
    }
    let sample = recorded.sample.as_deref();
    let probed = sample.and_then(|name| Some((name, is_there(&folder.join(name))?)));
    match probed {
        Some((name, true)) => {
            findings.ok(
                "recordings",
                format!("the switch sees {name} in {shown}, as this machine does"),
            );
        }
        Some((name, false)) => {
            let what = format!("the switch does not see {name} in {shown}, and this machine does");
            let cure = "mount the switch's own folder here, and set switch_folder to its path on the switch";
            findings.warn("recordings", what, cure);
        }
        None => findings.info(
            "recordings",
            format!("the first recording will show whether {shown} is the folder of this machine"),
        ),
    }
    let own = FOLDER_VARIABLES
        .iter()
        .find_map(|name| Some((name, answers.global(name)?)));
    let own = own.map(|(name, own)| (name, Path::new(own)));
    if let Some((name, own)) = own.filter(|(_, own)| !own.starts_with(folder)) {
        let what = format!("its {name} is {}, outside of {shown}", own.display());
        let cure = "record to the published folder: a recording in another folder gets no link";
        findings.note("recordings", what, cure);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::{ExpectedRecordings, Level};

    fn levels(sample: Option<&str>, answers: &[(&str, &str)]) -> Vec<Level> {
        let expected = ExpectedSetup {
            recordings: Some(ExpectedRecordings {
                switch_folder: "/rec".into(),
                sample: sample.map(str::to_owned),
            }),
            ..crate::doctor::tests::expected()
        };
        let mut findings = Findings::about("switch");
        judge(&Answers::canned(answers), &expected, &mut findings);
        findings
            .list()
            .iter()
            .map(|finding| finding.level)
            .collect()
    }

    #[test]
    fn the_switchs_folder_is_ours_when_it_sees_the_same_file() {
        let (there, own) = (("file_exists /rec", "true"), "global_getvar recordings_dir");
        let file = "file_exists /rec/a.wav";
        for (sample, answers, expected) in [
            (
                Some("a.wav"),
                vec![there, (file, "true"), (own, "/rec")],
                vec![Level::Ok],
            ),
            (
                Some("a.wav"),
                vec![there, (file, "false")],
                vec![Level::Warning],
            ),
            (None, vec![there, (own, "/rec/x")], vec![Level::Note]),
            (
                None,
                vec![("file_exists /rec", "false")],
                vec![Level::Fault],
            ),
            (
                Some("a.wav"),
                vec![there, (file, "true"), (own, "/usr/recordings")],
                vec![Level::Ok, Level::Note],
            ),
            // The query was not sent or has no answer.
            (Some("a.wav"), vec![], vec![Level::Note]),
        ] {
            assert_eq!(levels(sample, &answers), expected, "{answers:?}");
        }
    }
}
