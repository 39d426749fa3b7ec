//! Finds calls for the page: finished ones in the store, newer ones in the live calls.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;

use switchhook_core::call_history::LookupRecord;
use switchhook_store::{CallColumns, CallSearch, StoreError};

use crate::access::Access;
use crate::call_entry::CallEntry;
use crate::live_calls::CallOnHold;
use crate::search::Search;
use crate::state::AdminState;

/// Calls on one page.
pub(crate) const PAGE: u32 = 40;
/// Live lookups that one page takes into account.
const LIVE_LOOKUPS: usize = 200;
/// Reads of the store for one page: it may return calls that the query does not match.
const STORE_READS: usize = 10;

/// Which calls to find; all of it must match.
#[derive(Debug, Clone, Default)]
pub(crate) struct CallQuery {
    /// What the operator typed.
    pub search: Option<Search>,
    /// Only calls that took line 1.
    pub line_1: bool,
    /// What the calls' rows say.
    pub columns: CallColumns,
    /// Only calls before this one of the store: the next page.
    pub before: Option<i64>,
    /// The number of calls, at most.
    pub limit: u32,
}

/// Returns a page of calls, the latest first, and where the next page begins.
///
/// # Errors
/// Fails if the store cannot be read.
pub(crate) async fn find_calls(
    state: &AdminState,
    query: &CallQuery,
) -> Result<(Vec<CallEntry>, Option<i64>), StoreError> {
    let (mut calls, next) = stored(state, query).await?;
    if query.before.is_none() {
        let matches =
            |lookup: &LookupRecord| is_seen(state, lookup) && live_lookup_matches(lookup, query);
        add_lookups(&mut calls, state.live_calls.lookups(LIVE_LOOKUPS, matches));
    }
    calls.sort_by_key(|call| Reverse(call.began_ms));
    let calls = calls.into_iter().map(|mut call| {
        if let Some(search) = &query.search {
            call.found_in = search.found_in(&call).unwrap_or_default();
        }
        call.masked(state.mask)
    });
    Ok((calls.collect(), next))
}

async fn stored(
    state: &AdminState,
    query: &CallQuery,
) -> Result<(Vec<CallEntry>, Option<i64>), StoreError> {
    let mut search = store_search(query, &state.access);
    let mut calls = Vec::new();
    for _ in 0..STORE_READS {
        let found = state.store.calls(&search).await?;
        let full = u32::try_from(found.len()).is_ok_and(|count| count >= search.limit);
        search.before = found.last().map(|call| call.id).filter(|_| full);
        let entries = found.into_iter().map(CallEntry::from_store);
        calls.extend(entries.filter(|call| call_matches(call, query)));
        let enough = u32::try_from(calls.len()).is_ok_and(|count| count >= query.limit);
        if search.before.is_none() || enough {
            break;
        }
    }
    Ok((calls, search.before))
}

/// Translates the query for the store, which searches a call's history as JSON text.
fn store_search(query: &CallQuery, access: &Access) -> CallSearch {
    let typed = query.search.as_ref().map(Search::store_text);
    let (text, digits) = typed.unzip();
    CallSearch {
        columns: query.columns.clone(),
        text,
        digits: digits.flatten(),
        line_1: query.line_1,
        accounts: access.accounts().cloned(),
        before: query.before,
        limit: query.limit,
        call_uuid: None,
    }
}

fn call_matches(call: &CallEntry, query: &CallQuery) -> bool {
    let columns = &query.columns;
    let mut lookups = call.history.runs.iter();
    let by_lookup = columns.webhook.is_some() || columns.reason.is_some() || query.line_1;
    let search = query.search.as_ref();
    search.is_none_or(|search| search.found_in(call).is_some())
        && (!by_lookup || lookups.any(|lookup| lookup_matches(lookup, query)))
}

/// Whether a lookup of a call that is not over matches: its switch, cause and duration are not
/// known.
fn live_lookup_matches(lookup: &LookupRecord, query: &CallQuery) -> bool {
    let columns = &query.columns;
    let is = |wanted: &Option<String>, known: &Option<String>| {
        let known = known.as_deref().unwrap_or_default();
        wanted.as_deref().is_none_or(|wanted| wanted == known)
    };
    let called = columns.called.as_deref();
    let search = query.search.as_ref();
    columns.switch.is_none()
        && columns.cause.is_none()
        && columns.at_least_ms.is_none()
        && columns.at_most_ms.is_none()
        && columns.from_ms.is_none_or(|from| lookup.began_ms >= from)
        && columns.until_ms.is_none_or(|until| lookup.began_ms < until)
        && is(&columns.flow, &lookup.flow)
        && is(&columns.account, &lookup.account)
        && called.is_none_or(|called| lookup.called.contains(called))
        && lookup_matches(lookup, query)
        && search.is_none_or(|search| search.found_in_lookup(lookup).is_some())
}

