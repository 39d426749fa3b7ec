//! Checks mod_json_cdr. Its records complete the calls that ended while no service followed the switch.

use std::path::{Path, PathBuf};

use super::modules::load;
use super::settings::Settings;
use crate::doctor::Switch;
use crate::doctor::answers::{Answers, global_query};
use crate::doctor::finding::Findings;

/// The path of the service that records are posted to.
const POST_PATH: &str = "/json_cdr/";

/// The query for the module's configuration.
pub(super) const CONF: &str = "xml_locate configuration configuration name json_cdr.conf";

/// Returns the query for the folder that a relative log-dir is below.
pub(super) fn queries(answers: &Answers, switch: &Switch) -> Vec<String> {
    let is_needed = switch.json_cdr_dir.is_some() && answers.output(CONF).is_some();
    is_needed
        .then(|| global_query("log_dir"))
        .into_iter()
        .collect()
}

pub(super) fn judge(answers: &Answers, switch: &Switch, findings: &mut Findings) {
    if switch.json_cdr_dir.is_none() && !switch.json_cdr_post {
        let what = "json_cdr_dir is not set: a call that ends while no service follows the switch has an incomplete document";
        let cure = "load mod_json_cdr with a log-dir that this machine can read, and name it in [[freeswitch]] json_cdr_dir";
        return findings.note("json_cdr", what, cure);
    }
    if answers.has_module("mod_json_cdr") == Some(false) {
        let what = "mod_json_cdr is not loaded, so the records that the configuration expects do not exist";
        return findings.fault("json_cdr", what, &load("mod_json_cdr"));
    }
    let settings = answers.output(CONF).and_then(Settings::parse);
    if settings.is_none() {
        findings.info("json_cdr", "its json_cdr.conf cannot be read");
    }
    if let Some(ours) = &switch.json_cdr_dir {
        judge_folder(ours, answers.same_machine, findings);
    }
    if let Some(settings) = &settings {
        judge_configuration(settings, switch, answers, findings);
    }
}

/// Checks that this machine can read the folder.
fn judge_folder(ours: &Path, same_machine: bool, findings: &mut Findings) {
    let shown = ours.display();
    match std::fs::read_dir(ours) {
        Ok(_) => findings.ok("json_cdr", format!("{shown} can be read")),
        // mod_json_cdr creates the folder when it starts, so a new switch may not have it yet.
        Err(error) => {
            let what = format!("json_cdr_dir {shown} cannot be read: {error}");
            let cure = if same_machine {
                "let this service's user read the folder (its group, for instance), or correct the path"
            } else {
                "mount the switch's folder here, or leave json_cdr_dir out"
            };
            findings.fault("json_cdr", what, cure);
        }
    }
}

fn judge_configuration(
    settings: &Settings,
    switch: &Switch,
    answers: &Answers,
    findings: &mut Findings,
) {
    judge_completeness(settings, findings);
    if switch.json_cdr_post {
        judge_posts(settings, findings);
    }
    if let Some(ours) = &switch.json_cdr_dir {
        judge_files(settings, ours, answers, findings);
    }
    let elsewhere = settings.all("url").any(|url| !url.is_empty());
    if elsewhere && !switch.json_cdr_post && !settings.is_on("log-http-and-disk") {
        let what = "it posts its records, and writes only those whose post failed";
        let cure = "set log-http-and-disk to true in json_cdr.conf";
        findings.fault("json_cdr", what, cure);
    }
}

/// Checks that the switch posts its records to a service.
fn judge_posts(settings: &Settings, findings: &mut Findings) {
    match settings.all("url").find(|url| url.contains(POST_PATH)) {
        Some(url) => findings.ok("json_cdr", format!("it posts to {url}")),
        None => {
            let what =
                "json_cdr_post is on, and json_cdr.conf has no url that ends in /json_cdr/NAME";
            let cure = "add <param name=\"url\" value=\"http://…/json_cdr/NAME\"/>, with listen.http and the switch's name";
            findings.fault("json_cdr", what, cure);
        }
    }
}

/// Warns about settings that make records incomplete.
fn judge_completeness(settings: &Settings, findings: &mut Findings) {
    // FreeSWITCH: both are on unless they are set.
    let is_on = |name| settings.get(name).is_none() || settings.is_on(name);
    if !is_on("log-b-leg") {
        let what = "log-b-leg is off: legs that the switch dialled have no record";
        findings.warn("json_cdr", what, "set log-b-leg to true in json_cdr.conf");
    }
    if is_on("encode-values") {
        let what =
            "encode-values is on: a value of encoded characters alone loses its last character";
        findings.warn(
            "json_cdr",
            what,
            "set encode-values to false in json_cdr.conf",
        );
    }
}

fn judge_files(settings: &Settings, ours: &Path, answers: &Answers, findings: &mut Findings) {
    match (log_dir(settings, answers), answers.same_machine) {
        (None, _) => {
            let what = "json_cdr.conf has no log-dir: it writes no files";
            findings.fault(
                "json_cdr",
                what,
                &format!("add <param name=\"log-dir\" value=\"{}\"/>", ours.display()),
            );
        }
        (Some(theirs), _) if is_same(&theirs, ours) => {
            findings.ok("json_cdr", format!("it writes to {}", theirs.display()));
        }
        (Some(theirs), true) => {
            let what = format!(
                "it writes to {}, and json_cdr_dir is {}",
                theirs.display(),
                ours.display()
            );
            findings.fault("json_cdr", what, "name the same folder in both");
        }
        (Some(theirs), false) => {
            let what = format!(
                "it writes to {} there; it is not known whether {} here is the same folder",
                theirs.display(),
                ours.display()
            );
            findings.info("json_cdr", what);
        }
    }
}

