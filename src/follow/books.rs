//! The ledger of one switch, and what it tells us to store.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use tokio::sync::mpsc;
use tracing::{info, warn};

use crate::call::ledger::{self, Effect, Ledger};
use crate::call::leg::Leg;
use crate::eslclient::Event;
use crate::store::{Store, StoreError, StoredLeg};

use super::lag::Lag;
use super::named::Named;
use super::writer::Job;
use super::{Closing, Options};

/// Microseconds since 1970.
pub fn now_us() -> i64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}

/// The calls of one switch.
pub struct Books {
    ledger: Ledger,
    /// Its address, under which its name is noted.
    address: String,
    /// The name that the operator gave.
    given: Option<String>,
    /// The name that documents and the store have; known once the switch was reached.
    switch: Option<String>,
    closing: Arc<dyn Closing>,
    jobs: mpsc::Sender<Job>,
    lag: Lag,
}

impl Books {
    /// Empty books, which tell `jobs` what to store.
    pub fn new(options: &Options, closing: Arc<dyn Closing>, jobs: mpsc::Sender<Job>) -> Self {
        let mut ledger = Ledger::new(ledger::Options {
            patience_us: i64::try_from(options.patience.as_micros()).unwrap_or(i64::MAX),
            ..ledger::Options::default()
        });
        ledger.skip_keys(closing.unwanted_keys());
        Self {
            ledger,
            address: options.address.clone(),
            given: options.name.clone(),
            switch: None,
            closing,
            jobs,
            lag: Lag::default(),
        }
    }

    /// The name under which its calls are stored, once there is one.
    pub fn switch(&self) -> Option<&str> {
        self.switch.as_deref()
    }

    /// Before the switch is reached: takes up the calls that a predecessor stored of the
    /// switch that was last found at this address, so that they end even if it never is.
    ///
    /// # Errors
    /// When the store cannot be read; the same call may be made again.
    pub async fn take_up_stored(&mut self, store: &Store) -> Result<(), StoreError> {
        let noted = store.switch_at(&self.address).await?;
        if let Some(name) = noted.or_else(|| self.given.clone()) {
            self.take_up(name, store).await?;
        }
        match self.given.clone() {
            Some(given) => self.switch_is(&given, store, now_us()).await,
            None => Ok(()),
        }
    }

    /// The switch, asked at `asked_us`, said its name. What is stored under that name is
    /// taken up, and what was known under another becomes its own.
    ///
    /// # Errors
    /// When the store cannot be read; the same call may be made again.
    pub async fn switch_is(
        &mut self,
        name: &str,
        store: &Store,
        asked_us: i64,
    ) -> Result<(), StoreError> {
        self.lag.restart();
        let name = self.given.clone().unwrap_or_else(|| name.to_owned());
        if self.switch.as_ref() == Some(&name) {
            return Ok(());
        }
        let former = self.switch.clone();
        self.take_up_at(name.clone(), store, asked_us).await?;
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

    async fn take_up(&mut self, name: String, store: &Store) -> Result<(), StoreError> {
        self.take_up_at(name, store, now_us()).await
    }

    async fn take_up_at(
        &mut self,
        name: String,
        store: &Store,
        asked_us: i64,
    ) -> Result<(), StoreError> {
        let channels = store.finished_channels(&name).await?;
        let rows = store.load_legs().await?;
        for channel in channels {
            self.ledger.remember(&channel.uuid, channel.created_us);
        }
        let own = rows.into_iter().filter(|row| row.switch == name);
        let legs: Vec<Leg> = own.filter_map(read).collect();
        if !legs.is_empty() {
            let legs = legs.len();
            info!(switch = name, legs, "taking up the calls of before");
        }
        self.switch = Some(name);
        // Just before the question: a leg that is not in the answer is gone.
        let effects = self.ledger.restore(legs, asked_us.saturating_sub(1));
        self.carry_out(effects).await;
        Ok(())
    }

    /// One event.
    pub async fn event(&mut self, event: &Event) {
        let now = now_us();
        let made = event
            .get("Event-Date-Timestamp")
            .and_then(|text| text.parse().ok());
        if let Some(made) = made.filter(|_| self.switch.is_some()) {
            self.lag.note(&self.address, made, now);
        }
        let named = Named {
            event,
            switch: self.given.as_deref(),
        };
        let effects = self.ledger.apply(&named, now);
        self.carry_out(effects).await;
    }

    /// Of the legs of which nothing was heard since `asked_us`, when the switch was asked
    /// for `list` (`show channels as json`): those that are not in it.
    pub fn not_listed(&self, list: &str, asked_us: i64) -> Vec<String> {
        let listed = uuids(list).unwrap_or_else(|| {
            let switch = self.name_of("");
            warn!(switch, "the switch's list of channels cannot be read");
            HashSet::new()
        });
        let silent = self.ledger.silent(asked_us);
        silent
            .filter(|uuid| !listed.contains(*uuid))
            .map(str::to_owned)
            .collect()
    }

    /// The switch, asked at `asked_us`, no longer has these channels.
    pub async fn lost(&mut self, gone: &HashSet<String>, asked_us: i64) {
        let switch = self.name_of("");
        let lives = |uuid: &str| !gone.contains(uuid);
        let effects = self.ledger.lose(&switch, &lives, asked_us, now_us());
        if !effects.is_empty() {
            let legs = effects.len();
            warn!(switch, legs, "legs ended while the switch was not followed");
        }
        self.carry_out(effects).await;
    }

    /// Closes what has waited too long; about once a second.
    pub async fn tick(&mut self) {
        self.ledger.skip_keys(self.closing.unwanted_keys());
        let effects = self.ledger.expire(self.lag.heard_until(now_us()));
        self.carry_out(effects).await;
    }

    async fn carry_out(&mut self, effects: Vec<Effect>) {
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
                    leg_uuid: uuid,
                    json,
                }))
            }
            Effect::Forget(uuid) => Some(Job::Forget {
                switch: self.name_of(""),
                uuid,
            }),
            Effect::Over(call) => {
                let mut finished = self.closing.finish(&call);
                finished.switch = self.name_of(&finished.switch);
                Some(Job::Finish(Box::new(finished)))
            }
        }
    }

    fn name_of(&self, event: &str) -> String {
        self.switch.clone().unwrap_or_else(|| event.to_owned())
    }
}

fn read(row: StoredLeg) -> Option<Leg> {
    match serde_json::from_str(&row.json) {
        Ok(leg) => Some(leg),
        Err(error) => {
            warn!(leg = row.leg_uuid, %error, "a stored leg cannot be read");
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
