//! Flow variables of a channel (`flow.name`, `flow.key.*`), and how they become the document's
//! `keys`.

use std::cell::LazyCell;
use std::collections::HashSet;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Number, Value};

use super::headers::Headers;
use super::sanitize::exact;
use super::variables::EXACT;

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
    /// `flow.part_of`: Unique-ID of a leg of the call that the channel belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub part_of: Option<String>,
    /// `flow.json_keys`: names (without `flow.key.`) whose text is JSON.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub json_keys: Vec<String>,
    /// `flow.key.*` without the prefix, with the switch's text, in the order they were set.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub keys: Vec<(String, String)>,
    /// The channel waits for a webhook: the hook's schedule (`flow.way_out`) and its preset of
    /// `flow.line` stand, and the application is one in which a call waits.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub on_hold: bool,
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
        let mut bytes = 0;
        let (mut way_out, mut preset_line) = (false, false);
        let any = event.visit_variables(PREFIX, &mut |name, value| match name
            .strip_prefix(PREFIX)
            .unwrap_or_default()
        {
            "name" => vars.name = Some(value.to_owned()),
            "account" => vars.account = Some(value.to_owned()),
            "callee_type" => vars.callee_type = Some(value.to_owned()),
            "way_out" => way_out = !value.is_empty(),
            "line" => preset_line = value == PRESET_LINE,
            "part_of" => vars.part_of = part_of(value),
            "json_keys" => vars.json_keys = split(value),
            other => {
                if let Some(key) = other.strip_prefix("key.") {
                    vars.keep(key, value, &mut bytes, limits);
                }
            }
        });
        vars.on_hold = way_out && preset_line && waits(event);
        any.then_some(vars)
    }

    fn keep(&mut self, key: &str, value: &str, bytes: &mut usize, limits: &KeyLimits) {
        let base = key.strip_suffix(EXACT).unwrap_or(key);
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

    /// Drops what the hook preset under other names than the standard ones, if the channel ended
    /// on hold. `names` are without `flow.key.`.
    pub fn forget_outcome(&mut self, names: &[String]) {
        if self.on_hold {
            self.keys.retain(|(name, _)| !names.contains(name));
        }
    }

    /// Returns the base64 text of a key's exact bytes.
    fn companion(&self, name: &str) -> Option<&str> {
        let is_its = |key: &str| key.strip_suffix(EXACT) == Some(name);
        let (_, text) = self.keys.iter().find(|(key, _)| is_its(key))?;
        Some(text)
    }

    /// Returns the value of one key: the exact text of its `_b64` as long as that belongs to the
    /// switch's text, else the switch's text. Parsed if `flow.json_keys` names it and it still is
    /// JSON.
    fn value(&self, name: &str, switch_text: &str) -> Value {
        let text = match self
            .companion(name)
            .and_then(|base64| exact(switch_text, base64))
        {
            Some(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            None if switch_text.starts_with(ARRAY) => return array(switch_text),
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
/// value wins. Leaves out the names in `hidden` and the `_b64` companions, and the outcome of a
/// webhook from a channel that ended on hold: the hook had preset a failure that never was. A name
/// that ends in `_b64` without a base name beside it is no companion and stays.
#[must_use]
pub(crate) fn merged(channels: &[&FlowVars], hidden: &[String]) -> Vec<(String, Value)> {
    let names = LazyCell::new(|| -> HashSet<&str> {
        let keys = channels.iter().flat_map(|vars| &vars.keys);
        keys.map(|(name, _)| name.as_str()).collect()
    });
    let companion = |name: &str| {
        name.strip_suffix(EXACT)
            .is_some_and(|base| names.contains(base) || hidden.iter().any(|hide| hide == base))
    };
    let mut seen = HashSet::new();
    let mut found = Vec::new();
    for vars in channels {
        for (name, text) in &vars.keys {
            let preset = vars.on_hold && OUTCOME.contains(&name.as_str());
            let shown = !companion(name) && !hidden.contains(name) && !preset;
            if shown && seen.insert(name.as_str()) {
                found.push((name.clone(), vars.value(name, text)));
            }
        }
    }
    found
}

/// The beginning of every flow variable's name.
const PREFIX: &str = "flow.";

/// The line that the hook presets.
const PRESET_LINE: &str = "1";

/// Returns whether the channel is in an application in which a call waits for a webhook: the
/// socket itself, its hold music, or parked. A call that took a line may hear a file there, too.
fn waits(event: &dyn Headers) -> bool {
    let application = event.variable("current_application");
    let may_wait = matches!(application.as_deref(), Some("socket" | "playback" | "park"));
    may_wait && !is_released(event) && !is_on_a_line(event)
}

/// Returns whether the service released the call from its socket: that unsets `socket_resume`. A
/// parked call, which has `flow.lines`, is on a line from its release on.
fn is_released(event: &dyn Headers) -> bool {
    let has = |name: &str| event.variable(name).is_some_and(|value| !value.is_empty());
    !has("socket_resume") && !has("flow.lines")
}

/// Returns whether the call is in an extension `NAME-line-0` or `NAME-line-1`.
fn is_on_a_line(event: &dyn Headers) -> bool {
    let extension = event.get("Caller-Destination-Number");
    extension.is_some_and(|extension| {
        ["-line-0", "-line-1"]
            .iter()
            .any(|line| extension.ends_with(line))
    })
}

/// The names, without `flow.key.`, under which webhooks write their outcome. A configuration may
/// rename them ([`FlowVars::forget_outcome`]).
const OUTCOME: [&str; 10] = [
    "response_status",
    "response_status_code",
    "response_status_type",
    "response_duration",
    "response_raw",
    "response_raw_b64",
    "response_error",
    "response_attempts",
    "error_reason",
    "error_detail",
];

/// How the switch writes a variable that was set several times with `push`.
const ARRAY: &str = "ARRAY::";

/// Returns the elements of such a variable. A value that came over HTTP never looks like one (see
/// `sanitize.rs`).
fn array(text: &str) -> Value {
    let elements = text.strip_prefix(ARRAY).unwrap_or(text).split("|:");
    elements.map(Value::from).collect()
}

/// Returns the Unique-ID in `flow.part_of`, if it can be one.
fn part_of(value: &str) -> Option<String> {
    let value = value.trim();
    let plausible = !value.is_empty() && value.len() <= 256;
    plausible.then(|| value.to_owned())
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
    fn a_variable_that_was_pushed_to_is_an_array() {
        let first = vars(&[("colours", "ARRAY::red|:green")], &[]);
        let keys = merged(&[&first], &[]);
        assert_eq!(keys, [("colours".into(), json!(["red", "green"]))]);
    }

    #[test]
    fn a_caller_who_gave_up_on_hold_has_no_outcome_of_a_webhook() {
        let keys = [
            ("leadid", "1"),
            ("response_status", "FAILED"),
            ("error_reason", "x"),
        ];
        let waiting = FlowVars {
            on_hold: true,
            ..vars(&keys, &[])
        };
        let left = [("leadid".to_owned(), json!("1"))];
        assert_eq!(merged(&[&waiting], &[]), left);
        assert_eq!(merged(&[&vars(&keys, &[])], &[]).len(), 3);
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