/// Returns the folder that the switch writes to. FreeSWITCH: mod_json_cdr.c `load_config`. Without the
/// parameter it writes nothing; an empty one is `json_cdr`; a relative one is below the log folder.
fn log_dir(settings: &Settings, answers: &Answers) -> Option<PathBuf> {
    let named = settings.get("log-dir")?;
    let named = if named.is_empty() { "json_cdr" } else { named };
    let below = answers.global("log_dir").unwrap_or_default();
    Some(Path::new(below).join(named))
}

fn is_same(theirs: &Path, ours: &Path) -> bool {
    let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
    theirs == ours || real(theirs) == real(ours)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Level;
    use eslclient::Limits;
    use switchhook_core::secret::Secret;

    fn switch(folder: Option<&Path>) -> Switch {
        Switch {
            address: "127.0.0.1:8021".into(),
            password: Secret::new("x"),
            frames: Limits::default(),
            park_service: None,
            json_cdr_dir: folder.map(Path::to_owned),
            json_cdr_post: false,
        }
    }

    fn worst(answers: &Answers, folder: Option<&Path>) -> (Level, String) {
        let mut findings = Findings::about("switch");
        judge(answers, &switch(folder), &mut findings);
        let found = findings.list();
        let worst = found.iter().max_by_key(|finding| finding.level).unwrap();
        (worst.level, worst.what.clone())
    }

    fn answers(loaded: &str, params: &str) -> Answers {
        let conf = format!(
            "<configuration name=\"json_cdr.conf\"><settings>{params}</settings></configuration>"
        );
        Answers::canned(&[
            ("module_exists mod_json_cdr", loaded),
            (CONF, &conf),
            ("global_getvar log_dir", "/var/log/freeswitch"),
        ])
    }

    #[test]
    fn its_folder_is_to_be_the_one_that_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        let b_leg = "<param name=\"log-b-leg\" value=\"true\"/><param name=\"encode-values\" value=\"off\"/>";
        let dir = format!(
            "{b_leg}<param name=\"log-dir\" value=\"{}\"/>",
            path.display()
        );
        let table = [
            (answers("true", &dir), Some(path), Level::Ok, "/"),
            (
                answers("true", &dir),
                None,
                Level::Note,
                "json_cdr_dir is not set",
            ),
            (
                answers("false", &dir),
                Some(path),
                Level::Fault,
                "not loaded",
            ),
            (
                answers("true", b_leg),
                Some(path),
                Level::Fault,
                "no log-dir",
            ),
            (
                answers(
                    "true",
                    &format!("{b_leg}<param name=\"log-dir\" value=\"\"/>"),
                ),
                Some(path),
                Level::Fault,
                "/var/log/freeswitch/json_cdr",
            ),
            (
                answers("true", &dir.replace("true", "false")),
                Some(path),
                Level::Warning,
                "log-b-leg",
            ),
            (
                answers(
                    "true",
                    &format!("{dir}<param name=\"url\" value=\"http://x\"/>"),
                ),
                Some(path),
                Level::Fault,
                "posts",
            ),
            (
                answers("true", &dir),
                Some(Path::new("/no/such/folder")),
                Level::Fault,
                "/no/such/folder",
            ),
        ];
        for (answers, folder, level, words) in table {
            let (found, what) = worst(&answers, folder);
            assert_eq!(found, level, "{what}");
            assert!(what.contains(words), "{what}");
        }
    }

    #[test]
    fn values_are_to_be_plain_and_records_posted_to_us() {
        let folder = tempfile::tempdir().unwrap();
        let dir = format!(
            "<param name=\"log-dir\" value=\"{}\"/>",
            folder.path().display()
        );
        let (level, what) = worst(&answers("true", &dir), Some(folder.path()));
        assert_eq!(level, Level::Warning);
        assert!(what.contains("encode-values"), "{what}");
        let posting = Switch {
            json_cdr_post: true,
            ..switch(None)
        };
        let off = "<param name=\"encode-values\" value=\"false\"/>";
        for (url, level) in [
            ("http://127.0.0.1:8085/json_cdr/fs1", Level::Ok),
            ("http://127.0.0.1:8085/", Level::Fault),
        ] {
            let params = format!("{off}<param name=\"url\" value=\"{url}\"/>");
            let mut findings = Findings::about("switch");
            judge(&answers("true", &params), &posting, &mut findings);
            let worst = findings
                .list()
                .into_iter()
                .map(|finding| finding.level)
                .max();
            assert_eq!(worst, Some(level), "{url}");
        }
    }

    #[test]
    fn the_folder_of_another_machine_is_not_compared() {
        let folder = tempfile::tempdir().unwrap();
        let mut far = answers(
            "true",
            "<param name=\"encode-values\" value=\"off\"/><param name=\"log-dir\" value=\"/there\"/>",
        );
        far.same_machine = false;
        assert_eq!(worst(&far, Some(folder.path())).0, Level::Note);
    }
}
