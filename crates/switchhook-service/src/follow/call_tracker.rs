//! The ledger of one switch, and what it tells us to store.

use std::collections::HashSet;
use std::sync::Arc;

use metrics::counter;
use tokio::sync::mpsc;
use tracing::{info, warn};

use eslclient::Event;
use switchhook_core::cdr::Cdr;
use switchhook_core::clock;
use switchhook_core::headers::Headers;
use switchhook_core::ledger::{self, Effect, Ledger};
use switchhook_core::leg::{Leg, Phase};
use switchhook_core::metric_names;
use switchhook_core::ordered_map::OrderedMap;
use switchhook_store::{Store, StoreError, StoredLeg};

use super::cdr_recovery::CdrRecovery;
use super::cdrs::{Batch, Came, NotTaken, OVERLAP_US, Order, Posted};
use super::channel_fields::{ChannelFields, OfEvent};
use super::lag::Lag;
use super::writer::{Job, Teller};
use super::{FinishCall, FollowOptions};

/// CDRs that were written longer ago are of calls whose documents may be out and forgotten.
const OLDEST_CDR_US: i64 = 7 * 24 * 3_600 * 1_000_000;
/// A leg that hangs up without its details is looked for among the CDRs after this, or half the
/// patience.
const CDR_AFTER_US: i64 = 3_000_000;

/// Microseconds since 1970.
pub(crate) fn now_us() -> i64 {
    i64::try_from(clock::since_1970().as_micros()).unwrap_or(i64::MAX)
}

/// The calls of one switch.
pub(crate) struct CallTracker {
    pub(super) ledger: Ledger,
    /// Its address, under which its name is noted.
    address: String,
    /// The name that the operator gave.
    given: Option<String>,
    /// The name that documents and the store have; known once the switch was reached.
    switch: Option<String>,
    /// The calls that a predecessor stored are known.
    is_taken_up: bool,
    closing: Arc<dyn FinishCall>,
    jobs: mpsc::Sender<Job>,
    lag: Lag,
    /// The last channel that another instance ended, as the store counts them.
    pub(super) heard_of: i64,
    mending: CdrRecovery,
    cdr_after_us: i64,
}

impl CallTracker {
    /// Empty books, which tell `jobs` what to store.
    pub(super) fn new(
        options: &FollowOptions,
        closing: Arc<dyn FinishCall>,
        jobs: mpsc::Sender<Job>,
        mending: CdrRecovery,
    ) -> Self {
        let usual = ledger::LedgerOptions::default();
        let patience_us = i64::try_from(options.patience.as_micros()).unwrap_or(i64::MAX);
        let ledger = Ledger::new(ledger::LedgerOptions {
            patience_us,
            cdr_patience_us: usual.cdr_patience_us.min(patience_us),
            has_cdrs: mending.reads(),
            ..usual
        });
        Self {
            ledger,
            address: options.address.clone(),
            given: options.name.clone(),
            switch: None,
            is_taken_up: false,
            closing,
            jobs,
            lag: Lag::default(),
            heard_of: 0,
            mending,
            cdr_after_us: CDR_AFTER_US.min(patience_us / 2),
        }
    }

    /// The name under which its calls are stored, once there is one.
    pub(super) fn switch(&self) -> Option<&str> {
        self.switch.as_deref()
    }

    /// Before the switch is reached: takes up the calls that a predecessor stored of the
    /// switch that was last found at this address, so that they end even if it never is.
    /// Does nothing when that is done.
    ///
    /// # Errors
    /// When the store cannot be read; the same call may be made again.
    pub(super) async fn take_up_stored(&mut self, store: &Store) -> Result<(), StoreError> {
        if self.is_taken_up {
            return Ok(());
        }
        match self.given.clone() {
            Some(given) => self.switch_is(&given, store, now_us()).await,
            None => self.take_up_noted(store, now_us()).await,
        }
    }

    async fn take_up_noted(&mut self, store: &Store, asked_us: i64) -> Result<(), StoreError> {
        if self.is_taken_up {
            return Ok(());
        }
        let noted = store.switch_at(&self.address).await?;
        if let Some(name) = noted.or_else(|| self.given.clone()) {
            self.take_up(name, store, asked_us).await?;
        }
        self.is_taken_up = true;
        Ok(())
    }

