//! Recordings of conferences: they are of every call whose leg was in the conference while it was
//! recorded.
//!
//! A conference's events name its path, and no leg (FreeSWITCH: mod_conference,
//! conference::maintenance). The recording is kept on each of these legs, so that it is stored with
//! them.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use super::{Effect, Ledger};
use crate::headers::{Headers, non_empty};
use crate::leg::{Direction, Leg};
use crate::recording::Recording;
use crate::tenants::{TenantVariables, Tenants};

/// Conferences that are remembered at once.
const MAX_CONFERENCES: usize = 10_000;
/// Recordings of one conference at once.
const MAX_RECORDINGS: usize = 16;

/// A conference that is recorded, or that legs are in.
#[derive(Debug, Default)]
pub(super) struct Conference {
    /// Unique-IDs of the legs in it.
    members: Vec<String>,
    /// The recordings that go on.
    open: Vec<Recording>,
    /// No event of it was missed: every recording is known.
    is_whole: bool,
}

/// The conferences of a switch by their Unique-ID.
#[derive(Debug, Default)]
pub(super) struct Conferences(HashMap<String, Conference>);

impl Conferences {
    /// Returns whether the conference is recorded to this path, as far as its events were seen.
    fn records(&self, conference: &str, path: &str) -> bool {
        let known = self.0.get(conference);
        known.is_some_and(|known| known.is_whole && known.open.iter().any(|one| one.path == path))
    }

    /// Takes up what a stored leg says of its conference.
    pub(super) fn restore(&mut self, leg: &Leg) {
        if let Some(conference) = &leg.conference {
            let known = self.0.entry(conference.clone()).or_default();
            known.is_whole = true;
            known.members.push(leg.uuid.clone());
        }
        for one in leg.recordings.iter().filter(|one| !one.is_closed()) {
            let Some(conference) = &one.conference else {
                continue;
            };
            let known = self.0.entry(conference.clone()).or_default();
            if !known.open.iter().any(|open| open.path == one.path) {
                known.open.push(one.clone());
            }
        }
    }

    /// Notes that events were missed: a recording may have begun.
    pub(super) fn note_gap(&mut self) {
        for known in self.0.values_mut() {
            known.is_whole = false;
        }
    }

    /// Returns the number of conferences.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}

/// Returns the event's conference, if it is about one.
fn conference_of(event: &dyn Headers) -> Option<String> {
    // The first header of an event: most are of another kind.
    event.get("Event-Name").filter(|name| name == "CUSTOM")?;
    let subclass = event.get("Event-Subclass")?;
    (subclass == "conference::maintenance").then(|| non_empty(event, "Conference-Unique-ID"))?
}

/// Returns the name of the account that the leg is of, empty for the default one. `None`: an agent's,
/// which is of no account.
fn account_of(leg: &Leg, tenants: &Tenants) -> Option<String> {
    let said = leg.flow.callee_type.as_deref();
    let agents = said.is_some_and(|said| said.eq_ignore_ascii_case("AGENT"));
    let dialled = leg.direction == Direction::Outbound && leg.flow.name.is_none();
    let named = leg.flow.account.as_deref();
    if named.is_none() && (agents || dialled) {
        return None;
    }
    let matched = tenants.of(TenantVariables {
        account: named,
        flow: None,
        did: leg.own_number(),
        context: leg.numbers.context.as_deref(),
    });
    Some(matched.account.unwrap_or_default().to_owned())
}

impl Ledger {
    /// Applies an event of a conference. Returns the legs to store.
    pub(super) fn apply_conference(&mut self, event: &dyn Headers, now_us: i64) -> Vec<Effect> {
        let Some(conference) = conference_of(event) else {
            return Vec::new();
        };
        let action = event.get("Action");
        let path = || non_empty(event, "Path");
        let leg = event.get("Unique-ID").filter(|uuid| !uuid.is_empty());
        let changed = match (action.as_deref(), leg) {
            (Some("conference-create"), _) => self.begin(&conference),
            (Some("add-member"), Some(leg)) => self.enter(&conference, &leg, event),
            (Some("del-member"), Some(leg)) => self.leave(&conference, &leg, event),
            (Some("start-recording"), _) => {
                path().map_or_else(Vec::new, |path| self.start(&conference, &path, event))
            }
            (Some("stop-recording"), _) => {
                path().map_or_else(Vec::new, |path| self.stop(&conference, &path))
            }
            (Some("conference-destroy"), _) => self.end_conference(&conference),
            (Some(_) | None, _) => Vec::new(),
        };
        let mut effects: Vec<Effect> = Vec::new();
        for uuid in changed {
            effects.extend(self.tell(&uuid, now_us));
            let over = self.take_if_over(&uuid, now_us);
            let stands = self.legs.contains_key(&uuid);
            effects.extend(stands.then_some(Effect::Store(uuid)));
            effects.extend(over);
        }
        effects
    }

    fn begin(&mut self, conference: &str) -> Vec<String> {
        if self.conferences.0.len() < MAX_CONFERENCES {
            let known = self.conferences.0.entry(conference.to_owned()).or_default();
            known.is_whole = true;
        }
        Vec::new()
    }

