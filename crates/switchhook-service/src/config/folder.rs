//! The folder of `recordings.serve` and `recordings.upload`, here and on the switch.

use std::path::PathBuf;
use std::time::Duration;

use toml_edit::Value;

use super::section::Section;
use super::value::{Parsed, Problem, display, one_line};
use crate::recordings::Folder;

/// Longest periods of both sections are days.
pub(super) const DAY: Duration = Duration::from_secs(86_400);

/// `absolute_folder`, and `switch_folder` where the switch calls it otherwise.
pub(super) fn folders(section: &mut Section<'_>) -> Folder {
    let help = "add folder = \"/var/lib/freeswitch/recordings\"";
    let local = section.require("folder", help, absolute_folder);
    Folder {
        on_switch: section.get_or("switch_folder", local.clone(), absolute_folder),
        local,
    }
}

/// A whole path: the working directory of a service is nobody's guess.
fn absolute_folder(value: &Value) -> Parsed<PathBuf> {
    let path = PathBuf::from(one_line(value)?);
    if path.is_absolute() && path.parent().is_some() {
        return Ok(path);
    }
    let what = format!(
        "{} is not the whole path of a folder of its own",
        display(value)
    );
    Err(Problem::new(what, "write it from its / on"))
}
