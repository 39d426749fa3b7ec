//! Compares two documents and describes every difference in words.

use chrono::DateTime;
use serde_json::Value;

/// Allowed rounding difference in milliseconds, because the switch counts microseconds.
const ROUNDING_MS: i64 = 1;

/// Returns every difference between `expected` and `actual`, each with its path.
pub(super) fn differences(expected: &Value, actual: &Value) -> Vec<String> {
    let mut actual = actual.clone();
    if let Some(keys) = actual["keys"].as_array_mut() {
        keys.sort_by_key(|key| key["name"].to_string());
    }
    let mut found = Vec::new();
    compare("", expected, &actual, &mut found);
    found
}

fn compare(path: &str, expected: &Value, actual: &Value, found: &mut Vec<String>) {
    match (expected, actual) {
        (Value::Object(wanted), Value::Object(there)) => {
            let extra = there.keys().filter(|name| !wanted.contains_key(*name));
            for name in wanted.keys().chain(extra) {
                let under = match path {
                    "" => name.clone(),
                    path => format!("{path}.{name}"),
                };
                match (wanted.get(name), there.get(name)) {
                    (Some(wanted), Some(there)) => compare(&under, wanted, there, found),
                    (Some(wanted), None) => found.push(differs(&under, "absent", wanted)),
                    (None, there) => {
                        let there = shown(there.unwrap_or_default());
                        found.push(format!("the document's {under} is {there}, not absent"));
                    }
                }
            }
        }
        (Value::Array(wanted), Value::Array(there)) if wanted.len() == there.len() => {
            for (at, (wanted, there)) in wanted.iter().zip(there).enumerate() {
                compare(&element(path, at, wanted), wanted, there, found);
            }
        }
        (wanted, there) if !same(path, wanted, there) => {
            found.push(differs(path, &shown(there), wanted));
        }
        _ => {}
    }
}

/// Returns the path of an array element. Keys are identified by their names.
fn element(path: &str, at: usize, wanted: &Value) -> String {
    match wanted["name"].as_str() {
        Some(name) => format!("{path}[{name}]"),
        None => format!("{path}[{at}]"),
    }
}

fn differs(path: &str, actual: &str, expected: &Value) -> String {
    format!("the document's {path} is {actual}, not {}", shown(expected))
}

fn shown(value: &Value) -> String {
    let text = value.to_string();
    if text.chars().count() <= 120 {
        return text;
    }
    let start: String = text.chars().take(100).collect();
    format!("{start}… ({} bytes)", text.len())
}

fn same(path: &str, expected: &Value, actual: &Value) -> bool {
    let (Some(wanted), Some(there)) = (expected.as_str(), actual.as_str()) else {
        return expected == actual;
    };
    let name = path.rsplit('.').next().unwrap_or_default();
    let millis = |text: &str| match name {
        "duration" => text.parse().ok(),
        "startTime" | "connectTime" | "endTime" => moment(text),
        _ => None,
    };
    let near = millis(wanted).zip(millis(there));
    wanted == there || near.is_some_and(|(a, b)| (a - b).abs() <= ROUNDING_MS)
}

/// Parses a time in the account's zone with exactly three decimals into milliseconds since 1970.
fn moment(text: &str) -> Option<i64> {
    let shaped = text.len() == "2022-01-17T18:07:28.889+05:30".len() && text.ends_with("+05:30");
    let time = DateTime::parse_from_rfc3339(text).ok().filter(|_| shaped)?;
    Some(time.timestamp_millis())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_difference_is_reported_with_its_path_and_rounding_is_none() {
        let wanted = json!({
            "callDetails": [{ "duration": "1000", "endTime": "2022-01-17T18:07:28.889+05:30" }],
            "keys": [{ "name": "$flow.key.a", "value": 7 }, { "name": "$flow.key.b", "value": "x" }],
        });
        let right = json!({
            "callDetails": [{ "duration": "1001", "endTime": "2022-01-17T18:07:28.890+05:30" }],
            "keys": [{ "name": "$flow.key.b", "value": "x" }, { "name": "$flow.key.a", "value": 7 }],
        });
        assert_eq!(differences(&wanted, &right), [""; 0]);
        let mut wrong = right.clone();
        wrong["keys"][1]["value"] = json!("7");
        wrong["callDetails"][0]["endTime"] = json!("2022-01-17T12:37:28.889Z");
        wrong["incomplete"] = json!(true);
        assert_eq!(
            differences(&wanted, &wrong),
            [
                r#"the document's callDetails[0].endTime is "2022-01-17T12:37:28.889Z", not "2022-01-17T18:07:28.889+05:30""#,
                r#"the document's keys[$flow.key.a].value is "7", not 7"#,
                "the document's incomplete is true, not absent",
            ]
        );
    }
}
