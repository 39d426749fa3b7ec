//! A bounded memory of channels whose call is over, so that late events and CDRs do not start the
//! call again.

use std::collections::{HashMap, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};

/// Hashes of Unique-IDs, with the creation of their channels.
#[derive(Debug, Default)]
pub(crate) struct FinishedChannels {
    created_us: HashMap<u64, Option<i64>>,
    order: VecDeque<u64>,
    limit: usize,
}

impl FinishedChannels {
    /// Creates a memory of the newest `limit` channels.
    #[must_use]
    pub(super) fn new(limit: usize) -> Self {
        Self {
            limit,
            ..Self::default()
        }
    }

    /// Remembers a channel.
    pub(super) fn insert(&mut self, uuid: &str, created_us: Option<i64>) {
        let key = key(uuid);
        if self.created_us.insert(key, created_us).is_none() {
            self.order.push_back(key);
        }
        while self.order.len() > self.limit {
            if let Some(oldest) = self.order.pop_front() {
                self.created_us.remove(&oldest);
            }
        }
    }

    /// Returns whether the channel's call is over. A channel created at another time is another
    /// channel: a dialplan may reuse a Unique-ID (`origination_uuid`).
    #[must_use]
    pub(super) fn has_channel(&self, uuid: &str, created_us: Option<i64>) -> bool {
        match self.created_us.get(&key(uuid)) {
            Some(Some(known)) => created_us.is_none_or(|created| created == *known),
            Some(None) => true,
            None => false,
        }
    }

    /// Returns whether a channel with this Unique-ID is remembered.
    #[must_use]
    pub(super) fn has(&self, uuid: &str) -> bool {
        self.created_us.contains_key(&key(uuid))
    }

    /// Returns the number of remembered channels.
    #[must_use]
    pub(super) fn len(&self) -> usize {
        self.order.len()
    }
}

fn key(uuid: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    uuid.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_are_forgotten_first() {
        let mut finished = FinishedChannels::new(2);
        for uuid in ["a", "b", "b", "c"] {
            finished.insert(uuid, None);
        }
        assert_eq!(
            [finished.has("a"), finished.has("b"), finished.has("c")],
            [false, true, true]
        );
        assert_eq!(finished.len(), 2);
    }

    #[test]
    fn a_unique_id_used_again_is_another_channel() {
        let mut finished = FinishedChannels::new(2);
        finished.insert("a", Some(1));
        assert!(finished.has_channel("a", Some(1)));
        assert!(finished.has_channel("a", None));
        assert!(!finished.has_channel("a", Some(2)));
    }
}
