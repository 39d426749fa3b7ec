//! Defines calls whose dialplan names neither webhook nor flow nor account.
//!
//! The service finds all three by the dialled number.

use chrono::DateTime;

use super::success::mapped;
use super::{Is, Scenario};
use crate::names::{ACCOUNT, FLOW, ZONE, ZONE_OFFSET_S};
use crate::receiver::{OK, Request};

pub(super) fn all() -> Vec<Scenario> {
    vec![routed("routed", "912249000001"), most_exact()]
}

/// Returns a call to a number that leads to the webhook of its name.
pub(super) fn routed(name: &'static str, number: &'static str) -> Scenario {
    let mut scenario = mapped(name, "/ok")
        .raw(OK)
        .expecting("flow.account", Is::exactly(ACCOUNT))
        .expecting("flow.name", Is::exactly(FLOW));
    scenario.call.path = String::new();
    scenario.call.destination = number.to_owned();
    scenario.request = Some(has_the_accounts_time);
    scenario.routed = Some(number);
    scenario
}

/// Returns a call that matches the route of a prefix. The route of a whole number outranks it and
/// leads to another webhook.
fn most_exact() -> Scenario {
    let mut scenario = routed("routed_by_prefix", "91224900000");
    scenario.call.destination = "+912249000002".to_owned();
    scenario.routed = Some("91224900000*");
    scenario
}

/// Checks that a request during a call has times in the account's zone, which differs from the
/// default zone.
fn has_the_accounts_time(request: &Request) -> Result<(), String> {
    let body: serde_json::Value = serde_json::from_slice(&request.body)
        .map_err(|error| format!("the body is not JSON: {error}"))?;
    let time = body["callDetails"][0]["startTime"].as_str();
    let time = time.and_then(|text| DateTime::parse_from_rfc3339(text).ok());
    let time = time.ok_or("the body has no startTime")?;
    if time.offset().local_minus_utc() != ZONE_OFFSET_S {
        return Err(format!("its time is {time}, and not that of {ZONE}"));
    }
    Ok(())
}
