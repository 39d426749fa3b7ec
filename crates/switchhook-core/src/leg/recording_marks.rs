//! Tells whether every recording of a leg was seen to end.
//!
//! Each recording that ends leaves its size, its length and the cause of its end on the channel
//! and overwrites those of the recording before. Every later event, `uuid_dump` and CDR shows
//! them (FreeSWITCH: switch_ivr_async.c `record_callback`, `send_record_stop_event`). Values that
//! no `RECORD_STOP` showed belong to a recording that ended while events were missed.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::headers::Headers;

/// The variables that tell recordings apart; none of them is the path.
const NAMES: [&str; 4] = [
    "record_file_size",
    "record_samples",
    "record_ms",
    "record_completion_cause",
];
/// The cause of a recording that the switch could not open: there is no file, no `RECORD_START` and
/// no `RECORD_STOP` (switch_ivr_async.c `switch_ivr_record_session_event`).
pub(super) const NOT_OPENED: &str = "uri-failure";
/// Recordings with a time limit all have the same length.
const AT_ITS_LIMIT: &str = "record_completion_cause=success-maxtime";
/// Longest value kept, in bytes; the switch writes numbers and short words.
const VALUE_BYTES: usize = 64;

/// Traces that recordings left on the channel.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RecordingMarks {
    /// `name=value` of every `RECORD_STOP` seen.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    seen: BTreeSet<String>,
    /// `name=value` shown by other events, and by no `RECORD_STOP` yet.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    unexplained: BTreeSet<String>,
    /// Events were missed, and no event since has shown what is on the channel.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    unread: bool,
    /// A recording ended after a gap and overwrote the traces of that gap.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    overwritten: bool,
    /// All recordings are known.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    whole: bool,
}

impl RecordingMarks {
    /// Records the traces of a `RECORD_STOP`. The switch sets the variables one by one before it
    /// sends the event, so another event may have shown some of them.
    pub fn stopped(&mut self, event: &dyn Headers, limit: usize) {
        self.overwritten |= self.unread;
        for mark in read(event) {
            self.unexplained.remove(&mark);
            if self.seen.len() < limit {
                self.seen.insert(mark);
            }
        }
    }

    /// Records the traces that any other event shows.
    pub fn observe(&mut self, event: &dyn Headers, limit: usize) {
        self.unread = false;
        for mark in read(event) {
            if !self.seen.contains(&mark) && self.unexplained.len() < limit {
                self.unexplained.insert(mark);
            }
        }
    }

    /// Notes that events were missed.
    pub const fn note_gap(&mut self) {
        self.unread = true;
    }

    /// Notes that all recordings are known, however that was learnt.
    pub(crate) fn mark_complete(&mut self) {
        self.seen.append(&mut self.unexplained);
        self.whole = true;
    }

    /// Returns whether a recording ended that was not seen.
    #[must_use]
    pub(crate) fn has_unseen_recording(&self) -> bool {
        !self.whole && (self.overwritten || !self.unexplained.is_empty())
    }

    /// Returns whether a recording ended at its time limit: another one would look the same.
    #[must_use]
    pub(crate) fn may_repeat(&self) -> bool {
        !self.whole && self.seen.contains(AT_ITS_LIMIT)
    }

    /// Returns whether no recording has ended, and none may have.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

fn read(event: &dyn Headers) -> impl Iterator<Item = String> + '_ {
    NAMES.iter().filter_map(|name| {
        let value = event.variable(name).filter(|value| value != NOT_OPENED)?;
        let end = value.floor_char_boundary(VALUE_BYTES);
        Some(format!("{name}={}", &value[..end]))
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn event(samples: &str, cause: &str) -> BTreeMap<String, String> {
        BTreeMap::from([
            ("variable_record_samples".into(), samples.into()),
            ("variable_record_completion_cause".into(), cause.into()),
        ])
    }

    #[test]
    fn what_no_stop_showed_is_of_a_recording_that_nobody_saw() {
        let mut marks = RecordingMarks::default();
        marks.stopped(&event("8000", "success-silence"), 9);
        marks.observe(&event("8000", "success-silence"), 9);
        assert!(!marks.has_unseen_recording());
        marks.observe(&event("16000", "success-silence"), 9);
        assert!(marks.has_unseen_recording());
        marks.stopped(&event("16000", "success-silence"), 9);
        assert!(!marks.has_unseen_recording(), "its stop came late");
    }

    #[test]
    fn what_a_recording_overwrote_before_anything_showed_it_is_not_known() {
        let mut marks = RecordingMarks::default();
        marks.note_gap();
        marks.observe(&BTreeMap::new(), 9);
        marks.stopped(&event("8000", "success-silence"), 9);
        assert!(!marks.has_unseen_recording(), "the gap had left nothing");
        marks.note_gap();
        marks.stopped(&event("16000", "success-silence"), 9);
        assert!(marks.has_unseen_recording());
    }

    #[test]
    fn recordings_of_one_length_look_the_same() {
        let mut marks = RecordingMarks::default();
        marks.stopped(&event("8000", "success-silence"), 9);
        assert!(!marks.may_repeat());
        marks.stopped(&event("8000", "success-maxtime"), 9);
        assert!(marks.may_repeat());
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let mut marks = RecordingMarks::default();
        for n in 0..9 {
            marks.observe(&event(&format!("{n}"), &"x".repeat(1_000)), 3);
        }
        assert_eq!(marks.unexplained.len(), 3);
        assert!(marks.unexplained.iter().all(|mark| mark.len() < 100));
    }
}
