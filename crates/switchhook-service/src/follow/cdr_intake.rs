//! Takes CDRs into the ledger: those read from the switch's folder, and those it posts.

use switchhook_core::cdr::Cdr;
use switchhook_core::clock::now_us;
use switchhook_core::headers::Headers;
use switchhook_core::ledger::Effect;
use switchhook_core::metric_names;

use super::call_tracker::CallTracker;
use super::cdrs::{CdrBatch, CdrInput, CdrRejection, PostedCdr, ReaderCommand};
use super::channel_fields::ChannelFields;
use super::writer::{StoreCommand, StoredNotice};

impl CallTracker {
    /// Notes the name that the switch reports for itself.
    pub(super) fn set_own_name(&mut self, name: &str) {
        self.cdrs.set_own_name(name);
    }

    /// Notes whether the switch is connected: without it the folder is read more often.
    pub(super) fn set_connected(&mut self, is_connected: bool) {
        self.cdrs
            .request(ReaderCommand::Connected(is_connected), now_us());
    }

    /// Takes in CDRs. A posted one is answered once its leg is stored.
    pub(super) async fn take_cdrs(&mut self, cdrs: CdrInput) {
        match cdrs {
            CdrInput::Read(batch) => self.take_batch(batch).await,
            CdrInput::Posted(PostedCdr { cdr, stored }) => {
                match (&self.switch, self.cdrs.is_foreign(&cdr)) {
                    // Dropped: a leg cannot be stored before its switch has a name.
                    (None, _) => {}
                    (Some(_), true) => drop(stored.try_send(Err(CdrRejection::Foreign))),
                    (Some(_), false) => {
                        self.repair(&[cdr]).await;
                        self.send(StoreCommand::Notify(StoredNotice(stored))).await;
                    }
                }
            }
        }
    }

    async fn take_batch(&mut self, batch: CdrBatch) {
        let own = batch.cdrs.into_iter();
        let own: Vec<Cdr> = own.filter(|cdr| !self.cdrs.is_foreign(cdr)).collect();
        self.repair(&own).await;
        if let (Some(until_us), Some(switch)) = (batch.until_us, self.switch.clone()) {
            self.send(StoreCommand::CdrsRead { switch, until_us }).await;
        }
        if batch.completes_command {
            self.cdrs.command_done();
        }
    }

    async fn repair(&mut self, cdrs: &[Cdr]) {
        let effects = self.learn(cdrs);
        self.apply_effects(effects).await;
    }

    fn learn(&mut self, cdrs: &[Cdr]) -> Vec<Effect> {
        self.update_settings();
        let switch = self.configured_name.as_deref();
        let fields: Vec<_> = cdrs
            .iter()
            .map(|source| ChannelFields { source, switch })
            .collect();
        let fields: Vec<&dyn Headers> = fields.iter().map(|one| one as &dyn Headers).collect();
        let effects = self.ledger.apply_all(&fields, now_us());
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
}
