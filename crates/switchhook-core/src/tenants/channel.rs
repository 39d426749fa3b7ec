//! Finds the account of a call in progress, and the variables that its route adds.

use std::borrow::Cow;

use super::{ACCOUNT, FLOW, TenantMatch, TenantVariables, Tenants};
use crate::headers::{Headers, non_empty};
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
        let known = non_empty(headers, &format!("variable_{name}")).is_some();
        Some((name, value.filter(|_| !known)?.to_owned()))
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

impl Headers for WithVariables<'_> {
    fn get(&self, name: &str) -> Option<Cow<'_, str>> {
        let variable = name.strip_prefix("variable_");
        let variables = self
            .variables
            .iter()
            .find(|(variables, _)| Some(*variables) == variable);
        match variables {
            Some((_, text)) => Some(Cow::Borrowed(text)),
            None => self.headers.get(name),
        }
    }

    fn visit(&self, visit: &mut dyn FnMut(&str, &str)) {
        self.visit_those(&mut |_| true, visit);
    }

    fn visit_those(&self, wanted: &mut dyn FnMut(&str) -> bool, visit: &mut dyn FnMut(&str, &str)) {
        self.headers.visit_those(wanted, visit);
        for (name, text) in self.variables {
            let name = format!("variable_{name}");
            if wanted(&name) {
                visit(&name, text);
            }
        }
    }
}
