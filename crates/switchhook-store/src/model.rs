//! What is remembered. Times are Unix milliseconds in the fields named `_ms`.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::clock::millis;

/// A leg of a call that is not over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredLeg {
    /// The switch's name.
    pub switch: String,
    /// The call it belongs to as far as is known; changes when calls are joined.
    pub call_id: String,
    /// The channel's Unique-ID.
    pub leg_uuid: String,
    /// Its creation, µs since 1970: a Unique-ID may be given again.
    pub created_us: Option<i64>,
    /// How much is known of it: of what several instances store, the highest stays.
    pub known: i64,
    /// The leg, in whatever JSON its owner reads again.
    pub json: String,
}

/// Whether a thing that is sent is a finished call or a widget's request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum DeliveryKind {
    /// The details of a finished call; once for each call and webhook.
    Document,
    /// The request of a widget that does not wait; as often as widgets ask.
    Request,
}

impl DeliveryKind {
    /// The word in the store.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Document => "document",
            Self::Request => "request",
        }
    }

    /// The kind of that word.
    pub(crate) fn named(word: &str) -> Self {
        match word {
            "request" => Self::Request,
            _ => Self::Document,
        }
    }
}

/// A database server, as an operator sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    /// As it says it.
    pub version: String,
    /// When it says that something is stored.
    pub synchronous_commit: String,
    /// It waits for its disk.
    pub syncs: bool,
    /// It only reads.
    pub is_standby: bool,
    /// Its time.
    pub now_ms: i64,
    /// Tables that our user may not read or write.
    pub closed_tables: Vec<String>,
}

/// What is sent, without anything secret: authentication and signatures are
/// added at every attempt. What is `None` is taken from the endpoint then, so
/// that an operator's correction of a URL reaches the backlog too.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Content {
    /// HTTP method.
    pub method: Option<String>,
    /// Rendered URL.
    pub url: Option<String>,
    /// Rendered headers, for example `content-type`.
    pub headers: Vec<(String, String)>,
    /// The exact bytes of the body.
    pub body: Bytes,
}

/// Something to be delivered at least once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewDocument {
    /// What it is.
    pub kind: DeliveryKind,
    /// The webhook, which is the endpoint that it is sent to.
    pub webhook: String,
    /// The flow's name.
    pub flow: String,
    /// Unique-ID of the call's first leg.
    pub call_uuid: String,
    /// What is sent.
    pub content: Content,
}

impl NewDocument {
    /// The details of a finished call, sent as the endpoint says.
    #[must_use]
    pub fn document(webhook: &str, flow: &str, call_uuid: &str, body: impl Into<Bytes>) -> Self {
        Self {
            kind: DeliveryKind::Document,
            webhook: webhook.to_owned(),
            flow: flow.to_owned(),
            call_uuid: call_uuid.to_owned(),
            content: Content {
                body: body.into(),
                ..Content::default()
            },
        }
    }
}

/// A call that is over, for the report.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CallSummary {
    /// The account's name; empty: the default one.
    pub account: String,
    /// The flow's name.
    pub flow: String,
    /// The first leg's creation.
    pub started_ms: i64,
    /// The first leg's answer.
    pub answered_ms: Option<i64>,
    /// The last leg's end.
    pub ended_ms: i64,
    /// From answer to end of the first leg, 0 when never answered.
    pub talk_ms: i64,
    /// Who called.
    pub caller: String,
    /// Who was called.
    pub called: String,
    /// Number of legs.
    pub legs: u32,
    /// The first leg's hangup cause.
    pub hangup_cause: String,
    /// Something could not be learnt.
    pub incomplete: bool,
}

/// A channel whose call is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FinishedChannel {
    /// Unique-ID.
    pub uuid: String,
    /// Creation, µs since 1970: a Unique-ID may be given again.
    pub created_us: Option<i64>,
}

/// What was finished since a look before.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ended {
    /// The oldest first.
    pub channels: Vec<FinishedChannel>,
    /// Where the next look begins.
    pub until: i64,
}

/// All that is written when a call is over, in one transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FinishedCallRecord {
    /// The switch's name.
    pub switch: String,
    /// Unique-ID of the call's first leg.
    pub call_uuid: String,
    /// Creation of that leg, µs since 1970: a Unique-ID may be given again, to another call.
    pub created_us: i64,
    /// The legs that are no longer needed.
    pub legs: Vec<String>,
    /// Its channels, to be remembered for an hour.
    pub channels: Vec<FinishedChannel>,
    /// What is to be sent; none when the flow's webhook is off.
    pub documents: Vec<NewDocument>,
    /// The report's row; none when the call is not to be reported.
    pub summary: Option<CallSummary>,
    /// What the operator's page tells of it, in whatever JSON its owner reads again.
    pub story: String,
    /// Its documents are not made before its recordings can be fetched.
    pub unpublished: Option<NewUnpublished>,
}

