//! Which statuses count as delivered.

use std::ops::RangeInclusive;

/// Statuses that count as delivered: 2xx, and further ones for receivers that have done their work
/// when they answer so, such as a redirect or a conflict.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TakenStatuses(Vec<RangeInclusive<u16>>);

impl Default for TakenStatuses {
    fn default() -> Self {
        Self(vec![200..=299])
    }
}

impl TakenStatuses {
    /// Returns 2xx and these.
    #[must_use]
    pub fn with(statuses: Vec<RangeInclusive<u16>>) -> Self {
        Self(statuses)
    }

    /// Whether a document with this answer is delivered.
    #[must_use]
    pub fn contain(&self, status: u16) -> bool {
        (200..300).contains(&status) || self.0.iter().any(|range| range.contains(&status))
    }
}
