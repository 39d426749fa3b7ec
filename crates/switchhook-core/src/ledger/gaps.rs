//! What was missed while events did not come, and which records would tell it.

use std::collections::HashSet;

use super::{Effect, Ledger};
use crate::leg::Phase;

impl Ledger {
    /// After a gap: marks the legs of `switch` as lost that were not in its channel list (`show
    /// channels`), requested at `asked_us`. Legs with later events are left alone. A lost leg is
    /// waited for like one that hung up: a CDR may give its end.
    pub fn mark_lost(
        &mut self,
        switch: &str,
        lives: &dyn Fn(&str) -> bool,
        asked_us: i64,
        now_us: i64,
    ) -> Vec<Effect> {
        let mut effects = Vec::new();
        for (uuid, entry) in &mut self.legs {
            let silent = entry.last_seen_us < asked_us && entry.leg.phase == Phase::Up;
            if silent && entry.leg.switch == switch && !lives(uuid) {
                entry.leg.lose();
                entry.last_seen_us = now_us;
                effects.push(Effect::Store(uuid.clone()));
            }
        }
        effects
    }

    /// Notes on every living leg that events were missed until now.
    pub fn note_gap(&mut self) -> Vec<Effect> {
        self.conferences.note_gap();
        self.note_live_gap();
        let mut effects = Vec::new();
        for (uuid, entry) in &mut self.legs {
            let leg = &mut entry.leg;
            if !leg.has_ended() {
                leg.gap = true;
                // A recording of its conference may have begun.
                leg.recordings_unknown |= leg.conference.is_some();
                leg.marks.note_gap();
                effects.push(Effect::Store(uuid.clone()));
            }
        }
        effects
    }

    /// Returns the living legs without an event since `since_us`.
    pub fn silent(&self, since_us: i64) -> impl Iterator<Item = &str> {
        let silent = self.legs.iter().filter(move |(_, entry)| {
            entry.leg.phase == Phase::Up && entry.last_seen_us < since_us
        });
        silent.map(|(uuid, _)| uuid.as_str())
    }

    /// Returns the Unique-IDs whose CDR would fill a gap: legs without an event since `since_us`,
    /// and the unseen legs that those name.
    pub fn missing_cdrs(&self, since_us: i64) -> Vec<String> {
        let entries = self.legs.iter();
        let mut wanted = HashSet::new();
        for (uuid, entry) in entries.filter(|(_, entry)| entry.last_seen_us < since_us) {
            let leg = &entry.leg;
            let lacks = leg.phase == Phase::Down && leg.needs_cdr();
            if matches!(leg.phase, Phase::Lost | Phase::HangingUp) || lacks {
                wanted.insert(uuid);
            }
            if leg.phase != Phase::Up {
                wanted.extend(leg.links.iter().filter(|link| !self.is_seen(link)));
            }
        }
        wanted.into_iter().cloned().collect()
    }
}
