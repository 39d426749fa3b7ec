//! Finds the account of a call in progress, and the variables that its route adds.

use std::borrow::Cow;

use super::{ACCOUNT, FLOW, TenantMatch, TenantVariables, Tenants};
use crate::headers::Headers;
use crate::leg::Direction;
use crate::numbers::{self, Numbers};

/// Calls `then` with the account of a channel, found by its variables, its number and its
/// context.
pub fn match_channel<T>(
    tenants: &Tenants,
    headers: &dyn Headers,
    then: impl FnOnce(TenantMatch<'_>) -> T,
) -> T {
    let (account, flow) = (headers.variable(ACCOUNT), headers.variable(FLOW));
    // Most configurations have no routes; then no number is read.
    let numbers = (!tenants.routes.is_empty()).then(|| {
        let direction = Direction::of(headers);
        let inbound = direction == Direction::Inbound;
        (direction, Numbers::of_later(headers, inbound))
    });
    let numbers = numbers.as_ref();
    let context = numbers.and_then(|_| headers.get("Caller-Context"));
    then(tenants.of(TenantVariables {
        account: account.as_deref(),
        flow: flow.as_deref(),
        did: numbers.and_then(|(direction, numbers)| numbers.own(*direction)),
        context: context.as_deref(),
    }))
}

/// Returns whether the channel's caller must not be shown.
#[must_use]
pub fn withholds_caller(tenants: &Tenants, headers: &dyn Headers) -> bool {
    !tenants.ignore_privacy && numbers::is_private(headers)
}

/// Returns the account and flow that the route gives a channel without its own. They are written
/// when the call is released, so that the rest of the call and its document keep them whatever
/// number and context follow.
#[must_use]
pub fn route_variables(
    matched: &TenantMatch<'_>,
    headers: &dyn Headers,
) -> Vec<(&'static str, String)> {
    let known = [(ACCOUNT, matched.account), (FLOW, matched.flow)];
    let new = known.into_iter().filter_map(|(name, value)| {
        let value = value?;
        let is_known = headers.variable(name).is_some_and(|text| !text.is_empty());
        (!is_known).then(|| (name, value.to_owned()))
    });
    new.collect()
}

/// A channel's headers with further variables.
#[derive(Clone, Copy)]
pub struct WithVariables<'a> {
    /// The headers that the switch sent.
    pub headers: &'a dyn Headers,
    /// Names and texts of the further variables.
    pub variables: &'a [(&'static str, String)],
}

impl WithVariables<'_> {
    fn further(&self, name: &str) -> Option<&str> {
        let (_, text) = self
            .variables
            .iter()
            .find(|(further, _)| *further == name)?;
        Some(text)
    }
}

impl Headers for WithVariables<'_> {
    fn get(&self, name: &str) -> Option<Cow<'_, str>> {
        let variable = name.strip_prefix("variable_");
        match variable.and_then(|variable| self.further(variable)) {
            Some(text) => Some(Cow::Borrowed(text)),
            None => self.headers.get(name),
        }
    }

    fn variable(&self, name: &str) -> Option<Cow<'_, str>> {
        match self.further(name) {
            Some(text) => Some(Cow::Borrowed(text)),
            None => self.headers.variable(name),
        }
    }

    fn visit(&self, visit: &mut dyn FnMut(&str, &str)) {
        self.headers.visit(visit);
        for (name, text) in self.variables {
            visit(&format!("variable_{name}"), text);
        }
    }

    fn visit_variables(&self, prefix: &str, visit: &mut dyn FnMut(&str, &str)) -> bool {
        let any = self.headers.visit_variables(prefix, visit);
        for (name, text) in self.variables {
            if name.starts_with(prefix) {
                visit(name, text);
            }
        }
        any || !self.variables.is_empty()
    }
}
