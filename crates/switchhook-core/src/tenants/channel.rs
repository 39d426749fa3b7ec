//! A call that is not over: what its channel says, and what a route adds to it.

use std::borrow::Cow;

use super::{ACCOUNT, Belongs, FLOW, TenantVariables, Tenants};
use crate::headers::Headers;
use crate::leg::Direction;
use crate::numbers::{Numbers, text};

/// Gives `then` where the channel of these headers belongs, by the number that it came in with
/// and the context that it is in.
pub fn belong<T>(
    tenants: &Tenants,
    headers: &dyn Headers,
    then: impl FnOnce(Belongs<'_>) -> T,
) -> T {
    let (account, flow) = (headers.variable(ACCOUNT), headers.variable(FLOW));
    // Most configurations have none, and then nothing is read for them.
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

/// What a route says of a channel that does not say it itself: names and texts of variables,
/// to be written when the call is let go, so that the rest of the call and its document have
/// the same account and flow, whatever number and context it goes on with.
#[must_use]
pub fn given(belongs: &Belongs<'_>, headers: &dyn Headers) -> Vec<(&'static str, String)> {
    let said = [(ACCOUNT, belongs.account), (FLOW, belongs.flow)];
    let new = said.into_iter().filter_map(|(name, value)| {
        let known = text(headers, &format!("variable_{name}")).is_some();
        Some((name, value.filter(|_| !known)?.to_owned()))
    });
    new.collect()
}

/// The headers of a channel with variables that it is to have.
#[derive(Clone, Copy)]
pub struct With<'a> {
    /// What the switch said.
    pub headers: &'a dyn Headers,
    /// Names and texts that it does not have.
    pub given: &'a [(&'static str, String)],
}

impl Headers for With<'_> {
    fn get(&self, name: &str) -> Option<Cow<'_, str>> {
        let variable = name.strip_prefix("variable_");
        let given = self
            .given
            .iter()
            .find(|(given, _)| Some(*given) == variable);
        match given {
            Some((_, text)) => Some(Cow::Borrowed(text)),
            None => self.headers.get(name),
        }
    }

    fn visit(&self, visit: &mut dyn FnMut(&str, &str)) {
        self.visit_those(&mut |_| true, visit);
    }

    fn visit_those(&self, wanted: &mut dyn FnMut(&str) -> bool, visit: &mut dyn FnMut(&str, &str)) {
        self.headers.visit_those(wanted, visit);
        for (name, text) in self.given {
            let name = format!("variable_{name}");
            if wanted(&name) {
                visit(&name, text);
            }
        }
    }
}
