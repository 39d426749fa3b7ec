//! Other instances that follow the same switch and share the store.

use tracing::{debug, warn};

use switchhook_core::leg::Leg;
use switchhook_store::{Store, StoreError};

use super::call_tracker::{CallTracker, now_us, read};

impl CallTracker {
    /// Before calls that wait are closed: what other instances ended is not ended once more,
    /// and what they know of a call that lacks something is taken. `false` when the store
    /// cannot say; then nothing is to be closed yet.
    pub(super) async fn hear_others(&mut self, store: &Store) -> bool {
        match self.ask_others(store).await {
            Ok(()) => true,
            Err(error) => {
                // The writer and `/readyz` say it louder.
                debug!(%error, "what other instances know cannot be read");
                false
            }
        }
    }

    async fn ask_others(&mut self, store: &Store) -> Result<(), StoreError> {
        let Some(switch) = self.switch().map(str::to_owned) else {
            return Ok(());
        };
        let began_us = now_us();
        let Some(ended) = store.finished_since(&switch, self.heard_of).await? else {
            return Ok(());
        };
        // What the switch said meanwhile lies unread.
        self.unread_since(began_us);
        self.heard_of = ended.until;
        let channels = ended.channels.into_iter();
        let channels: Vec<_> = channels.map(|one| (one.uuid, one.created_us)).collect();
        let calls = self.ledger.ended_elsewhere(&channels);
        if calls > 0 {
            debug!(switch, calls, "another instance ended calls first");
        }
        let until_us = self.heard_until(now_us());
        if !self.ledger.is_in_doubt(until_us) {
            return Ok(());
        }
        let rows = store.load_legs().await?.into_iter();
        self.unread_since(began_us);
        let legs: Vec<Leg> = rows
            .filter(|row| row.switch == switch)
            .filter_map(read)
            .collect();
        let effects = self.ledger.learn_from_others(legs, until_us, now_us());
        if !effects.is_empty() {
            let legs = effects.len();
            warn!(
                switch,
                legs, "legs whose end was not seen here are taken from another instance"
            );
        }
        self.carry_out(effects).await;
        Ok(())
    }
}
