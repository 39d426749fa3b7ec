//! Other ledgers of the same switch, over a store that they share: what they ended is not
//! ended twice, and what they know is asked before a call is closed that lacks something.

use std::collections::HashSet;

use super::{Effect, Ledger, Leg};

impl Ledger {
    /// Another ledger ended calls with these channels (with the creation of each, µs since
    /// 1970): they are remembered as our own are, and a call that has no other leg is
    /// forgotten. One that has goes on: that leg is in no document yet. How many were forgotten.
    pub fn ended_elsewhere(&mut self, channels: &[(String, Option<i64>)]) -> usize {
        for (uuid, created_us) in channels {
            self.finished.insert(uuid, *created_us);
        }
        let groups = channels.iter();
        let groups: HashSet<u64> = groups
            .filter_map(|(uuid, _)| self.groups.of(uuid))
            .collect();
        let ended = groups
            .into_iter()
            .filter(|group| self.is_ended_elsewhere(*group));
        let ended: Vec<u64> = ended.collect();
        for group in &ended {
            drop(self.close(*group));
        }
        ended.len()
    }

    fn is_ended_elsewhere(&self, group: u64) -> bool {
        let mut seen = self.seen(group).map(|entry| &entry.leg);
        seen.all(|leg| self.finished.has_channel(&leg.uuid, leg.created_us))
    }

    /// Whether [`Ledger::expire`] would close calls at `now_us` that lack something.
    #[must_use]
    pub fn is_in_doubt(&self, now_us: i64) -> bool {
        self.groups
            .ids()
            .any(|group| self.is_overdue(group, now_us))
    }

    /// Takes what others know more of the calls in doubt at `until_us`: legs that went further
    /// with them, and legs that those calls name and nobody here saw.
    pub fn learn_from_others(
        &mut self,
        legs: impl IntoIterator<Item = Leg>,
        until_us: i64,
        now_us: i64,
    ) -> Vec<Effect> {
        let groups = self.groups.ids();
        let doubted: HashSet<u64> = groups
            .filter(|group| self.is_overdue(*group, until_us))
            .collect();
        let mut learnt = Vec::new();
        for leg in legs {
            if self.is_news(&leg, &doubted) {
                learnt.push(leg.uuid.clone());
                self.put(leg, now_us);
            }
        }
        let mut effects = Vec::new();
        for uuid in learnt {
            match self.settle(&uuid, now_us) {
                Some(over) => effects.push(over),
                None if self.legs.contains_key(&uuid) => effects.push(Effect::Store(uuid)),
                None => {}
            }
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
            // Never back to life: that it is gone was the switch's word.
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
