//! Takes up the calls that an earlier process stored, under the name of their switch.

use tracing::{info, warn};

use switchhook_core::clock::now_us;
use switchhook_core::ledger::Effect;
use switchhook_core::leg::Leg;
use switchhook_store::{Store, StoreError, StoredLeg};

use super::call_tracker::CallTracker;
use super::cdrs::{OVERLAP_US, ReaderCommand};
use super::writer::StoreCommand;

/// The greatest age of a CDR file that is read. Older ones belong to calls whose documents may
/// be delivered and deleted.
const OLDEST_CDR_US: i64 = 7 * 24 * 3_600 * 1_000_000;

impl CallTracker {
    /// Loads the calls of the switch that was last found at this address, before the switch is
    /// reached, so that they end even if it never is. Does nothing once that is done.
    ///
    /// # Errors
    /// The store cannot be read; the call may be repeated.
    pub(super) async fn restore_stored(&mut self, store: &Store) -> Result<(), StoreError> {
        self.update_settings();
        if self.is_restored {
            return Ok(());
        }
        match self.configured_name.clone() {
            Some(name) => self.set_switch_name(&name, store, now_us()).await,
            None => self.restore_by_address(store, now_us()).await,
        }
    }

    async fn restore_by_address(&mut self, store: &Store, asked_us: i64) -> Result<(), StoreError> {
        if self.is_restored {
            return Ok(());
        }
        let noted = store.switch_name_at(&self.address).await?;
        if let Some(name) = noted.or_else(|| self.configured_name.clone()) {
            self.restore(name, store, asked_us).await?;
        }
        self.is_restored = true;
        Ok(())
    }

    /// Takes the name that the switch reported when it was asked at `asked_us` (µs since 1970).
    /// Loads what is stored under that name, and moves what was known under another to it.
    ///
    /// # Errors
    /// The store cannot be read; the call may be repeated.
    pub(super) async fn set_switch_name(
        &mut self,
        name: &str,
        store: &Store,
        asked_us: i64,
    ) -> Result<(), StoreError> {
        self.lag.restart();
        self.restore_by_address(store, asked_us).await?;
        let name = self
            .configured_name
            .clone()
            .unwrap_or_else(|| name.to_owned());
        if self.switch.as_ref() == Some(&name) {
            // Another service on the same store may have finished calls whose end we missed.
            self.load_finished(&name, store).await?;
            self.cdrs.request(ReaderCommand::List, now_us());
            let effects = self.ledger.note_gap();
            self.apply_effects(effects).await;
            return Ok(());
        }
        let former = self.switch.clone();
        self.restore(name.clone(), store, asked_us).await?;
        if let Some(former) = former {
            info!(former, name, "the switch has another name");
            self.rename(&former, &name).await;
        }
        let address = self.address.clone();
        self.send(StoreCommand::Switch { address, name }).await;
        Ok(())
    }

    async fn rename(&mut self, former: &str, name: &str) {
        for effect in self.ledger.rename_switch(name) {
            if let Effect::Store(uuid) = &effect {
                let (switch, uuid) = (former.to_owned(), uuid.clone());
                self.send(StoreCommand::Forget { switch, uuid }).await;
            }
            self.apply_effects(vec![effect]).await;
        }
    }

    async fn restore(
        &mut self,
        name: String,
        store: &Store,
        asked_us: i64,
    ) -> Result<(), StoreError> {
        self.load_finished(&name, store).await?;
        let rows = store.load_legs().await?;
        let read_until = store.cdr_progress(&name).await?;
        let own = rows.into_iter().filter(|row| row.switch == name);
        let legs: Vec<Leg> = own.filter_map(decode).collect();
        if !legs.is_empty() {
            let legs = legs.len();
            info!(
                switch = name,
                legs, "restored the legs of calls in progress"
            );
        }
        self.cdrs.add_name(&name);
        self.switch = Some(name.clone());
        self.begin_cdrs(name, read_until).await;
        // One microsecond before the question: a leg that the answer lacks is gone.
        let effects = self.ledger.restore(legs, asked_us.saturating_sub(1));
        self.apply_effects(effects).await;
        let effects = self.ledger.note_gap();
        self.apply_effects(effects).await;
        self.offer_restored_legs();
        Ok(())
    }

    /// Tells the ledger which channels are finished already.
    async fn load_finished(&mut self, name: &str, store: &Store) -> Result<(), StoreError> {
        for channel in store.finished_channels(name).await? {
            self.ledger.remember(&channel.uuid, channel.created_us);
        }
        Ok(())
    }

    /// Reads CDR files from where an earlier process stopped. Without one, from now on: older
    /// files belong to calls that were not followed.
    async fn begin_cdrs(&mut self, switch: String, read: Option<i64>) {
        if !self.cdrs.has_folder() {
            return;
        }
        let now = now_us();
        // Reading goes back by the overlap; a first time there is nothing to overlap with.
        let first_us = now.saturating_add(OVERLAP_US);
        let until_us = read.unwrap_or(first_us).max(now - OLDEST_CDR_US);
        self.send(StoreCommand::CdrsRead { switch, until_us }).await;
        self.cdrs.request(ReaderCommand::Begin(until_us), now);
    }
}

/// Decodes a stored leg; logs one that cannot be decoded.
pub(super) fn decode(row: StoredLeg) -> Option<Leg> {
    match serde_json::from_str(&row.json) {
        Ok(leg) => Some(leg),
        Err(error) => {
            warn!(call_uuid = row.call_id, leg_uuid = row.leg_uuid, %error, "a stored leg cannot be read");
            None
        }
    }
}
