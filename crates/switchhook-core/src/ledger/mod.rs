//! Legs to calls: events go in, what must be stored and which call is over come out.
//! A pure state machine: no clock, no database; the caller says what time it is.
//!
//! Legs belong together when one names the other (see [`super::links`]). A call is over
//! when every leg of it that was seen is down, every recording closed, and every leg that
//! was named has been seen: the last, because events of different channels may overtake each
//! other, and an early end would give a document without the legs that follow. What never
//! comes is waited for only so long ([`LedgerOptions::patience_us`]).
//!
//! A call that is over stays over. Should a leg of it turn up after all, it becomes a call of
//! its own that says which legs it misses: no document is changed, none is dropped.

mod finished;
mod groups;
mod others;
mod over;

use std::cmp::Ordering;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use finished::Finished;
use groups::Groups;

use super::finished_call::FinishedCall;
use super::headers::Headers;
use super::leg::{ChannelEventKind, Leg, Limits, Phase};

/// What the ledger is told to do in its own way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LedgerOptions {
    /// How long a call that seems over waits for what is missing, µs.
    pub patience_us: i64,
    /// How long a leg whose end only its CDR told waits for its own events, µs: the switch writes
    /// the CDR first.
    pub cdr_patience_us: i64,
    /// CDRs are to be had: what the events left open waits for them.
    pub has_cdrs: bool,
    /// How many channels of calls that are over are remembered.
    pub remembered: usize,
    /// What is kept of each leg.
    pub limits: Limits,
}

impl Default for LedgerOptions {
    fn default() -> Self {
        Self {
            patience_us: 60_000_000,
            cdr_patience_us: 5_000_000,
            has_cdrs: false,
            remembered: 200_000,
            limits: Limits::default(),
        }
    }
}

/// What the caller is to do.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// This leg changed: store it as [`Ledger::leg`] shows it.
    Store(String),
    /// Nothing has this Unique-ID any more: remove what is stored of it.
    Forget(String),
    /// The call is over: in one transaction, remove its legs and insert its documents.
    /// It carries its legs as they ended; the ledger has forgotten them.
    Over(Box<FinishedCall>),
}

/// The legs of every call in progress.
#[derive(Debug)]
pub struct Ledger {
    legs: HashMap<String, Entry>,
    groups: Groups,
    /// Unique-IDs that were changed, to the present ones.
    renamed: HashMap<String, String>,
    finished: Finished,
    options: LedgerOptions,
}

#[derive(Debug)]
struct Entry {
    leg: Leg,
    /// The caller's time when the switch last spoke of it.
    heard_us: i64,
}

/// A channel beside the leg that has its Unique-ID.
enum Channel {
    Same,
    Earlier,
    Later,
}

/// When the event's channel was created, µs since 1970; the switch writes 0 for never.
fn created_us(event: &dyn Headers) -> Option<i64> {
    let created = event.get("Caller-Channel-Created-Time")?;
    created.parse().ok().filter(|us| *us > 0)
}

/// What became of one event.
struct Taken {
    uuid: String,
    changed: bool,
    forgotten: Option<String>,
    /// The call of an earlier channel of this Unique-ID.
    former: Option<Box<FinishedCall>>,
}

impl Ledger {
    /// An empty ledger.
    #[must_use]
    pub fn new(options: LedgerOptions) -> Self {
        Self {
            legs: HashMap::new(),
            groups: Groups::default(),
            renamed: HashMap::new(),
            finished: Finished::new(options.remembered),
            options,
        }
    }

    /// Takes stored legs in after a restart, as if the switch spoke of them at `now_us`.
    /// What was over but not yet delivered is over now.
    pub fn restore(&mut self, legs: impl IntoIterator<Item = Leg>, now_us: i64) -> Vec<Effect> {
        let legs: Vec<Leg> = legs.into_iter().collect();
        let former = legs.iter().flat_map(|leg| leg.former_uuids.clone());
        let former: HashSet<String> = former.collect();
        let mut effects = Vec::new();
        let mut uuids = Vec::new();
        for leg in legs {
            // It died between storing the new name and forgetting the old one.
            if former.contains(&leg.uuid) {
                effects.push(Effect::Forget(leg.uuid));
                continue;
            }
            uuids.push(leg.uuid.clone());
            self.put(leg, now_us);
        }
        effects.extend(uuids.iter().filter_map(|uuid| self.settle(uuid, now_us)));
        effects
    }

    /// Remembers a channel whose call is over, for example from the outbox after a restart.
    pub fn remember(&mut self, uuid: &str, created_us: Option<i64>) {
        self.finished.insert(uuid, created_us);
    }

    /// Takes in one event, `uuid_dump` or CDR, seen at `now_us`.
    pub fn apply(&mut self, event: &dyn Headers, now_us: i64) -> Vec<Effect> {
        self.repair(&[event], now_us)
    }