    /// The switch, asked at `asked_us`, said its name. What is stored under that name is
    /// taken up, and what was known under another becomes its own.
    ///
    /// # Errors
    /// When the store cannot be read; the same call may be made again.
    pub(super) async fn switch_is(
        &mut self,
        name: &str,
        store: &Store,
        asked_us: i64,
    ) -> Result<(), StoreError> {
        self.lag.restart();
        self.take_up_noted(store, asked_us).await?;
        let name = self.given.clone().unwrap_or_else(|| name.to_owned());
        if self.switch.as_ref() == Some(&name) {
            // Another service on the same store may have ended calls that we did not see end.
            self.remember(&name, store).await?;
            self.mending.order(Order::List, now_us());
            let effects = self.ledger.was_deaf();
            self.carry_out(effects).await;
            return Ok(());
        }
        let former = self.switch.clone();
        self.take_up(name.clone(), store, asked_us).await?;
        if let Some(former) = former {
            info!(former, name, "the switch has another name");
            self.rename(&former, &name).await;
        }
        let address = self.address.clone();
        self.send(Job::Switch { address, name }).await;
        Ok(())
    }

    async fn rename(&mut self, former: &str, name: &str) {
        for effect in self.ledger.rename_switch(name) {
            if let Effect::Store(uuid) = &effect {
                let (switch, uuid) = (former.to_owned(), uuid.clone());
                self.send(Job::Forget { switch, uuid }).await;
            }
            self.carry_out(vec![effect]).await;
        }
    }

    async fn take_up(
        &mut self,
        name: String,
        store: &Store,
        asked_us: i64,
    ) -> Result<(), StoreError> {
        self.remember(&name, store).await?;
        let rows = store.load_legs().await?;
        let read_until = store.cdr_read(&name).await?;
        let own = rows.into_iter().filter(|row| row.switch == name);
        let legs: Vec<Leg> = own.filter_map(read).collect();
        if !legs.is_empty() {
            let legs = legs.len();
            info!(switch = name, legs, "taking up the calls of before");
        }
        self.mending.is_called(&name);
        self.switch = Some(name.clone());
        self.read_cdrs(name, read_until).await;
        // Just before the question: a leg that is not in the answer is gone.
        let effects = self.ledger.restore(legs, asked_us.saturating_sub(1));
        self.carry_out(effects).await;
        let effects = self.ledger.was_deaf();
        self.carry_out(effects).await;
        Ok(())
    }

    async fn remember(&mut self, name: &str, store: &Store) -> Result<(), StoreError> {
        for channel in store.finished_channels(name).await? {
            self.ledger.remember(&channel.uuid, channel.created_us);
        }
        Ok(())
    }

    /// From where a predecessor had read them; from now on, when there was none: what is in the
    /// folder then is of calls before our time.
    async fn read_cdrs(&mut self, switch: String, read: Option<i64>) {
        if !self.mending.reads() {
            return;
        }
        let now = now_us();
        // What is read overlaps; a first time there is nothing before to overlap with.
        let first_us = now.saturating_add(OVERLAP_US);
        let until_us = read.unwrap_or(first_us).max(now - OLDEST_CDR_US);
        self.send(Job::CdrsRead { switch, until_us }).await;
        self.mending.order(Order::Begin(until_us), now);
    }

    /// One event.
    pub(super) async fn event(&mut self, event: &Event) {
        let now = now_us();
        let made = event
            .get("Event-Date-Timestamp")
            .and_then(|text| text.parse().ok());
        if let Some(made) = made.filter(|_| self.switch.is_some()) {
            self.lag.note(&self.address, made, now);
        }
        self.heed_reload();
        let named = ChannelFields {
            told: OfEvent(event),
            switch: self.given.as_deref(),
        };
        let effects = self.ledger.apply(&named, now);
        self.carry_out(effects).await;
    }

    /// Whether this leg is known to live.
    pub(super) fn has(&self, uuid: &str) -> bool {
        let leg = self.ledger.leg(uuid);
        leg.is_some_and(|leg| leg.created_us.is_some() && leg.ended_us.is_none())
    }

