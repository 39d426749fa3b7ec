//! The window of time that the operator chose, and the bars that it is divided into.

use serde::Deserialize;

use switchhook_core::timestamp;
use switchhook_core::zone::Zone;
use switchhook_store::{StatDimension, StatQuery, StatSpan};

const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;
const DAY_MS: i64 = 24 * HOUR_MS;

/// Bars in one picture; a longer window is cut.
const BARS: i64 = 400;

/// The windows that end now: word, name, length, and how far back is what it is compared with.
pub(crate) const PRESETS: [(&str, &str, i64, i64); 4] = [
    ("15m", "15 minutes", 15 * MINUTE_MS, DAY_MS),
    ("1h", "1 hour", HOUR_MS, DAY_MS),
    ("24h", "24 hours", DAY_MS, DAY_MS),
    ("7d", "7 days", 7 * DAY_MS, 7 * DAY_MS),
];

/// The query string of `/time`.
#[derive(Debug, Default, Clone, Deserialize)]
#[serde(default)]
pub(crate) struct TimeParams {
    /// A word of [`PRESETS`], or `custom`.
    pub(crate) window: String,
    /// The start of a custom window, local time.
    pub(crate) from: String,
    /// Its end.
    pub(crate) until: String,
    /// `DIMENSION:VALUE`; empty for everything.
    pub(crate) of: String,
}

/// A window of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TimeWindow {
    pub(crate) span: StatSpan,
    /// The start of the first bar.
    pub(crate) from_ms: i64,
    /// The end of the last bar.
    pub(crate) until_ms: i64,
}

impl TimeWindow {
    /// Returns the window with the finest bars that are still kept, and not too many.
    fn of(from_ms: i64, until_ms: i64, now_ms: i64) -> Self {
        let length = until_ms.saturating_sub(from_ms);
        let fits = |span: &&StatSpan| {
            let kept = span.kept_ms();
            let is_kept = kept.is_none_or(|kept| from_ms >= now_ms.saturating_sub(kept));
            is_kept && length / span.ms() <= 200
        };
        let span = StatSpan::ALL.iter().find(fits).copied();
        Self::with(span.unwrap_or(StatSpan::Day), from_ms, until_ms)
    }

    fn with(span: StatSpan, from_ms: i64, until_ms: i64) -> Self {
        let from_ms = span.start_of(from_ms);
        let last = span.start_of(until_ms.saturating_sub(1).max(from_ms));
        let until_ms = last.saturating_add(span.ms());
        let longest = from_ms.saturating_add(BARS.saturating_mul(span.ms()));
        Self {
            span,
            from_ms,
            until_ms: until_ms.min(longest),
        }
    }

    /// Returns the number of bars.
    pub(crate) fn bars(self) -> usize {
        let bars = self.until_ms.saturating_sub(self.from_ms) / self.span.ms();
        usize::try_from(bars).unwrap_or(1).max(1)
    }

    /// Returns the bar that begins at this time.
    pub(crate) fn bar_of(self, start_ms: i64) -> Option<usize> {
        let bar = start_ms.checked_sub(self.from_ms)? / self.span.ms();
        let bar = usize::try_from(bar).ok()?;
        (bar < self.bars()).then_some(bar)
    }

    /// Returns the query for the store.
    pub(crate) fn query(self, (dimension, value): (StatDimension, &str)) -> StatQuery {
        StatQuery {
            dimension,
            value: value.to_owned(),
            span: self.span,
            from_ms: self.from_ms,
            until_ms: self.until_ms,
        }
    }
}

impl TimeParams {
    /// Returns the word of the window; an unknown one is the first.
    pub(crate) fn word(&self) -> &str {
        let known = PRESETS.iter().map(|(word, ..)| *word).chain(["custom"]);
        let mut known = known.filter(|word| *word == self.window);
        known.next().unwrap_or("1h")
    }

    /// Returns the dimension and the value.
    pub(crate) fn of(&self) -> (StatDimension, &str) {
        let (word, value) = self.of.split_once(':').unwrap_or(("all", ""));
        match StatDimension::from_word(word) {
            Some(dimension) if dimension != StatDimension::All => (dimension, value),
            Some(_) | None => (StatDimension::All, ""),
        }
    }

    /// Returns the window, and the one that it is compared with.
    pub(crate) fn windows(&self, now_ms: i64, zone: Zone) -> (TimeWindow, TimeWindow) {
        let preset = PRESETS.iter().find(|(word, ..)| *word == self.word());
        if let Some((_, _, length, back)) = preset {
            let window = TimeWindow::of(now_ms - length + MINUTE_MS, now_ms, now_ms);
            let before = [window.from_ms, window.until_ms].map(|ms| ms - back);
            let compared = TimeWindow::of(before[0], before[1], now_ms);
            return (window, compared);
        }
        let read = |text: &str| timestamp::parse_local(text, zone);
        let until_ms = read(&self.until)
            .unwrap_or(now_ms)
            .clamp(0, now_ms + DAY_MS);
        let from_ms = read(&self.from).unwrap_or(until_ms - HOUR_MS);
        let from_ms = from_ms.clamp(0, until_ms);
        let window = TimeWindow::of(from_ms, until_ms, now_ms);
        let length = window.until_ms - window.from_ms;
        let compared = TimeWindow::of(window.from_ms - length, window.from_ms, now_ms);
        (window, compared)
    }

    /// Returns what the compared window is called.
    pub(crate) fn compared_name(&self) -> &'static str {
        match self.word() {
            "15m" | "1h" => "a day before",
            "24h" => "the 24 hours before",
            "7d" => "the 7 days before",
            _ => "the same time before",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_767_225_600_000 + 12_345_678;

    fn params(window: &str, from: &str, until: &str) -> TimeParams {
        TimeParams {
            window: window.into(),
            from: from.into(),
            until: until.into(),
            of: String::new(),
        }
    }

    #[test]
    fn a_window_has_the_finest_bars_that_are_kept() {
        for (word, span, bars) in [
            ("15m", StatSpan::Minute, 15),
            ("1h", StatSpan::Minute, 60),
            ("24h", StatSpan::QuarterHour, 96),
            ("7d", StatSpan::Hour, 168),
            ("nonsense", StatSpan::Minute, 60),
        ] {
            let (window, compared) = params(word, "", "").windows(NOW, Zone::UTC);
            assert_eq!(window.span, span, "{word}");
            assert!(
                window.bars().abs_diff(bars) <= 1,
                "{word} {}",
                window.bars()
            );
            assert!(window.until_ms > NOW, "{word}: up to now");
            assert!(compared.until_ms < window.until_ms, "{word}");
        }
    }

    #[test]
    fn a_custom_window_is_local_time_and_never_too_long() {
        let zone = Zone::named("Asia/Kolkata").expect("known");
        let day = params("custom", "2026-01-01T05:30", "2026-01-01T08:30");
        let (window, _) = day.windows(NOW, zone);
        assert_eq!(window.from_ms, 1_767_225_600_000, "midnight UTC");
        assert_eq!((window.span, window.bars()), (StatSpan::Minute, 180));
        let all = params("custom", "1970-01-01T00:00", "2026-01-01T08:30");
        let (window, _) = all.windows(NOW, zone);
        assert_eq!((window.span, window.bars()), (StatSpan::Day, 400));
        for (from, until) in [("x", "y"), ("2030-01-01T00:00", "2020-01-01T00:00")] {
            let (window, compared) = params("custom", from, until).windows(NOW, zone);
            assert!(window.bars() >= 1 && compared.bars() >= 1);
        }
    }
}