/// A call that is over, whose documents are still to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewUnpublished {
    /// What they are made of, in whatever JSON its owner reads again.
    pub json: String,
    /// After this they are made all the same.
    pub wait: Duration,
}

/// The same, leased to whoever sees to its recordings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unpublished {
    /// The row.
    pub(crate) id: i64,
    /// Random.
    pub(crate) token: Vec<u8>,
    /// The switch's name.
    pub switch: String,
    /// Unique-ID of the call's first leg.
    pub call_uuid: String,
    /// Creation of that leg, µs since 1970.
    pub created_us: i64,
    /// As it was given.
    pub json: String,
    /// How long it has waited.
    pub since: Duration,
    /// How long it may wait on; zero when that is over.
    pub left: Duration,
}

/// What is made of it in the end.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Published {
    /// What is to be sent.
    pub documents: Vec<NewDocument>,
    /// The call's story, when its documents lack something: then its row says that, too.
    pub incomplete: Option<String>,
}

/// Calls that are looked for among the newest ones; all of it must fit.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CallSearch {
    /// In a number, a Unique-ID or the story.
    pub text: Option<String>,
    /// In place of the text, these digits in a number or the story.
    pub digits: Option<String>,
    /// Unique-ID of the call.
    pub call_uuid: Option<String>,
    /// Only calls that went down line 1.
    pub line_1: bool,
    /// Only calls before this one ([`RecentCall::id`]): the next page.
    pub before: Option<i64>,
    /// At most so many.
    pub limit: u32,
}

/// A call that is over, with its story.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecentCall {
    /// Its place in the order in which calls ended.
    pub id: i64,
    /// The switch's name.
    pub switch: String,
    /// Unique-ID of its first leg.
    pub call_uuid: String,
    /// As the report has it.
    pub summary: CallSummary,
    /// As it was given; empty for calls of before there were stories.
    pub story: String,
}

/// Who called whom in a call that is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parties {
    /// Unique-ID of its first leg.
    pub call_uuid: String,
    /// The caller's number.
    pub caller: String,
    /// The number that was dialled.
    pub called: String,
}

/// What a widget with `persist_response` was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptResponse {
    /// Unique-ID of the channel that the widget ran on; the call's once it is over.
    pub call_uuid: String,
    /// The flow's name.
    pub flow: String,
    /// The widget's webhook.
    pub webhook: String,
    /// When it was answered.
    pub at_ms: i64,
    /// Full variable names and values.
    pub variables: serde_json::Map<String, serde_json::Value>,
}

/// The four states of a document. waiting -> leased -> waiting | delivered |
/// dead; a lease that ends makes it claimable again; replay makes delivered and
/// dead ones waiting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Will be tried at its due time.
    Waiting,
    /// Being tried by whoever holds its token, until the lease ends.
    Leased,
    /// Got a 2xx.
    Delivered,
    /// Tried for eight days; kept until it is replayed.
    Dead,
}

impl State {
    /// Every state, in the order of a document's life.
    pub const ALL: [Self; 4] = [Self::Waiting, Self::Leased, Self::Delivered, Self::Dead];

    /// The word in the store, in lists and on the command line.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Leased => "leased",
            Self::Delivered => "delivered",
            Self::Dead => "dead",
        }
    }

    /// The due time of a document in this state, when it has one.
    pub(crate) const fn due(self, due_ms: i64) -> Option<i64> {
        match self {
            Self::Waiting | Self::Leased => Some(due_ms),
            Self::Delivered | Self::Dead => None,
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl std::str::FromStr for State {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|state| state.as_str() == word)
            .ok_or_else(|| format!("{word:?} is not waiting, leased, delivered or dead"))
    }
}

/// Proof that whoever settles a document is the one who claimed it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// The document's row.
    pub(crate) id: i64,
    /// Random.
    pub(crate) token: Vec<u8>,
    /// For messages.
    pub(crate) webhook_id: String,
}

impl Lease {
    /// The document that is leased.
    #[must_use]
    pub fn webhook_id(&self) -> &str {
        &self.webhook_id
    }
}

/// A document that may be sent now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claimed {
    /// Needed to settle it.
    pub lease: Lease,
    /// `webhook-id`: the same at every attempt.
    pub webhook_id: String,
    /// What it is.
    pub kind: DeliveryKind,
    /// Where it goes.
    pub endpoint: String,
    /// The call, for the log.
    pub call_uuid: String,
    /// The flow's name.
    pub flow: String,
    /// What is sent: the same at every attempt.
    pub content: Content,
    /// Number of this attempt, from 1.
    pub attempt: u32,
    /// From the first attempt to this one.
    pub since_first: Duration,
}

/// How many documents of one endpoint may be claimed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Want {
    /// The endpoint.
    pub endpoint: String,
    /// At most this many.
    pub limit: u32,
}

