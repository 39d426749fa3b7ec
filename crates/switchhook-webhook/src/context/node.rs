//! The tree of names for the template engine.

use std::collections::BTreeSet;
use std::sync::Arc;

use minijinja::value::{Enumerator, Object, Value};

use super::{EXACT, Scope, VARIABLE, is_only_after, probe};

/// Returns the root of the names of `scope`.
pub(super) fn root(scope: Arc<Scope>) -> Value {
    Value::from_object(Node {
        scope,
        at: At::Root,
    })
}

/// The position of a node in the tree.
#[derive(Debug)]
enum At {
    Root,
    Call,
    Channel,
    /// A dotted prefix of channel variables: `flow`, `flow.key`, …
    Dotted(String),
}

/// One node of the tree.
#[derive(Debug)]
struct Node {
    scope: Arc<Scope>,
    at: At,
}

impl Node {
    fn child(&self, at: At) -> Value {
        Value::from_object(Self {
            scope: Arc::clone(&self.scope),
            at,
        })
    }

    fn root(&self, name: &str) -> Option<Value> {
        match name {
            "flow" => Some(self.child(At::Dotted("flow".into()))),
            "call" => Some(self.child(At::Call)),
            "channel" => Some(self.child(At::Channel)),
            name if self.scope.probe.is_some() && is_only_after(name) => {
                self.scope.probe?.anything()
            }
            "document" => Some(self.scope.document.clone()),
            other => {
                let value = self.scope.document.get_attr(other).ok();
                value.filter(|value| !value.is_undefined())
            }
        }
    }

    fn dotted(&self, prefix: &str, name: &str) -> Option<Value> {
        let full = format!("{prefix}.{name}");
        if full == "flow.key" || self.scope.branches.contains(&full) {
            return Some(self.child(At::Dotted(full)));
        }
        let value = self.scope.flow_value(&full);
        self.scope.note(|| full, value)
    }

    /// Returns the names below a dotted prefix, without the variables of exact bytes.
    fn names_below(&self, prefix: &str) -> Vec<String> {
        let start = format!("{VARIABLE}{prefix}.");
        let all = self.scope.names();
        let below = all.iter().filter_map(|name| name.strip_prefix(&start));
        let names: BTreeSet<&str> = below.collect();
        let is_exact_form = |name: &str| {
            name.strip_suffix(EXACT)
                .is_some_and(|base| names.contains(base))
        };
        let kept = names.iter().filter(|name| !is_exact_form(name));
        kept.map(|name| (*name).to_owned()).collect()
    }
}

impl Object for Node {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.get_value_by_str(key.as_str()?)
    }

    fn get_value_by_str(self: &Arc<Self>, name: &str) -> Option<Value> {
        let scope = &self.scope;
        match &self.at {
            At::Root => self.root(name),
            At::Call => scope.note(|| format!("call.{name}"), scope.call_field(name)),
            At::Channel => scope.note(|| format!("channel[\"{name}\"]"), scope.channel_field(name)),
            At::Dotted(prefix) => self.dotted(prefix, name),
        }
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        let names = match &self.at {
            At::Root | At::Call => return Enumerator::Empty,
            At::Channel => {
                let bare = |name: String| name.strip_prefix(VARIABLE).map(str::to_owned);
                let all = self.scope.names().into_iter();
                all.map(|name| bare(name.clone()).unwrap_or(name)).collect()
            }
            At::Dotted(prefix) => self.names_below(prefix),
        };
        Enumerator::Values(names.into_iter().map(Value::from).collect())
    }

    /// A name that is both a variable and a prefix of others prints as the variable.
    fn render(self: &Arc<Self>, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.at {
            At::Dotted(name) => f.write_str(&self.scope.variable(name).unwrap_or_default()),
            At::Root | At::Call | At::Channel => f.write_str("{}"),
        }
    }
}

/// Returns the value that a prefix prints as: the variable of its own name, or undefined. `None`
/// for other values, and for `flow.key` itself.
pub(crate) fn own_value(value: &Value) -> Option<Value> {
    if let Some(own) = probe::own_value(value) {
        return Some(own);
    }
    let node = value.downcast_object_ref::<Node>()?;
    let At::Dotted(name) = &node.at else {
        return None;
    };
    if matches!(name.as_str(), "flow" | "flow.key") {
        return None;
    }
    let own = node.scope.flow_value(name);
    Some(node.scope.note(|| name.clone(), own).unwrap_or_default())
}
