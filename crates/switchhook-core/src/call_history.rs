//! The summary of a finished call for the operator's page: its legs on a time axis, who talked to
//! whom, its webhook calls, its flow variables. Stored as JSON: fields may be added, never
//! renamed.

use std::borrow::Cow;
use std::collections::HashMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::details;
use super::finished_call::FinishedCall;
use super::leg::Leg;
use super::outcome::{Failure, Outcome, Reason, Try};

/// One webhook call in the middle of a call, as it ended. Durations are in µs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct LookupRecord {
    /// Unique-ID of the channel.
    pub uuid: String,
    /// The webhook that the dialplan named.
    pub webhook: String,
    /// The caller's number.
    pub caller: String,
    /// The number that was dialled.
    pub called: String,
    /// The channel's account; `None` for the default one.
    pub account: Option<String>,
    /// The channel's `flow.name`.
    pub flow: Option<String>,
    /// When the switch handed the call over, ms since 1970.
    pub began_ms: i64,
    /// From the hand-over until the call was released, or was gone.
    pub held_us: u64,
    /// How it ended: a word of `metric_names::ENDINGS`.
    pub ending: Cow<'static, str>,
    /// The webhook's outcome; `None` if there was none, or the call did not wait for it.
    pub outcome: Option<LookupSummary>,
}

/// The summary of one request.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct LookupSummary {
    /// The reason of the failure; `None` for a success.
    pub reason: Option<Cow<'static, str>>,
    /// The failure's sentence.
    pub detail: Option<String>,
    /// Method and URL, secrets redacted; `None` if nothing was sent.
    pub request: Option<String>,
    /// The HTTP status; `None` if there was none.
    pub status: Option<u16>,
    /// From sending to the outcome; `None` if nothing was sent.
    pub asked_us: Option<u64>,
    /// The part of it until the response's headers.
    pub headers_us: Option<u64>,
    /// The part of it from the headers to the end of the body.
    pub body_us: Option<u64>,
    /// What was tried, if the webhook may be tried more than once.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tries: Vec<TrySummary>,
    /// Whether the connection that was begun for this request was made; `None` if the request used
    /// another one.
    pub connected: Option<bool>,
}

/// The summary of one of several tries.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct TrySummary {
    /// The URL, secrets redacted.
    pub url: String,
    /// From the first try's beginning to this one's.
    pub began_us: u64,
    /// From sending to the outcome; `None` if nothing was sent.
    pub took_us: Option<u64>,
    /// The HTTP status; `None` if there was none.
    pub status: Option<u16>,
    /// The reason of the failure; `None` for a success.
    pub reason: Option<Cow<'static, str>>,
    /// The failure's sentence.
    pub detail: Option<String>,
}

impl TrySummary {
    /// Summarizes a try.
    #[must_use]
    pub fn of(one: &Try) -> Self {
        Self {
            url: one.url.clone(),
            began_us: micros(one.began),
            took_us: one.duration.map(micros),
            status: one.status,
            reason: one
                .failure
                .as_ref()
                .map(|failure| Cow::Borrowed(failure.reason.as_str())),
            detail: one.failure.as_ref().map(|failure| failure.detail.clone()),
        }
    }

    /// Returns the try that was summarized.
    #[must_use]
    pub fn restored(&self) -> Try {
        let reason = self.reason.as_deref().map(Reason::from_word);
        let detail = || self.detail.clone().unwrap_or_default();
        Try {
            url: self.url.clone(),
            began: Duration::from_micros(self.began_us),
            duration: self.took_us.map(Duration::from_micros),
            status: self.status,
            failure: reason.map(|reason| Failure::new(reason, detail())),
        }
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

impl LookupSummary {
    /// Summarizes an outcome.
    #[must_use]
    pub fn of(outcome: &Outcome) -> Self {
        let failure = outcome.verdict.as_ref().err();
        Self {
            reason: failure.map(|failure| Cow::Borrowed(failure.reason.as_str())),
            detail: failure.map(|failure| failure.detail.clone()),
            request: None,
            status: outcome.status,
            asked_us: outcome.duration.map(micros),
            headers_us: outcome.phases.headers.map(micros),
            body_us: outcome.phases.body.map(micros),
            tries: outcome.tries.iter().map(TrySummary::of).collect(),
            connected: outcome.phases.connected,
        }
    }
}

impl LookupRecord {
    /// Returns `SUCCESS`, or the reason of the failure; `None` without an outcome.
    #[must_use]
    pub fn reason(&self) -> Option<&str> {
        let outcome = self.outcome.as_ref()?;
        Some(outcome.reason.as_deref().unwrap_or(Reason::SUCCESS))
    }
}

/// A leg as the page draws it. Times are µs since 1970.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct LegSummary {
    /// The leg's Unique-ID.
    pub uuid: String,
    /// The far end's number.
    pub number: String,
    /// `VISITOR`, `AGENT`, or what `flow.callee_type` says.
    pub part: String,
    /// Creation.
    pub created_us: Option<i64>,
    /// Answer.
    pub answered_us: Option<i64>,
    /// End.
    pub ended_us: Option<i64>,
    /// The name of the hangup cause.
    pub cause: Option<String>,
    /// The far end hung up; `None` if the switch does not say.
    pub remote_hangup: Option<bool>,
    /// The file names of its recordings.
    pub recordings: Vec<String>,
}

/// A conversation of two legs. Times are µs since 1970.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct TalkSummary {
    /// The legs' indexes in [`CallHistory::legs`].
    pub legs: (usize, usize),
    /// Its start.
    pub from_us: i64,
    /// Its end.
    pub until_us: i64,
}

