//! A histogram with fixed steps: eight to each doubling, so a time is known to 6 %.
//!
//! The steps are the same everywhere and for ever, so histograms of several instances and of
//! several minutes are added up by the database, number by number. HdrHistogram's own form would
//! have to be read, added and written back under a lock.

/// Steps to each doubling, as a power of two.
const FRACTION_BITS: u32 = 3;

/// Returns the step of a time in µs.
#[must_use]
pub fn step_of(us: u64) -> i64 {
    let us = us.max(1 << FRACTION_BITS);
    let exponent = us.ilog2();
    let fraction = (us >> (exponent - FRACTION_BITS)) & ((1 << FRACTION_BITS) - 1);
    i64::from(exponent << FRACTION_BITS) + i64::try_from(fraction).unwrap_or_default()
}

/// Returns the middle of a step, in µs.
#[must_use]
pub fn middle_us(step: i64) -> u64 {
    let step = u64::try_from(step)
        .unwrap_or_default()
        .min(63 << FRACTION_BITS);
    let exponent = (step >> FRACTION_BITS).max(u64::from(FRACTION_BITS));
    let fraction = step & ((1 << FRACTION_BITS) - 1);
    let width = 1_u64 << (exponent - u64::from(FRACTION_BITS));
    (1 << exponent) + fraction * width + width / 2
}

/// Returns the time within which this share of a histogram lies, in µs; `None` if it is empty.
/// `steps` has each step once, in order.
#[must_use]
pub fn percentile_us(steps: &[(i64, u64)], percent: u64) -> Option<u64> {
    let total: u64 = steps.iter().map(|(_, amount)| amount).sum();
    let rank = (total * percent).div_ceil(100).max(1);
    let mut seen = 0;
    let reached = |(_, amount): &&(i64, u64)| {
        seen += amount;
        seen >= rank
    };
    steps.iter().find(reached).map(|(step, _)| middle_us(*step))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_known_to_six_percent_and_later_ones_have_later_steps() {
        let mut before = 0;
        for us in (8..4_000).chain((4_000..200_000_000).step_by(39_983)) {
            let step = step_of(us);
            assert!(step >= before, "{us}");
            before = step;
            assert!(middle_us(step).abs_diff(us) * 100 <= us * 7, "{us} {step}");
        }
        assert_eq!(step_of(0), step_of(8), "nothing is that short");
        assert!(middle_us(step_of(u64::MAX)) > u64::MAX / 2);
        assert!(middle_us(i64::MAX) > 0, "whatever a row says");
        assert!(middle_us(-1) > 0);
    }

    #[test]
    fn percentiles_are_those_of_the_times_that_were_added() {
        let mut steps = std::collections::BTreeMap::new();
        for ms in 1..=1_000_u64 {
            *steps.entry(step_of(ms * 1_000)).or_insert(0) += 1;
        }
        let steps: Vec<(i64, u64)> = steps.into_iter().collect();
        for (percent, ms) in [(50, 500), (95, 950), (99, 990)] {
            let us = percentile_us(&steps, percent).unwrap();
            assert!(
                us.abs_diff(ms * 1_000) * 100 <= ms * 1_000 * 7,
                "{percent}: {us}"
            );
        }
        assert_eq!(percentile_us(&[], 50), None);
    }
}
