//! The ledger of one switch, and what the store has to write for it.
//!
//! The other files of this module that extend [`CallTracker`] each have one subject: `restore`
//! (the calls that were stored before), `gap_check` (what happened unseen), `cdr_intake` (CDRs),
//! `peer_instances` (other services on the same store).

use std::sync::Arc;
use std::time::Duration;

use metrics::counter;
use tokio::sync::mpsc;

use crate::event_headers::EventHeaders;
use eslclient::Event;
use switchhook_core::clock::now_us;
use switchhook_core::ledger::{self, Effect, Ledger};
use switchhook_core::leg::Phase;
use switchhook_core::metric_names;
use switchhook_store::StoredLeg;

use super::call_verifier::CallClaim;
use super::cdr_recovery::CdrRecovery;
use super::cdrs::ReaderCommand;
use super::channel_fields::ChannelFields;
use super::event_lag::EventLag;
use super::live_tracking::LiveTracking;
use super::shared_legs::SharedLegs;
use super::writer::{Finishing, StoreCommand};
use super::{FinishCall, FollowOptions};

/// How long after its hang-up a leg without details is looked for among the CDRs; half the
/// patience if that is shorter.
const CDR_AFTER_US: i64 = 3_000_000;

/// The calls of one switch.
pub(crate) struct CallTracker {
    pub(super) ledger: Ledger,
    /// Host and port, under which the store notes the switch's name.
    pub(super) address: String,
    /// The name that the operator configured.
    pub(super) configured_name: Option<String>,
    /// The name that documents and the store use; known once the switch was reached.
    pub(super) switch: Option<String>,
    /// Whether the calls that an earlier process stored were loaded.
    pub(super) is_restored: bool,
    pub(super) documents: Arc<dyn FinishCall>,
    commands: mpsc::Sender<StoreCommand>,
    pub(super) lag: EventLag,
    /// The last channel that another instance finished, by the store's count.
    pub(super) peer_position: i64,
    pub(super) cdrs: CdrRecovery,
    cdr_after_us: i64,
    /// Legs of calls on other switches.
    pub(super) shared: Arc<SharedLegs>,
    pub(super) live: LiveTracking,
}

impl CallTracker {
    /// Returns a tracker without calls that sends what is to be stored to `commands`.
    pub(super) fn new(
        options: &FollowOptions,
        documents: Arc<dyn FinishCall>,
        commands: mpsc::Sender<StoreCommand>,
        cdrs: CdrRecovery,
    ) -> Self {
        let defaults = ledger::LedgerOptions::default();
        let patience_us = i64::try_from(options.patience.as_micros()).unwrap_or(i64::MAX);
        let ledger = Ledger::new(ledger::LedgerOptions {
            patience_us,
            cdr_patience_us: defaults.cdr_patience_us.min(patience_us),
            has_cdrs: cdrs.has_folder(),
            ..defaults
        });
        Self {
            ledger,
            address: options.address.clone(),
            configured_name: options.name.clone(),
            switch: None,
            is_restored: false,
            documents,
            commands,
            lag: EventLag::default(),
            peer_position: 0,
            cdrs,
            cdr_after_us: CDR_AFTER_US.min(patience_us / 2),
            shared: Arc::default(),
            live: LiveTracking::default(),
        }
    }

    /// Hands legs to, and takes legs from, the trackers of other switches.
    pub(super) fn sharing(self, shared: Arc<SharedLegs>) -> Self {
        Self { shared, ..self }
    }

    /// Returns the name under which its calls are stored, once there is one.
    pub(super) fn switch(&self) -> Option<&str> {
        self.switch.as_deref()
    }

    /// Applies one event.
    pub(super) async fn apply_event(&mut self, event: &Event) {
        let now = now_us();
        let made = event
            .get("Event-Date-Timestamp")
            .and_then(|text| text.parse().ok());
        if let Some(made) = made.filter(|_| self.switch.is_some()) {
            self.lag.note(&self.address, made, now);
        }
        self.update_settings();
        self.take_shared_legs().await;
        let fields = ChannelFields {
            source: EventHeaders(event),
            switch: self.configured_name.as_deref(),
        };
        let effects = self.ledger.apply(&fields, now);
        self.apply_effects(effects).await;
    }

