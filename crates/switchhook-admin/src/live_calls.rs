//! The calls on hold now, and the last lookups, in memory for the operator's page.
//!
//! The call control writes, the page reads; this module imports neither. A call costs one short
//! text while it is on hold, and one record among the last ones.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{broadcast, watch};
use tokio::time::Instant;

use switchhook_core::call_history::LookupRecord;
use switchhook_core::outcome::Reason;

/// Outcomes kept for each webhook, for its percentiles.
pub(crate) const SAMPLES: usize = 256;
/// Lookups that wait until the followers of the switches read them.
const ENDED: usize = 1_024;
/// Webhooks that are counted apart, at most; only those of the configuration are.
const WEBHOOKS: usize = 10_000;

/// A call on hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallOnHold {
    /// Unique-ID of its channel.
    pub uuid: String,
    /// The caller's number.
    pub caller: String,
    /// The dialled number.
    pub called: String,
    /// The webhook that it waits for.
    pub webhook: String,
    /// Its account; empty for the default account.
    pub account: String,
    /// The time that it has been on hold.
    pub since: Duration,
    /// The time until the webhook's deadline ends the hold.
    pub left: Duration,
}

/// A call on hold as it is kept: one allocation, the five texts one after the other.
#[derive(Debug)]
struct HeldCall {
    texts: Box<str>,
    ends: [u16; 4],
    began: Instant,
    until: Instant,
}

impl HeldCall {
    fn new(texts: [&str; 5], began: Instant, until: Instant) -> Self {
        let mut row = String::with_capacity(texts.iter().map(|text| text.len()).sum());
        let mut ends = [0; 4];
        for (at, text) in texts.into_iter().enumerate() {
            row.push_str(&text[..kept_end(text)]);
            if let Some(end) = ends.get_mut(at) {
                *end = u16::try_from(row.len()).unwrap_or(u16::MAX);
            }
        }
        Self {
            texts: row.into_boxed_str(),
            ends,
            began,
            until,
        }
    }

    fn to_call(&self, now: Instant) -> CallOnHold {
        let [one, two, three, four] = self.ends.map(usize::from);
        let text = |from: usize, to: usize| self.texts.get(from..to).unwrap_or("").to_owned();
        CallOnHold {
            uuid: text(0, one),
            caller: text(one, two),
            called: text(two, three),
            webhook: text(three, four),
            account: text(four, self.texts.len()),
            since: now.saturating_duration_since(self.began),
            left: self.until.saturating_duration_since(now),
        }
    }
}

/// Characters of a text from the switch that are kept: what a page can show.
const LONGEST: usize = 128;

fn kept_end(text: &str) -> usize {
    let beyond = text.char_indices().nth(LONGEST);
    beyond.map_or(text.len(), |(at, _)| at)
}

/// Cuts a text to the length that is kept.
#[must_use]
pub fn truncate(mut text: String) -> String {
    text.truncate(kept_end(&text));
    text.shrink_to_fit();
    text
}

/// One outcome of a webhook in a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LookupSample {
    /// When the lookup ended.
    pub at: Instant,
    /// The time from sending to the outcome, µs; 0 if nothing was sent.
    pub asked_us: u32,
    /// The reason of line 1; `None` for line 0.
    pub failed: Option<Reason>,
}

impl LookupSample {
    /// Whether the call took line 0.
    #[must_use]
    pub const fn succeeded(&self) -> bool {
        self.failed.is_none()
    }
}

#[derive(Debug, Default)]
struct Inner {
    next: u64,
    on_hold: HashMap<u64, HeldCall>,
    lookups: VecDeque<Arc<LookupRecord>>,
    samples: BTreeMap<String, VecDeque<LookupSample>>,
}

/// The live calls, shared by the call control and the page.
#[derive(Debug)]
pub struct LiveCalls {
    state: Mutex<Inner>,
    kept: usize,
    changed: watch::Sender<u64>,
    ended: broadcast::Sender<Arc<LookupRecord>>,
}

impl Default for LiveCalls {
    fn default() -> Self {
        Self::new(1_000)
    }
}

