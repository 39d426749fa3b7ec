//! The folder of `recordings.serve` and `recordings.upload`: its path here and on the switch.

use std::path::PathBuf;
use std::time::Duration;

use toml_edit::Value;

use super::section::Section;
use super::value::{Parsed, Problem, display, one_line};
use crate::recordings::Folder;

/// Both sections measure their longest periods in days.
pub(super) const DAY: Duration = Duration::from_secs(86_400);

/// Reads `folder`, and `switch_folder` if the switch has another path for it.
pub(super) fn folders(section: &mut Section<'_>) -> Folder {
    let help = "add folder = \"/var/lib/freeswitch/recordings\"";
    let local = section.require("folder", help, absolute_folder);
    Folder {
        on_switch: section.get_or("switch_folder", local.clone(), absolute_folder),
        local,
    }
}

/// Parses an absolute path: the working directory of a service is not obvious.
fn absolute_folder(value: &Value) -> Parsed<PathBuf> {
    let path = PathBuf::from(one_line(value)?);
    if path.is_absolute() && path.parent().is_some() {
        return Ok(path);
    }
    let what = format!("{} is not an absolute path below /", display(value));
    Err(Problem::new(
        what,
        "write the full path, such as \"/var/lib/freeswitch/recordings\"",
    ))
}
