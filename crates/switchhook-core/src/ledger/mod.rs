//! Joins legs into calls: events go in; out come the legs to store and the calls that are over. A
//! pure state machine without clock or database; the caller passes the time.
//!
//! Legs that name each other (see `links.rs`) are a group; `ownership` divides it into calls. A
//! call is over when each of its legs is down, every recording is closed and every named leg was
//! seen. The last condition is needed because events of different channels may overtake each other; an early end would
//! lose the legs that follow. The ledger waits for missing legs only so long
//! ([`LedgerOptions::patience_us`]).
//!
//! A call that is over stays over. A leg that turns up later becomes a call of its own that names
//! the legs it lacks. No document is changed and none is dropped.

mod completion;
mod conferences;
mod divided;
mod finished;
mod gaps;
mod groups;
mod joining;
mod lent;
mod live;
mod lookups;
mod ownership;
mod parts;
mod peers;
mod staying;

use std::cmp::Ordering;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use conferences::Conferences;
use finished::FinishedChannels;
use groups::Groups;

use super::finished_call::FinishedCall;
use super::headers::Headers;
use super::leg::{ChannelEventKind, Leg, LegLimits, Phase};
use super::live_events::LiveEvents;
use super::tenants::Tenants;
use divided::Due;

/// The settings of a ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LedgerOptions {
    /// How long a call that seems over waits for missing information, µs.
    pub patience_us: i64,
    /// How long a leg whose end is known from its CDR alone waits for its own events, µs. The
    /// switch writes the CDR first.
    pub cdr_patience_us: i64,
    /// CDRs are available: legs with open questions wait for them.
    pub has_cdrs: bool,
    /// Channels of finished calls that are remembered.
    pub remembered: usize,
    /// How much is kept of each leg.
    pub limits: LegLimits,
}

impl Default for LedgerOptions {
    fn default() -> Self {
        Self {
            patience_us: 60_000_000,
            cdr_patience_us: 5_000_000,
            has_cdrs: false,
            remembered: 200_000,
            limits: LegLimits::default(),
        }
    }
}

/// A step for the caller.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// The leg changed: store it as [`Ledger::leg`] returns it.
    Store(String),
    /// No channel has this Unique-ID any more: delete the stored leg.
    Forget(String),
    /// The call is over: in one transaction, delete its legs and insert its documents. The call
    /// carries its legs; the ledger has forgotten them.
    Over(Box<FinishedCall>),
    /// Something happened in a call that lives. It comes before the [`Effect::Store`] of the leg
    /// that says that it was told.
    Tell(Box<LiveEvents>),
}

/// The legs of every call in progress.
#[derive(Debug)]
pub struct Ledger {
    legs: HashMap<String, Entry>,
    groups: Groups,
    /// Old Unique-IDs to current ones.
    renamed: HashMap<String, String>,
    finished: FinishedChannels,
    conferences: Conferences,
    /// Other switches are followed, too.
    others: bool,
    /// The accounts: legs of two are never in one document.
    tenants: Arc<Tenants>,
    live: live::Live,
    options: LedgerOptions,
}

#[derive(Debug)]
struct Entry {
    leg: Leg,
    /// The caller's time at the last event of the leg.
    last_seen_us: i64,
    /// Another ledger has its call.
    is_lent: bool,
}

/// How an event's channel relates to the leg with the same Unique-ID.
enum Channel {
    Same,
    Earlier,
    Later,
}

/// Returns when the event's channel was created, µs since 1970; the switch writes 0 for never.
fn created_us(event: &dyn Headers) -> Option<i64> {
    let created = event.get("Caller-Channel-Created-Time")?;
    created.parse().ok().filter(|us| *us > 0)
}

/// The result of one event.
struct AppliedEvent {
    uuid: String,
    changed: bool,
    forgotten: Option<String>,
    /// The call of an earlier channel with the same Unique-ID.
    former: Option<Box<FinishedCall>>,
}

