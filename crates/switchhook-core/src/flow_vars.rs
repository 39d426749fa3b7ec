//! Flow variables of a channel (`flow.name`, `flow.key.*`), and how they become the document's
//! `keys`.

use std::collections::HashSet;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Number, Value};

use super::headers::Headers;
use super::sanitize::exact;

/// How much is kept of one channel's variables.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyLimits {
    /// The number of `flow.key.*` variables.
    pub count: usize,
    /// Bytes of all names and values together.
    pub bytes: usize,
    /// Names (without `flow.key.`) that are never kept, nor their `_b64`: for example
    /// `response_raw` if no flow's document shows it.
    pub skip: Arc<[String]>,
}

impl Default for KeyLimits {
    fn default() -> Self {
        Self {
            count: 512,
            bytes: 512 * 1024,
            skip: Arc::default(),
        }
    }
}

/// The flow variables of one channel.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct FlowVars {
    /// `flow.name`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// `flow.account`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// `flow.callee_type`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub callee_type: Option<String>,
    /// `flow.json_keys`: names (without `flow.key.`) whose text is JSON.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub json_keys: Vec<String>,
    /// `flow.key.*` without the prefix, with the switch's text, in the order they were set.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub keys: Vec<(String, String)>,
    /// Variables were left out at a limit.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub truncated: bool,
}

impl FlowVars {
    /// Reads the flow variables of an event. `None` if the event carries no channel variables at
    /// all, which differs from a channel without flow variables.
    #[must_use]
    pub fn read(event: &dyn Headers, limits: &KeyLimits) -> Option<Self> {
        let mut vars = Self::default();
        let mut any = false;
        let mut bytes = 0;
        let mut wanted = |name: &str| {
            let variable = name.strip_prefix("variable_");
            any |= variable.is_some();
            variable.is_some_and(|variable| variable.starts_with("flow."))
        };
        event.visit_those(
            &mut wanted,
            &mut |name, value| match name.strip_prefix("variable_flow.") {
                Some("name") => vars.name = Some(value.to_owned()),
                Some("account") => vars.account = Some(value.to_owned()),
                Some("callee_type") => vars.callee_type = Some(value.to_owned()),
                Some("json_keys") => vars.json_keys = split(value),
                Some(rest) => {
                    if let Some(key) = rest.strip_prefix("key.") {
                        vars.keep(key, value, &mut bytes, limits);
                    }
                }
                None => {}
            },
        );
        any.then_some(vars)
    }

    fn keep(&mut self, key: &str, value: &str, bytes: &mut usize, limits: &KeyLimits) {
        let base = key.strip_suffix("_b64").unwrap_or(key);
        if limits.skip.iter().any(|skip| skip == key || skip == base) {
            return;
        }
        let size = bytes.saturating_add(key.len() + value.len());
        if self.keys.len() >= limits.count || size > limits.bytes {
            self.truncated = true;
            return;
        }
        *bytes = size;
        self.keys.push((key.to_owned(), value.to_owned()));
    }

    fn text(&self, name: &str) -> Option<&str> {
        let (_, text) = self.keys.iter().find(|(key, _)| key == name)?;
        Some(text)
    }