fn lookup_matches(lookup: &LookupRecord, query: &CallQuery) -> bool {
    let webhook = query.columns.webhook.as_ref();
    let reason = query.columns.reason.as_deref();
    (!query.line_1 || lookup.ending == "line_1")
        && webhook.is_none_or(|webhook| *webhook == lookup.webhook)
        && reason.is_none_or(|reason| lookup.reason() == Some(reason))
}

/// Returns one call by the Unique-ID of any of its legs.
///
/// # Errors
/// Fails if the store cannot be read.
pub(crate) async fn find_call(
    state: &AdminState,
    uuid: &str,
) -> Result<Option<CallEntry>, StoreError> {
    let mut search = CallSearch {
        call_uuid: Some(uuid.to_owned()),
        accounts: state.access.accounts().cloned(),
        limit: 1,
        ..CallSearch::default()
    };
    let mut stored = state.store.calls(&search).await?;
    if stored.is_empty() {
        search.text = search.call_uuid.take();
        stored = state.store.calls(&search).await?;
    }
    let mut calls: Vec<CallEntry> = stored.into_iter().map(CallEntry::from_store).collect();
    let known: Vec<String> = calls
        .first()
        .map_or_else(|| vec![uuid.to_owned()], |call| owned(&call.uuids()));
    let is_of_call = |lookup: &LookupRecord| known.contains(&lookup.uuid) && is_seen(state, lookup);
    add_lookups(
        &mut calls,
        state.live_calls.lookups(LIVE_LOOKUPS, is_of_call),
    );
    Ok(calls.into_iter().next().map(|call| call.masked(state.mask)))
}

/// Whether a lookup is of an account that is to be seen.
fn is_seen(state: &AdminState, lookup: &LookupRecord) -> bool {
    state
        .access
        .sees(lookup.account.as_deref().unwrap_or_default())
}

fn owned(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

/// Adds live lookups to their call, or as calls of their own.
fn add_lookups(calls: &mut Vec<CallEntry>, lookups: Vec<Arc<LookupRecord>>) {
    let mut alone: BTreeMap<String, Vec<LookupRecord>> = BTreeMap::new();
    for lookup in lookups.into_iter().rev() {
        let lookup = Arc::unwrap_or_clone(lookup);
        match calls
            .iter_mut()
            .find(|call| call.uuids().contains(&lookup.uuid.as_str()))
        {
            Some(call) => call.history.runs.push(lookup),
            None => alone.entry(lookup.uuid.clone()).or_default().push(lookup),
        }
    }
    let alone = alone.into_iter();
    calls.extend(alone.map(|(uuid, lookups)| CallEntry::from_lookups(uuid, lookups)));
}

/// Returns at most `limit` calls on hold, the longest first.
pub(crate) fn calls_on_hold(state: &AdminState, limit: usize) -> Vec<CallOnHold> {
    // Without a limit of accounts, no more calls are copied than are shown.
    let copied = if state.access.is_limited() {
        usize::MAX
    } else {
        limit
    };
    let calls = state.live_calls.on_hold(copied).into_iter();
    let calls = calls.filter(|call| state.access.sees(&call.account));
    calls
        .take(limit)
        .map(|call| CallOnHold {
            caller: state.mask.number(&call.caller),
            called: state.mask.number(&call.called),
            ..call
        })
        .collect()
}

/// Returns the number of calls on hold.
pub(crate) fn count_on_hold(state: &AdminState) -> usize {
    if state.access.is_limited() {
        calls_on_hold(state, usize::MAX).len()
    } else {
        state.live_calls.on_hold_count()
    }
}

/// Returns the call on hold with this Unique-ID.
pub(crate) fn call_on_hold(state: &AdminState, uuid: &str) -> Option<CallOnHold> {
    calls_on_hold(state, usize::MAX)
        .into_iter()
        .find(|call| call.uuid == uuid)
}
