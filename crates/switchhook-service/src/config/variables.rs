//! VariableNames of the variables that a webhook task writes.

use toml_edit::Value;

use super::section::Section;
use super::value::{Parsed, Problem, text};
use switchhook_core::variables::{EXACT, FLOW_KEY as MAPPED_PREFIX, VariableNames};

/// Prefix of every variable of a flow.
const PREFIX: &str = "flow.";
/// Most characters of a variable's full name. With the suffix `_b64` it reaches the limit of the
/// switch's commands.
const NAME_LIMIT: usize = 128 - EXACT.len();
/// Variables that the dialplan sets for this program; no response may change them.
const RESERVED: [&str; 4] = [
    "flow.name",
    "flow.way_out",
    "flow.callee_type",
    "flow.json_keys",
];

pub(super) fn variables(mut section: Section<'_>) -> VariableNames {
    let names = VariableNames::default();
    let mut read = |key, default| section.get_or(key, default, variable);
    VariableNames {
        response_status: read("response_status", names.response_status),
        response_status_code: read("response_status_code", names.response_status_code),
        response_status_type: read("response_status_type", names.response_status_type),
        response_duration: read("response_duration", names.response_duration),
        response_raw: read("response_raw", names.response_raw),
        response_error: read("response_error", names.response_error),
        error_reason: read("error_reason", names.error_reason),
        response_attempts: read("response_attempts", names.response_attempts),
        error_detail: read("error_detail", names.error_detail),
        line: read("line", names.line),
    }
}

/// Parses the full name of a variable that a webhook task may write.
fn variable(value: &Value) -> Parsed<String> {
    let name = text(value)?;
    if !name.starts_with(PREFIX) {
        let what = format!("{name:?} does not begin with {PREFIX}");
        return Err(Problem::new(what, format!("write it as \"{PREFIX}…\"")));
    }
    check_name(&name).map(|()| name)
}

pub(super) fn check_name(name: &str) -> Parsed<()> {
    let inside = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '.';
    let first = name.starts_with(|c: char| c.is_ascii_alphabetic());
    if !first || name.len() > NAME_LIMIT || !name.chars().all(inside) {
        let what = format!("{name:?} is not a name for a variable");
        let help = format!("use letters, digits, _ and ., at most {NAME_LIMIT} with its prefix");
        return Err(Problem::new(what, help));
    }
    if name.ends_with('.') || name == MAPPED_PREFIX {
        return Err(Problem::new(
            format!("{name:?} ends in a dot"),
            "complete the name",
        ));
    }
    if RESERVED.contains(&name.to_ascii_lowercase().as_str()) {
        let what = format!("{name} is a variable that the dialplan sets for switchhook");
        return Err(Problem::new(what, "choose another name"));
    }
    Ok(())
}