    /// Returns the value of one key: the exact text of its `_b64` as long as that belongs to the
    /// switch's text, else the switch's text. Parsed if `flow.json_keys` names it and it still is
    /// JSON.
    fn value(&self, name: &str, switch_text: &str) -> Value {
        let base64 = self.text(&format!("{name}_b64"));
        let text = match base64.and_then(|base64| exact(switch_text, base64)) {
            Some(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            None => switch_text.to_owned(),
        };
        if self.json_keys.iter().any(|key| key == name)
            && let Ok(value) = serde_json::from_str::<Value>(&text)
        {
            // serde_json (1.0) writes the exponent of 1E5 anew.
            if value.is_number() {
                return Value::Number(Number::from_string_unchecked(text.trim().to_owned()));
            }
            return value;
        }
        Value::String(text)
    }
}

/// Merges the `flow.key.*` of several channels in the order they were set; the first channel's
/// value wins. Leaves out the names in `hidden` and the `_b64` companions. A name that ends in
/// `_b64` without a base name beside it is no companion and stays.
#[must_use]
pub(crate) fn merged(channels: &[&FlowVars], hidden: &[String]) -> Vec<(String, Value)> {
    let names: HashSet<&str> = channels
        .iter()
        .flat_map(|vars| vars.keys.iter().map(|(name, _)| name.as_str()))
        .collect();
    let companion = |name: &str| {
        name.strip_suffix("_b64")
            .is_some_and(|base| names.contains(base) || hidden.iter().any(|hide| hide == base))
    };
    let mut seen = HashSet::new();
    let mut found = Vec::new();
    for vars in channels {
        for (name, text) in &vars.keys {
            let shown = !companion(name) && !hidden.contains(name);
            if shown && seen.insert(name.as_str()) {
                found.push((name.clone(), vars.value(name, text)));
            }
        }
    }
    found
}

fn split(list: &str) -> Vec<String> {
    let names = list.split(',').map(str::trim);
    names
        .filter(|name| !name.is_empty())
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn vars(keys: &[(&str, &str)], json_keys: &[&str]) -> FlowVars {
        FlowVars {
            keys: keys
                .iter()
                .map(|(name, text)| ((*name).into(), (*text).into()))
                .collect(),
            json_keys: json_keys.iter().map(|name| (*name).into()).collect(),
            ..FlowVars::default()
        }
    }

    #[test]
    fn the_first_channel_wins_and_the_order_is_that_of_setting() {
        let first = vars(&[("z", "1"), ("a", "2")], &[]);
        let second = vars(&[("a", "other"), ("m", "3")], &[]);
        let keys = merged(&[&first, &second], &[]);
        let expected = [("z", json!("1")), ("a", json!("2")), ("m", json!("3"))];
        assert_eq!(keys, expected.map(|(name, value)| (name.to_owned(), value)));
    }

    #[test]
    fn the_exact_text_stands_in_for_the_inert_one() {
        // "a ${b}" as it came, "a %{b}" as the switch holds it.
        let first = vars(&[("x", "a %{b}"), ("x_b64", "YSAke2J9")], &[]);
        assert_eq!(merged(&[&first], &[]), [("x".into(), json!("a ${b}"))]);
    }

    #[test]
    fn a_key_that_the_dialplan_set_anew_is_not_its_old_exact_text() {
        let first = vars(&[("x", "new"), ("x_b64", "YSAke2J9")], &[]);
        assert_eq!(merged(&[&first], &[]), [("x".into(), json!("new"))]);
    }

    #[test]
    fn a_companion_that_is_not_base64_leaves_the_text_of_the_switch() {
        let first = vars(&[("x", "text"), ("x_b64", "?")], &[]);
        assert_eq!(merged(&[&first], &[]), [("x".into(), json!("text"))]);
    }

    #[test]
    fn a_name_that_only_looks_like_a_companion_is_a_key() {
        let first = vars(&[("photo_b64", "YQ==")], &[]);
        assert_eq!(
            merged(&[&first], &[]),
            [("photo_b64".into(), json!("YQ=="))]
        );
    }

    #[test]
    fn hidden_names_take_their_companions_along() {
        let first = vars(&[("raw", "x"), ("raw_b64", "eA=="), ("y", "z")], &[]);
        let hidden = ["raw".to_owned()];
        assert_eq!(merged(&[&first], &hidden), [("y".into(), json!("z"))]);
        let lone = vars(&[("raw_b64", "eA==")], &[]);
        assert_eq!(merged(&[&lone], &hidden), []);
    }

    #[test]
    fn json_keeps_its_type_unless_it_stopped_being_json() {
        let first = vars(
            &[
                ("t", "true"),
                ("n", "1.50"),
                ("o", "{\"a\":[1]}"),
                ("s", "true"),
                ("b", "tru"),
            ],
            &["t", "n", "o", "b", "absent"],
        );
        let keys = merged(&[&first], &[]);
        let values: Vec<Value> = keys.into_iter().map(|(_, value)| value).collect();
        assert_eq!(
            values,
            [
                json!(true),
                serde_json::from_str("1.50").unwrap(),
                json!({"a": [1]}),
                json!("true"),
                json!("tru")
            ]
        );
    }

    #[test]
    fn a_number_keeps_its_digits() {
        for number in ["123456789012345678901234", "1.10", "-0", "1e400", "1E5"] {
            let first = vars(&[("n", number)], &["n"]);
            let (_, value) = merged(&[&first], &[]).remove(0);
            assert!(value.is_number());
            assert_eq!(value.to_string(), number);
        }
    }

    #[test]
    fn limits_leave_out_and_say_so() {
        let limits = KeyLimits {
            count: 2,
            bytes: 10,
            skip: ["raw".into()].into(),
        };
        let mut event = std::collections::BTreeMap::new();
        for (name, value) in [
            ("1", "1234"),
            ("2", "12345"),
            ("3", "1"),
            ("4", "1"),
            ("raw", "x"),
            ("raw_b64", "x"),
        ] {
            event.insert(format!("variable_flow.key.{name}"), value.to_owned());
        }
        let read = FlowVars::read(&event, &limits).unwrap();
        assert_eq!(read.keys, vars(&[("1", "1234"), ("3", "1")], &[]).keys);
        assert!(read.truncated);
    }
}
