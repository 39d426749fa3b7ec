//! The ledger of one switch, and what it tells us to store.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::sync::mpsc;
use tracing::{info, warn};

use crate::call::ledger::{self, Effect, Ledger};
use crate::call::leg::Leg;
use crate::eslclient::Event;
use crate::store::{Store, StoredLeg};

use super::Closing;
use super::lag::Lag;
use super::named::Named;
use super::writer::Job;

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
    pub fn new(
        given: Option<String>,
        patience: Duration,
        closing: Arc<dyn Closing>,
        jobs: mpsc::Sender<Job>,
    ) -> Self {
        let ledger = Ledger::new(ledger::Options {
            patience_us: i64::try_from(patience.as_micros()).unwrap_or(i64::MAX),
            ..ledger::Options::default()
        });
        Self {
            ledger,
            given,
            switch: None,
            closing,
            jobs,
            lag: Lag::default(),
        }
    }

    /// The switch said its name. The first time, the legs stored by a predecessor are
    /// taken in.
    pub async fn switch_is(&mut self, name: &str, store: &Store) {
        let name = self.given.clone().unwrap_or_else(|| name.to_owned());
        if self.switch.as_ref() == Some(&name) {
            return;
        }
        self.switch = Some(name.clone());
        let legs: Vec<Leg> = match store.load_legs().await {
            Ok(rows) => rows
                .into_iter()
                .filter(|row| row.switch == name)
                .filter_map(read)
                .collect(),
            Err(error) => {
                warn!(switch = name, %error, "the legs stored before cannot be read; their calls are not resumed");
                return;
            }
        };
        if !legs.is_empty() {
            info!(
                switch = name,
                legs = legs.len(),
                "taking up the calls of before"
            );
        }
        let effects = self.ledger.restore(legs, now_us());
        self.carry_out(effects).await;
    }

    /// One event.
    pub async fn event(&mut self, event: &Event) {
        let now = now_us();
        let made = event
            .get("Event-Date-Timestamp")
            .and_then(|text| text.parse().ok());
        if let (Some(made), Some(switch)) = (made, &self.switch) {
            self.lag.note(switch, made, now);
        }
        let named = Named {
            event,
            switch: self.given.as_deref(),
        };
        let effects = self.ledger.apply(&named, now);
        self.carry_out(effects).await;
    }

    /// `show channels as json`, asked at `asked_us`: legs that are not in it ended while
    /// nobody listened.
    pub async fn channels_alive(&mut self, list: &str, asked_us: i64) {
        let Some(switch) = self.switch.clone() else {
            return;
        };
        let Some(alive) = uuids(list) else {
            warn!(switch, "the switch's list of channels cannot be read");
            return;
        };
        let effects = self
            .ledger
            .lose(&switch, &|uuid| alive.contains(uuid), asked_us, now_us());
        if !effects.is_empty() {
            warn!(
                switch,
                legs = effects.len(),
                "legs ended while the switch was not followed"
            );
        }
        self.carry_out(effects).await;
    }

    /// Closes what has waited too long; about once a second.
    pub async fn tick(&mut self) {
        let effects = self.ledger.expire(now_us());
        self.carry_out(effects).await;
    }

    async fn carry_out(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            if let Some(job) = self.job(effect) {
                // The writer lives as long as we do; waiting for it is the backpressure.
                if self.jobs.send(job).await.is_err() {
                    warn!("the ledger's writer is gone");
                }
            }
        }
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
            Effect::Over(call) => Some(Job::Finish(self.closing.finish(&call))),
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
