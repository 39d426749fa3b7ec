//! Values for checks without a call.

use std::sync::Arc;

use minijinja::value::{Enumerator, Object, ObjectRepr, Value};

/// The value of every name in a check without a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ProbeValue {
    /// A text.
    Text(&'static str),
    /// A number that came as one.
    Number(i64),
    /// Nothing.
    Missing,
}

impl ProbeValue {
    /// Returns a header's text.
    pub(super) fn text(self) -> Option<String> {
        match self {
            Self::Text(text) => Some(text.to_owned()),
            Self::Number(number) => Some(number.to_string()),
            Self::Missing => None,
        }
    }

    /// Returns the value in its type.
    pub(super) fn value(self) -> Option<Value> {
        match self {
            Self::Text(text) => Some(Value::from(text)),
            Self::Number(number) => Some(Value::from(number)),
            Self::Missing => None,
        }
    }

    /// Returns a list or object of a document.
    pub(super) fn anything(self) -> Option<Value> {
        self.value().map(|_| Value::from_object(Anything(self)))
    }
}

/// A list of one, an object with every field, and a value: whatever a template takes it for.
#[derive(Debug)]
struct Anything(ProbeValue);

impl Object for Anything {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Seq
    }

    fn get_value(self: &Arc<Self>, _key: &Value) -> Option<Value> {
        self.0.anything()
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Seq(1)
    }
}

/// Returns the value that a list or object of a probe prints as.
pub(super) fn own_value(value: &Value) -> Option<Value> {
    value.downcast_object_ref::<Anything>()?.0.value()
}