/// What happened in a call.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct CallHistory {
    /// The legs in order of start.
    pub legs: Vec<LegSummary>,
    /// The conversations in order of start.
    pub talks: Vec<TalkSummary>,
    /// The webhook calls in the order they ended.
    pub runs: Vec<LookupRecord>,
    /// Name (without `flow.key.`) and text of each flow variable.
    pub keys: Vec<(String, String)>,
    /// What could not be learnt, in the words of the document's `missing`.
    pub missing: Vec<String>,
}

/// Characters of a variable's text that are kept here; the document has all of it.
const TEXT: usize = 512;

impl CallHistory {
    /// Summarizes a finished call, without its webhook calls. Leaves out the keys in `hidden`
    /// (named without `flow.key.`).
    #[must_use]
    pub fn of(call: &FinishedCall, document: &serde_json::Value, hidden: &[String]) -> Self {
        let parties: Vec<&Leg> = call.parties().collect();
        let parts = details::parts(call);
        let legs = parties.iter().zip(parts);
        let keys = details::flow_keys(call).into_iter();
        Self {
            legs: legs
                .map(|(leg, (number, part))| leg_summary(leg, number, part))
                .collect(),
            talks: talks(&parties),
            runs: Vec::new(),
            keys: keys
                .filter(|(name, _)| !hidden.contains(name))
                .map(short)
                .collect(),
            missing: details::missing(document),
        }
    }
}

fn leg_summary(leg: &Leg, number: String, part: String) -> LegSummary {
    LegSummary {
        uuid: leg.uuid.clone(),
        number,
        part,
        created_us: leg.created_us,
        answered_us: leg.answered_us,
        ended_us: leg.ended_us,
        cause: leg.cause.clone(),
        remote_hangup: leg.remote_hangup(),
        recordings: leg
            .recordings
            .iter()
            .map(|one| one.file_name().to_owned())
            .collect(),
    }
}

/// Collects the conversations. Either leg may have recorded one, or both.
fn talks(parties: &[&Leg]) -> Vec<TalkSummary> {
    let mut places = HashMap::new();
    for (place, leg) in parties.iter().enumerate() {
        let names = std::iter::once(&leg.uuid).chain(&leg.former_uuids);
        places.extend(names.map(|uuid| (uuid.as_str(), place)));
    }
    let mut talks: Vec<TalkSummary> = Vec::new();
    for (place, leg) in parties.iter().enumerate() {
        for talk in &leg.talks {
            let Some(&other) = places.get(talk.with.as_str()) else {
                continue;
            };
            let ends = [talk.until_us, leg.ended_us, parties[other].ended_us];
            let talked = TalkSummary {
                legs: (place.min(other), place.max(other)),
                from_us: talk.from_us,
                until_us: ends.into_iter().flatten().min().unwrap_or(talk.from_us),
            };
            let same =
                |known: &TalkSummary| known.legs == talked.legs && known.from_us == talked.from_us;
            if other != place && !talks.iter().any(same) {
                talks.push(talked);
            }
        }
    }
    talks.sort_by_key(|talk| (talk.from_us, talk.legs));
    talks
}

fn short((name, value): (String, serde_json::Value)) -> (String, String) {
    let text = value.as_str();
    let text = text.map_or_else(|| value.to_string(), str::to_owned);
    let cut = text.char_indices().nth(TEXT).map(|(at, _)| at);
    let text = cut.map_or_else(|| text.clone(), |at| format!("{}…", &text[..at]));
    (name, text)
}
