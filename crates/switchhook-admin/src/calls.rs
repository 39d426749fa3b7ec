//! Calls as the page tells them: those that are over from the store, what is newer from the
//! board.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;

use super::http::Ops;
use super::search::Search;
use crate::live_calls::OnHold;
use switchhook_core::call_history::{CallHistory, LookupRecord};
use switchhook_core::mask::Mask;
use switchhook_core::outcome::Reason;
use switchhook_store::{CallSearch, CallSummary, RecentCall, StoreError};

/// Calls of a page.
pub(crate) const PAGE: u32 = 50;
/// Runs of the board that are looked at for one page.
const RUNS: usize = 200;

/// What is asked for.
#[derive(Debug, Clone, Default)]
pub(crate) struct Wanted {
    /// What was typed.
    pub search: Option<Search>,
    /// Only calls that went down line 1.
    pub line_1: bool,
    /// Only calls that asked this webhook.
    pub webhook: Option<String>,
    /// Only calls with this outcome, of that webhook when one is named.
    pub reason: Option<String>,
    /// The page after this call.
    pub before: Option<i64>,
    /// At most so many.
    pub limit: u32,
}

/// One call.
#[derive(Debug, Clone, Default)]
pub(crate) struct Told {
    /// Unique-ID of its first leg, or of the channel that a widget ran on.
    pub uuid: String,
    /// When it began, ms since 1970.
    pub began_ms: i64,
    /// Who called.
    pub caller: String,
    /// Who was called.
    pub called: String,
    /// The account's name; empty: the default one.
    pub account: String,
    /// The flow's name.
    pub flow: String,
    /// Its widgets, legs, talks, variables, as far as they are known.
    pub story: CallHistory,
    /// It is over: the switch's name and the report's row.
    pub over: Option<(String, CallSummary)>,
}

impl Told {
    /// The runs that decided something: the last one that failed, else the last.
    pub(crate) fn deciding(&self) -> Option<&LookupRecord> {
        let runs = &self.story.runs;
        let failed = runs.iter().rev().find(|run| run.ending == "line_1");
        failed.or(runs.last())
    }

    /// The webhooks that were asked, each once.
    pub(crate) fn webhooks(&self) -> Vec<&str> {
        let mut all: Vec<&str> = Vec::new();
        for run in &self.story.runs {
            if !all.contains(&run.webhook.as_str()) {
                all.push(&run.webhook);
            }
        }
        all
    }

    /// Every Unique-ID that something may be stored under.
    pub(crate) fn uuids(&self) -> Vec<&str> {
        let legs = self.story.legs.iter().map(|leg| leg.uuid.as_str());
        let runs = self.story.runs.iter().map(|run| run.uuid.as_str());
        let mut all: Vec<&str> = legs.chain(runs).chain([self.uuid.as_str()]).collect();
        all.sort_unstable();
        all.dedup();
        all
    }

    /// As it may be shown.
    fn shown(mut self, mask: Mask) -> Self {
        if mask == Mask::default() {
            return self;
        }
        for number in [&mut self.caller, &mut self.called] {
            *number = mask.number(number);
        }
        let story = &mut self.story;
        for leg in &mut story.legs {
            leg.number = mask.number(&leg.number);
            leg.recordings
                .iter_mut()
                .for_each(|name| *name = mask.text(name));
        }
        for run in &mut story.runs {
            run.caller = mask.number(&run.caller);
            run.called = mask.number(&run.called);
            let told = run
                .outcome
                .as_mut()
                .map(|told| (&mut told.detail, &mut told.request));
            let texts = told
                .into_iter()
                .flat_map(|(detail, request)| [detail, request]);
            texts.flatten().for_each(|text| *text = mask.text(text));
        }
        for (_, value) in &mut story.keys {
            *value = mask.number(value);
        }
        self
    }

    fn of_store(call: RecentCall) -> Self {
        let story = serde_json::from_str(&call.story).unwrap_or_default();
        Self {
            uuid: call.call_uuid,
            began_ms: call.summary.started_ms,
            caller: call.summary.caller.clone(),
            called: call.summary.called.clone(),
            account: call.summary.account.clone(),
            flow: call.summary.flow.clone(),
            story,
            over: Some((call.switch, call.summary)),
        }
    }

    fn of_runs(uuid: String, runs: Vec<LookupRecord>) -> Self {
        let first = runs.first().cloned().unwrap_or_default();
        Self {
            uuid,
            began_ms: first.began_ms,
            caller: first.caller,
            called: first.called,
            account: first.account.unwrap_or_default(),
            flow: first.flow.unwrap_or_default(),
            story: CallHistory {
                runs,
                ..CallHistory::default()
            },
            over: None,
        }
    }
}

/// Looks at the store for one page: what it finds may not fit.
const LOOKS: usize = 10;

/// A page of calls, those that began last first, and where the next page begins.
///
/// # Errors
/// When the store cannot be read.
pub(crate) async fn calls(
    ops: &Ops,
    wanted: &Wanted,
) -> Result<(Vec<Told>, Option<i64>), StoreError> {
    let (mut calls, next) = stored(ops, wanted).await?;
    if wanted.before.is_none() {
        let newer = ops.live_calls.runs(RUNS, |run| fits(run, wanted));
        add_runs(&mut calls, newer);
    }
    calls.sort_by_key(|call| Reverse(call.began_ms));
    let calls = calls.into_iter().map(|call| call.shown(ops.mask));
    Ok((calls.collect(), next))
}

