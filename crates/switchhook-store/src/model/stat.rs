//! Counts over time, as the operator's page reads them.

/// What values belong to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum StatDimension {
    /// Everything; its only value is empty.
    All,
    /// Webhooks.
    Webhook,
    /// Flows.
    Flow,
    /// Accounts.
    Account,
    /// Switches.
    Switch,
}

impl StatDimension {
    /// The dimensions that have names.
    pub const LABELS: [Self; 4] = [Self::Webhook, Self::Flow, Self::Account, Self::Switch];

    /// Returns the word in the store and in addresses.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Webhook => "webhook",
            Self::Flow => "flow",
            Self::Account => "account",
            Self::Switch => "switch",
        }
    }

    /// Returns the dimension with this word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        let all = [Self::All].into_iter().chain(Self::LABELS);
        all.into_iter().find(|one| one.as_str() == word)
    }
}

/// A span of time that is counted apart. Each is kept for as long as a picture of its bars needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum StatSpan {
    /// Kept for six hours.
    Minute,
    /// Kept for three days.
    QuarterHour,
    /// Kept for fifteen days.
    Hour,
    /// Of UTC; kept for as long as calls are.
    Day,
}

const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;
const DAY_MS: i64 = 24 * HOUR_MS;

impl StatSpan {
    /// Every span, the shortest first.
    pub const ALL: [Self; 4] = [Self::Minute, Self::QuarterHour, Self::Hour, Self::Day];

    /// Returns its length in milliseconds.
    #[must_use]
    pub const fn ms(self) -> i64 {
        match self {
            Self::Minute => MINUTE_MS,
            Self::QuarterHour => 15 * MINUTE_MS,
            Self::Hour => HOUR_MS,
            Self::Day => DAY_MS,
        }
    }

    /// Returns how long its rows are kept, in milliseconds; `None` for as long as calls are.
    #[must_use]
    pub const fn kept_ms(self) -> Option<i64> {
        match self {
            Self::Minute => Some(6 * HOUR_MS),
            Self::QuarterHour => Some(3 * DAY_MS),
            Self::Hour => Some(15 * DAY_MS),
            Self::Day => None,
        }
    }

    /// Returns the start of the span that a time is in.
    #[must_use]
    pub const fn start_of(self, at_ms: i64) -> i64 {
        at_ms - at_ms.rem_euclid(self.ms())
    }
}

/// Which counts to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatQuery {
    /// What the value belongs to.
    pub dimension: StatDimension,
    /// The value; empty for [`StatDimension::All`].
    pub value: String,
    /// The length of each bar.
    pub span: StatSpan,
    /// The start of the first bar.
    pub from_ms: i64,
    /// The end of the last bar.
    pub until_ms: i64,
}

/// What was counted in one span.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatCell {
    /// The span's start.
    pub start_ms: i64,
    /// What was counted.
    pub series: StatSeries,
    /// Each step of the histogram with its number; of an outcome only the step 0.
    pub steps: Vec<(i64, u64)>,
}

/// What a number is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum StatSeries {
    /// Calls that left the hold with this outcome: `line_0`, an `error_reason`, or an ending.
    Calls(String),
    /// Attempts to deliver a document with this outcome.
    Deliveries(String),
    /// Times of the webhook.
    WebhookTime,
    /// Times on hold.
    HoldTime,
    /// Times of delivery attempts.
    DeliveryTime,
}
