//! The values that templates may use of a call: `call.*` and `flow.key.*`.

use serde_json::{Map, Value, json};

use super::RecordingUrl;
use super::recordings;
use crate::finished_call::FinishedCall;
use crate::flow_vars;
use crate::headers::Headers;
use crate::leg::{Direction, Leg, LegLimits};
use crate::timestamp::millis_between;

/// Returns `call.*` of a finished call; unknown values are null.
///
/// * `uuid`, `switch`, `account`, `flow`, `incoming`, `legs` (their number), `answered` (the
///   first leg was)
/// * `caller_number`, `caller_name`, `destination_number`, `did_number`: of the first leg, as it
///   was created
/// * `hangup_cause` (Q.850 number), `hangup_cause_name`, `remote_hangup`: of the first leg
/// * `talk_ms`: how long the first leg and at least one other were connected at the same time; of
///   a call with one leg, how long that was connected
/// * `ring_ms`: how long the other side rang: from the start of the second leg to the first
///   answer of a leg other than the first; of a call with one leg, from its start to its answer;
///   to the end if unanswered
/// * `duration_ms`: from the first start to the last end
/// * `recordings`: `recordedFileName`, `recordedFilePublicPath` of each
#[must_use]
pub fn call_values(call: &FinishedCall, url_of: RecordingUrl<'_>) -> Value {
    let mut values = first_leg(call);
    let urls = Value::Array(recordings(call, url_of));
    values.insert("duration_ms".into(), json!(duration_ms(call)));
    values.insert("recordings".into(), urls);
    values.insert("ring_ms".into(), json!(ring_ms(call)));
    values.insert("talk_ms".into(), json!(talk_ms(call)));
    Value::Object(values)
}

/// Returns `call.*` of a call in progress from one leg's headers, without times.
#[must_use]
pub fn call_values_so_far(headers: &dyn Headers) -> Value {
    let leg = Leg::snapshot(headers, &LegLimits::default());
    let uuid = leg.uuid.clone();
    let mut values = first_leg(&FinishedCall::new(vec![leg]));
    values.insert("uuid".into(), json!(uuid));
    Value::Object(values)
}

/// Returns every `flow.key.*` of the call by name (without `flow.key.`), the raw responses
/// included.
#[must_use]
pub fn flow_keys(call: &FinishedCall) -> Map<String, Value> {
    flow_vars::merged(&call.flows(), &[]).into_iter().collect()
}

/// Returns every `flow.key.*` of a call in progress from one leg's headers.
#[must_use]
pub fn flow_keys_so_far(headers: &dyn Headers) -> Map<String, Value> {
    let leg = Leg::snapshot(headers, &LegLimits::default());
    flow_vars::merged(&[&leg.flow], &[]).into_iter().collect()
}

fn first_leg(call: &FinishedCall) -> Map<String, Value> {
    let first = call.parties().next();
    let of = |get: fn(&Leg) -> Option<&str>| first.and_then(get);
    let incoming = first.and_then(|leg| match leg.direction {
        Direction::Inbound => Some(true),
        Direction::Outbound => Some(false),
        Direction::Unknown => None,
    });
    let q850 = first.and_then(|leg| leg.q850);
    let values = [
        ("account", json!(call.account_name())),
        (
            "answered",
            json!(first.is_some_and(|leg| leg.answered_us.is_some())),
        ),
        (
            "caller_name",
            json!(of(|leg| leg.numbers.caller_name.as_deref())),
        ),
        (
            "caller_number",
            json!(of(|leg| leg.numbers.caller.as_deref())),
        ),
        (
            "destination_number",
            json!(of(|leg| leg.numbers.destination.as_deref())),
        ),
        ("did_number", json!(of(Leg::own_number))),
        (
            "routing_number",
            json!(of(|leg| leg.numbers.routing.as_deref())),
        ),
        ("flow", json!(call.flow_name())),
        ("hangup_cause", json!(q850.map(|number| number.to_string()))),
        ("hangup_cause_name", json!(of(|leg| leg.cause.as_deref()))),
        ("incoming", json!(incoming)),
        ("legs", json!(call.parties().count())),
        ("remote_hangup", json!(first.and_then(Leg::remote_hangup))),
        ("switch", json!(call.switch())),
        ("uuid", json!(call.id)),
    ];
    let values = values.into_iter();
    values
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}

fn duration_ms(call: &FinishedCall) -> Option<i64> {
    let start = call.parties().filter_map(|leg| leg.created_us).min()?;
    let end = call.parties().filter_map(|leg| leg.ended_us).max()?;
    Some(millis_between(start, end))
}

fn ring_ms(call: &FinishedCall) -> Option<i64> {
    let several = call.parties().count() > 1;
    let rung: Vec<&Leg> = call.parties().skip(usize::from(several)).collect();
    let start = rung.iter().filter_map(|leg| leg.created_us).min()?;
    let answer = rung.iter().filter_map(|leg| leg.answered_us).min();
    let end = || rung.iter().filter_map(|leg| leg.ended_us).max();
    Some(millis_between(start, answer.or_else(end)?))
}

fn talk_ms(call: &FinishedCall) -> i64 {
    let connected = |leg: &Leg| Some((leg.answered_us?, leg.ended_us?));
    let mut parties = call.parties();
    let Some(first) = parties.next().and_then(connected) else {
        return 0;
    };
    let others: Vec<&Leg> = parties.collect();
    if others.is_empty() {
        return millis_between(first.0, first.1);
    }
    let overlaps = others.into_iter().filter_map(connected);
    let mut overlaps: Vec<(i64, i64)> = overlaps
        .map(|(from, to)| (from.max(first.0), to.min(first.1)))
        .filter(|(from, to)| from < to)
        .collect();
    overlaps.sort_unstable();
    covered_ms(&overlaps)
}

/// Returns the milliseconds that intervals cover, overlaps counted once. The intervals are sorted
/// by start.
fn covered_ms(intervals: &[(i64, i64)]) -> i64 {
    let mut covered = 0;
    let mut until = i64::MIN;
    for (from, to) in intervals {
        covered += millis_between((*from).max(until), *to);
        until = until.max(*to);
    }
    covered
}
