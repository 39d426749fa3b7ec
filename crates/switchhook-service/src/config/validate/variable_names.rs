//! Checks that every variable of a webhook has a name of its own.

use std::collections::BTreeMap;

use switchhook_core::variables::{EXACT, FLOW_KEY as MAPPED_PREFIX, LINE};

use crate::config::lines::join;
use crate::config::read_context::ReadContext;
use crate::config::value::Problem;
use crate::config::variables::check_name;
use crate::config::webhook::Webhook;

/// Adds a fault for each variable whose name is used twice or is the `_b64` of another.
///
/// FreeSWITCH compares variable names without regard to case (`switch_event.c`,
/// `switch_event_get_header_ptr`: `strcasecmp`), so names that differ only in case clash.
pub(super) fn variable_names(webhook: &Webhook, path: &str, context: &ReadContext<'_>) {
    let mut seen = BTreeMap::new();
    for (key, name) in webhook.task.variables.all() {
        let path = join(&join(path, "variables"), key);
        record_name(&mut seen, name, path, context);
    }
    let line = &webhook.task.variables.line;
    if !line.eq_ignore_ascii_case(LINE) {
        // `flow.line` is written in addition to its other name.
        let path = join(&join(path, "variables"), "line");
        record_name(&mut seen, LINE, path, context);
    }
    let map = join(&join(path, "response"), "map");
    for mapping in &webhook.request.response.map {
        let name = format!("{MAPPED_PREFIX}{}", mapping.name);
        let path = join(&map, &mapping.name);
        match check_name(&name) {
            Ok(()) => record_name(&mut seen, &name, path, context),
            Err(problem) => context.fault(&path, problem),
        }
    }
}

fn record_name(
    seen: &mut BTreeMap<String, String>,
    name: &str,
    path: String,
    context: &ReadContext<'_>,
) {
    let key = name.to_ascii_lowercase();
    let base = key.strip_suffix(EXACT).unwrap_or(&key);
    let what = if let Some(other) = seen.get(&key) {
        format!("{name} is also the variable of {other}")
    } else if let Some(other) = seen.get(base) {
        format!("{name} holds the exact bytes of {other}")
    } else if let Some(other) = seen.get(&format!("{key}_b64")) {
        format!("the exact bytes of {name} would overwrite {other}")
    } else {
        seen.insert(key, path);
        return;
    };
    context.fault(&path, Problem::new(what, "choose another name"));
}