    /// Of the legs of which nothing was heard since `asked_us`, when the switch was asked
    /// for `list` (`show channels as json`): those that are not in it. And the channels in it of
    /// which nothing is known, or not what they did while nobody listened.
    pub(super) fn compare(&self, list: &str, asked_us: i64) -> (Vec<String>, Vec<String>) {
        let listed = uuids(list).unwrap_or_else(|| {
            let switch = self.name_of("");
            warn!(switch, "the switch's list of channels cannot be read");
            HashSet::new()
        });
        let silent = self.ledger.silent(asked_us).map(str::to_owned);
        let (deaf, gone): (Vec<_>, Vec<_>) = silent.partition(|uuid| listed.contains(uuid));
        let gap = |uuid: &String| self.ledger.leg(uuid).is_some_and(|leg| leg.gap);
        let deaf = deaf.into_iter().filter(gap);
        let unknown = listed.iter().filter(|uuid| !self.ledger.knows(uuid));
        let unclear = unknown.cloned().chain(deaf).collect();
        (gone, unclear)
    }

    /// A channel that began while nobody listened, as `uuid_dump` shows it.
    pub(super) async fn dumped(&mut self, dump: &str) {
        let Ok(told) = serde_json::from_str::<OrderedMap>(dump) else {
            let switch = self.name_of("");
            return warn!(switch, "the switch's dump of a channel cannot be read");
        };
        self.heed_reload();
        let known = self
            .ledger
            .knows(&told.get("Unique-ID").unwrap_or_default());
        let switch = self.given.as_deref();
        let effects = self.ledger.apply(&ChannelFields { told, switch }, now_us());
        if !known && !effects.is_empty() {
            self.count(metric_names::LEGS_REPAIRED, &[("by", "uuid_dump")], 1);
        }
        self.carry_out(effects).await;
    }

    /// The switch, asked at `asked_us`, no longer has these channels.
    pub(super) async fn lost(&mut self, gone: &HashSet<String>, asked_us: i64) {
        let now = now_us();
        let legs = gone.iter().filter(|uuid| self.ledger.leg(uuid).is_some());
        let legs: Vec<String> = legs.cloned().collect();
        if !legs.is_empty() {
            self.mending.order(Order::Find(legs), now);
        }
        let switch = self.name_of("");
        let lives = |uuid: &str| !gone.contains(uuid);
        let effects = self.ledger.lose(&switch, &lives, asked_us, now_us());
        if !effects.is_empty() {
            let legs = effects.len();
            warn!(switch, legs, "legs ended while the switch was not followed");
        }
        self.carry_out(effects).await;
    }

    /// The switch gives itself this name.
    pub(super) fn calls_itself(&mut self, name: &str) {
        self.mending.calls_itself(name);
    }

    /// The switch is followed, or not any more.
    pub(super) fn followed(&mut self, followed: bool) {
        self.mending.order(Order::Followed(followed), now_us());
    }

    /// The next CDRs. Cancel safe.
    pub(super) async fn next_cdrs(&mut self) -> Came {
        self.mending.next().await
    }

    /// Takes in CDRs.
    pub(super) async fn came(&mut self, came: Came) {
        match came {
            Came::Read(batch) => self.batch(batch).await,
            Came::Posted(Posted { cdr, stored }) => {
                match (&self.switch, self.mending.is_foreign(&cdr)) {
                    // Dropped: what is not known yet cannot be stored.
                    (None, _) => {}
                    (Some(_), true) => drop(stored.try_send(Err(NotTaken::Foreign))),
                    (Some(_), false) => {
                        self.repair(&[cdr]).await;
                        self.send(Job::Tell(Teller(stored))).await;
                    }
                }
            }
        }
    }

    async fn batch(&mut self, batch: Batch) {
        let own = batch.cdrs.into_iter();
        let own: Vec<Cdr> = own.filter(|cdr| !self.mending.is_foreign(cdr)).collect();
        self.repair(&own).await;
        if let (Some(until_us), Some(switch)) = (batch.until_us, self.switch.clone()) {
            self.send(Job::CdrsRead { switch, until_us }).await;
        }
        if batch.is_last {
            self.mending.is_answered();
        }
    }

    async fn repair(&mut self, cdrs: &[Cdr]) {
        let effects = self.learn(cdrs);
        self.carry_out(effects).await;
    }

    /// Before anything is taken in: which keys need not be kept, as the configuration says now.
    fn heed_reload(&mut self) {
        self.ledger.skip_keys(self.closing.unwanted_keys());
    }

