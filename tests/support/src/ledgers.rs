//! From events over the ledger to calls and their documents.

use chrono_tz::Tz;
use serde_json::Value;
use switchhook_core::details::{DocumentFormat, document};
use switchhook_core::finished_call::FinishedCall;
use switchhook_core::headers::Headers;
use switchhook_core::ledger::{Effect, Ledger, LedgerOptions};
use switchhook_core::recording::Recording;

/// The account of the contract's samples.
pub fn format() -> DocumentFormat {
    DocumentFormat {
        time_zone: Tz::Asia__Kolkata,
        ..DocumentFormat::default()
    }
}

/// The template of the contract's samples.
pub fn url_of(recording: &Recording) -> Option<String> {
    Some(format!("https://rec.example/{}", recording.file_name()))
}

/// The calls that are over after these events; no call is left waiting.
pub fn calls<E: Headers>(events: &[E]) -> Vec<FinishedCall> {
    let mut ledger = Ledger::new(LedgerOptions::default());
    let mut calls = Vec::new();
    for event in events {
        calls.extend(over(ledger.apply(event, 0)));
    }
    assert_eq!(
        (ledger.legs(), ledger.calls()),
        (0, 0),
        "a call still waits"
    );
    calls
}

/// The calls among some effects.
pub fn over(effects: Vec<Effect>) -> Vec<FinishedCall> {
    let calls = effects.into_iter().filter_map(|effect| match effect {
        Effect::Over(call) => Some(*call),
        Effect::Store(_) | Effect::Forget(_) => None,
    });
    calls.collect()
}

/// Their documents.
pub fn documents(calls: &[FinishedCall]) -> Vec<Value> {
    let format = format();
    calls
        .iter()
        .map(|call| document(call, &format, &url_of))
        .collect()
}
