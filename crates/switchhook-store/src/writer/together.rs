//! What of a batch waits to be written together: many rows in one statement.

use std::collections::HashSet;

use crate::model::{FinishedCallRecord, StoredLeg};

/// Bytes of documents and histories that share a statement; bounds what is copied for it.
const BYTES: usize = 4 << 20;

/// The legs and calls of a batch that wait, by the indices of their jobs. The legs are written
/// first, so no leg waits that came after the end of its call.
#[derive(Default)]
pub(super) struct Together {
    pub(super) legs: Vec<usize>,
    pub(super) calls: Vec<usize>,
    /// The Unique-IDs of the calls that wait.
    ended: HashSet<String>,
    bytes: usize,
}

impl Together {
    /// Returns whether a leg may be written before the calls that wait.
    pub(super) fn takes_leg(&self, leg: &StoredLeg) -> bool {
        !self.ended.contains(&leg.leg_uuid)
    }

    /// Returns whether a call may be finished in one statement with those that wait: what one of
    /// them changes, that statement does not see.
    pub(super) fn takes_call(&self, call: &FinishedCallRecord) -> bool {
        let has_room = self.calls.is_empty() || self.bytes + bytes_of(call) <= BYTES;
        has_room && !uuids_of(call).any(|uuid| self.ended.contains(uuid))
    }

    /// Adds a call that [`Self::takes_call`] has let in.
    pub(super) fn add_call(&mut self, job: usize, call: &FinishedCallRecord) {
        self.calls.push(job);
        self.ended.extend(uuids_of(call).cloned());
        self.bytes += bytes_of(call);
    }
}

/// Returns every Unique-ID by which a call's rows are found.
fn uuids_of(call: &FinishedCallRecord) -> impl Iterator<Item = &String> {
    let channels = call.channels.iter().map(|channel| &channel.uuid);
    let of_call = std::iter::once(&call.call_uuid).chain(&call.legs);
    let documents = call.documents.iter().map(|document| &document.call_uuid);
    of_call.chain(channels).chain(documents)
}

fn bytes_of(call: &FinishedCallRecord) -> usize {
    let bodies = call.documents.iter();
    let bodies = bodies.map(|document| document.content.body.len());
    bodies.sum::<usize>() + call.history.len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{FinishedChannel, NewDocument};

    fn leg(uuid: &str) -> StoredLeg {
        StoredLeg {
            switch: "pbx".into(),
            call_id: uuid.into(),
            leg_uuid: uuid.into(),
            created_us: None,
            known: 0,
            json: String::new(),
        }
    }

    fn call(uuid: &str, leg: &str, channel: &str, body: usize) -> FinishedCallRecord {
        FinishedCallRecord {
            asked: String::new(),
            switch: "pbx".into(),
            call_uuid: uuid.into(),
            created_us: 1,
            legs: vec![leg.into()],
            channels: vec![FinishedChannel {
                uuid: channel.into(),
                created_us: None,
            }],
            documents: vec![NewDocument::document("w", "f", uuid, vec![b'x'; body])],
            summary: None,
            history: String::new(),
            unpublished: None,
            events: Vec::new(),
        }
    }

    #[test]
    fn calls_wait_together_that_have_no_unique_id_in_common() {
        let mut waiting = Together::default();
        waiting.add_call(0, &call("a", "a-leg", "a-channel", 1));
        for (uuid, leg, channel, takes) in [
            ("b", "b-leg", "b-channel", true),
            ("a", "b-leg", "b-channel", false),
            ("b", "a-leg", "b-channel", false),
            ("b", "a", "b-channel", false),
            ("b", "b-leg", "a-channel", false),
            ("a-leg", "b-leg", "b-channel", false),
        ] {
            let next = call(uuid, leg, channel, 1);
            assert_eq!(waiting.takes_call(&next), takes, "{uuid} {leg} {channel}");
        }
        for (uuid, takes) in [
            ("b", true),
            ("a", false),
            ("a-leg", false),
            ("a-channel", false),
        ] {
            assert_eq!(waiting.takes_leg(&leg(uuid)), takes, "{uuid}");
        }
    }

    #[test]
    fn a_large_call_is_alone_and_small_ones_share_so_many_bytes() {
        let mut waiting = Together::default();
        let large = call("large", "large", "large", BYTES + 1);
        assert!(waiting.takes_call(&large), "alone");
        waiting.add_call(0, &large);
        assert!(!waiting.takes_call(&call("b", "b", "b", 1)));
        let mut waiting = Together::default();
        waiting.add_call(0, &call("a", "a", "a", BYTES - 10));
        assert!(waiting.takes_call(&call("b", "b", "b", 10)));
        assert!(!waiting.takes_call(&call("b", "b", "b", 11)));
    }
}
