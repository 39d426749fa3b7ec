//! The calls that the call control wants confirmed by one switch, and that its events have not
//! confirmed yet.
//!
//! Questions for calls from the switches' own addresses have places of their own. Whatever
//! others claim, it takes none of them.

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;

use eslclient::Ticket;
use switchhook_admin::listener::{KeyedPermit, KeyedPermits};

use super::call_verifier::{CallClaim, SwitchAnswer, VerifyRequest};

/// Questions that a switch has at once, for calls from the addresses of switches. Further ones wait
/// for us.
pub(crate) const SWITCH_PLACES: usize = 256;
/// The same for calls from all other addresses: so few that a switch answers its own calls' soon.
const OTHER_PLACES: usize = 32;
/// Those of one address.
const OTHER_PLACES_PER_ADDRESS: usize = 4;
/// Questions that may wait for a place, for calls from the addresses of switches.
const SWITCH_WAITING: usize = 4096;
/// The same for calls from all other addresses.
const OTHER_WAITING: usize = 1024;
/// Those of one address.
const OTHER_WAITING_PER_ADDRESS: usize = 64;

type Permit = KeyedPermit<Option<IpAddr>>;
type Permits = KeyedPermits<Option<IpAddr>>;

/// The open questions.
pub(super) struct Questions {
    /// What the switch was asked.
    asked: HashMap<Ticket, (VerifyRequest, Permit)>,
    of_switches: Waiting,
    of_others: Waiting,
}

/// Questions that wait for a place.
struct Waiting {
    /// The places of questions that the switch has.
    places: Permits,
    /// The places of questions that wait.
    room: Permits,
    requests: VecDeque<(VerifyRequest, Permit)>,
}

impl Questions {
    pub(super) fn new() -> Self {
        let of_switches = Waiting {
            places: Permits::new(SWITCH_PLACES, SWITCH_PLACES),
            room: Permits::new(SWITCH_WAITING, SWITCH_WAITING),
            requests: VecDeque::new(),
        };
        let of_others = Waiting {
            places: Permits::new(OTHER_PLACES, OTHER_PLACES_PER_ADDRESS),
            room: Permits::new(OTHER_WAITING, OTHER_WAITING_PER_ADDRESS),
            requests: VecDeque::new(),
        };
        Self {
            asked: HashMap::new(),
            of_switches,
            of_others,
        }
    }

    /// Adds a question. Answers it at once if too many wait already.
    pub(super) fn add(&mut self, request: VerifyRequest) {
        if request.is_from_switch {
            self.of_switches.add(request);
        } else {
            self.of_others.add(request);
        }
    }

    /// Has `ask` ask the switch each question that has a place.
    pub(super) fn ask(&mut self, mut ask: impl FnMut(&CallClaim) -> Option<Ticket>) {
        for waiting in [&mut self.of_switches, &mut self.of_others] {
            while let Some((mut request, place)) = waiting.next() {
                match ask(&request.claim) {
                    Some(ticket) => {
                        self.asked.insert(ticket, (request, place));
                    }
                    // No switch has a call whose Unique-ID cannot be sent.
                    None => request.answer(SwitchAnswer::HasNot),
                }
            }
        }
    }

    /// Returns the question that this command asked, whose place is free now.
    pub(super) fn replied(&mut self, ticket: Ticket) -> Option<VerifyRequest> {
        let (request, _) = self.asked.remove(&ticket)?;
        Some(request)
    }

    /// Answers the questions about the call `uuid` that the switch's events confirm by now. What was
    /// asked keeps its place until the switch replies.
    pub(super) fn confirm(&mut self, uuid: &str, is_confirmed: impl Fn(&CallClaim) -> bool) {
        let waiting = [&mut self.of_switches, &mut self.of_others];
        let waiting = waiting.into_iter().flat_map(|of| &mut of.requests);
        for (request, _) in self.asked.values_mut().chain(waiting) {
            if request.claim.uuid == uuid && is_confirmed(&request.claim) {
                request.answer(SwitchAnswer::Has);
            }
        }
    }

    /// Returns whether no question is open.
    pub(super) fn is_empty(&self) -> bool {
        let waiting = [&self.of_switches, &self.of_others];
        self.asked.is_empty() && waiting.iter().all(|of| of.requests.is_empty())
    }
}

impl Waiting {
    fn add(&mut self, mut request: VerifyRequest) {
        let peer = request.claim.peer;
        let room = self.room.try_acquire(peer).or_else(|| {
            self.remove_settled();
            self.room.try_acquire(peer)
        });
        match room {
            Some(room) => self.requests.push_back((request, room)),
            None => request.answer(SwitchAnswer::Busy),
        }
    }

    /// Removes the questions that were answered or whose answer nobody waits for.
    fn remove_settled(&mut self) {
        self.requests.retain(|(request, _)| !request.is_settled());
    }

    /// Takes the oldest question whose address has a place.
    fn next(&mut self) -> Option<(VerifyRequest, Permit)> {
        self.remove_settled();
        if self.places.is_exhausted() {
            return None;
        }
        let requests = self.requests.iter().enumerate();
        let (at, place) = requests
            .filter_map(|(at, (request, _))| {
                Some((at, self.places.try_acquire(request.claim.peer)?))
            })
            .next()?;
        let (request, _) = self.requests.remove(at)?;
        Some((request, place))
    }
}

#[cfg(test)]
mod tests;
