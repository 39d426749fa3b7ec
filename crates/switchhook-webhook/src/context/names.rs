//! The names that templates can use, one list for the check, `check --print-names` and the manual.

use super::fields::call_header;

/// A name that templates can use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TemplateName {
    /// The name: `call.uuid`, `flow.key.NAME`.
    pub name: &'static str,
    /// It has a value while the call waits.
    pub waiting: bool,
    /// It has a value after the call.
    pub after: bool,
    /// It has a value in an event of a living call, and nowhere else.
    pub event: bool,
}

const fn both(name: &'static str) -> TemplateName {
    TemplateName {
        name,
        waiting: true,
        after: true,
        event: false,
    }
}

const fn waiting(name: &'static str) -> TemplateName {
    TemplateName {
        name,
        waiting: true,
        after: false,
        event: false,
    }
}

const fn after(name: &'static str) -> TemplateName {
    TemplateName {
        name,
        waiting: false,
        after: true,
        event: false,
    }
}

const fn event(name: &'static str) -> TemplateName {
    TemplateName {
        name,
        waiting: false,
        after: false,
        event: true,
    }
}

/// Every name, in the manual's order.
pub const TEMPLATE_NAMES: &[TemplateName] = &[
    both("flow.key.NAME"),
    waiting("flow.NAME"),
    waiting("channel[\"NAME\"]"),
    both("call.uuid"),
    waiting("call.call_uuid"),
    both("call.caller_number"),
    both("call.caller_name"),
    waiting("call.callee_number"),
    waiting("call.callee_name"),
    both("call.destination_number"),
    both("call.routing_number"),
    waiting("call.ani"),
    waiting("call.rdnis"),
    waiting("call.username"),
    waiting("call.direction"),
    waiting("call.context"),
    waiting("call.dialplan"),
    both("call.account"),
    both("call.flow"),
    waiting("call.network_address"),
    waiting("call.channel_name"),
    waiting("call.answer_state"),
    both("call.switch"),
    waiting("call.created"),
    both("call.answered"),
    waiting("call.created_us"),
    waiting("call.answered_us"),
    both("flow.name"),
    both("flow.account"),
    after("call.incoming"),
    after("call.legs"),
    after("call.did_number"),
    after("call.hangup_cause"),
    after("call.hangup_cause_name"),
    after("call.remote_hangup"),
    after("call.talk_ms"),
    after("call.ring_ms"),
    after("call.duration_ms"),
    after("call.recordings"),
    after("callDetails"),
    after("keys"),
    after("recordingUrls"),
    after("incomplete"),
    after("missing"),
    after("document"),
    event("type"),
    event("sequence"),
    event("time"),
    event("account"),
    event("leg"),
    event("other"),
    event("from"),
    event("lookup"),
    event("recording"),
    event("joined"),
    event("legs"),
];

/// Returns the fields of `call`.
fn call_fields() -> impl Iterator<Item = &'static str> {
    let names = TEMPLATE_NAMES.iter();
    names.filter_map(|one| one.name.strip_prefix("call."))
}

/// Variables below `flow.` besides `flow.key`, of which the product knows.
const FLOW_NAMES: [&str; 8] = [
    "key",
    "name",
    "account",
    "line",
    "callee_type",
    "part_of",
    "way_out",
    "json_keys",
];

/// Returns the name that was probably meant by one that has no value in any call; `None` if the
/// name may have one. The outer option says that the name is wrong, the inner one what is near.
pub(crate) fn misspelt(name: &str) -> Option<Option<String>> {
    if let Some(field) = name.strip_prefix("call.") {
        let field = field.split('.').next().unwrap_or(field);
        let is_known = call_header(field).is_some() || call_fields().any(|known| known == field);
        let near = || nearest(field, call_fields()).map(|near| format!("call.{near}"));
        return (!is_known).then(near);
    }
    // Another variable below flow. may be the dialplan's own; one almost named flow.key is not.
    let (branch, rest) = name.strip_prefix("flow.")?.split_once('.')?;
    let near = nearest(branch, FLOW_NAMES.into_iter());
    let is_key = !FLOW_NAMES.contains(&branch) && near == Some("key");
    is_key.then(|| Some(format!("flow.key.{rest}")))
}

/// Returns whether a name has no value while the call waits, only after it or in its events.
pub(crate) fn is_only_after(name: &str) -> bool {
    let start = match name.strip_prefix("call.") {
        Some(field) => format!("call.{}", field.split('.').next().unwrap_or(field)),
        None => name.split('.').next().unwrap_or(name).to_owned(),
    };
    let mut names = TEMPLATE_NAMES.iter();
    names.any(|one| one.name == start && !one.waiting)
}

/// Returns the word that differs in the fewest letters, at most in a third of them.
fn nearest(word: &str, known: impl Iterator<Item = &'static str>) -> Option<&'static str> {
    let distance = |known: &str| strsim::osa_distance(word, known);
    known
        .map(|known| (distance(known), known))
        .filter(|(distance, known)| *distance <= (known.len() / 3).max(1))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, known)| known)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn misspelt_names_are_told_from_those_of_the_dialplan() {
        for (name, near) in [
            ("call.caler_number", Some("call.caller_number")),
            ("call.nothing_like_it", None),
            ("flow.kye.leadid", Some("flow.key.leadid")),
            ("flow.keys.leadid", Some("flow.key.leadid")),
        ] {
            assert_eq!(misspelt(name), Some(near.map(str::to_owned)), "{name}");
        }
        for name in [
            "call.uuid",
            "call.talk_ms",
            "call",
            "flow.key.kye",
            "flow.own.x",
            "flow.name",
            "channel",
        ] {
            assert_eq!(misspelt(name), None, "{name}");
        }
    }

    #[test]
    fn what_exists_only_after_the_call_is_known() {
        for name in [
            "call.talk_ms",
            "callDetails",
            "document.call",
            "call.recordings",
        ] {
            assert!(is_only_after(name), "{name}");
        }
        for name in [
            "call.uuid",
            "flow.name",
            "flow.key.x",
            "call.answered",
            "channel",
        ] {
            assert!(!is_only_after(name), "{name}");
        }
    }
}