/// What became of a claimed document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settled {
    /// 2xx.
    Delivered,
    /// To be tried again.
    Again {
        /// After this wait.
        wait: Duration,
        /// Never before this, even when the endpoint's backlog is pulled forward.
        not_before: Duration,
    },
    /// Out of attempts.
    Dead,
}

/// How an attempt went, for the history.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AttemptReport {
    /// How long it took.
    pub took: Duration,
    /// HTTP status, when there was one.
    pub status: Option<u16>,
    /// What went wrong, with no secret in it.
    pub error: Option<String>,
}

/// One attempt of the history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Attempt {
    /// When it began, by the store's clock.
    pub started_ms: i64,
    /// How long it took.
    pub took_ms: i64,
    /// HTTP status, when there was one.
    pub status: Option<u16>,
    /// What went wrong, with no secret in it.
    pub error: Option<String>,
}

/// A document in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DocumentRow {
    /// `webhook-id`.
    pub webhook_id: String,
    /// What it is.
    pub kind: DeliveryKind,
    /// Where it goes.
    pub endpoint: String,
    /// The switch; empty for a widget's request.
    pub switch: String,
    /// The call.
    pub call_uuid: String,
    /// The flow's name.
    pub flow: String,
    /// Its state.
    pub state: State,
    /// Attempts begun.
    pub attempts: u32,
    /// When it was frozen.
    pub inserted_ms: i64,
    /// When it is tried next (waiting), or when its lease ends (leased).
    pub due_ms: Option<i64>,
    /// When it was last tried.
    pub last_ms: Option<i64>,
    /// Size of the body.
    pub body_bytes: u64,
    /// Status or error of the last attempt; empty before the first.
    pub last_result: String,
}

/// One document with its content and history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DocumentDetail {
    /// As in the list.
    pub row: DocumentRow,
    /// What is sent.
    pub content: Content,
    /// The last attempts, oldest first; at most [`ATTEMPTS_KEPT`].
    pub attempts: Vec<Attempt>,
}

/// How many attempts of a document's history are kept.
pub const ATTEMPTS_KEPT: u32 = 50;

/// Which documents are meant; all of it must fit. An empty filter is everything.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// `webhook-id`s.
    pub ids: Vec<String>,
    /// States; none named is every state.
    pub states: Vec<State>,
    /// An endpoint.
    pub endpoint: Option<String>,
    /// Frozen at or after.
    pub from_ms: Option<i64>,
    /// Frozen before.
    pub until_ms: Option<i64>,
}

/// How long what is over is kept; `None` is for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Keep {
    /// Calls with their stories, from their end.
    pub calls: Option<Duration>,
    /// What widgets kept of their answers, from the answer.
    pub answers: Option<Duration>,
    /// Documents and requests that were delivered, from then.
    pub delivered: Option<Duration>,
    /// Those that are dead, from their last attempt.
    pub dead: Option<Duration>,
}

impl Keep {
    /// Of calls, answers, delivered and dead documents, in this order: what is older than this
    /// (ms since 1970) goes; `None` where nothing does.
    pub(super) fn before(&self, now_ms: i64) -> [Option<i64>; 4] {
        [self.calls, self.answers, self.delivered, self.dead]
            .map(|keep| Some(now_ms.saturating_sub(millis(keep?))))
    }

    /// Nothing is ever removed.
    pub const FOR_EVER: Self = Self {
        calls: None,
        answers: None,
        delivered: None,
        dead: None,
    };
}

/// What is dead waits for a person, however long that takes.
impl Default for Keep {
    fn default() -> Self {
        let days = |days: u64| Some(Duration::from_secs(days * 24 * 3_600));
        Self {
            calls: days(90),
            answers: days(90),
            delivered: days(7),
            dead: None,
        }
    }
}

/// How many documents of an endpoint are in each state.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Backlog {
    /// The endpoint.
    pub endpoint: String,
    /// Not yet delivered, not being tried.
    pub waiting: u64,
    /// Being tried.
    pub leased: u64,
    /// Kept for replay.
    pub dead: u64,
    /// When the oldest one that waits was frozen.
    pub oldest_ms: Option<i64>,
    /// Why the endpoint is paused, if it is.
    pub paused: Option<String>,
}

/// Which calls a report is about; an empty filter is every call.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CallFilter {
    /// The flow's name.
    pub flow: Option<String>,
    /// Began at or after.
    pub from_ms: Option<i64>,
    /// Began before.
    pub until_ms: Option<i64>,
    /// Only calls that a widget kept something for.
    pub kept_only: bool,
}

/// A call of the report with what its widgets kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportedCall {
    /// Unique-ID of its first leg.
    pub call_uuid: String,
    /// The flow's name.
    pub flow: String,
    /// The switch's name and the summary; none while the call is not over, or
    /// when its switch is not followed.
    pub finished: Option<(String, CallSummary)>,
    /// What its widgets kept, in order of time.
    pub responses: Vec<KeptResponse>,
}
