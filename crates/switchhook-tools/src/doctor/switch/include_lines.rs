//! Finds what FreeSWITCH leaves out of its configuration without a word: it drops each line with
//! `<include>` or `</include>` whole, and whatever else stands on it (switch_xml.c `preprocess`).

use std::fs;
use std::path::{Path, PathBuf};

use crate::doctor::answers::{Answers, global_query};
use crate::doctor::finding::Findings;

/// The global variable with the folder of the configuration.
const FOLDER: &str = "conf_dir";
/// Limits on what is read: files, bytes of each, folders inside each other, lines that are told.
const MAX_FILES: usize = 5_000;
const MAX_BYTES: u64 = 4 * 1024 * 1024;
const MAX_DEPTH: usize = 8;
const MAX_TOLD: usize = 10;

/// A line of which FreeSWITCH reads nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct DroppedLine {
    file: PathBuf,
    number: usize,
    text: String,
}

pub(super) fn query() -> String {
    global_query(FOLDER)
}

/// Reads the switch's configuration if it is on this machine and may be read.
pub(super) async fn find(answers: &Answers) -> Vec<DroppedLine> {
    let folder = answers.global(FOLDER).filter(|_| answers.same_machine);
    let Some(folder) = folder.map(PathBuf::from) else {
        return Vec::new();
    };
    let found = tokio::task::spawn_blocking(move || in_folder(&folder));
    found.await.unwrap_or_default()
}

pub(super) fn judge(lines: &[DroppedLine], findings: &mut Findings) {
    for line in lines.iter().take(MAX_TOLD) {
        let what = format!(
            "{}:{}: FreeSWITCH drops this line whole, for it has <include> or </include>: {}",
            line.file.display(),
            line.number,
            line.text
        );
        let cure = "write <include> and </include> on lines of their own, and reloadxml";
        findings.fault("configuration files", what, cure);
    }
    if lines.len() > MAX_TOLD {
        let what = format!("{} more such lines", lines.len() - MAX_TOLD);
        findings.info("configuration files", what);
    }
}

fn in_folder(folder: &Path) -> Vec<DroppedLine> {
    let mut files = Vec::new();
    collect(folder, 0, &mut files);
    files.sort();
    files.iter().flat_map(|file| in_file(file)).collect()
}

/// Collects the XML files below a folder. What cannot be read is left out.
fn collect(folder: &Path, depth: usize, files: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else {
        return;
    };
    for entry in entries.flatten() {
        if files.len() >= MAX_FILES {
            return;
        }
        let path = entry.path();
        let is_xml = path.extension().is_some_and(|extension| extension == "xml");
        match entry.metadata() {
            Ok(it) if it.is_dir() && depth < MAX_DEPTH => collect(&path, depth + 1, files),
            Ok(it) if it.is_file() && is_xml && it.len() <= MAX_BYTES => files.push(path),
            Ok(_) | Err(_) => {}
        }
    }
}

fn in_file(file: &Path) -> Vec<DroppedLine> {
    let bytes = fs::read(file).unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    let mut in_comment = false;
    let mut dropped = Vec::new();
    for (at, line) in text.lines().enumerate() {
        if drops_something(line, in_comment) {
            dropped.push(DroppedLine {
                file: file.to_owned(),
                number: at + 1,
                text: line.trim().chars().take(120).collect(),
            });
        }
        in_comment = without_comments(line, in_comment).1;
    }
    dropped
}

/// Tells whether the line has one of these tags and something other than a comment beside it.
fn drops_something(line: &str, in_comment: bool) -> bool {
    let tags = ["<include>", "</include>"];
    if !tags.iter().any(|tag| line.contains(tag)) {
        return false;
    }
    let (text, in_comment_after) = without_comments(line, in_comment);
    // Without this line, a comment that begins or ends on it does not.
    if in_comment != in_comment_after {
        return true;
    }
    let rest = tags.iter().fold(text, |line, tag| line.replace(tag, ""));
    !rest.trim().is_empty()
}

/// Returns the text of a line outside comments, and whether its end is in one.
fn without_comments(line: &str, mut in_comment: bool) -> (String, bool) {
    let mut text = String::new();
    let mut rest = line;
    loop {
        let mark = if in_comment { "-->" } else { "<!--" };
        let Some((before, after)) = rest.split_once(mark) else {
            if !in_comment {
                text.push_str(rest);
            }
            return (text, in_comment);
        };
        if !in_comment {
            text.push_str(before);
        }
        in_comment = !in_comment;
        rest = after;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Level;

    #[test]
    fn a_tag_on_a_line_of_its_own_drops_nothing() {
        for (line, drops) in [
            ("<include>", false),
            ("  </include>  ", false),
            ("<include><!-- phones --></include>", false),
            ("<include><context name=\"public\">", true),
            ("</context></include>", true),
            ("<include> <!-- begins here", true),
            ("<include> <!-- one --> <!-- two -->", false),
            ("<X-PRE-PROCESS cmd=\"include\" data=\"a.xml\"/>", false),
        ] {
            assert_eq!(drops_something(line, false), drops, "{line}");
        }
        // As in the vanilla freeswitch.xml.
        assert!(!drops_something(
            "(encase it in <include></include> tags)",
            true
        ));
        assert!(drops_something("in <include></include> tags) -->", true));
    }

    #[test]
    fn the_lines_of_every_file_are_told_with_their_place() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("dialplan")).unwrap();
        let file = folder.path().join("dialplan/own.xml");
        fs::write(&file, "<include>\n<a/>\n<b/></include>\n").unwrap();
        fs::write(folder.path().join("notes.txt"), "<include><c/>").unwrap();
        let mut findings = Findings::about("switch");
        judge(&in_folder(folder.path()), &mut findings);
        let found = findings.list();
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(found[0].level, Level::Fault);
        let place = format!("{}:3: ", file.display());
        assert!(found[0].what.starts_with(&place), "{found:?}");
        assert!(found[0].what.ends_with("<b/></include>"), "{found:?}");
    }
}
