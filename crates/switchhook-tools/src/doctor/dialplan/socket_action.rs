//! Finds the `socket` actions of the dialplan, with the actions before and after each.

use super::extensions::{Action, Extension};
use super::hosts::variables;
use crate::doctor::answers::Answers;

/// A `socket` action and its position.
#[derive(Clone, Copy)]
pub(super) struct Socket<'a> {
    pub(super) extension: &'a Extension,
    at: usize,
}

pub(super) fn sockets(extensions: &[Extension]) -> impl Iterator<Item = Socket<'_>> {
    extensions.iter().flat_map(|extension| {
        let actions = extension.actions.iter().enumerate();
        actions
            .filter(|(_, action)| action.is(&["socket"]))
            .map(move |(at, _)| Socket { extension, at })
    })
}

impl<'a> Socket<'a> {
    pub(super) fn data(&self) -> &'a str {
        &self.extension.actions[self.at].data
    }

    pub(super) fn expanded(&self, answers: &Answers) -> String {
        expanded(self.data(), answers)
    }

    pub(super) fn before(&self) -> &'a [Action] {
        &self.extension.actions[..self.at]
    }

    pub(super) fn after(&self) -> &'a [Action] {
        &self.extension.actions[self.at + 1..]
    }

    /// Returns the last value that a variable gets before the call is handed over.
    pub(super) fn variable(&self, name: &str) -> Option<&'a str> {
        let set = self.before().iter().filter_map(Action::assignment);
        set.filter(|(found, _)| *found == name)
            .map(|(_, value)| value)
            .next_back()
    }
}

/// Returns the text with the switch's global variables expanded.
pub(super) fn expanded(text: &str, answers: &Answers) -> String {
    let mut expanded = text.to_owned();
    for name in variables(text) {
        if let Some(value) = answers.global(&name) {
            expanded = expanded.replace(&format!("${{{name}}}"), value);
        }
    }
    expanded
}
