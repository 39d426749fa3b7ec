//! Legs of a call on two switches: what the tracker does with [`SharedLegs`].
//!
//! [`SharedLegs`]: super::shared_legs::SharedLegs

use switchhook_core::clock::now_us;
use switchhook_core::ledger::Effect;
use switchhook_store::StoredLeg;

use super::call_tracker::CallTracker;
use super::writer::StoreCommand;

impl CallTracker {
    /// Takes the legs that other switches have for calls of this one. Called before each event,
    /// so that no call ends without them.
    pub(super) async fn take_shared_legs(&mut self) {
        if !self.shared.is_shared() {
            return;
        }
        let legs = self.shared.take(&|uuid| self.ledger.leg(uuid).is_some());
        for leg in legs {
            let effects = self.ledger.adopt(leg, now_us());
            self.apply_effects(effects).await;
        }
    }

    /// Forgets the legs that are in documents of another switch's calls. Called once a second.
    pub(super) async fn release_shared_legs(&mut self) {
        if !self.shared.is_shared() {
            return;
        }
        self.take_shared_legs().await;
        for uuid in self
            .shared
            .taken(&|uuid| self.ledger.call_elsewhere(uuid).is_some())
        {
            self.ledger.lend(&uuid);
        }
        let done = self
            .shared
            .take_done(&|uuid| self.ledger.leg(uuid).is_some());
        let channels = done.iter().map(|uuid| {
            let leg = self.ledger.leg(uuid);
            (uuid.clone(), leg.and_then(|leg| leg.created_us))
        });
        let channels: Vec<_> = channels.collect();
        if channels.is_empty() {
            return;
        }
        self.ledger.finished_by_peer(&channels, now_us());
        for uuid in done {
            let switch = self.switch_or("");
            self.send(StoreCommand::Forget { switch, uuid }).await;
        }
    }

    /// Offers a leg that changed to the switch of its call, if that is another one.
    pub(super) fn offer_leg(&mut self, stored: &StoredLeg) {
        if !self.shared.is_shared() {
            return;
        }
        let uuid = &stored.leg_uuid;
        let Some(target) = self.ledger.call_elsewhere(uuid) else {
            return;
        };
        if let Some(leg) = self.ledger.leg(uuid) {
            self.shared.offer(&target, leg.clone());
        }
        if self.shared.is_taken(uuid) {
            self.ledger.lend(uuid);
        }
    }

    /// Offers all restored legs again.
    pub(super) fn offer_restored_legs(&self) {
        if !self.shared.is_shared() {
            return;
        }
        for leg in self.ledger.all_legs() {
            if let Some(target) = self.ledger.call_elsewhere(&leg.uuid) {
                self.shared.offer(&target, leg.clone());
            }
        }
    }

    /// Notes which legs a finished call had, for the switches that lent them.
    pub(super) fn finish_shared_legs(&self, effect: &Effect) {
        if let Effect::Over(call) = effect
            && self.shared.is_shared()
        {
            self.shared
                .finish(call.legs.iter().map(|leg| leg.uuid.as_str()));
            for leg in &call.legs {
                self.shared.withdraw(&leg.uuid);
            }
        }
    }
}
