//! The search for a call: a number in any notation, a UUID, a name, or `name=value` of a flow
//! variable.

use switchhook_core::call_history::{CallHistory, LegSummary, LookupRecord};

use crate::call_entry::CallEntry;

/// The last digits of a number that are compared: a country code, or the 0 dialled in its place,
/// stands before them.
const OWN_DIGITS: usize = 8;
/// A text with fewer digits is not taken for a number.
const LEAST_DIGITS: usize = 3;

/// A parsed search.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Search {
    /// The text in lower case.
    text: String,
    /// The last digits, if the text can be a number.
    digits: Option<String>,
    /// Name (without `flow.key.`, in lower case) and value of a flow variable.
    variable: Option<(String, String)>,
}

impl Search {
    /// Parses what the operator typed; `None` if it is empty.
    pub(crate) fn parse(typed: &str) -> Option<Self> {
        let typed = typed.trim();
        let variable = typed.split_once('=').map(|(name, value)| {
            let name = name.trim().to_ascii_lowercase();
            let short = name.strip_prefix("flow.key.").unwrap_or(&name);
            (short.to_owned(), value.trim().to_owned())
        });
        (!typed.is_empty()).then(|| Self {
            text: typed.to_ascii_lowercase(),
            digits: digits(typed),
            variable: variable.filter(|(name, _)| !name.is_empty()),
        })
    }

    /// Returns the text for the store's search, and the digits to search for instead. The store
    /// may return calls that do not match.
    pub(crate) fn store_text(&self) -> (String, Option<String>) {
        let value = self
            .variable
            .as_ref()
            .map(|(name, value)| if value.is_empty() { name } else { value });
        match value {
            Some(value) => (in_json(value), None),
            None => (in_json(&self.text), self.digits.clone()),
        }
    }

    /// Returns what of a call the search matches, in words; `None` if it does not.
    pub(crate) fn found_in(&self, call: &CallEntry) -> Option<String> {
        let CallHistory {
            legs, keys, runs, ..
        } = &call.history;
        if let Some((name, value)) = &self.variable {
            let mut keys = keys.iter();
            let is_it =
                |(key, known): &&(String, String)| key.eq_ignore_ascii_case(name) && known == value;
            if let Some((key, _)) = keys.find(is_it) {
                return Some(format!("flow variable {key}"));
            }
        }
        let own = [
            ("caller", &call.caller),
            ("dialled number", &call.called),
            ("UUID of the call", &call.uuid),
            ("account", &call.account),
            ("flow", &call.flow),
        ];
        if let Some((what, _)) = own.into_iter().find(|(_, text)| self.is_part_of(text)) {
            return Some(what.to_owned());
        }
        // Without their names: the text of a search may have a "=" in it.
        let mut keys = keys.iter();
        if let Some((key, _)) = keys.find(|(_, value)| self.is_part_of(value)) {
            return Some(format!("flow variable {key}"));
        }
        let leg = legs.iter().find_map(|leg| self.found_in_leg(leg));
        leg.or_else(|| runs.iter().find_map(|lookup| self.found_in_lookup(lookup)))
    }

    fn found_in_leg(&self, leg: &LegSummary) -> Option<String> {
        let of_leg = |what: &str| format!("{what} of {}", leg.part);
        let is_part = |text: &String| self.is_part_of(text);
        if is_part(&leg.number) {
            Some(of_leg("number"))
        } else if is_part(&leg.uuid) {
            Some(of_leg("UUID"))
        } else if leg.cause.as_ref().is_some_and(is_part) {
            Some(of_leg("hangup cause"))
        } else if leg.recordings.iter().any(is_part) {
            Some(of_leg("recording"))
        } else {
            is_part(&leg.part).then(|| "part of a leg".to_owned())
        }
    }

    /// Returns what of a lookup the search matches, in words; `None` if it does not.
    pub(crate) fn found_in_lookup(&self, lookup: &LookupRecord) -> Option<String> {
        let outcome = lookup.outcome.as_ref();
        let texts = [
            ("UUID of the channel", Some(lookup.uuid.as_str())),
            ("caller", Some(&lookup.caller)),
            ("dialled number", Some(&lookup.called)),
            ("webhook", Some(&lookup.webhook)),
            ("account", lookup.account.as_deref()),
            ("flow", lookup.flow.as_deref()),
            ("reason", lookup.reason()),
            (
                "sentence of the failure",
                outcome.and_then(|outcome| outcome.detail.as_deref()),
            ),
        ];
        let is_it =
            |(_, text): &(&str, Option<&str>)| text.is_some_and(|text| self.is_part_of(text));
        let found = texts.into_iter().find(is_it);
        found.map(|(what, _)| what.to_owned())
    }

