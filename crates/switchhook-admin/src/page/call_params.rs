//! The query string of `/calls`: what was typed, and the chips.

use serde::Deserialize;

use crate::calls::CallQuery;
use crate::format;
use crate::search::Search;
use switchhook_core::timestamp;
use switchhook_core::zone::Zone;
use switchhook_store::CallColumns;

use super::address::address;

/// The query string.
#[derive(Debug, Default, Clone, Deserialize)]
#[serde(default)]
pub(crate) struct CallsParams {
    q: String,
    line: String,
    webhook: String,
    reason: String,
    flow: String,
    /// `(default)` for the default account.
    account: String,
    switch: String,
    called: String,
    cause: String,
    /// Local time, or milliseconds since 1970 in a link of the page.
    from: String,
    until: String,
    /// Seconds.
    longer: String,
    shorter: String,
    before: Option<i64>,
}

/// The default account in addresses, for its own name is empty.
const DEFAULT_ACCOUNT: &str = "(default)";

/// One condition: its name in the address, and in words.
pub(crate) struct Chip {
    pub(crate) name: &'static str,
    pub(crate) words: String,
}

impl CallsParams {
    /// Returns what was typed.
    pub(crate) fn text(&self) -> String {
        self.q.trim().chars().take(200).collect()
    }

    /// Whether only calls of line 1 are wanted.
    pub(crate) fn is_line_1(&self) -> bool {
        self.line == "1"
    }

    /// Returns the conditions with their names in the address.
    fn conditions(&self) -> [(&'static str, &str); 12] {
        [
            ("line", &self.line),
            ("webhook", &self.webhook),
            ("reason", &self.reason),
            ("flow", &self.flow),
            ("account", &self.account),
            ("switch", &self.switch),
            ("called", &self.called),
            ("cause", &self.cause),
            ("from", &self.from),
            ("until", &self.until),
            ("longer", &self.longer),
            ("shorter", &self.shorter),
        ]
    }

    /// Returns the value of a condition.
    pub(crate) fn value(&self, name: &str) -> &str {
        let mut all = self.conditions().into_iter();
        all.find(|(known, _)| *known == name)
            .map_or("", |(_, value)| value)
    }

    /// Returns what the store is asked for.
    pub(crate) fn query(&self, zone: Zone, limit: u32) -> CallQuery {
        let named = |text: &str| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
        let account = match self.account.trim() {
            DEFAULT_ACCOUNT => Some(String::new()),
            account => named(account),
        };
        CallQuery {
            search: Search::parse(&self.text()),
            line_1: self.is_line_1(),
            columns: CallColumns {
                webhook: named(&self.webhook),
                reason: named(&self.reason),
                flow: named(&self.flow),
                account,
                switch: named(&self.switch),
                called: named(&self.called),
                cause: named(&self.cause),
                from_ms: time(&self.from, zone),
                until_ms: time(&self.until, zone),
                at_least_ms: seconds(&self.longer),
                at_most_ms: seconds(&self.shorter),
            },
            before: self.before,
            limit,
        }
    }

    /// Returns an address with the same filter, but for one condition.
    pub(crate) fn with(&self, path: &[&str], name: &str, value: &str) -> String {
        let text = self.text();
        let all = self.conditions().into_iter().chain([("q", text.as_str())]);
        let others = all.filter(|(known, _)| *known != name);
        let all: Vec<(&str, &str)> = others.chain([(name, value)]).collect();
        address(path, &all)
    }

    /// Returns the address of the next page.
    pub(crate) fn next(&self, before: i64) -> String {
        self.with(&["calls"], "before", &before.to_string())
    }

    /// Returns the conditions that are set, but for the line.
    pub(crate) fn chips(&self, zone: Zone) -> Vec<Chip> {
        let words = |name: &str, value: &str| {
            let shown = |ms: i64| format::date_time(ms, zone);
            let at = time(value, zone).map_or_else(|| value.to_owned(), shown);
            match name {
                "called" => format!("our number {value}"),
                "cause" => format!("hangup cause {value}"),
                "from" => format!("from {at}"),
                "until" => format!("until {at}"),
                "longer" => format!("at least {value} s"),
                "shorter" => format!("at most {value} s"),
                name => format!("{name} {value}"),
            }
        };
        let set = self.conditions().into_iter();
        set.filter(|(name, value)| *name != "line" && !value.is_empty())
            .map(|(name, value)| Chip {
                name,
                words: words(name, value),
            })
            .collect()
    }

    /// Returns a time as a form's field has it; empty if it is none.
    pub(crate) fn field_time(&self, name: &str, zone: Zone) -> String {
        let ms = time(self.value(name), zone);
        ms.map_or_else(String::new, |ms| {
            timestamp::format_ms(ms, zone, "%Y-%m-%dT%H:%M")
        })
    }
}

/// Reads milliseconds since 1970, or a local time.
fn time(text: &str, zone: Zone) -> Option<i64> {
    text.parse()
        .ok()
        .or_else(|| timestamp::parse_local(text, zone))
}

fn seconds(text: &str) -> Option<i64> {
    let seconds: i64 = text.trim().parse().ok()?;
    Some(seconds.saturating_mul(1_000))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_keeps_the_filter_and_changes_one_condition() {
        let params = CallsParams {
            q: "a b".into(),
            reason: "TIMEOUT".into(),
            from: "1767225600000".into(),
            longer: "60".into(),
            account: DEFAULT_ACCOUNT.into(),
            ..CallsParams::default()
        };
        assert_eq!(
            params.with(&["calls"], "line", "1"),
            "/calls?reason=TIMEOUT&account=%28default%29&from=1767225600000&longer=60&q=a%20b&line=1"
        );
        assert!(!params.with(&["calls"], "reason", "").contains("reason"));
        let query = params.query(Zone::UTC, 50);
        assert_eq!(query.columns.account.as_deref(), Some(""));
        assert_eq!(query.columns.at_least_ms, Some(60_000));
        assert_eq!(query.columns.flow, None);
        let chips = params.chips(Zone::UTC);
        let words: Vec<&str> = chips.iter().map(|chip| chip.words.as_str()).collect();
        let expected = [
            "reason TIMEOUT",
            "account (default)",
            "from 2026-01-01 00:00:00",
            "at least 60 s",
        ];
        assert_eq!(words, expected);
    }
}