    /// Returns whether the events so far show this call as living, with these numbers.
    pub(super) fn confirms(&self, claim: &CallClaim) -> bool {
        let leg = self.ledger.leg(&claim.uuid);
        leg.is_some_and(|leg| {
            leg.created_us.is_some() && leg.ended_us.is_none() && claim.fits(&leg.numbers)
        })
    }

    /// Tells the ledger which keys it need not keep, and which accounts there are. Called before
    /// each input, because a reload may change them.
    pub(super) fn update_settings(&mut self) {
        let settings = self.documents.settings();
        self.ledger.skip_keys(settings.unused_keys);
        self.ledger.set_tenants(settings.tenants);
        self.ledger.has_other_switches(self.shared.is_shared());
        self.set_events(settings.event_choices);
    }

    pub(super) fn count(
        &self,
        name: &'static str,
        label: &[(&'static str, &'static str); 1],
        by: usize,
    ) {
        let [(key, value)] = *label;
        let address = self.address.clone();
        counter!(name, "switch" => address, key => value).increment(by as u64);
    }

    /// Closes calls that have waited too long. Called about once a second.
    pub(super) async fn close_overdue(&mut self) {
        self.release_shared_legs().await;
        let now = now_us();
        let mut complete_us = self.lag.complete_until(now);
        if self.cdrs.has_folder() && self.cdrs.pending_since().is_none() {
            let wanted = self.ledger.missing_cdrs(complete_us - self.cdr_after_us);
            if !wanted.is_empty() {
                self.cdrs.request(ReaderCommand::Find(wanted), now);
            }
        }
        if let Some(since_us) = self.cdrs.pending_since() {
            complete_us = complete_us.min(since_us);
        }
        let effects = self.ledger.expire(complete_us);
        self.apply_effects(effects).await;
    }

    /// Notes that nothing was read for this long, until now.
    pub(super) fn note_pause(&mut self, pause: Duration) {
        let now = now_us();
        let pause_us = i64::try_from(pause.as_micros()).unwrap_or(i64::MAX);
        self.lag.reading_paused(now.saturating_sub(pause_us), now);
    }

    /// Sends what the ledger decided to the writer. The wait counts as time without reading.
    pub(super) async fn apply_effects(&mut self, effects: Vec<Effect>) {
        if effects.is_empty() {
            return;
        }
        let began = now_us();
        for effect in effects {
            self.finish_shared_legs(&effect);
            if let Effect::Tell(of) = &effect {
                self.tell(of).await;
            }
            if let Some(command) = self.command(effect) {
                if let StoreCommand::Leg(leg) = &command {
                    self.offer_leg(leg);
                }
                self.send(command).await;
            }
        }
        self.lag.reading_paused(began, now_us());
    }

    /// Waits while the writer's queue is full: this is the backpressure on the switch.
    pub(super) async fn send(&self, command: StoreCommand) {
        // If the writer has ended, the follower ends too and reports it.
        drop(self.commands.send(command).await);
    }

    fn command(&self, effect: Effect) -> Option<StoreCommand> {
        match effect {
            Effect::Store(uuid) => {
                let leg = self.ledger.leg(&uuid)?;
                let json = serde_json::to_string(leg).ok()?;
                let switch = self.switch_or(&leg.switch);
                Some(StoreCommand::Leg(StoredLeg {
                    switch,
                    call_id: uuid.clone(),
                    created_us: leg.created_us,
                    known: i64::try_from(leg.sequence).unwrap_or(i64::MAX),
                    leg_uuid: uuid,
                    json,
                }))
            }
            Effect::Forget(uuid) => Some(StoreCommand::Forget {
                switch: self.switch_or(""),
                uuid,
            }),
            // Stored before.
            Effect::Tell(_) => None,
            Effect::Over(call) => {
                let from_cdr = call.legs.iter().filter(|leg| leg.phase == Phase::CdrSeen);
                self.count(
                    metric_names::LEGS_REPAIRED,
                    &[("by", "cdr")],
                    from_cdr.count(),
                );
                let record = self.documents.finish(&call);
                let switch = self.switch_or(&record.switch);
                let record = record.of_switch(switch);
                Some(StoreCommand::Finish(Finishing::new(record, *call)))
            }
        }
    }

    /// Returns the switch's name, or `fallback` before there is one.
    pub(super) fn switch_or(&self, fallback: &str) -> String {
        self.switch.clone().unwrap_or_else(|| fallback.to_owned())
    }
}