impl Ledger {
    /// Creates an empty ledger.
    #[must_use]
    pub fn new(options: LedgerOptions) -> Self {
        Self {
            legs: HashMap::new(),
            groups: Groups::default(),
            renamed: HashMap::new(),
            finished: FinishedChannels::new(options.remembered),
            conferences: Conferences::default(),
            others: false,
            tenants: Arc::default(),
            live: live::Live::default(),
            options,
        }
    }

    /// Restores stored legs after a restart, as if their events came at `now_us`. Calls that were
    /// over but not yet documented are over now.
    pub fn restore(&mut self, legs: impl IntoIterator<Item = Leg>, now_us: i64) -> Vec<Effect> {
        let legs: Vec<Leg> = legs.into_iter().collect();
        let former = legs.iter().flat_map(|leg| leg.former_uuids.clone());
        let former: HashSet<String> = former.collect();
        let mut effects = Vec::new();
        let mut uuids = Vec::new();
        for leg in legs {
            // The service stopped between storing the new name and forgetting the old one.
            if former.contains(&leg.uuid) {
                effects.push(Effect::Forget(leg.uuid));
                continue;
            }
            uuids.push(leg.uuid.clone());
            self.conferences.restore(&leg);
            self.insert_leg(leg, now_us);
        }
        for uuid in &uuids {
            effects.extend(self.take_if_over(uuid, now_us));
        }
        effects
    }

    /// Remembers a channel of a finished call, for example from the outbox after a restart.
    pub fn remember(&mut self, uuid: &str, created_us: Option<i64>) {
        self.finished.insert(uuid, created_us);
    }

    /// Applies one event, `uuid_dump` or CDR, received at `now_us`.
    pub fn apply(&mut self, event: &dyn Headers, now_us: i64) -> Vec<Effect> {
        self.apply_all(&[event], now_us)
    }

    /// Applies events of several channels in any order, and only then checks which calls are
    /// over. Needed for the CDRs of a gap: one by one, a caller's CDR could end a call while an
    /// agent's is still unread.
    pub fn apply_all(&mut self, events: &[&dyn Headers], now_us: i64) -> Vec<Effect> {
        let mut effects = Vec::new();
        for event in events {
            effects.extend(self.apply_conference(*event, now_us));
        }
        let taken = events
            .iter()
            .filter_map(|event| self.apply_event(*event, now_us));
        for taken in taken.collect::<Vec<_>>() {
            effects.extend(taken.former.map(Effect::Over));
            effects.extend(self.tell(&taken.uuid, now_us));
            let over = self.take_if_over(&taken.uuid, now_us);
            let stands = taken.changed && self.legs.contains_key(&taken.uuid);
            effects.extend(stands.then_some(Effect::Store(taken.uuid)));
            effects.extend(taken.forgotten.map(Effect::Forget));
            effects.extend(over);
        }
        effects
    }

    fn apply_event(&mut self, event: &dyn Headers, now_us: i64) -> Option<AppliedEvent> {
        let uuid = event.get("Unique-ID").filter(|uuid| !uuid.is_empty())?;
        let old = event.get("Old-Unique-ID");
        let forgotten = old.and_then(|old| self.rename(&old, &uuid, now_us));
        let uuid = self.current_uuid(&uuid).to_owned();
        let kind = ChannelEventKind::of(event);
        let former = match self.channel_of(&uuid, created_us(event)) {
            Channel::Same => None,
            Channel::Earlier => return None,
            Channel::Later => self.close_call_of(&uuid, now_us),
        };
        if !self.legs.contains_key(&uuid) && !self.creates_leg(&uuid, kind, event) {
            return None;
        }
        let changed = self.update_leg(&uuid, kind, event, now_us) || forgotten.is_some();
        Some(AppliedEvent {
            uuid,
            changed,
            forgotten,
            former,
        })
    }

