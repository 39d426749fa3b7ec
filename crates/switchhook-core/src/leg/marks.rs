//! Whether every recording of a leg was seen to end.
//!
//! Each recording that ends leaves its size, length and the cause of its end on the channel,
//! over those of the one before, and every later event, `uuid_dump` and CDR shows them
//! (FreeSWITCH: switch_ivr_async.c `record_callback`, `send_record_stop_event`). What is shown
//! and was in no `RECORD_STOP` is of a recording that fell into a gap.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::headers::Headers;

/// The variables that tell one recording from the next; none of them its path.
const NAMES: [&str; 4] = [
    "record_file_size",
    "record_samples",
    "record_ms",
    "record_completion_cause",
];
/// Of recordings with a time limit, which are all of one length.
const AT_ITS_LIMIT: &str = "record_completion_cause=success-maxtime";
/// The longest value kept, bytes; the switch writes numbers and short words.
const VALUE_BYTES: usize = 64;

/// What recordings left on the channel.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Marks {
    /// As `name=value`, of every `RECORD_STOP` that was seen.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    seen: BTreeSet<String>,
    /// Shown by something else, and in no `RECORD_STOP` yet.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    unexplained: BTreeSet<String>,
    /// Nobody listened for a while, and nothing has shown since what is on the channel.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    unread: bool,
    /// A recording ended then: what the gap had left is gone.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    overwritten: bool,
    /// There was no recording but those that are known.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    whole: bool,
}

impl Marks {
    /// Takes in what a `RECORD_STOP` shows. The switch sets one variable after the other and
    /// then sends it, so another event may have shown some before.
    pub fn stopped(&mut self, event: &dyn Headers, limit: usize) {
        self.overwritten |= self.unread;
        for mark in read(event) {
            self.unexplained.remove(&mark);
            if self.seen.len() < limit {
                self.seen.insert(mark);
            }
        }
    }

    /// Takes in what any other event shows.
    pub fn shown(&mut self, event: &dyn Headers, limit: usize) {
        self.unread = false;
        for mark in read(event) {
            if !self.seen.contains(&mark) && self.unexplained.len() < limit {
                self.unexplained.insert(mark);
            }
        }
    }

    /// Nobody listened for a while.
    pub const fn missed(&mut self) {
        self.unread = true;
    }

    /// There was no recording but those that are known, however that was learnt.
    pub(crate) fn explain(&mut self) {
        self.seen.append(&mut self.unexplained);
        self.whole = true;
    }

    /// A recording ended of which nothing was seen.
    #[must_use]
    pub(crate) fn tell_of_more(&self) -> bool {
        !self.whole && (self.overwritten || !self.unexplained.is_empty())
    }

    /// Some ended at their time limit: one more would look the same.
    #[must_use]
    pub(crate) fn may_repeat(&self) -> bool {
        !self.whole && self.seen.contains(AT_ITS_LIMIT)
    }

    /// No recording has ended, and none may have.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

fn read(event: &dyn Headers) -> impl Iterator<Item = String> + '_ {
    NAMES.iter().filter_map(|name| {
        let value = event.variable(name)?;
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
        let mut marks = Marks::default();
        marks.stopped(&event("8000", "success-silence"), 9);
        marks.shown(&event("8000", "success-silence"), 9);
        assert!(!marks.tell_of_more());
        marks.shown(&event("16000", "success-silence"), 9);
        assert!(marks.tell_of_more());
        marks.stopped(&event("16000", "success-silence"), 9);
        assert!(!marks.tell_of_more(), "its stop came late");
    }

    #[test]
    fn what_a_recording_overwrote_before_anything_showed_it_is_not_known() {
        let mut marks = Marks::default();
        marks.missed();
        marks.shown(&BTreeMap::new(), 9);
        marks.stopped(&event("8000", "success-silence"), 9);
        assert!(!marks.tell_of_more(), "the gap had left nothing");
        marks.missed();
        marks.stopped(&event("16000", "success-silence"), 9);
        assert!(marks.tell_of_more());
    }

    #[test]
    fn recordings_of_one_length_look_the_same() {
        let mut marks = Marks::default();
        marks.stopped(&event("8000", "success-silence"), 9);
        assert!(!marks.may_repeat());
        marks.stopped(&event("8000", "success-maxtime"), 9);
        assert!(marks.may_repeat());
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let mut marks = Marks::default();
        for n in 0..9 {
            marks.shown(&event(&format!("{n}"), &"x".repeat(1_000)), 3);
        }
        assert_eq!(marks.unexplained.len(), 3);
        assert!(marks.unexplained.iter().all(|mark| mark.len() < 100));
    }
}
