//! Calls as the page tells them: those that are over from the store, what is newer from the
//! board.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::http::Ops;
use crate::board::OnHold;
use crate::call::mask::Mask;
use crate::call::story::{Run, Story};
use crate::store::{CallSearch, CallSummary, StoreError, ToldCall};

/// Calls of a page.
pub const PAGE: u32 = 50;
/// Runs of the board that are looked at for one page.
const RUNS: usize = 200;

/// What is asked for.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    /// In a number, a Unique-ID, a flow variable, a reason, a webhook's name.
    pub text: Option<String>,
    /// Only calls that went down line 1.
    pub line_1: bool,
    /// The page after this call.
    pub before: Option<i64>,
    /// At most so many.
    pub limit: u32,
}

/// One call.
#[derive(Debug, Clone, Default)]
pub struct Told {
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
    pub story: Story,
    /// It is over: the switch's name and the report's row.
    pub over: Option<(String, CallSummary)>,
}

impl Told {
    /// The runs that decided something: the last one that failed, else the last.
    pub fn deciding(&self) -> Option<&Run> {
        let runs = &self.story.runs;
        let failed = runs.iter().rev().find(|run| run.ending == "line_1");
        failed.or(runs.last())
    }

    /// Every Unique-ID that something may be stored under.
    pub fn uuids(&self) -> Vec<&str> {
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
            let detail = run.outcome.as_mut().and_then(|told| told.detail.as_mut());
            detail.into_iter().for_each(|text| *text = mask.text(text));
        }
        for (_, value) in &mut story.keys {
            *value = mask.number(value);
        }
        self
    }

    fn of_store(call: ToldCall) -> Self {
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

    fn of_runs(uuid: String, runs: Vec<Run>) -> Self {
        let first = runs.first().cloned().unwrap_or_default();
        Self {
            uuid,
            began_ms: first.began_ms,
            caller: first.caller,
            called: first.called,
            account: first.account.unwrap_or_default(),
            flow: first.flow.unwrap_or_default(),
            story: Story {
                runs,
                ..Story::default()
            },
            over: None,
        }
    }
}

/// A page of calls, the newest first, and where the next page begins.
///
/// # Errors
/// When the store cannot be read.
pub async fn calls(ops: &Ops, wanted: &Wanted) -> Result<(Vec<Told>, Option<i64>), StoreError> {
    let stored = ops
        .store
        .calls(&CallSearch {
            text: wanted.text.clone(),
            line_1: wanted.line_1,
            before: wanted.before,
            limit: wanted.limit,
            call_uuid: None,
        })
        .await?;
    let full = u32::try_from(stored.len()).is_ok_and(|count| count >= wanted.limit);
    let next = stored.last().map(|call| call.id).filter(|_| full);
    let mut calls: Vec<Told> = stored.into_iter().map(Told::of_store).collect();
    if wanted.before.is_none() {
        let newer = ops.board.runs(RUNS, |run| fits(run, wanted));
        add_runs(&mut calls, newer);
    }
    let calls = calls.into_iter().map(|call| call.shown(ops.mask));
    Ok((calls.collect(), next))
}

/// One call by the Unique-ID of its first leg, or of another.
///
/// # Errors
/// When the store cannot be read.
pub async fn call(ops: &Ops, uuid: &str) -> Result<Option<Told>, StoreError> {
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
        ops.board.runs(RUNS, |run| known.contains(&run.uuid)),
    );
    Ok(calls.into_iter().next().map(|call| call.shown(ops.mask)))
}

fn owned(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

fn fits(run: &Run, wanted: &Wanted) -> bool {
    if wanted.line_1 && run.ending != "line_1" {
        return false;
    }
    let Some(text) = wanted.text.as_deref().map(str::to_ascii_lowercase) else {
        return true;
    };
    let outcome = run.outcome.as_ref();
    let detail = outcome.and_then(|outcome| outcome.detail.as_deref());
    let texts = [
        Some(run.uuid.as_str()),
        Some(&run.caller),
        Some(&run.called),
        Some(&run.webhook),
        run.account.as_deref(),
        run.flow.as_deref(),
        run.reason(),
        detail,
    ];
    let mut texts = texts.into_iter().flatten();
    texts.any(|one| one.to_ascii_lowercase().contains(&text))
}

/// Runs that no story has yet: to their call, or as calls of their own before the others.
fn add_runs(calls: &mut Vec<Told>, runs: Vec<Arc<Run>>) {
    let mut alone: BTreeMap<String, Vec<Run>> = BTreeMap::new();
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
    let mut alone: Vec<Told> = alone
        .into_iter()
        .map(|(uuid, runs)| Told::of_runs(uuid, runs))
        .collect();
    alone.sort_by_key(|call| std::cmp::Reverse(call.began_ms));
    calls.splice(0..0, alone);
}

/// Calls on hold, at most so many, those that wait longest first.
pub fn on_hold(ops: &Ops, limit: usize) -> Vec<OnHold> {
    let held = ops.board.on_hold(limit).into_iter();
    held.map(|one| OnHold {
        caller: ops.mask.number(&one.caller),
        called: ops.mask.number(&one.called),
        ..one
    })
    .collect()
}

/// The call on hold with this Unique-ID.
pub fn held(ops: &Ops, uuid: &str) -> Option<OnHold> {
    on_hold(ops, usize::MAX)
        .into_iter()
        .find(|held| held.uuid == uuid)
}
