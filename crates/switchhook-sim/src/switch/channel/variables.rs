//! Holds a channel's variables and checks those that a peer writes.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::Channel;
use crate::switch::event::Text;
use crate::switch::template::Template;
use crate::switch::text::is_expandable;

impl Channel {
    /// Returns all variables with their `variable_` prefix, in the switch's order.
    pub(in crate::switch) fn variables(&self) -> &[(Text, Text)] {
        &self.variables
    }

    /// Returns a variable by name; the switch ignores the case of names.
    pub(in crate::switch) fn variable(&self, name: &str) -> Option<&str> {
        let at = self.position(name)?;
        Some(self.variables[at].1.as_ref())
    }

    fn position(&self, name: &str) -> Option<usize> {
        let bare = |header: &Text| {
            header
                .get("variable_".len()..)
                .unwrap_or_default()
                .to_owned()
        };
        self.variables.iter().position(|(header, _)| {
            header.len() == "variable_".len() + name.len()
                && bare(header).eq_ignore_ascii_case(name)
        })
    }

    /// Sets a variable as the switch does: it moves to the end, and an empty value deletes it.
    pub(in crate::switch) fn set(&mut self, name: &str, value: impl Into<Text>) {
        let value = value.into();
        if let Some(at) = self.position(name) {
            self.variables.remove(at);
        }
        if !value.is_empty() {
            self.variables
                .push((Cow::Owned(format!("variable_{name}")), value));
        }
    }

    /// Deletes a variable.
    pub(in crate::switch) fn unset(&mut self, name: &str) {
        self.set(name, "");
    }

    /// Writes a variable for a peer and notes any harm that the value would do to a switch.
    pub(in crate::switch) fn write(&mut self, name: &str, value: &str) {
        if executes(name) {
            self.violation(format!("the variable {name} executes what it holds"));
        }
        if value.starts_with("ARRAY::") {
            self.violation(format!("the value of {name} is parsed as an array"));
        }
        if is_expandable(value) {
            self.violation(format!(
                "executed code! {name} holds something that the dialplan expands"
            ));
        }
        self.written.insert(name.to_owned(), value.to_owned());
        self.set(name, value.to_owned());
    }

    pub(in crate::switch) fn violation(&mut self, what: String) {
        if !self.violations.contains(&what) {
            self.violations.push(what);
        }
    }

    /// Sets every variable of a template. The switch drops the old values first, and so does this.
    pub(super) fn set_all(&mut self, template: &'static Template) {
        let headers: Vec<_> = template.render(&|field| self.field(field)).collect();
        self.variables
            .retain(|(name, _)| !headers.iter().any(|(again, _)| again == name));
        self.variables.extend(headers);
    }

    /// Applies a template's lines to the variables in order; `-` deletes a variable.
    pub(in crate::switch) fn apply(&mut self, template: &'static Template) {
        let headers: Vec<_> = template.render(&|field| self.field(field)).collect();
        for (name, value) in headers {
            let name = name.trim_start_matches("variable_");
            self.set(name, if value == "-" { Text::from("") } else { value });
        }
    }

    /// Returns every variable by name, without the prefix.
    pub(in crate::switch) fn all_variables(&self) -> BTreeMap<String, String> {
        let bare = |name: &Text| name.trim_start_matches("variable_").to_owned();
        self.variables
            .iter()
            .map(|(name, value)| (bare(name), value.to_string()))
            .collect()
    }
}

/// Returns whether the switch executes the value of this core variable (switch_types.h).
fn executes(name: &str) -> bool {
    const PREFIXES: [&str; 4] = [
        "execute_on_",
        "api_on_",
        "exec_after_bridge_",
        "record_post_process_exec_",
    ];
    const NAMES: [&str; 4] = [
        "api_after_bridge",
        "api_before_bridge",
        "api_hangup_hook",
        "api_reporting_hook",
    ];
    let name = name.to_ascii_lowercase();
    NAMES.contains(&name.as_str()) || PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

#[cfg(test)]
mod tests {
    use crate::switch::channel::tests::channel;

    #[tokio::test]
    async fn a_variable_set_again_moves_to_the_end_and_an_empty_one_is_deleted() {
        let mut channel = channel();
        channel.set("flow.line", "1");
        channel.set("x", "2");
        channel.set("Flow.Line", "0");
        let last = channel
            .variables()
            .last()
            .map(|(_, value)| value.to_string());
        assert_eq!(last.as_deref(), Some("0"));
        assert_eq!(channel.variable("flow.line"), Some("0"));
        channel.unset("flow.line");
        assert_eq!(channel.variable("flow.line"), None);
    }

    #[tokio::test]
    async fn what_would_hurt_a_switch_is_noted() {
        let mut channel = channel();
        channel.write("flow.key.a", "${strftime(%Y)}");
        channel.write("api_hangup_hook", "x");
        channel.write("flow.key.b", "ARRAY::x");
        assert_eq!(channel.violations.len(), 3);
        channel.write("flow.key.c", "$100");
        assert_eq!(channel.violations.len(), 3);
    }
}
