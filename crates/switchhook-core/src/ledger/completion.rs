//! Decides whether a call is over, and takes it out of the ledger.

use super::{Effect, Entry, Ledger};
use crate::finished_call::FinishedCall;
use crate::leg::{Leg, Phase};

impl Ledger {
    /// Takes the call of `uuid` out if it is over.
    pub(super) fn take_if_over(&mut self, uuid: &str, now_us: i64) -> Option<Effect> {
        let group = self.groups.of(uuid)?;
        let over = self.is_over(group, now_us);
        over.then(|| Effect::Over(Box::new(self.close(group))))
    }

    pub(super) fn is_over(&self, group: u64, now_us: i64) -> bool {
        self.seen(group)
            .all(|entry| self.is_done(entry, now_us) && self.all_seen(&entry.leg))
    }

    /// Returns whether nothing more is expected of the leg.
    fn is_done(&self, entry: &Entry, now_us: i64) -> bool {
        let leg = &entry.leg;
        match leg.phase {
            Phase::Up | Phase::Lost | Phase::HangingUp => false,
            Phase::CdrSeen => {
                now_us.saturating_sub(entry.last_seen_us) >= self.options.cdr_patience_us
            }
            Phase::Down => {
                let cdr_may_tell = self.options.has_cdrs && leg.needs_cdr();
                leg.is_settled() && !cdr_may_tell
            }
        }
    }

    pub(super) fn seen(&self, group: u64) -> impl Iterator<Item = &Entry> {
        let members = self.groups.members(group).iter();
        members.filter_map(|uuid| self.legs.get(uuid))
    }

    fn all_seen(&self, leg: &Leg) -> bool {
        leg.links.iter().all(|link| self.is_seen(link))
    }

    pub(super) fn is_seen(&self, link: &str) -> bool {
        self.legs.contains_key(self.current_uuid(link)) || self.finished.has(link)
    }

    pub(super) fn is_overdue(&self, group: u64, now_us: i64) -> bool {
        let waited = |entry: &Entry| now_us.saturating_sub(entry.last_seen_us);
        self.seen(group)
            .all(|entry| entry.leg.phase != Phase::Up && waited(entry) >= self.options.patience_us)
    }

    /// Takes a call out and forgets it.
    pub(super) fn close(&mut self, group: u64) -> FinishedCall {
        let members = self.groups.remove(group);
        let mut legs: Vec<Leg> = members
            .iter()
            .filter_map(|uuid| self.legs.remove(uuid))
            .map(|entry| entry.leg)
            .collect();
        for leg in &mut legs {
            // CDRs of unseen agents are written and read before the caller's.
            let cdrs_read =
                self.options.has_cdrs && (leg.cdr_merged || leg.phase == Phase::CdrSeen);
            leg.agents_unknown = leg.may_lack_agents() && !cdrs_read;
        }
        for leg in &legs {
            self.finished.insert(&leg.uuid, leg.created_us);
            for former in &leg.former_uuids {
                self.renamed.remove(former);
                self.finished.insert(former, leg.created_us);
            }
        }
        FinishedCall::new(legs)
    }
}