    /// Takes in what is known of several channels at once, in any order, and only then looks
    /// which calls are over: the CDRs that a gap left. One by one, a caller's could end a call
    /// of which an agent's is still unread.
    pub fn repair(&mut self, events: &[&dyn Headers], now_us: i64) -> Vec<Effect> {
        let mut effects = Vec::new();
        let taken = events
            .iter()
            .filter_map(|event| self.take_in(*event, now_us));
        for taken in taken.collect::<Vec<_>>() {
            effects.extend(taken.former.map(Effect::Over));
            let over = self.settle(&taken.uuid, now_us);
            let stands = taken.changed && self.legs.contains_key(&taken.uuid);
            effects.extend(stands.then_some(Effect::Store(taken.uuid)));
            effects.extend(taken.forgotten.map(Effect::Forget));
            effects.extend(over);
        }
        effects
    }

    fn take_in(&mut self, event: &dyn Headers, now_us: i64) -> Option<Taken> {
        let uuid = event.get("Unique-ID").filter(|uuid| !uuid.is_empty())?;
        let old = event.get("Old-Unique-ID");
        let forgotten = old.and_then(|old| self.rename(&old, &uuid, now_us));
        let uuid = self.present(&uuid).to_owned();
        let kind = ChannelEventKind::of(event);
        let former = match self.channel_of(&uuid, created_us(event)) {
            Channel::Same => None,
            Channel::Earlier => return None,
            Channel::Later => self
                .groups
                .of(&uuid)
                .map(|group| Box::new(self.close(group))),
        };
        if !self.legs.contains_key(&uuid) && !self.founds(&uuid, kind, event) {
            return None;
        }
        let changed = self.absorb(&uuid, kind, event, now_us) || forgotten.is_some();
        Some(Taken {
            uuid,
            changed,
            forgotten,
            former,
        })
    }

    /// Which channel of this Unique-ID was created then: the leg's own, or another. The switch has
    /// no two at a time, so with a later one the leg's is gone.
    fn channel_of(&self, uuid: &str, created_us: Option<i64>) -> Channel {
        let known = self.legs.get(uuid).and_then(|entry| entry.leg.created_us);
        match known.zip(created_us).map(|(known, told)| told.cmp(&known)) {
            Some(Ordering::Less) => Channel::Earlier,
            Some(Ordering::Greater) => Channel::Later,
            Some(Ordering::Equal) | None => Channel::Same,
        }
    }

    /// Closes what has waited too long at `now_us`; call it about once a second.
    pub fn expire(&mut self, now_us: i64) -> Vec<Effect> {
        let groups = self.groups.ids();
        let mut over: Vec<u64> = groups
            .filter(|group| self.is_over(*group, now_us) || self.is_overdue(*group, now_us))
            .collect();
        over.sort_unstable();
        let calls = over.into_iter().map(|group| self.close(group));
        calls.map(|call| Effect::Over(Box::new(call))).collect()
    }

    /// After a gap: marks the legs of `switch` as lost that the switch, asked at `asked_us`
    /// (`show channels`), no longer has. Legs of which it spoke since are not touched. A lost
    /// leg is waited for as a hung-up one is: a CDR may tell the rest.
    pub fn lose(
        &mut self,
        switch: &str,
        lives: &dyn Fn(&str) -> bool,
        asked_us: i64,
        now_us: i64,
    ) -> Vec<Effect> {
        let mut effects = Vec::new();
        for (uuid, entry) in &mut self.legs {
            let silent = entry.heard_us < asked_us && entry.leg.phase == Phase::Up;
            if silent && entry.leg.switch == switch && !lives(uuid) {
                entry.leg.phase = Phase::Lost;
                entry.heard_us = now_us;
                effects.push(Effect::Store(uuid.clone()));
            }
        }
        effects
    }

    /// Nobody listened for a while until now: notes it with every leg that was up.
    pub fn was_deaf(&mut self) -> Vec<Effect> {
        let mut effects = Vec::new();
        for (uuid, entry) in &mut self.legs {
            let leg = &mut entry.leg;
            if !leg.has_ended() {
                leg.gap = true;
                leg.marks.missed();
                effects.push(Effect::Store(uuid.clone()));
            }
        }
        effects
    }

    /// Legs that are up and of which the switch has not spoken since `since_us`.
    pub fn silent(&self, since_us: i64) -> impl Iterator<Item = &str> {
        let silent = self
            .legs
            .iter()
            .filter(move |(_, entry)| entry.leg.phase == Phase::Up && entry.heard_us < since_us);
        silent.map(|(uuid, _)| uuid.as_str())
    }