    /// Returns which channel of this Unique-ID was created at that time. The switch has never two
    /// at once, so a later one means that the leg's channel is gone.
    fn channel_of(&self, uuid: &str, created_us: Option<i64>) -> Channel {
        let known = self.legs.get(uuid).and_then(|entry| entry.leg.created_us);
        match known
            .zip(created_us)
            .map(|(known, created)| created.cmp(&known))
        {
            Some(Ordering::Less) => Channel::Earlier,
            Some(Ordering::Greater) => Channel::Later,
            Some(Ordering::Equal) | None => Channel::Same,
        }
    }

    /// Closes calls that waited too long by `now_us`. Call it about once a second.
    pub fn expire(&mut self, now_us: i64) -> Vec<Effect> {
        let groups = self.groups.ids();
        let ends = |group: &u64| {
            let mut seen = self.seen(*group).peekable();
            seen.peek().is_none() || seen.any(|entry| entry.leg.phase != Phase::Up)
        };
        let mut ending: Vec<u64> = groups.filter(ends).collect();
        ending.sort_unstable();
        let mut effects = self.tell_large_groups(now_us);
        for group in ending {
            effects.extend(self.take_due(group, now_us, Due::AtTick));
        }
        effects
    }

    /// Returns whether the channel is a leg of a call in progress or was one of a finished call.
    #[must_use]
    pub fn knows(&self, uuid: &str) -> bool {
        self.is_seen(uuid)
    }

    /// Gives the switch another name, on all its legs too.
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

    /// Sets the keys (without `flow.key.`) that are not kept from now on.
    pub fn skip_keys(&mut self, names: Arc<[String]>) {
        self.options.limits.keys.skip = names;
    }

    /// Sets the accounts by which calls are told apart from now on.
    pub fn set_tenants(&mut self, tenants: Arc<Tenants>) {
        self.options.limits.respect_privacy = !tenants.ignore_privacy;
        self.tenants = tenants;
    }

    /// Returns a leg of a call in progress, by its current Unique-ID.
    #[must_use]
    pub fn leg(&self, uuid: &str) -> Option<&Leg> {
        self.legs.get(uuid).map(|entry| &entry.leg)
    }

    /// Returns the number of legs of calls in progress.
    #[must_use]
    pub fn legs(&self) -> usize {
        self.legs.len()
    }

    /// Returns the number of calls in progress.
    #[must_use]
    pub fn calls(&self) -> usize {
        self.groups.ids().count()
    }

    /// Returns the number of Unique-IDs in memory, remembered ones included; memory use grows
    /// with it.
    #[must_use]
    pub fn tracked_uuids(&self) -> usize {
        let legs = self.legs.len() + self.groups.len() + self.renamed.len();
        legs + self.finished.len() + self.conferences.len()
    }

    fn current_uuid<'a>(&'a self, uuid: &'a str) -> &'a str {
        self.renamed.get(uuid).map_or(uuid, String::as_str)
    }

    /// Returns whether an event of an unknown channel creates a leg. It does not if the channel's
    /// call is over, or if the channel never lived: a dial that fails at once leaves only a
    /// `CHANNEL_DESTROY` without a caller profile.
    fn creates_leg(&self, uuid: &str, kind: ChannelEventKind, event: &dyn Headers) -> bool {
        let created = created_us(event);
        let lived = created.is_some();
        lived && kind != ChannelEventKind::Custom && !self.finished.has_channel(uuid, created)
    }

    /// Applies the event and returns whether the leg changed in a way worth storing.
    fn update_leg(
        &mut self,
        uuid: &str,
        kind: ChannelEventKind,
        event: &dyn Headers,
        now_us: i64,
    ) -> bool {
        let known = self.legs.get(uuid).map(|entry| entry.leg.clone());
        let mut leg = known.clone().unwrap_or_else(|| Leg::new(uuid));
        self.forget_finished_links(&mut leg);
        if known.is_none() && kind != ChannelEventKind::Create {
            leg.marks.note_gap();
        }
        leg.apply(kind, event, &self.options.limits);
        self.end_talk_of_the_other(&leg, event);
        let changed = known.is_none_or(|mut known| {
            known.core.clone_from(&leg.core);
            known.sequence = leg.sequence;
            known != leg
        });
        self.insert_leg(leg, now_us);
        changed
    }
}