impl LiveCalls {
    /// Keeps the last `kept` lookups.
    #[must_use]
    pub fn new(kept: usize) -> Self {
        Self {
            state: Mutex::default(),
            kept,
            changed: watch::Sender::new(0),
            ended: broadcast::Sender::new(ENDED),
        }
    }

    fn state(&self) -> MutexGuard<'_, Inner> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self) {
        self.changed
            .send_modify(|change| *change = change.wrapping_add(1));
    }

    /// Returns a receiver that is notified of every call that comes or goes.
    #[must_use]
    pub fn changed(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    /// Returns a call that can be listed as on hold. `texts`: Unique-ID, caller's number, dialled
    /// number, webhook, account.
    #[must_use]
    pub fn unlisted(
        self: &Arc<Self>,
        texts: [&str; 5],
        began: Instant,
        until: Instant,
    ) -> UnlistedCall {
        UnlistedCall {
            live_calls: Arc::clone(self),
            held: HeldCall::new(texts, began, until),
        }
    }

    /// Records a lookup that has ended. `known`: the configuration has its webhook.
    pub fn record_lookup(&self, lookup: LookupRecord, known: bool) {
        let sample = sample(&lookup);
        {
            let mut state = self.state();
            if let Some(sample) = sample.filter(|_| known) {
                state.add_sample(&lookup.webhook, sample);
            }
            let lookup = Arc::new(lookup);
            if self.ended.receiver_count() > 0 {
                // Fails only if the last receiver is gone by now.
                let _ = self.ended.send(Arc::clone(&lookup));
            }
            if self.kept > 0 {
                while state.lookups.len() >= self.kept {
                    state.lookups.pop_front();
                }
                state.lookups.push_back(lookup);
            }
        }
        self.change();
    }

    /// Returns a receiver of each lookup that ends from now on.
    #[must_use]
    pub fn ended_lookups(&self) -> broadcast::Receiver<Arc<LookupRecord>> {
        self.ended.subscribe()
    }

    /// Returns the number of calls on hold.
    #[must_use]
    pub fn on_hold_count(&self) -> usize {
        self.state().on_hold.len()
    }

    /// Returns the `limit` calls that have been on hold for longest.
    #[must_use]
    pub fn on_hold(&self, limit: usize) -> Vec<CallOnHold> {
        let now = Instant::now();
        let state = self.state();
        let mut oldest: Vec<(&u64, &HeldCall)> = state.on_hold.iter().collect();
        oldest.sort_unstable_by_key(|(key, _)| **key);
        let oldest = oldest.into_iter().take(limit);
        oldest.map(|(_, held)| held.to_call(now)).collect()
    }

    /// Removes and returns the lookups on these channels, in the order in which they ended: their
    /// call is over, and its history has them from now on.
    #[must_use]
    pub fn take_lookups(&self, uuids: &[String]) -> Vec<LookupRecord> {
        let mut state = self.state();
        let (taken, others): (VecDeque<_>, VecDeque<_>) = std::mem::take(&mut state.lookups)
            .into_iter()
            .partition(|lookup: &Arc<LookupRecord>| uuids.contains(&lookup.uuid));
        state.lookups = others;
        drop(state);
        self.change();
        taken.into_iter().map(Arc::unwrap_or_clone).collect()
    }

    /// Returns at most `limit` lookups that match, the latest first.
    #[must_use]
    pub fn lookups(
        &self,
        limit: usize,
        matches: impl Fn(&LookupRecord) -> bool,
    ) -> Vec<Arc<LookupRecord>> {
        let lookups: Vec<Arc<LookupRecord>> = self.state().lookups.iter().cloned().collect();
        let matching = lookups.into_iter().rev().filter(|lookup| matches(lookup));
        matching.take(limit).collect()
    }

    /// Returns the last outcomes of each webhook, the oldest first.
    #[must_use]
    pub fn samples(&self) -> BTreeMap<String, Vec<LookupSample>> {
        let state = self.state();
        let all = state.samples.iter();
        all.map(|(name, samples)| (name.clone(), samples.iter().cloned().collect()))
            .collect()
    }
}

