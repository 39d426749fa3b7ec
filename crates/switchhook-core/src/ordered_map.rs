//! A JSON object of strings that keeps the order in which it was written.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::Value;

use super::headers::Headers;

/// Names and values. A list of strings reads as FreeSWITCH's own `ARRAY::one|:two`; values of
/// other types are dropped.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OrderedMap(pub Vec<(String, String)>);

impl Headers for OrderedMap {
    fn get(&self, name: &str) -> Option<Cow<'_, str>> {
        let (_, value) = self.0.iter().find(|(key, _)| key == name)?;
        Some(Cow::Borrowed(value))
    }

    fn visit(&self, visit: &mut dyn FnMut(&str, &str)) {
        for (name, value) in &self.0 {
            visit(name, value);
        }
    }
}

impl<'de> Deserialize<'de> for OrderedMap {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(PairsVisitor)
    }
}

struct PairsVisitor;

impl<'de> Visitor<'de> for PairsVisitor {
    type Value = OrderedMap;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of texts")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<OrderedMap, A::Error> {
        let mut pairs = Vec::new();
        while let Some((name, value)) = map.next_entry::<String, Value>()? {
            if let Some(text) = text(value) {
                pairs.push((name, text));
            }
        }
        Ok(OrderedMap(pairs))
    }
}

fn text(value: Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text),
        Value::Array(list) => {
            let texts: Option<Vec<&str>> = list.iter().map(Value::as_str).collect();
            Some(format!("ARRAY::{}", texts?.join("|:")))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_keep_their_order_and_lists_read_as_the_switch_writes_them() {
        let object = r#"{"b":"1","a":["x","y"],"n":1,"m":[1],"c":""}"#;
        let pairs: OrderedMap = serde_json::from_str(object).unwrap();
        let expected = [("b", "1"), ("a", "ARRAY::x|:y"), ("c", "")];
        let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(pairs, OrderedMap(expected.to_vec()));
        assert!(serde_json::from_str::<OrderedMap>("[]").is_err());
    }
}