async fn stored(ops: &Ops, wanted: &Wanted) -> Result<(Vec<Told>, Option<i64>), StoreError> {
    let mut search = in_store(wanted);
    let mut calls = Vec::new();
    for _ in 0..LOOKS {
        let found = ops.store.calls(&search).await?;
        let full = u32::try_from(found.len()).is_ok_and(|count| count >= search.limit);
        search.before = found.last().map(|call| call.id).filter(|_| full);
        let told = found.into_iter().map(Told::of_store);
        calls.extend(told.filter(|call| suits(call, wanted)));
        let enough = u32::try_from(calls.len()).is_ok_and(|count| count >= wanted.limit);
        if search.before.is_none() || enough {
            break;
        }
    }
    Ok((calls, search.before))
}

/// The store knows a story as a text.
fn in_store(wanted: &Wanted) -> CallSearch {
    let typed = wanted.search.as_ref().map(Search::stored);
    let (text, digits) = typed.unzip();
    let quoted = |name: &str, value: &Option<String>| {
        let value = serde_json::Value::from(value.as_deref()?);
        Some(format!("\"{name}\":{value}"))
    };
    let success = wanted.reason.as_deref() == Some(Reason::SUCCESS);
    let reason = quoted("reason", &wanted.reason).filter(|_| !success);
    CallSearch {
        text: text
            .or(reason)
            .or_else(|| quoted("webhook", &wanted.webhook)),
        digits: digits.flatten(),
        line_1: wanted.line_1,
        before: wanted.before,
        limit: wanted.limit,
        call_uuid: None,
    }
}

fn suits(call: &Told, wanted: &Wanted) -> bool {
    let mut runs = call.story.runs.iter();
    let asked = wanted.webhook.is_some() || wanted.reason.is_some();
    wanted
        .search
        .as_ref()
        .is_none_or(|search| search.fits(call))
        && (!asked || runs.any(|run| ran_so(run, wanted)))
}

fn ran_so(run: &LookupRecord, wanted: &Wanted) -> bool {
    let webhook = wanted.webhook.as_ref();
    let reason = wanted.reason.as_deref();
    webhook.is_none_or(|webhook| *webhook == run.webhook)
        && reason.is_none_or(|reason| run.reason() == Some(reason))
}

/// One call by the Unique-ID of its first leg, or of another.
///
/// # Errors
/// When the store cannot be read.
pub(crate) async fn call(ops: &Ops, uuid: &str) -> Result<Option<Told>, StoreError> {
    let mut search = CallSearch {
        call_uuid: Some(uuid.to_owned()),
        limit: 1,
        ..CallSearch::default()
    };
    let mut stored = ops.store.calls(&search).await?;
    if stored.is_empty() {
        search.text = search.call_uuid.take();
        stored = ops.store.calls(&search).await?;
    }
    let mut calls: Vec<Told> = stored.into_iter().map(Told::of_store).collect();
    let known: Vec<String> = calls
        .first()
        .map_or_else(|| vec![uuid.to_owned()], |call| owned(&call.uuids()));
    add_runs(
        &mut calls,
        ops.live_calls.runs(RUNS, |run| known.contains(&run.uuid)),
    );
    Ok(calls.into_iter().next().map(|call| call.shown(ops.mask)))
}

fn owned(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

fn fits(run: &LookupRecord, wanted: &Wanted) -> bool {
    let search = wanted.search.as_ref();
    (!wanted.line_1 || run.ending == "line_1")
        && ran_so(run, wanted)
        && search.is_none_or(|search| search.is_of(run))
}

/// Runs that no story has yet: to their call, or as calls of their own.
fn add_runs(calls: &mut Vec<Told>, runs: Vec<Arc<LookupRecord>>) {
    let mut alone: BTreeMap<String, Vec<LookupRecord>> = BTreeMap::new();
    for run in runs.into_iter().rev() {
        let run = Arc::unwrap_or_clone(run);
        match calls
            .iter_mut()
            .find(|call| call.uuids().contains(&run.uuid.as_str()))
        {
            Some(call) => call.story.runs.push(run),
            None => alone.entry(run.uuid.clone()).or_default().push(run),
        }
    }
    let alone = alone.into_iter();
    calls.extend(alone.map(|(uuid, runs)| Told::of_runs(uuid, runs)));
}

/// Calls on hold, at most so many, those that wait longest first.
pub(crate) fn on_hold(ops: &Ops, limit: usize) -> Vec<OnHold> {
    let held = ops.live_calls.on_hold(limit).into_iter();
    held.map(|one| OnHold {
        caller: ops.mask.number(&one.caller),
        called: ops.mask.number(&one.called),
        ..one
    })
    .collect()
}

/// The call on hold with this Unique-ID.
pub(crate) fn held(ops: &Ops, uuid: &str) -> Option<OnHold> {
    on_hold(ops, usize::MAX)
        .into_iter()
        .find(|held| held.uuid == uuid)
}