    /// Unique-IDs whose CDR would tell what is missing, of legs that were not heard of since
    /// `since_us`, and of legs that those name.
    pub fn wanting(&self, since_us: i64) -> Vec<String> {
        let entries = self.legs.iter();
        let mut wanted = HashSet::new();
        for (uuid, entry) in entries.filter(|(_, entry)| entry.heard_us < since_us) {
            let leg = &entry.leg;
            let lacks = leg.phase == Phase::Down && leg.lacks_its_cdr();
            if matches!(leg.phase, Phase::Lost | Phase::HangingUp) || lacks {
                wanted.insert(uuid);
            }
            if leg.phase != Phase::Up {
                wanted.extend(leg.links.iter().filter(|link| !self.is_seen(link)));
            }
        }
        wanted.into_iter().cloned().collect()
    }

    /// The channel is a leg of a call in progress, or was one of a call that is over.
    #[must_use]
    pub fn knows(&self, uuid: &str) -> bool {
        self.is_seen(uuid)
    }

    /// The switch is known under another name from now on, its legs with it.
    pub fn rename_switch(&mut self, name: &str) -> Vec<Effect> {
        let mut effects = Vec::new();
        for (uuid, entry) in &mut self.legs {
            if entry.leg.switch != name {
                name.clone_into(&mut entry.leg.switch);
                effects.push(Effect::Store(uuid.clone()));
            }
        }
        effects
    }

    /// Keys (without `flow.key.`) that are not kept from now on.
    pub fn skip_keys(&mut self, names: Arc<[String]>) {
        self.options.limits.keys.skip = names;
    }

    /// A leg of a call in progress, under its present Unique-ID.
    #[must_use]
    pub fn leg(&self, uuid: &str) -> Option<&Leg> {
        self.legs.get(uuid).map(|entry| &entry.leg)
    }

    /// Legs of calls in progress.
    #[must_use]
    pub fn legs(&self) -> usize {
        self.legs.len()
    }

    /// Calls in progress.
    #[must_use]
    pub fn calls(&self) -> usize {
        self.groups.ids().count()
    }

    /// Unique-IDs held in any way, remembered ones included: what the memory grows with.
    #[must_use]
    pub fn held(&self) -> usize {
        self.legs.len() + self.groups.len() + self.renamed.len() + self.finished.len()
    }

    fn present<'a>(&'a self, uuid: &'a str) -> &'a str {
        self.renamed.get(uuid).map_or(uuid, String::as_str)
    }

    /// Whether an event of a channel that is not known makes it a leg. Not when the channel's call
    /// is over; not when it never came to life: a dial that fails at once leaves a
    /// `CHANNEL_DESTROY` without a caller profile and nothing before it.
    fn founds(&self, uuid: &str, kind: ChannelEventKind, event: &dyn Headers) -> bool {
        let created = created_us(event);
        let lived = created.is_some();
        lived && kind != ChannelEventKind::Custom && !self.finished.has_channel(uuid, created)
    }

    /// Whether the leg changed in a way worth storing.
    fn absorb(
        &mut self,
        uuid: &str,
        kind: ChannelEventKind,
        event: &dyn Headers,
        now_us: i64,
    ) -> bool {
        let known = self.legs.remove(uuid).map(|entry| entry.leg);
        let mut leg = known.clone().unwrap_or_else(|| Leg::new(uuid));
        if known.is_none() && kind != ChannelEventKind::Create {
            leg.marks.missed();
        }
        leg.absorb(kind, event, &self.options.limits);
        let changed = known.is_none_or(|mut known| {
            known.core.clone_from(&leg.core);
            known.sequence = leg.sequence;
            known != leg
        });
        self.put(leg, now_us);
        changed
    }

    /// Takes the leg in and joins it with the legs it names.
    fn put(&mut self, leg: Leg, now_us: i64) {
        self.groups.place(&leg.uuid);
        for former in &leg.former_uuids {
            self.groups.join(&leg.uuid, former);
            self.renamed.insert(former.clone(), leg.uuid.clone());
        }
        for link in leg.links.iter().chain(&leg.hints) {
            if self.legs.contains_key(link) || !self.finished.has(link) {
                self.groups.join(&leg.uuid, link);
            }
        }
        let uuid = leg.uuid.clone();
        let heard_us = now_us;
        self.legs.insert(uuid, Entry { leg, heard_us });
    }

    /// `CHANNEL_UUID`: the leg goes on under another Unique-ID.
    /// Answers the Unique-ID that is no more.
    fn rename(&mut self, old: &str, new: &str, now_us: i64) -> Option<String> {
        if old == new || self.legs.contains_key(new) {
            return None;
        }
        let mut leg = self.legs.remove(old)?.leg;
        leg.rename(new);
        for present in self.renamed.values_mut().filter(|uuid| *uuid == old) {
            new.clone_into(present);
        }
        self.put(leg, now_us);
        Some(old.to_owned())
    }
}
