//! Other instances that follow the same switch and share the store.

use tracing::{debug, warn};

use switchhook_core::clock::now_us;
use switchhook_core::leg::Leg;
use switchhook_store::{Store, StoreError};

use super::call_tracker::CallTracker;
use super::restore;

impl CallTracker {
    /// Reads what other instances have stored. Called before waiting calls are closed: a call
    /// that another instance finished is not finished again, and what others know of an
    /// incomplete call is taken over. Returns `false` if the store cannot be read; then no call
    /// may be closed yet.
    pub(super) async fn sync_with_peers(&mut self, store: &Store) -> bool {
        match self.read_peers(store).await {
            Ok(()) => true,
            Err(error) => {
                // The writer and `/readyz` report the store itself.
                debug!(%error, "cannot read what other instances have stored");
                false
            }
        }
    }

    async fn read_peers(&mut self, store: &Store) -> Result<(), StoreError> {
        let Some(switch) = self.switch().map(str::to_owned) else {
            return Ok(());
        };
        let began_us = now_us();
        let Some(ended) = store.finished_since(&switch, self.peer_position).await? else {
            return Ok(());
        };
        // Events that the switch sent meanwhile lie unread.
        self.lag.reading_paused(began_us, now_us());
        self.peer_position = ended.until;
        let channels = ended.channels.into_iter();
        let channels: Vec<_> = channels.map(|one| (one.uuid, one.created_us)).collect();
        let calls = self.ledger.finished_by_peer(&channels);
        if calls > 0 {
            debug!(switch, calls, "another instance finished calls first");
        }
        let until_us = self.lag.complete_until(now_us());
        if !self.ledger.has_overdue_calls(until_us) {
            return Ok(());
        }
        let rows = store.load_legs().await?.into_iter();
        self.lag.reading_paused(began_us, now_us());
        let legs: Vec<Leg> = rows
            .filter(|row| row.switch == switch)
            .filter_map(restore::decode)
            .collect();
        let effects = self.ledger.merge_from_peers(legs, until_us, now_us());
        if !effects.is_empty() {
            let legs = effects.len();
            warn!(
                switch,
                legs, "took legs whose end was not seen here from another instance"
            );
        }
        self.apply_effects(effects).await;
        Ok(())
    }
}
