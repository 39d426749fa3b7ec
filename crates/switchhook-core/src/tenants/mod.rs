//! The tenants of a switch: whose a call is, by what its channel says or else by the number and
//! the context it came in with.

mod channel;
mod routes;

use std::collections::BTreeMap;

use chrono_tz::Tz;

use super::finished_call::FinishedCall;
use super::leg::Leg;
pub use channel::{With, belong, given};
pub use routes::{Pattern, Route, Routes, bare};

/// The account of a call, on its channel; the dialplan's word is above every route.
pub const ACCOUNT: &str = "flow.account";
/// The flow of a call, on its channel.
pub const FLOW: &str = "flow.name";

/// One tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// "Webhook for Account"; `None` is *Not Configured*.
    pub default_webhook: Option<String>,
    /// Whose offset the times of its documents have.
    pub time_zone: Tz,
}

impl Default for Account {
    fn default() -> Self {
        Self {
            default_webhook: None,
            time_zone: Tz::UTC,
        }
    }
}

/// All of them, and how a call finds its own.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tenants {
    /// Of a call that is nobody else's.
    pub default: Account,
    /// By name.
    pub accounts: BTreeMap<String, Account>,
    /// By number and context.
    pub routes: Routes,
}

/// What a call says of itself.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TenantVariables<'a> {
    /// [`ACCOUNT`].
    pub account: Option<&'a str>,
    /// [`FLOW`].
    pub flow: Option<&'a str>,
    /// The number at our end: what an inbound caller dialled, what a called one sees.
    pub did: Option<&'a str>,
    /// The context of the dialplan that it came in with.
    pub context: Option<&'a str>,
}

/// Where a call belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Belongs<'a> {
    /// The account's name; `None` is the default one.
    pub account: Option<&'a str>,
    /// The account itself; `None` when the configuration has none of that name.
    pub of: Option<&'a Account>,
    /// The flow's name, when the channel or a route says one.
    pub flow: Option<&'a str>,
    /// The webhook that its route names, for a call that was handed over without one.
    pub webhook: Option<&'a str>,
}

impl Tenants {
    /// Where a call belongs: its own word first, then that of the route that fits best.
    #[must_use]
    pub fn of<'a>(&'a self, said: TenantVariables<'a>) -> Belongs<'a> {
        let filled = |text: Option<&'a str>| text.filter(|text| !text.is_empty());
        let route = self.routes.find(filled(said.did), filled(said.context));
        let routed = |get: fn(&Route) -> &Option<String>| route.and_then(|it| get(it).as_deref());
        let account = filled(said.account).or_else(|| routed(|it| &it.account));
        Belongs {
            account,
            of: match account {
                None => Some(&self.default),
                Some(name) => self.accounts.get(name),
            },
            flow: filled(said.flow).or_else(|| routed(|it| &it.flow)),
            webhook: routed(|it| &it.webhook),
        }
    }

    /// Where a call that is over belongs.
    #[must_use]
    pub fn of_call<'a>(&'a self, call: &'a FinishedCall) -> Belongs<'a> {
        let first = call.parties().next();
        self.of(TenantVariables {
            account: call.account_name(),
            flow: call.flow_name(),
            did: first.and_then(Leg::own_number),
            context: first.and_then(|leg| leg.numbers.context.as_deref()),
        })
    }

    /// The time zone of an account by name; that of the default one where there is no such account.
    #[must_use]
    pub fn time_zone(&self, account: &str) -> Tz {
        let known = self.accounts.get(account);
        known.unwrap_or(&self.default).time_zone
    }
}

#[cfg(test)]
mod tests;
