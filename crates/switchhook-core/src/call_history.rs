//! What is kept of a call for a person who asks later what happened: its legs on a time axis, who
//! talked to whom, its widgets, its flow variables. Stored as JSON: fields may be added.

use std::borrow::Cow;
use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::details;
use super::finished_call::FinishedCall;
use super::leg::Leg;
use super::outcome::{Outcome, Reason};

/// One run of a widget, as it ended. Durations are in µs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct LookupRecord {
    /// Unique-ID of the channel it ran on.
    pub uuid: String,
    /// The webhook that the dialplan asked for.
    pub webhook: String,
    /// The caller's number.
    pub caller: String,
    /// The number that was dialled.
    pub called: String,
    /// The channel's account, when it is not the default one.
    pub account: Option<String>,
    /// The channel's `flow.name`.
    pub flow: Option<String>,
    /// When the switch handed the call over, ms since 1970.
    pub began_ms: i64,
    /// From there until the call was let go, or was gone.
    pub held_us: u64,
    /// How it left: a word of [`crate::metric_names::ENDINGS`].
    pub ending: Cow<'static, str>,
    /// The webhook's outcome; `None` when there was none, or nobody waited for it.
    pub outcome: Option<LookupSummary>,
}

/// What is told of a request.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct LookupSummary {
    /// Why it failed; `None` for a success.
    pub reason: Option<Cow<'static, str>>,
    /// The sentence.
    pub detail: Option<String>,
    /// What was asked: method and URL, its secrets hidden; `None` when nothing was sent.
    pub request: Option<String>,
    /// The HTTP status, when there was one.
    pub status: Option<u16>,
    /// From sending to the outcome; `None` when nothing was sent.
    pub asked_us: Option<u64>,
    /// Of that, until the response's headers.
    pub headers_us: Option<u64>,
    /// Of that, from the headers to the end of the body.
    pub body_us: Option<u64>,
}

impl LookupSummary {
    /// What is told of an outcome.
    #[must_use]
    pub fn of(outcome: &Outcome) -> Self {
        let micros =
            |time: std::time::Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        let failure = outcome.verdict.as_ref().err();
        Self {
            reason: failure.map(|failure| Cow::Borrowed(failure.reason.as_str())),
            detail: failure.map(|failure| failure.detail.clone()),
            request: None,
            status: outcome.status,
            asked_us: outcome.duration.map(micros),
            headers_us: outcome.phases.headers.map(micros),
            body_us: outcome.phases.body.map(micros),
        }
    }
}

impl LookupRecord {
    /// The word of the outcome: `SUCCESS`, or the reason of the failure.
    #[must_use]
    pub fn reason(&self) -> Option<&str> {
        let outcome = self.outcome.as_ref()?;
        Some(outcome.reason.as_deref().unwrap_or(Reason::SUCCESS))
    }
}

/// A leg as it is drawn. Times are µs since 1970.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct LegSummary {
    /// Its Unique-ID.
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
    /// Name of the hangup cause.
    pub cause: Option<String>,
    /// The far end hung up; `None` when the switch does not say.
    pub remote_hangup: Option<bool>,
    /// Its recordings' file names.
    pub recordings: Vec<String>,
}

/// Two legs that talked. Times are µs since 1970.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Talked {
    /// The legs' places in [`CallHistory::legs`].
    pub legs: (usize, usize),
    /// From.
    pub from_us: i64,
    /// Until.
    pub until_us: i64,
}

/// What happened in a call.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct CallHistory {
    /// In the order of their start.
    pub legs: Vec<LegSummary>,
    /// Who talked to whom, in the order in which that began.
    pub talks: Vec<Talked>,
    /// Its widgets, in the order in which they ended.
    pub runs: Vec<LookupRecord>,
    /// Name (without `flow.key.`) and text of the flow's variables.
    pub keys: Vec<(String, String)>,
    /// What could not be learnt, as its document says it.
    pub missing: Vec<String>,
}

/// The longest text of a variable that is kept here; its document has all of it.
const TEXT: usize = 512;

impl CallHistory {
    /// The story of a call that is over, but for its widgets. `hidden`: keys (without
    /// `flow.key.`) that are left out.
    #[must_use]
    pub fn of(call: &FinishedCall, document: &serde_json::Value, hidden: &[String]) -> Self {
        let parties: Vec<&Leg> = call.parties().collect();
        let parts = details::parts(call);
        let legs = parties.iter().zip(parts);
        let keys = details::flow_keys(call).into_iter();
        Self {
            legs: legs
                .map(|(leg, (number, part))| told(leg, number, part))
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

fn told(leg: &Leg, number: String, part: String) -> LegSummary {
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

/// Either leg of a talk may have told of it, or both.
fn talks(parties: &[&Leg]) -> Vec<Talked> {
    let mut places = HashMap::new();
    for (place, leg) in parties.iter().enumerate() {
        let names = std::iter::once(&leg.uuid).chain(&leg.former_uuids);
        places.extend(names.map(|uuid| (uuid.as_str(), place)));
    }
    let mut talks: Vec<Talked> = Vec::new();
    for (place, leg) in parties.iter().enumerate() {
        for talk in &leg.talks {
            let Some(&other) = places.get(talk.with.as_str()) else {
                continue;
            };
            let ends = [talk.until_us, leg.ended_us, parties[other].ended_us];
            let talked = Talked {
                legs: (place.min(other), place.max(other)),
                from_us: talk.from_us,
                until_us: ends.into_iter().flatten().min().unwrap_or(talk.from_us),
            };
            let same =
                |known: &Talked| known.legs == talked.legs && known.from_us == talked.from_us;
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
