//! One call as the page shows it: a finished call of the store, or the lookups of a call that
//! the store does not have yet.

use switchhook_core::call_history::{CallHistory, LookupRecord};
use switchhook_core::mask::Mask;
use switchhook_store::{CallSummary, RecentCall};

/// One call.
#[derive(Debug, Clone, Default)]
pub(crate) struct CallEntry {
    /// Unique-ID of its first leg, or of the channel that asked the webhook.
    pub uuid: String,
    /// When it began, ms since 1970.
    pub began_ms: i64,
    /// The caller's number.
    pub caller: String,
    /// The dialled number.
    pub called: String,
    /// The account's name; empty for the default account.
    pub account: String,
    /// The flow's name.
    pub flow: String,
    /// Its lookups, legs, talks and variables, as far as they are known.
    pub history: CallHistory,
    /// What of it a search matched; empty without a search.
    pub found_in: String,
    /// The switch's name and the row of the report, if the call is over.
    pub finished: Option<(String, CallSummary)>,
}

impl CallEntry {
    /// Makes an entry of a finished call.
    pub(crate) fn from_store(call: RecentCall) -> Self {
        let history = serde_json::from_str(&call.history).unwrap_or_default();
        Self {
            uuid: call.call_uuid,
            began_ms: call.summary.started_ms,
            caller: call.summary.caller.clone(),
            called: call.summary.called.clone(),
            account: call.summary.account.clone(),
            flow: call.summary.flow.clone(),
            history,
            found_in: String::new(),
            finished: Some((call.switch, call.summary)),
        }
    }

    /// Makes an entry of lookups on one channel that no finished call has yet.
    pub(crate) fn from_lookups(uuid: String, lookups: Vec<LookupRecord>) -> Self {
        let first = lookups.first().cloned().unwrap_or_default();
        Self {
            uuid,
            began_ms: first.began_ms,
            caller: first.caller,
            called: first.called,
            account: first.account.unwrap_or_default(),
            flow: first.flow.unwrap_or_default(),
            history: CallHistory {
                runs: lookups,
                ..CallHistory::default()
            },
            found_in: String::new(),
            finished: None,
        }
    }

    /// Returns the lookup that the headline is about: the last one that failed, else the last.
    pub(crate) fn decisive_lookup(&self) -> Option<&LookupRecord> {
        let lookups = &self.history.runs;
        let failed = lookups
            .iter()
            .rev()
            .find(|lookup| lookup.ending == "line_1");
        failed.or(lookups.last())
    }

    /// Returns the webhooks that the call asked, each once.
    pub(crate) fn webhooks(&self) -> Vec<&str> {
        let mut all: Vec<&str> = Vec::new();
        for lookup in &self.history.runs {
            if !all.contains(&lookup.webhook.as_str()) {
                all.push(&lookup.webhook);
            }
        }
        all
    }

    /// Returns every Unique-ID that something of the call may be stored under.
    pub(crate) fn uuids(&self) -> Vec<&str> {
        let legs = self.history.legs.iter().map(|leg| leg.uuid.as_str());
        let lookups = self.history.runs.iter();
        let lookups = lookups.map(|lookup| lookup.uuid.as_str());
        let mut all: Vec<&str> = legs.chain(lookups).chain([self.uuid.as_str()]).collect();
        all.sort_unstable();
        all.dedup();
        all
    }

    /// Masks the numbers as `mask` says.
    pub(crate) fn masked(mut self, mask: Mask) -> Self {
        if mask == Mask::default() {
            return self;
        }
        for number in [&mut self.caller, &mut self.called] {
            *number = mask.number(number);
        }
        let history = &mut self.history;
        for leg in &mut history.legs {
            leg.number = mask.number(&leg.number);
            leg.recordings
                .iter_mut()
                .for_each(|name| *name = mask.text(name));
        }
        for lookup in &mut history.runs {
            mask_lookup(lookup, mask);
        }
        for (_, value) in &mut history.keys {
            *value = mask.number(value);
        }
        self
    }
}

fn mask_lookup(lookup: &mut LookupRecord, mask: Mask) {
    lookup.caller = mask.number(&lookup.caller);
    lookup.called = mask.number(&lookup.called);
    if let Some(outcome) = &mut lookup.outcome {
        let texts = [&mut outcome.detail, &mut outcome.request];
        for text in texts.into_iter().flatten() {
            *text = mask.text(text);
        }
    }
}