    fn learn(&mut self, cdrs: &[Cdr]) -> Vec<Effect> {
        self.heed_reload();
        let switch = self.given.as_deref();
        let named: Vec<_> = cdrs
            .iter()
            .map(|told| ChannelFields { told, switch })
            .collect();
        let named: Vec<&dyn Headers> = named.iter().map(|one| one as &dyn Headers).collect();
        let effects = self.ledger.repair(&named, now_us());
        let new = effects
            .iter()
            .filter(|effect| matches!(effect, Effect::Store(_)));
        let new = new.count().min(cdrs.len());
        self.count(metric_names::CDRS, &[("outcome", "taken")], new);
        self.count(
            metric_names::CDRS,
            &[("outcome", "known")],
            cdrs.len() - new,
        );
        effects
    }

    fn count(&self, name: &'static str, label: &[(&'static str, &'static str); 1], by: usize) {
        let [(key, value)] = *label;
        let address = self.address.clone();
        counter!(name, "switch" => address, key => value).increment(by as u64);
    }

    /// Closes what has waited too long; about once a second.
    pub(super) async fn tick(&mut self) {
        let now = now_us();
        let mut heard_us = self.lag.heard_until(now);
        if self.mending.reads() && self.mending.unread_since().is_none() {
            let wanted = self.ledger.wanting(heard_us - self.cdr_after_us);
            if !wanted.is_empty() {
                self.mending.order(Order::Find(wanted), now);
            }
        }
        if let Some(since_us) = self.mending.unread_since() {
            heard_us = heard_us.min(since_us);
        }
        let effects = self.ledger.expire(heard_us);
        self.carry_out(effects).await;
    }

    pub(super) async fn carry_out(&mut self, effects: Vec<Effect>) {
        if effects.is_empty() {
            return;
        }
        let began = now_us();
        for effect in effects {
            if let Some(job) = self.job(effect) {
                self.send(job).await;
            }
        }
        self.lag.stalled(began, now_us());
    }

    /// Waits while the writer has enough to do: this is the backpressure.
    async fn send(&self, job: Job) {
        // The follower ends when its writer does, and says so.
        drop(self.jobs.send(job).await);
    }

    fn job(&self, effect: Effect) -> Option<Job> {
        match effect {
            Effect::Store(uuid) => {
                let leg = self.ledger.leg(&uuid)?;
                let json = serde_json::to_string(leg).ok()?;
                let switch = self.name_of(&leg.switch);
                Some(Job::Leg(StoredLeg {
                    switch,
                    call_id: uuid.clone(),
                    created_us: leg.created_us,
                    known: i64::try_from(leg.sequence).unwrap_or(i64::MAX),
                    leg_uuid: uuid,
                    json,
                }))
            }
            Effect::Forget(uuid) => Some(Job::Forget {
                switch: self.name_of(""),
                uuid,
            }),
            Effect::Over(call) => {
                let told = call.legs.iter().filter(|leg| leg.phase == Phase::Told);
                self.count(metric_names::LEGS_REPAIRED, &[("by", "cdr")], told.count());
                let mut finished = self.closing.finish(&call);
                finished.switch = self.name_of(&finished.switch);
                Some(Job::Finish(Box::new(finished)))
            }
        }
    }

    /// Since `since_us` no event was read.
    pub(super) fn unread_since(&mut self, since_us: i64) {
        self.lag.stalled(since_us, now_us());
    }

    /// The time up to which every event was heard.
    pub(super) fn heard_until(&self, now_us: i64) -> i64 {
        self.lag.heard_until(now_us)
    }

    fn name_of(&self, event: &str) -> String {
        self.switch.clone().unwrap_or_else(|| event.to_owned())
    }
}

/// A leg as it was stored.
pub(super) fn read(row: StoredLeg) -> Option<Leg> {
    match serde_json::from_str(&row.json) {
        Ok(leg) => Some(leg),
        Err(error) => {
            warn!(call_uuid = row.call_id, leg_uuid = row.leg_uuid, %error, "a stored leg cannot be read");
            None
        }
    }
}

/// The UUIDs of `show channels as json`; without any channel it has no `rows`.
fn uuids(list: &str) -> Option<HashSet<String>> {
    let list: serde_json::Value = serde_json::from_str(list).ok()?;
    let rows = list.get("rows").and_then(serde_json::Value::as_array);
    let uuids = rows
        .into_iter()
        .flatten()
        .filter_map(|row| row.get("uuid")?.as_str());
    Some(uuids.map(str::to_owned).collect())
}