impl Inner {
    fn add_sample(&mut self, webhook: &str, sample: LookupSample) {
        let full = self.samples.len() >= WEBHOOKS;
        let samples = match self.samples.get_mut(webhook) {
            Some(samples) => samples,
            None if full => return,
            None => self.samples.entry(webhook.to_owned()).or_default(),
        };
        if samples.len() >= SAMPLES {
            samples.pop_front();
        }
        samples.push_back(sample);
    }
}

fn sample(lookup: &LookupRecord) -> Option<LookupSample> {
    let outcome = lookup.outcome.as_ref()?;
    Some(LookupSample {
        at: Instant::now(),
        asked_us: u32::try_from(outcome.asked_us.unwrap_or(0)).unwrap_or(u32::MAX),
        failed: outcome.reason.as_deref().map(Reason::from_word),
    })
}

/// A call that is not listed yet: it is still to be confirmed.
#[derive(Debug)]
pub struct UnlistedCall {
    live_calls: Arc<LiveCalls>,
    held: HeldCall,
}

impl UnlistedCall {
    /// Lists the call as on hold until the guard is dropped.
    #[must_use]
    pub fn list(self) -> ActiveCallGuard {
        let Self { live_calls, held } = self;
        let key = {
            let mut state = live_calls.state();
            state.next += 1;
            let key = state.next;
            state.on_hold.insert(key, held);
            key
        };
        live_calls.change();
        ActiveCallGuard { live_calls, key }
    }
}

/// Keeps a call listed as on hold.
#[derive(Debug)]
pub struct ActiveCallGuard {
    live_calls: Arc<LiveCalls>,
    key: u64,
}

impl Drop for ActiveCallGuard {
    fn drop(&mut self) {
        self.live_calls.state().on_hold.remove(&self.key);
        self.live_calls.change();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lookup(uuid: &str) -> LookupRecord {
        LookupRecord {
            uuid: uuid.into(),
            webhook: "lookup".into(),
            ..LookupRecord::default()
        }
    }

    #[test]
    fn numbers_and_names_of_a_call_are_cut() {
        let long = "é".repeat(300_000);
        let live_calls = Arc::new(LiveCalls::default());
        let now = Instant::now();
        let _guard = live_calls.unlisted([long.as_str(); 5], now, now).list();
        let shown = live_calls.on_hold(1).remove(0);
        let cut = "é".repeat(LONGEST);
        for text in [
            &shown.uuid,
            &shown.caller,
            &shown.called,
            &shown.webhook,
            &shown.account,
        ] {
            assert_eq!(*text, cut);
        }
        assert_eq!(truncate(long), cut);
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_is_listed_for_as_long_as_its_guard_lives() {
        let live_calls = Arc::new(LiveCalls::default());
        let began = Instant::now();
        let texts = ["u-1", "919879072567", "7000", "lookup", "acme"];
        let until = began + Duration::from_secs(10);
        let guard = live_calls.unlisted(texts, began, until).list();
        tokio::time::advance(Duration::from_secs(3)).await;
        let shown = live_calls.on_hold(9);
        let expected = CallOnHold {
            uuid: "u-1".into(),
            caller: "919879072567".into(),
            called: "7000".into(),
            webhook: "lookup".into(),
            account: "acme".into(),
            since: Duration::from_secs(3),
            left: Duration::from_secs(7),
        };
        assert_eq!(shown, [expected]);
        drop(guard);
        assert_eq!(live_calls.on_hold_count(), 0);
    }

    #[test]
    fn only_the_last_lookups_are_kept_the_latest_first() {
        let live_calls = LiveCalls::new(2);
        for uuid in ["a", "b", "c"] {
            live_calls.record_lookup(lookup(uuid), true);
        }
        let kept = live_calls.lookups(9, |_| true);
        let kept: Vec<&str> = kept.iter().map(|lookup| lookup.uuid.as_str()).collect();
        assert_eq!(kept, ["c", "b"]);
    }

    #[test]
    fn a_waiting_call_costs_a_few_hundred_bytes() {
        let held = HeldCall::new(
            [
                "9d34878d-01a0-45ba-b5d6-6b097ae17611",
                "919879072567",
                "912243690284",
                "lookup",
                "acme",
            ],
            Instant::now(),
            Instant::now(),
        );
        let bytes = size_of::<(u64, HeldCall)>() + held.texts.len();
        assert!(bytes <= 256, "{bytes}");
    }
}
