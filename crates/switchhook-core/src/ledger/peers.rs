//! Ledgers of other instances that follow the same switch and share the store. A call they
//! finished is not finished twice; what they know is merged before an incomplete call is closed.

use std::collections::HashSet;

use super::{Effect, Ledger, Leg};

impl Ledger {
    /// Notes that another ledger finished calls with these channels (each with its creation, µs
    /// since 1970). They are remembered like our own. A call without any other leg is forgotten;
    /// a call with one continues, because that leg is in no document yet. Returns the number of
    /// forgotten calls.
    pub fn finished_by_peer(&mut self, channels: &[(String, Option<i64>)], now_us: i64) -> usize {
        for (uuid, created_us) in channels {
            self.finished.insert(uuid, *created_us);
        }
        let groups = channels.iter();
        let groups: HashSet<u64> = groups
            .filter_map(|(uuid, _)| self.groups.of(uuid))
            .collect();
        let groups = groups.into_iter();
        groups
            .map(|group| self.forget_finished(group, now_us))
            .sum()
    }

    /// Returns whether [`Ledger::expire`] would close incomplete calls at `now_us`.
    #[must_use]
    pub fn has_overdue_calls(&self, now_us: i64) -> bool {
        self.groups
            .ids()
            .any(|group| self.is_overdue(group, now_us))
    }

    /// Merges what peers know about the calls that are overdue at `until_us`: legs in a later
    /// phase, and unseen legs that those calls name.
    pub fn merge_from_peers(
        &mut self,
        legs: impl IntoIterator<Item = Leg>,
        until_us: i64,
        now_us: i64,
    ) -> Vec<Effect> {
        let groups = self.groups.ids();
        let doubted: HashSet<u64> = groups
            .filter(|group| self.is_overdue(*group, until_us))
            .collect();
        let mut merged = Vec::new();
        for leg in legs {
            if self.is_news(&leg, &doubted) {
                merged.push(leg.uuid.clone());
                self.insert_leg(leg, now_us);
            }
        }
        let mut effects = Vec::new();
        for uuid in merged {
            let over = self.take_if_over(&uuid, now_us);
            if self.legs.contains_key(&uuid) {
                effects.push(Effect::Store(uuid));
            }
            effects.extend(over);
        }
        effects
    }

    fn is_news(&self, leg: &Leg, doubted: &HashSet<u64>) -> bool {
        let in_doubt = |uuid: &String| {
            self.groups
                .of(uuid)
                .is_some_and(|group| doubted.contains(&group))
        };
        match self.legs.get(&leg.uuid) {
            // A leg never comes back to life: the switch itself reported its end.
            Some(entry) => {
                let own = &entry.leg;
                in_doubt(&leg.uuid) && own.created_us == leg.created_us && own.phase < leg.phase
            }
            None => {
                let is_over = self.finished.has_channel(&leg.uuid, leg.created_us);
                !is_over && (in_doubt(&leg.uuid) || leg.links.iter().any(in_doubt))
            }
        }
    }
}
