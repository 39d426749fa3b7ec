//! What was told of a call, found on its legs.

use super::LiveCall;
use crate::leg::Told;

/// What was told of a call.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Gathered {
    /// Of the call itself.
    pub told: Option<Told>,
    /// The leg that keeps it.
    pub carrier: Option<String>,
    /// Of calls that this one took up, each with the leg that keeps it.
    pub others: Vec<(String, Told)>,
}

/// Returns what was told of the legs of a call. Of calls that became one, the call's own or else
/// the oldest goes on.
pub(crate) fn gathered(live: &LiveCall) -> Gathered {
    let mut all: Vec<(String, Told)> = Vec::new();
    for leg in &live.call.legs {
        let told = leg.live.as_ref().and_then(|marks| marks.told.as_deref());
        all.extend(told.map(|told| (leg.uuid.clone(), told.clone())));
    }
    all.sort_by_key(|(_, told)| (told.call != live.call.id, told.ended, told.created_us));
    let mut all = all.into_iter();
    let Some((carrier, mut told)) = all.next() else {
        return Gathered::default();
    };
    let mut others: Vec<(String, Told)> = all.collect();
    for (_, other) in &others {
        take_up(&mut told, other);
    }
    others.retain(|(_, other)| !other.ended);
    Gathered {
        told: Some(told),
        carrier: Some(carrier),
        others,
    }
}

/// Notes as told what was told of a call that this one took up.
fn take_up(told: &mut Told, other: &Told) {
    for (uuid, leg) in &other.legs {
        let known = told.legs.entry(uuid.clone());
        // It came and went in that call.
        known.or_insert_with(|| leg.clone()).met = true;
    }
    for (pair, talk) in &other.talks {
        told.talks.entry(pair.clone()).or_insert(*talk);
    }
}
