//! The tenants of a switch. A call's account comes from its channel variables, or else from the
//! route that matches its number and context.

mod channel;
mod routes;

use std::collections::BTreeMap;

use crate::zone::Zone;

use super::finished_call::FinishedCall;
use super::leg::Leg;
pub use channel::{WithVariables, match_channel, route_variables, withholds_caller};
pub use routes::{Pattern, Route, Routes, without_plus};

/// The channel variable with the account; it overrides every route.
pub const ACCOUNT: &str = "flow.account";
/// The channel variable with the flow.
pub const FLOW: &str = "flow.name";
/// The flow of a call that names none.
pub const DEFAULT_FLOW: &str = "default";

/// One tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// "Webhook for Account"; `None` is *Not Configured*.
    pub default_webhook: Option<String>,
    /// Time zone of the times in its documents.
    pub time_zone: Zone,
}

impl Default for Account {
    fn default() -> Self {
        Self {
            default_webhook: None,
            time_zone: Zone::UTC,
        }
    }
}

/// All tenants, and the routes to them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tenants {
    /// The account of calls without another one.
    pub default: Account,
    /// Accounts by name.
    pub accounts: BTreeMap<String, Account>,
    /// Routes by number and context.
    pub routes: Routes,
    /// The number of a caller who asks for privacy is shown all the same.
    pub ignore_privacy: bool,
}

/// The values that a call's account is found by.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TenantVariables<'a> {
    /// [`ACCOUNT`].
    pub account: Option<&'a str>,
    /// [`FLOW`].
    pub flow: Option<&'a str>,
    /// Our number: the number an inbound caller dialled, or the caller id that a called party
    /// sees.
    pub did: Option<&'a str>,
    /// The dialplan context that the call came in with.
    pub context: Option<&'a str>,
}

/// The account, flow and webhook of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TenantMatch<'a> {
    /// The account's name; `None` is the default one.
    pub account: Option<&'a str>,
    /// The account itself; `None` if the configuration has none of that name.
    pub settings: Option<&'a Account>,
    /// The flow's name, if the channel or a route gives one.
    pub flow: Option<&'a str>,
    /// The route's webhook, for a call that was handed over without a webhook's name.
    pub webhook: Option<&'a str>,
}

impl Tenants {
    /// Finds the account of a call: its own variables first, then the most exact route.
    #[must_use]
    pub fn of<'a>(&'a self, known: TenantVariables<'a>) -> TenantMatch<'a> {
        let filled = |text: Option<&'a str>| text.filter(|text| !text.is_empty());
        let route = self.routes.find(filled(known.did), filled(known.context));
        let routed = |get: fn(&Route) -> &Option<String>| route.and_then(|it| get(it).as_deref());
        let account = filled(known.account).or_else(|| routed(|it| &it.account));
        TenantMatch {
            account,
            settings: match account {
                None => Some(&self.default),
                Some(name) => self.accounts.get(name),
            },
            flow: filled(known.flow).or_else(|| routed(|it| &it.flow)),
            webhook: routed(|it| &it.webhook),
        }
    }

    /// Finds the account of a finished call.
    #[must_use]
    pub fn of_call<'a>(&'a self, call: &'a FinishedCall) -> TenantMatch<'a> {
        let first = call.parties().next();
        self.of(TenantVariables {
            account: call.account_name(),
            flow: call.flow_name(),
            did: first.and_then(Leg::own_number),
            context: first.and_then(|leg| leg.numbers.context.as_deref()),
        })
    }

    /// Returns an account's time zone; the default account's if there is no such account.
    #[must_use]
    pub fn time_zone(&self, account: &str) -> Zone {
        let known = self.accounts.get(account);
        known.unwrap_or(&self.default).time_zone
    }
}

#[cfg(test)]
mod tests;
