//! `[keep]`: how long what is over is kept.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::section::Section;
use super::value::{duration, optional};
use switchhook_store::Keep;

/// A minute, for tests of a lab, to a hundred years.
const RANGE: RangeInclusive<Duration> =
    Duration::from_secs(60)..=Duration::from_secs(100 * 366 * 24 * 3_600);

pub(super) fn keep(mut section: Section<'_>) -> Keep {
    let default = Keep::default();
    let mut take = |key, default| section.get_or(key, default, optional(duration(RANGE)));
    Keep {
        calls: take("calls", default.calls),
        answers: take("answers", default.answers),
        delivered: take("delivered", default.delivered),
        dead: take("dead", default.dead),
    }
}
