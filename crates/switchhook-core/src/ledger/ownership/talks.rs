//! Who talked with whom, and how long.

use std::collections::HashMap;

use crate::leg::Leg;

/// A talk of two legs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Conversation {
    /// One leg.
    pub a: usize,
    /// The other.
    pub b: usize,
    /// Its beginning, µs since 1970.
    pub from_us: i64,
    /// Its end; `None` while they talk.
    pub until_us: Option<i64>,
    /// The legs name each other, but their talk was not seen: events were missed.
    pub assumed: bool,
}

impl Conversation {
    fn is_of(&self, leg: usize) -> bool {
        self.a == leg || self.b == leg
    }

    fn is_between(&self, one: usize, other: usize) -> bool {
        self.is_of(one) && self.is_of(other)
    }
}

/// Each leg's place by every Unique-ID that it had.
pub(super) type Places<'a> = HashMap<&'a str, usize>;

/// Returns the talks of the legs, in order of their beginning.
pub(super) fn of(legs: &[&Leg], places: &Places<'_>) -> Vec<Conversation> {
    let mut talks: Vec<Conversation> = Vec::new();
    for (place, leg) in legs.iter().enumerate() {
        for talk in &leg.talks {
            let Some(&other) = places.get(talk.with.as_str()) else {
                continue;
            };
            let ends = [talk.until_us, leg.ended_us, legs[other].ended_us];
            let until_us = ends.into_iter().flatten().min();
            // A clock that was set back in between would end a talk before it began.
            let from_us = until_us.map_or(talk.from_us, |end| talk.from_us.min(end));
            let same =
                |known: &Conversation| known.is_between(place, other) && known.from_us == from_us;
            if other == place || talks.iter().any(same) {
                continue;
            }
            talks.push(Conversation {
                a: place,
                b: other,
                from_us,
                until_us,
                assumed: false,
            });
        }
    }
    end_by_the_next(&mut talks);
    let mut all = assumed(legs, places, &talks);
    all.append(&mut talks);
    all.sort_by_key(|talk| (talk.from_us, talk.a, talk.b));
    all
}

/// Returns each leg's place by every Unique-ID that it had.
pub(super) fn places<'a>(legs: &[&'a Leg]) -> Places<'a> {
    let mut places = HashMap::new();
    for (place, leg) in legs.iter().enumerate() {
        let former = leg.former_uuids.iter().map(String::as_str);
        places.extend(former.map(|uuid| (uuid, place)));
    }
    places.extend(
        legs.iter()
            .enumerate()
            .map(|(place, leg)| (leg.uuid.as_str(), place)),
    );
    places
}

/// A leg talks with one other at a time: the next talk ends the one before.
fn end_by_the_next(talks: &mut [Conversation]) {
    for index in 0..talks.len() {
        let talk = &talks[index];
        let next = talks.iter().filter(|next| {
            let shares = next.is_of(talk.a) || next.is_of(talk.b);
            shares && next.from_us > talk.from_us
        });
        let next_us = next.map(|next| next.from_us).min();
        let until_us = [talk.until_us, next_us].into_iter().flatten().min();
        talks[index].until_us = until_us;
    }
}

/// Returns the talks that nobody saw: legs that name each other, one of which had a gap.
fn assumed(legs: &[&Leg], places: &Places<'_>, known: &[Conversation]) -> Vec<Conversation> {
    let mut talks: Vec<Conversation> = Vec::new();
    for (place, leg) in legs.iter().enumerate() {
        for link in &leg.links {
            let Some(&other) = places.get(link.as_str()) else {
                continue;
            };
            let gap = leg.had_gap() || legs[other].had_gap();
            let seen = |talk: &Conversation| talk.is_between(place, other);
            if other == place || !gap || known.iter().chain(&talks).any(seen) {
                continue;
            }
            let began = |leg: &Leg| leg.answered_us.or(leg.created_us).unwrap_or(0);
            talks.push(Conversation {
                a: place,
                b: other,
                from_us: began(leg).max(began(legs[other])),
                until_us: leg.ended_us.into_iter().chain(legs[other].ended_us).min(),
                assumed: true,
            });
        }
    }
    talks
}