    fn enter(&mut self, conference: &str, leg: &str, event: &dyn Headers) -> Vec<String> {
        let uuid = self.current_uuid(leg).to_owned();
        let full = self.conferences.0.len() >= MAX_CONFERENCES;
        if full && !self.conferences.0.contains_key(conference) {
            return Vec::new();
        }
        let known = self.conferences.0.entry(conference.to_owned()).or_default();
        if !known.members.contains(&uuid) {
            known.members.push(uuid.clone());
        }
        // The first member: nothing was recorded before.
        known.is_whole |= event.get("Conference-Size").as_deref() == Some("1");
        let (open, is_whole) = (known.open.clone(), known.is_whole);
        for recording in open {
            self.record_on(&uuid, &recording);
        }
        if let Some(entry) = self.legs.get_mut(&uuid) {
            entry.leg.recordings_unknown |= !is_whole;
        }
        self.set_conference(&uuid, Some(conference), event)
    }

    /// Notes on a leg which conference it is in. Returns the leg, if there is one.
    fn set_conference(
        &mut self,
        uuid: &str,
        conference: Option<&str>,
        event: &dyn Headers,
    ) -> Vec<String> {
        let is_live = self.live.is_on;
        let Some(entry) = self.legs.get_mut(uuid) else {
            return Vec::new();
        };
        entry.leg.conference = conference.map(str::to_owned);
        if is_live {
            entry.leg.note_conference(event);
        }
        vec![uuid.to_owned()]
    }

    fn leave(&mut self, conference: &str, leg: &str, event: &dyn Headers) -> Vec<String> {
        let uuid = self.current_uuid(leg).to_owned();
        if let Some(known) = self.conferences.0.get_mut(conference) {
            known.members.retain(|member| *member != uuid);
        }
        self.set_conference(&uuid, None, event)
    }

    fn start(&mut self, conference: &str, path: &str, event: &dyn Headers) -> Vec<String> {
        let number = |name: &str| event.get(name).and_then(|text| text.parse().ok());
        let recording = Recording {
            started: number("Event-Sequence").unwrap_or(0),
            conference: Some(conference.to_owned()),
            ..Recording::new(path.to_owned())
        };
        let Some(known) = self.conferences.0.get_mut(conference) else {
            return Vec::new();
        };
        if known.open.len() >= MAX_RECORDINGS || known.open.iter().any(|one| one.path == path) {
            return Vec::new();
        }
        known.open.push(recording.clone());
        let members = known.members.clone();
        let recorded = members
            .into_iter()
            .filter(|leg| self.record_on(leg, &recording));
        recorded.collect()
    }

    /// Notes the recording on a leg. Returns whether it is new there.
    fn record_on(&mut self, leg: &str, recording: &Recording) -> bool {
        let limit = self.options.limits.recordings;
        let Some(entry) = self.legs.get_mut(leg) else {
            return false;
        };
        let recordings = &mut entry.leg.recordings;
        if recordings.len() >= limit || recordings.iter().any(|one| one.path == recording.path) {
            return false;
        }
        recordings.push(recording.clone());
        true
    }

    fn stop(&mut self, conference: &str, path: &str) -> Vec<String> {
        if let Some(known) = self.conferences.0.get_mut(conference) {
            known.open.retain(|one| one.path != path);
        }
        self.close_conference_recordings(conference, Some(path))
    }

    fn end_conference(&mut self, conference: &str) -> Vec<String> {
        self.conferences.0.remove(conference);
        self.close_conference_recordings(conference, None)
    }

    fn close_conference_recordings(&mut self, conference: &str, path: Option<&str>) -> Vec<String> {
        self.note_accounts(conference);
        let mut closed = Vec::new();
        for (uuid, entry) in &mut self.legs {
            let recordings = entry.leg.recordings.iter_mut();
            let ended = recordings.filter(|one| {
                let is_of = one.conference.as_deref() == Some(conference);
                is_of && path.is_none_or(|path| one.path == path) && !one.is_closed()
            });
            let count = ended.map(Recording::close).count();
            if count > 0 {
                closed.push(uuid.clone());
            }
        }
        closed.sort();
        closed
    }

    /// Notes on the recordings of a conference the accounts of all whom it holds. Their calls wait for
    /// its end, so that they are all there.
    fn note_accounts(&mut self, conference: &str) {
        let is_of = |one: &Recording| one.conference.as_deref() == Some(conference);
        let tenants = Arc::clone(&self.tenants);
        let mut accounts: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for entry in self.legs.values() {
            let account = account_of(&entry.leg, &tenants);
            for one in entry.leg.recordings.iter().filter(|one| is_of(one)) {
                let known = accounts.entry(one.path.clone()).or_default();
                known.extend(account.clone());
            }
        }
        accounts.retain(|_, accounts| accounts.len() > 1);
        if accounts.is_empty() {
            return;
        }
        for entry in self.legs.values_mut() {
            for one in entry.leg.recordings.iter_mut().filter(|one| is_of(one)) {
                let all = accounts.get(&one.path).into_iter().flatten().cloned();
                one.holds.extend(all);
            }
        }
    }

    /// Returns whether a conference that the leg was in is still recorded: its file is not whole
    /// before that ends.
    pub(super) fn waits_for_conference(&self, leg: &Leg) -> bool {
        let mut open = leg.recordings.iter().filter(|one| !one.is_closed());
        open.any(|one| {
            let conference = one.conference.as_deref();
            conference.is_some_and(|conference| self.conferences.records(conference, &one.path))
        })
    }
}
