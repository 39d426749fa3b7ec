//! What goes on now, and what has just ended, for whoever looks: the operator's page.
//!
//! A leaf, as [`switchhook_core::metric_names`] is: `call_control` writes here what it does, `ops` reads it. What a
//! call costs here is one short text while it is on hold, and its place among the last ones.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use switchhook_core::call_history::LookupRecord;
use switchhook_core::outcome::Reason;

/// Outcomes that are kept of each webhook, for its percentiles.
const SAMPLES: usize = 256;
/// Webhooks that are told apart; there are as many as the configuration has.
const WEBHOOKS: usize = 10_000;

/// A call on hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OnHold {
    /// Unique-ID of its channel.
    pub uuid: String,
    /// The caller's number.
    pub caller: String,
    /// The number that was dialled.
    pub called: String,
    /// The webhook that is asked.
    pub webhook: String,
    /// Whose call it is; empty: the default account's.
    pub account: String,
    /// For how long it has been on hold.
    pub since: Duration,
    /// When it ends by itself: the webhook's deadline.
    pub left: Duration,
}

/// What is kept of a call on hold: one allocation, the five texts in a row.
#[derive(Debug)]
struct Held {
    texts: Box<str>,
    ends: [u16; 4],
    began: Instant,
    until: Instant,
}

