//! What somebody types who looks for a call: a number however it is written, a UUID, a name, or
//! `name=value` of a flow variable.

use switchhook_core::call_history::{CallHistory, LookupRecord};

use super::calls::Told;

/// Digits of a number that count: what stands before them is a country's code, or the 0 that is
/// dialled in its place.
const OWN_DIGITS: usize = 8;
/// What has fewer digits may be anything.
const LEAST_DIGITS: usize = 3;

/// What is looked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Search {
    /// In small letters.
    text: String,
    /// The end of a number, when it can be one.
    digits: Option<String>,
    /// Name (without `flow.key.`, in small letters) and value of a flow variable.
    variable: Option<(String, String)>,
}

impl Search {
    /// Of what was typed; `None`: nothing.
    pub(crate) fn of(typed: &str) -> Option<Self> {
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

    /// What the store looks for: a text, and digits in its place. What it finds may not fit.
    pub(crate) fn stored(&self) -> (String, Option<String>) {
        let value = self
            .variable
            .as_ref()
            .map(|(name, value)| match value.is_empty() {
                true => name,
                false => value,
            });
        let Some(value) = value else {
            return (self.text.clone(), self.digits.clone());
        };
        // A story is JSON.
        let quoted = serde_json::Value::from(value.as_str()).to_string();
        (quoted.trim_matches('"').to_owned(), None)
    }

    /// Whether a call is meant.
    pub(crate) fn fits(&self, call: &Told) -> bool {
        let CallHistory { legs, keys, .. } = &call.story;
        if let Some((name, value)) = &self.variable
            && keys
                .iter()
                .any(|(one, held)| one.eq_ignore_ascii_case(name) && held == value)
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
        // Name and value in one: what is looked for may have a "=" in it.
        let keys = keys.iter().map(|(_, value)| value);
        let mut texts = own.into_iter().chain(legs).chain(keys);
        texts.any(|text| self.is_in(text)) || call.story.runs.iter().any(|run| self.is_of(run))
    }

    /// Whether a widget's run is meant.
    pub(crate) fn is_of(&self, run: &LookupRecord) -> bool {
        let outcome = run.outcome.as_ref();
        let texts = [
            Some(run.uuid.as_str()),
            Some(&run.caller),
            Some(&run.called),
            Some(&run.webhook),
            run.account.as_deref(),
            run.flow.as_deref(),
            run.reason(),
            outcome.and_then(|outcome| outcome.detail.as_deref()),
        ];
        texts.into_iter().flatten().any(|text| self.is_in(text))
    }

    fn is_in(&self, text: &str) -> bool {
        text.to_ascii_lowercase().contains(&self.text)
            || self
                .digits
                .as_ref()
                .is_some_and(|digits| bare(text).contains(digits))
    }
}

fn is_separator(c: char) -> bool {
    c.is_whitespace()
        || matches!(
            c,
            '-' | '(' | ')' | '+' | '.' | '/' | '\u{2010}'..='\u{2013}'
        )
}

fn bare(text: &str) -> String {
    text.chars().filter(|c| !is_separator(*c)).collect()
}

/// The digits by which a number is found, whether it is stored with a country's code, with a 0, or
/// with neither.
fn digits(typed: &str) -> Option<String> {
    let digits = bare(typed);
    let is_number =
        digits.len() >= LEAST_DIGITS && digits.bytes().all(|byte| byte.is_ascii_digit());
    if !is_number {
        return None;
    }
    let own = match digits.len() >= OWN_DIGITS {
        true => digits.trim_start_matches('0'),
        false => &digits,
    };
    let from = own.len().saturating_sub(OWN_DIGITS);
    own.get(from..)
        .filter(|own| !own.is_empty())
        .map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(caller: &str) -> Told {
        let keys = vec![("leadid".to_owned(), "HFC=1".to_owned())];
        Told {
            caller: caller.into(),
            story: CallHistory {
                keys,
                ..CallHistory::default()
            },
            ..Told::default()
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
            let search = Search::of(typed).unwrap();
            for stored in ["070137013", "+4670137013", "4670137013", "+46 70-13 70 13"] {
                assert!(search.fits(&call(stored)), "{typed} {stored}");
            }
            let is_short = typed == "7013";
            assert_eq!(search.fits(&call("070137014")), is_short, "{typed}");
        }
        assert_eq!(
            Search::of("+46 8 12 34 56").unwrap().stored().1.as_deref(),
            Some("68123456")
        );
        assert_eq!(
            Search::of("08-12 34 56").unwrap().stored().1.as_deref(),
            Some("8123456")
        );
        assert_eq!(
            Search::of("hfc123").unwrap().stored(),
            ("hfc123".into(), None)
        );
    }

    #[test]
    fn a_flow_variable_is_found_by_name_and_whole_value() {
        let fits = |typed: &str| Search::of(typed).unwrap().fits(&call("1"));
        for typed in ["leadid=HFC=1", "flow.key.LeadId = HFC=1", "hfc=1"] {
            assert!(fits(typed), "{typed}");
        }
        for typed in ["leadid=HFC", "lead=HFC=1", "name=HFC=1"] {
            assert!(!fits(typed), "{typed}");
        }
        assert_eq!(Search::of("  "), None);
        assert_eq!(Search::of("a=b\"c").unwrap().stored().0, "b\\\"c");
    }
}
