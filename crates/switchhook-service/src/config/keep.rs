//! `[keep]`: how long finished calls and documents are kept.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::section::Section;
use super::value::{duration, optional};
use switchhook_store::Retention;

/// From a minute, for tests in a lab, to a hundred years.
const RANGE: RangeInclusive<Duration> =
    Duration::from_secs(60)..=Duration::from_secs(100 * 366 * 24 * 3_600);

pub(super) fn keep(mut section: Section<'_>) -> Retention {
    let default = Retention::default();
    let mut read = |key, default| section.get_or(key, default, optional(duration(RANGE)));
    Retention {
        calls: read("calls", default.calls),
        responses: read("answers", default.responses),
        delivered: read("delivered", default.delivered),
        dead: read("dead", default.dead),
        audit: read("audit", default.audit),
    }
}