impl Held {
    fn new(texts: [&str; 5], began: Instant, until: Instant) -> Self {
        let mut row = String::with_capacity(texts.iter().map(|text| text.len()).sum());
        let mut ends = [0; 4];
        for (at, text) in texts.into_iter().enumerate() {
            row.push_str(&text[..end(text)]);
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

    fn shown(&self, now: Instant) -> OnHold {
        let [one, two, three, four] = self.ends.map(usize::from);
        let text = |from: usize, to: usize| self.texts.get(from..to).unwrap_or("").to_owned();
        OnHold {
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

/// A text from the switch is not longer here than a page can show.
const LONGEST: usize = 128;

fn end(text: &str) -> usize {
    let beyond = text.char_indices().nth(LONGEST);
    beyond.map_or(text.len(), |(at, _)| at)
}

/// The text, cut where it is too long to be kept.
#[must_use]
pub fn cut(mut text: String) -> String {
    text.truncate(end(&text));
    text.shrink_to_fit();
    text
}

/// One outcome of a webhook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sample {
    /// When the run ended.
    pub at: Instant,
    /// From sending to the outcome, µs; 0 when nothing was sent.
    pub asked_us: u32,
    /// Why it took line 1; `None`: it took line 0.
    pub failed: Option<Reason>,
}

impl Sample {
    /// Whether it took line 0.
    #[must_use]
    pub const fn well(&self) -> bool {
        self.failed.is_none()
    }
}

#[derive(Debug, Default)]
struct State {
    next: u64,
    on_hold: HashMap<u64, Held>,
    runs: VecDeque<Arc<LookupRecord>>,
    samples: BTreeMap<String, VecDeque<Sample>>,
}

/// The board; shared by all who write or read it.
#[derive(Debug)]
pub struct LiveCalls {
    state: Mutex<State>,
    kept: usize,
    changed: watch::Sender<u64>,
}

impl Default for LiveCalls {
    fn default() -> Self {
        Self::new(1_000)
    }
}

impl LiveCalls {
    /// An empty board that keeps the last `kept` runs.
    #[must_use]
    pub fn new(kept: usize) -> Self {
        Self {
            state: Mutex::default(),
            kept,
            changed: watch::Sender::new(0),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self) {
        self.changed
            .send_modify(|change| *change = change.wrapping_add(1));
    }

    /// Changes with every call that comes and goes.
    #[must_use]
    pub fn changed(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    /// A call is on hold for as long as the place lives. `texts`: Unique-ID, caller's number,
    /// dialled number, webhook, account.
    pub fn hold(&self, texts: [&str; 5], began: Instant, until: Instant) -> ActiveCallGuard<'_> {
        let held = Held::new(texts, began, until);
        let key = {
            let mut state = self.state();
            state.next += 1;
            let key = state.next;
            state.on_hold.insert(key, held);
            key
        };
        self.change();
        ActiveCallGuard {
            live_calls: self,
            key,
        }
    }

    /// A widget's run is over. `known`: the configuration has its webhook.
    pub fn ran(&self, run: LookupRecord, known: bool) {
        let sample = sample(&run);
        {
            let mut state = self.state();
            if let Some(sample) = sample.filter(|_| known) {
                state.note(&run.webhook, sample);
            }
            if self.kept > 0 {
                while state.runs.len() >= self.kept {
                    state.runs.pop_front();
                }
                state.runs.push_back(Arc::new(run));
            }
        }
        self.change();
    }

    /// How many calls are on hold.
    #[must_use]
    pub fn holds(&self) -> usize {
        self.state().on_hold.len()
    }

    /// The `limit` calls that have been on hold for longest.
    #[must_use]
    pub fn on_hold(&self, limit: usize) -> Vec<OnHold> {
        let now = Instant::now();
        let state = self.state();
        let mut oldest: Vec<(&u64, &Held)> = state.on_hold.iter().collect();
        oldest.sort_unstable_by_key(|(key, _)| **key);
        let oldest = oldest.into_iter().take(limit);
        oldest.map(|(_, held)| held.shown(now)).collect()
    }

    /// Takes the runs on these channels off the board, in the order in which they ended: their
    /// call is over, and its story has them from now on.
    #[must_use]
    pub fn take(&self, uuids: &[String]) -> Vec<LookupRecord> {
        let mut state = self.state();
        let (theirs, others) = std::mem::take(&mut state.runs)
            .into_iter()
            .partition(|run| uuids.contains(&run.uuid));
        state.runs = others;
        drop(state);
        self.change();
        let theirs: VecDeque<Arc<LookupRecord>> = theirs;
        theirs.into_iter().map(Arc::unwrap_or_clone).collect()
    }

    /// Runs that fit, the newest first.
    #[must_use]
    pub fn runs(
        &self,
        limit: usize,
        fits: impl Fn(&LookupRecord) -> bool,
    ) -> Vec<Arc<LookupRecord>> {
        let runs: Vec<Arc<LookupRecord>> = self.state().runs.iter().cloned().collect();
        let fitting = runs.into_iter().rev().filter(|run| fits(run));
        fitting.take(limit).collect()
    }

    /// The last outcomes of each webhook, the oldest first.
    #[must_use]
    pub fn samples(&self) -> BTreeMap<String, Vec<Sample>> {
        let state = self.state();
        let all = state.samples.iter();
        all.map(|(name, samples)| (name.clone(), samples.iter().cloned().collect()))
            .collect()
    }
}

impl State {
    fn note(&mut self, webhook: &str, sample: Sample) {
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

fn sample(run: &LookupRecord) -> Option<Sample> {
    let outcome = run.outcome.as_ref()?;
    Some(Sample {
        at: Instant::now(),
        asked_us: u32::try_from(outcome.asked_us.unwrap_or(0)).unwrap_or(u32::MAX),
        failed: outcome.reason.as_deref().map(Reason::named),
    })
}

/// A call's place on the board.
#[derive(Debug)]
pub struct ActiveCallGuard<'a> {
    live_calls: &'a LiveCalls,
    key: u64,
}

impl Drop for ActiveCallGuard<'_> {
    fn drop(&mut self) {
        self.live_calls.state().on_hold.remove(&self.key);
        self.live_calls.change();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(uuid: &str) -> LookupRecord {
        LookupRecord {
            uuid: uuid.into(),
            webhook: "lookup".into(),
            ..LookupRecord::default()
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_is_on_the_board_for_as_long_as_its_place_lives() {
        let live_calls = LiveCalls::default();
        let began = Instant::now();
        let texts = ["u-1", "919879072567", "7000", "lookup", "acme"];
        let place = live_calls.hold(texts, began, began + Duration::from_secs(10));
        tokio::time::advance(Duration::from_secs(3)).await;
        let shown = live_calls.on_hold(9);
        let expected = OnHold {
            uuid: "u-1".into(),
            caller: "919879072567".into(),
            called: "7000".into(),
            webhook: "lookup".into(),
            account: "acme".into(),
            since: Duration::from_secs(3),
            left: Duration::from_secs(7),
        };
        assert_eq!(shown, [expected]);
        drop(place);
        assert_eq!(live_calls.holds(), 0);
    }

    #[test]
    fn only_the_last_runs_are_kept_the_newest_first() {
        let live_calls = LiveCalls::new(2);
        for uuid in ["a", "b", "c"] {
            live_calls.ran(run(uuid), true);
        }
        let kept = live_calls.runs(9, |_| true);
        let kept: Vec<&str> = kept.iter().map(|run| run.uuid.as_str()).collect();
        assert_eq!(kept, ["c", "b"]);
    }

    #[test]
    fn a_waiting_call_costs_a_few_hundred_bytes() {
        let held = Held::new(
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
        let bytes = size_of::<(u64, Held)>() + held.texts.len();
        assert!(bytes <= 256, "{bytes}");
    }
}
