//! The search for a call: a number in any notation, a UUID, a name, or `name=value` of a flow
//! variable.

use switchhook_core::call_history::{CallHistory, LookupRecord};

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

    /// Whether the search matches a call.
    pub(crate) fn matches(&self, call: &CallEntry) -> bool {
        let CallHistory { legs, keys, .. } = &call.history;
        if let Some((name, value)) = &self.variable
            && keys
                .iter()
                .any(|(key, known)| key.eq_ignore_ascii_case(name) && known == value)
        {
            return true;
        }
        let own = [
            &call.uuid,
            &call.caller,
            &call.called,
            &call.account,
            &call.flow,
        ];
        let legs = legs.iter().flat_map(|leg| {
            let cause = leg.cause.iter();
            [&leg.uuid, &leg.number, &leg.part]
                .into_iter()
                .chain(cause)
                .chain(&leg.recordings)
        });
        // Without their names: the text of a search may have a "=" in it.
        let keys = keys.iter().map(|(_, value)| value);
        let mut texts = own.into_iter().chain(legs).chain(keys);
        texts.any(|text| self.is_part_of(text))
            || call
                .history
                .runs
                .iter()
                .any(|lookup| self.matches_lookup(lookup))
    }

    /// Whether the search matches a lookup.
    pub(crate) fn matches_lookup(&self, lookup: &LookupRecord) -> bool {
        let outcome = lookup.outcome.as_ref();
        let texts = [
            Some(lookup.uuid.as_str()),
            Some(&lookup.caller),
            Some(&lookup.called),
            Some(&lookup.webhook),
            lookup.account.as_deref(),
            lookup.flow.as_deref(),
            lookup.reason(),
            outcome.and_then(|outcome| outcome.detail.as_deref()),
        ];
        texts
            .into_iter()
            .flatten()
            .any(|text| self.is_part_of(text))
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
                assert!(search.matches(&call(stored)), "{typed} {stored}");
            }
            let is_short = typed == "7013";
            assert_eq!(search.matches(&call("070137014")), is_short, "{typed}");
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
        let fits = |typed: &str| Search::parse(typed).unwrap().matches(&call("1"));
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
