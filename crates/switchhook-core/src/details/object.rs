//! A JSON object of a document: its fields in alphabetical order.

use serde::ser::{Serialize, SerializeMap as _, Serializer};
use serde_json::{Map, Value};

/// An object with few fields, which costs less to make and to write than a map.
pub(super) struct Object<'a>(Vec<(&'a str, Field<'a>)>);

/// The value of a field.
pub(super) enum Field<'a> {
    /// Any value.
    Value(Value),
    /// A list of objects.
    Objects(Vec<Object<'a>>),
}

impl<'a> Object<'a> {
    /// Makes an object of values.
    pub(super) fn of_values(fields: Vec<(&'a str, Value)>) -> Self {
        let fields = fields.into_iter();
        Self::new(
            fields
                .map(|(name, value)| (name, Field::Value(value)))
                .collect(),
        )
    }

    /// Makes an object of its fields; of equal names the later one wins.
    pub(super) fn new(mut fields: Vec<(&'a str, Field<'a>)>) -> Self {
        fields.reverse();
        fields.sort_by_key(|(name, _)| *name);
        fields.dedup_by_key(|(name, _)| *name);
        Self(fields)
    }
}

impl Serialize for Object<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut map = to.serialize_map(Some(self.0.len()))?;
        for (name, field) in &self.0 {
            match field {
                Field::Value(value) => map.serialize_entry(name, value)?,
                Field::Objects(objects) => map.serialize_entry(name, objects)?,
            }
        }
        map.end()
    }
}

impl From<Object<'_>> for Value {
    fn from(object: Object<'_>) -> Self {
        let fields = object.0.into_iter();
        let fields = fields.map(|(name, field)| (name.to_owned(), Self::from(field)));
        Self::Object(fields.collect::<Map<String, Self>>())
    }
}

impl From<Field<'_>> for Value {
    fn from(field: Field<'_>) -> Self {
        match field {
            Field::Value(value) => value,
            Field::Objects(objects) => objects.into_iter().map(Self::from).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn fields_are_sorted_and_the_later_of_equal_names_wins() {
        let object = || {
            let inner = Object::of_values(vec![("b", json!(1)), ("a", json!("x\n"))]);
            Object::new(vec![
                ("keys", Field::Value(json!([]))),
                ("list", Field::Objects(vec![inner])),
                ("keys", Field::Value(json!("uuid"))),
            ])
        };
        let text = r#"{"keys":"uuid","list":[{"a":"x\n","b":1}]}"#;
        assert_eq!(serde_json::to_string(&object()).unwrap(), text);
        assert_eq!(Value::from(object()).to_string(), text);
    }
}
