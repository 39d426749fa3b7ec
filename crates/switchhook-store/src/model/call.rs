//! Calls: legs in progress, finished calls, and what the report and the operator's page show.

use super::{NewDocument, NewEvent, NewUnpublishedCall};

/// A leg of a call in progress.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredLeg {
    /// The switch's name.
    pub switch: String,
    /// The call that the leg belongs to; changes when calls are joined.
    pub call_id: String,
    /// The channel's Unique-ID.
    pub leg_uuid: String,
    /// The channel's creation, µs since 1970. It tells channels apart that have the same
    /// Unique-ID.
    pub created_us: Option<i64>,
    /// How much is known of the leg. When several instances store one leg, the highest value
    /// stays.
    pub known: i64,
    /// The leg: JSON in the caller's own format.
    pub json: String,
}

/// A finished call, for the report.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CallSummary {
    /// The account's name; empty for the default account.
    pub account: String,
    /// The flow's name.
    pub flow: String,
    /// Creation of the first leg.
    pub started_ms: i64,
    /// Answer of the first leg.
    pub answered_ms: Option<i64>,
    /// End of the last leg.
    pub ended_ms: i64,
    /// From answer to end of the first leg; 0 when it was never answered.
    pub talk_ms: i64,
    /// The caller's number.
    pub caller: String,
    /// The dialled number.
    pub called: String,
    /// Number of legs.
    pub legs: u32,
    /// Hangup cause of the first leg.
    pub hangup_cause: String,
    /// Something could not be learnt.
    pub incomplete: bool,
}

/// A channel of a finished call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FinishedChannel {
    /// The channel's Unique-ID.
    pub uuid: String,
    /// The channel's creation, µs since 1970: FreeSWITCH may use a Unique-ID again.
    pub created_us: Option<i64>,
}

/// A page of the channels whose calls are finished.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FinishedChannelPage {
    /// The channels, oldest first.
    pub channels: Vec<FinishedChannel>,
    /// The `after` argument that reads the next page.
    pub until: i64,
}

/// Everything that is written in one transaction when a call is finished.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FinishedCallRecord {
    /// The switch's name.
    pub switch: String,
    /// Unique-ID of the call's first leg.
    pub call_uuid: String,
    /// Creation of that leg, µs since 1970: a later call may have the same Unique-ID.
    pub created_us: i64,
    /// Unique-IDs of the legs to remove.
    pub legs: Vec<String>,
    /// The call's channels, which are remembered for an hour.
    pub channels: Vec<FinishedChannel>,
    /// Documents to deliver; none when the flow's webhook is off.
    pub documents: Vec<NewDocument>,
    /// The report's row; none when the call is not reported.
    pub summary: Option<CallSummary>,
    /// What the operator's page shows of the call: JSON in the caller's own format.
    pub history: String,
    /// The webhooks that the call asked: see [`asked_line`](crate::asked_line).
    pub asked: String,
    /// Set when the documents are built only once the recordings can be fetched.
    pub unpublished: Option<NewUnpublishedCall>,
    /// The last events of the call while it lived.
    pub events: Vec<NewEvent>,
}

impl FinishedCallRecord {
    /// Returns the record with another name of the switch.
    #[must_use]
    pub fn of_switch(mut self, name: String) -> Self {
        for event in &mut self.events {
            event.switch.clone_from(&name);
        }
        self.switch = name;
        self
    }
}

/// What a call's row says; every condition must match. The default one matches every call.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CallColumns {
    /// A webhook that it asked. The store may return calls that asked it with another outcome.
    pub webhook: Option<String>,
    /// The outcome of a request: `SUCCESS` or an `error_reason`.
    pub reason: Option<String>,
    /// The flow's name.
    pub flow: Option<String>,
    /// The account's name; empty for the default account.
    pub account: Option<String>,
    /// The switch's name.
    pub switch: Option<String>,
    /// A part of the number at our end, which was dialled.
    pub called: Option<String>,
    /// The name of the hangup cause, or a part of it.
    pub cause: Option<String>,
    /// Calls that began at or after this time.
    pub from_ms: Option<i64>,
    /// Calls that began before this time.
    pub until_ms: Option<i64>,
    /// Calls that lasted at least this long, in milliseconds.
    pub at_least_ms: Option<i64>,
    /// Calls that lasted at most this long, in milliseconds.
    pub at_most_ms: Option<i64>,
}

/// What became of a [`FinishedCallRecord`].
pub(crate) enum Finished {
    /// It is stored. Of each document, whether it is new: another instance, or this one before a
    /// crash, may have built it already.
    Stored(Vec<bool>),
    /// Nothing was changed: calls that another instance finished have these legs.
    Refused(Vec<String>),
}

/// A search among the newest finished calls; every condition must match.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CallSearch {
    /// What the calls' rows say. With a condition, the newest calls of its time are searched.
    pub columns: CallColumns,
    /// Text in a number, a Unique-ID, the account or the history.
    pub text: Option<String>,
    /// Digits in a number or the history, as an alternative to `text`.
    pub digits: Option<String>,
    /// The call's Unique-ID.
    pub call_uuid: Option<String>,
    /// Only calls that took line 1.
    pub line_1: bool,
    /// Only calls of these accounts (empty: the default account); `None` for every call.
    pub accounts: Option<Vec<String>>,
    /// Only calls before this [`RecentCall::id`]: the next page.
    pub before: Option<i64>,
    /// The most calls to return.
    pub limit: u32,
}

/// A finished call with its history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecentCall {
    /// The call's position in the order in which calls finished.
    pub id: i64,
    /// The switch's name.
    pub switch: String,
    /// Unique-ID of the call's first leg.
    pub call_uuid: String,
    /// The report's row.
    pub summary: CallSummary,
    /// [`FinishedCallRecord::history`]; empty for calls from before histories were stored.
    pub history: String,
}

/// The numbers of a finished call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallParties {
    /// Unique-ID of the call's first leg.
    pub call_uuid: String,
    /// The caller's number.
    pub caller: String,
    /// The dialled number.
    pub called: String,
}

/// The response of a webhook that has `persist_response`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PersistedResponse {
    /// Unique-ID of the channel that asked; once the call is finished, the call's.
    pub call_uuid: String,
    /// The flow's name.
    pub flow: String,
    /// The webhook's name.
    pub webhook: String,
    /// When the response came.
    pub at_ms: i64,
    /// Full variable names and values.
    pub variables: serde_json::Map<String, serde_json::Value>,
}

/// Which calls a report covers; an empty filter covers every call.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CallFilter {
    /// The flow's name.
    pub flow: Option<String>,
    /// Calls that began at or after this time.
    pub from_ms: Option<i64>,
    /// Calls that began before this time.
    pub until_ms: Option<i64>,
    /// Only calls with persisted responses.
    pub with_responses_only: bool,
}

/// A call of the report with its persisted responses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportedCall {
    /// Unique-ID of the call's first leg.
    pub call_uuid: String,
    /// The flow's name.
    pub flow: String,
    /// The switch's name and the summary; `None` while the call is in progress, or when its
    /// switch is not followed.
    pub finished: Option<(String, CallSummary)>,
    /// Persisted responses, in order of time.
    pub responses: Vec<PersistedResponse>,
}
