//! The names of the variables that a widget writes.

use std::collections::BTreeMap;

use toml_edit::Value;

use super::lines::join;
use super::reader::Reader;
use super::section::Section;
use super::value::{Read, Wrong, text};
use super::webhook::Webhook;
use switchhook_core::variables::{FLOW_KEY as MAPPED_PREFIX, LINE, Names};

/// Where the variables of a flow are.
const PREFIX: &str = "flow.";
/// Characters of a variable's whole name; with the `_b64` of its exact bytes it is as
/// long as the commands for the switch take one.
const NAME_LIMIT: usize = 128 - "_b64".len();
/// Variables that tell this program something; no answer may change them.
const RESERVED: [&str; 4] = [
    "flow.name",
    "flow.way_out",
    "flow.callee_type",
    "flow.json_keys",
];

pub(super) fn variables(mut section: Section<'_>) -> Names {
    let names = Names::default();
    let mut take = |key, default| section.get_or(key, default, variable);
    Names {
        response_status: take("response_status", names.response_status),
        response_status_code: take("response_status_code", names.response_status_code),
        response_status_type: take("response_status_type", names.response_status_type),
        response_duration: take("response_duration", names.response_duration),
        response_raw: take("response_raw", names.response_raw),
        response_error: take("response_error", names.response_error),
        error_reason: take("error_reason", names.error_reason),
        error_detail: take("error_detail", names.error_detail),
        line: take("line", names.line),
    }
}

/// The whole name of a variable that a widget may write.
fn variable(value: &Value) -> Read<String> {
    let name = text(value)?;
    if !name.starts_with(PREFIX) {
        let what = format!("{name:?} is outside {PREFIX}");
        return Err(Wrong::new(what, format!("write it as \"{PREFIX}…\"")));
    }
    allowed(&name).map(|()| name)
}

fn allowed(name: &str) -> Read<()> {
    let inside = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '.';
    let first = name.starts_with(|c: char| c.is_ascii_alphabetic());
    if !first || name.len() > NAME_LIMIT || !name.chars().all(inside) {
        let what = format!("{name:?} is not a name for a variable");
        let help = format!("use letters, digits, _ and ., at most {NAME_LIMIT} with its prefix");
        return Err(Wrong::new(what, help));
    }
    if name.ends_with('.') || name == MAPPED_PREFIX {
        return Err(Wrong::new(format!("{name:?} ends in a dot"), "complete it"));
    }
    if RESERVED.contains(&name.to_ascii_lowercase().as_str()) {
        let what = format!("{name} is a variable that the dialplan sets for switchhook");
        return Err(Wrong::new(what, "choose another name"));
    }
    Ok(())
}

/// Every variable of a webhook has a name of its own, and none is the `_b64` of another.
///
/// FreeSWITCH finds variables without regard to case (`switch_event.c`,
/// `switch_event_get_header_ptr`: `strcasecmp`), so names that differ only in
/// case are the same.
pub(super) fn check_names(webhook: &Webhook, path: &str, reader: &Reader<'_>) {
    let mut seen = BTreeMap::new();
    for (key, name) in webhook.widget.variables.all() {
        let path = join(&join(path, "variables"), key);
        note_name(&mut seen, name, path, reader);
    }
    let line = &webhook.widget.variables.line;
    if !line.eq_ignore_ascii_case(LINE) {
        // It is written besides its other name.
        let path = join(&join(path, "variables"), "line");
        note_name(&mut seen, LINE, path, reader);
    }
    let map = join(&join(path, "response"), "map");
    for mapping in &webhook.request.response.map {
        let name = format!("{MAPPED_PREFIX}{}", mapping.name);
        let path = join(&map, &mapping.name);
        match allowed(&name) {
            Ok(()) => note_name(&mut seen, &name, path, reader),
            Err(wrong) => reader.fault(&path, wrong),
        }
    }
}

fn note_name(seen: &mut BTreeMap<String, String>, name: &str, path: String, reader: &Reader<'_>) {
    let key = name.to_ascii_lowercase();
    let base = key.strip_suffix("_b64").unwrap_or(&key);
    let what = if let Some(other) = seen.get(&key) {
        format!("{name} is also the variable of {other}")
    } else if let Some(other) = seen.get(base) {
        format!("{name} holds the exact bytes of {other}")
    } else if let Some(other) = seen.get(&format!("{key}_b64")) {
        format!("the exact bytes of {name} would be written over {other}")
    } else {
        seen.insert(key, path);
        return;
    };
    reader.fault(&path, Wrong::new(what, "choose another name"));
}
