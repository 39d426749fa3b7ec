//! Turns events into calls and their documents, through the ledger.

use serde_json::Value;
use switchhook_core::details::{DocumentFormat, document};
use switchhook_core::finished_call::FinishedCall;
use switchhook_core::headers::Headers;
use switchhook_core::ledger::{Effect, Ledger, LedgerOptions};
use switchhook_core::recording::Recording;
use switchhook_core::zone::Zone;

/// Returns the document format of the contract's samples.
pub fn format() -> DocumentFormat {
    DocumentFormat {
        time_zone: Zone::named("Asia/Kolkata").unwrap(),
        ..DocumentFormat::default()
    }
}

/// Returns a recording's URL by the template of the contract's samples.
pub fn url_of(recording: &Recording) -> Option<String> {
    Some(format!("https://rec.example/{}", recording.file_name()))
}

/// Returns the calls that these events end, and checks that no call still waits.
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

/// Returns the finished calls among some effects.
pub fn over(effects: Vec<Effect>) -> Vec<FinishedCall> {
    let calls = effects.into_iter().filter_map(|effect| match effect {
        Effect::Over(call) => Some(*call),
        Effect::Store(_) | Effect::Forget(_) | Effect::Tell(_) => None,
    });
    calls.collect()
}

/// Returns the documents of some calls.
pub fn documents(calls: &[FinishedCall]) -> Vec<Value> {
    let format = format();
    calls
        .iter()
        .map(|call| document(call, &format, &url_of))
        .collect()
}