    fn is_part_of(&self, text: &str) -> bool {
        text.to_ascii_lowercase().contains(&self.text)
            || self
                .digits
                .as_ref()
                .is_some_and(|digits| without_separators(text).contains(digits))
    }
}

/// Returns a text as it is in a JSON string: the store keeps a call's history as JSON.
fn in_json(text: &str) -> String {
    let quoted = serde_json::Value::from(text).to_string();
    let inner = quoted.strip_prefix('"').unwrap_or(&quoted);
    inner.strip_suffix('"').unwrap_or(inner).to_owned()
}

fn is_separator(c: char) -> bool {
    c.is_whitespace()
        || matches!(
            c,
            '-' | '(' | ')' | '+' | '.' | '/' | '\u{2010}'..='\u{2013}'
        )
}

fn without_separators(text: &str) -> String {
    text.chars().filter(|c| !is_separator(*c)).collect()
}

/// Returns the digits that find a number, whether it is stored with a country code, with a 0, or
/// with neither.
fn digits(typed: &str) -> Option<String> {
    let digits = without_separators(typed);
    let is_number =
        digits.len() >= LEAST_DIGITS && digits.bytes().all(|byte| byte.is_ascii_digit());
    if !is_number {
        return None;
    }
    let own = if digits.len() >= OWN_DIGITS {
        digits.trim_start_matches('0')
    } else {
        &digits
    };
    let from = own.len().saturating_sub(OWN_DIGITS);
    own.get(from..)
        .filter(|own| !own.is_empty())
        .map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(caller: &str) -> CallEntry {
        let keys = vec![("leadid".to_owned(), "HFC=1".to_owned())];
        CallEntry {
            caller: caller.into(),
            history: CallHistory {
                keys,
                ..CallHistory::default()
            },
            ..CallEntry::default()
        }
    }

    #[test]
    fn a_number_is_found_however_it_is_written() {
        for typed in [
            "+46 70 137 013",
            "004670137013",
            "070-137013",
            "(070) 137 013",
            "137013",
            "7013",
        ] {
            let search = Search::parse(typed).unwrap();
            for stored in ["070137013", "+4670137013", "4670137013", "+46 70-13 70 13"] {
                assert_eq!(
                    search.found_in(&call(stored)).as_deref(),
                    Some("caller"),
                    "{typed} {stored}"
                );
            }
            let is_short = typed == "7013";
            let other = search.found_in(&call("070137014"));
            assert_eq!(other.is_some(), is_short, "{typed}");
        }
        assert_eq!(
            Search::parse("+46 8 12 34 56")
                .unwrap()
                .store_text()
                .1
                .as_deref(),
            Some("68123456")
        );
        assert_eq!(
            Search::parse("08-12 34 56")
                .unwrap()
                .store_text()
                .1
                .as_deref(),
            Some("8123456")
        );
        assert_eq!(
            Search::parse("hfc123").unwrap().store_text(),
            ("hfc123".into(), None)
        );
    }

    #[test]
    fn a_flow_variable_is_found_by_name_and_whole_value() {
        let fits = |typed: &str| {
            let found = Search::parse(typed).unwrap().found_in(&call("1"));
            found.is_some_and(|found| found == "flow variable leadid")
        };
        for typed in ["leadid=HFC=1", "flow.key.LeadId = HFC=1", "hfc=1"] {
            assert!(fits(typed), "{typed}");
        }
        for typed in ["leadid=HFC", "lead=HFC=1", "name=HFC=1"] {
            assert!(!fits(typed), "{typed}");
        }
        assert_eq!(Search::parse("  "), None);
        for (typed, stored) in [("a=b\"c", "b\\\"c"), ("a\"B\\", "a\\\"b\\\\")] {
            assert_eq!(Search::parse(typed).unwrap().store_text().0, stored);
        }
    }
}
