//! A million hostile values on their way from a webhook's answer to the switch.
//!
//! The results are checked against an independent model of the switch (`support/switch.rs`), not
//! against the crate's own helpers.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "what is not as it must be fails the test"
)]
// The fuzz harness includes the model of the switch too.
#![allow(clippy::duplicate_mod)]

use test_support::switch;

mod findings;
mod values;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use eslclient::{Command, CommandError};
use switchhook_core::outcome::{Mapped, Outcome, Phases};
use switchhook_core::variables::{VariableNames, VariablePlan};

use values::Values;

const UUID: &str = "7719334c-156d-4838-8a93-1818536027f8";

/// The number of answers, and the values of each: nineteen mapped ones and the body.
const ANSWERS: usize = 50_000;
const MAPPED: [&str; 19] = [
    "a", "b", "c", "d", "e", "f.g", "h_i", "J", "k9", "l", "m", "n", "o", "p", "q", "r", "s", "t",
    "u",
];

/// The number of answers that share a seed, so that a failure can be repeated.
const PORTION: usize = 500;

#[test]
fn a_million_hostile_values_forge_nothing_and_hold_nothing_to_expand() {
    let next = AtomicUsize::new(0);
    let threads = thread::available_parallelism().map_or(2, usize::from);
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some(portion) = claim(&next) {
                    let mut values = Values::new(portion as u64);
                    (0..PORTION).for_each(|_| answer(&mut values));
                }
            });
        }
    });
    assert_eq!(ANSWERS * (MAPPED.len() + 1), 1_000_000);
}

fn claim(next: &AtomicUsize) -> Option<usize> {
    let portion = next.fetch_add(1, Ordering::Relaxed);
    (portion < ANSWERS / PORTION).then_some(portion)
}

/// Takes one answer of twenty values from the outcome to the variables on the channel.
fn answer(values: &mut Values) {
    let mapped = MAPPED.map(|name| Mapped {
        name: name.into(),
        text: values.text(),
        typed: false,
    });
    let raw = values.bytes();
    let sent: Vec<(String, Vec<u8>)> = mapped
        .iter()
        .map(|value| (key(&value.name), value.text.clone().into_bytes()))
        .chain([(key("response_raw"), raw.clone())])
        .collect();
    // One value in twenty is not made inert and passes through the commands as it is.
    raw_value(&mapped[0].text);
    let channel = channel_after(Outcome {
        verdict: Ok(mapped.into()),
        status: Some(200),
        duration: None,
        raw: raw.into(),
        phases: Phases::default(),
        tries: Vec::new(),
    });
    for (name, bytes) in &sent {
        is_kept(&channel, name, bytes);
    }
    let texts = sent.iter().filter_map(|(name, _)| channel.get(name));
    side_by_side(texts);
}

fn key(name: &str) -> String {
    format!("flow.key.{name}")
}

/// Sends every assignment of an answer to the model of the switch.
fn channel_after(outcome: Outcome) -> BTreeMap<String, String> {
    let plan = VariablePlan::new(
        VariableNames::default(),
        true,
        MAPPED.map(str::to_owned).into(),
    );
    let mut channel = BTreeMap::new();
    for assignment in plan.assignments(&outcome, None) {
        let name = assignment.name;
        let Some(value) = assignment.value else {
            let command = Command::unset_variable(UUID, &name).unwrap();
            assert_eq!(switch::stored(command.as_bytes(), UUID, &name), "");
            continue;
        };
        let command = Command::set_variable(UUID, &name, &value);
        let command = command.unwrap_or_else(|error| panic!("{name} = {value:?}: {error}"));
        let stored = switch::stored(command.as_bytes(), UUID, &name);
        assert_eq!(stored, value, "{name}: the switch stores something else");
        channel.insert(name.into_owned(), stored);
    }
    channel
}

/// Asserts that a variable is harmless and otherwise unchanged, and that its exact bytes are beside
/// it if and only if it differs.
fn is_kept(channel: &BTreeMap<String, String>, name: &str, bytes: &[u8]) {
    let b64 = channel.get(&format!("{name}_b64"));
    let Some(text) = channel.get(name) else {
        assert!(bytes.is_empty() && b64.is_none(), "{name} is lost");
        return;
    };
    assert!(!switch::could_expand(text), "{text:?}");
    assert!(!text.contains('\0') && !text.starts_with("ARRAY::"));
    let decoded = b64.map(|b64| STANDARD.decode(b64).unwrap());
    let differs = (text.as_bytes() != bytes).then_some(bytes);
    assert_eq!(decoded.as_deref(), differs, "{name}_b64 beside {text:?}");
    is_otherwise_the_same(text, &String::from_utf8_lossy(bytes));
}

/// Asserts that only three things changed: a `$` with no letter or digit behind it, NUL, and the
/// mark of an array.
fn is_otherwise_the_same(text: &str, came: &str) {
    if text == came {
        return;
    }
    let marked = came
        .get(..7)
        .is_some_and(|start| start.eq_ignore_ascii_case("ARRAY::"));
    let text = if marked {
        text.replacen("%::", "::", 1)
    } else {
        text.to_owned()
    };
    assert_eq!(text.chars().count(), came.chars().count());
    let mut behind = came.chars().skip(1);
    for (now, then) in text.chars().zip(came.chars()) {
        let money = behind.next().is_some_and(char::is_alphanumeric);
        let same = match (then, now) {
            ('$', '%') => !money,
            ('\0', '\u{fffd}') => true,
            (then, now) => then == now,
        };
        assert!(same, "{came:?} became {text:?}");
    }
}

/// Asserts that values stay harmless when a dialplan writes them one after the other.
fn side_by_side<'a>(texts: impl Iterator<Item = &'a String>) {
    let mut before: Option<&String> = None;
    for text in texts {
        if let Some(before) = before {
            let both = [before.as_str(), text].concat();
            assert!(!switch::could_expand(&both), "{before:?} beside {text:?}");
        }
        before = Some(text);
    }
}

/// Asserts that a value that is not inert is stored unchanged or refused: it forges no frame.
fn raw_value(text: &str) {
    match Command::set_variable(UUID, "flow.key.x", text) {
        Ok(command) => {
            let stored = switch::stored(command.as_bytes(), UUID, "flow.key.x");
            assert_eq!(stored, text, "the switch stores something else");
        }
        Err(CommandError::Empty { .. }) => assert!(text.is_empty()),
        Err(CommandError::LineBreak { .. }) => assert!(text.contains('\0')),
        Err(CommandError::Array) => assert!(text.to_ascii_uppercase().starts_with("ARRAY::")),
        Err(CommandError::Expandable) => assert!(switch::could_expand(text)),
        Err(error) => panic!("{text:?}: {error}"),
    }
}

#[test]
fn the_model_of_the_switch_sees_what_it_is_there_for() {
    for dangerous in ["${x}", "a$\\\\{x}", "$${x}", "100$", "100$\\", "$'{x}"] {
        assert!(switch::could_expand(dangerous), "{dangerous}");
    }
    for harmless in ["$100", "US$ 5", "a{b}$c", "%{x}", "$5{x}"] {
        assert!(!switch::could_expand(harmless), "{harmless}");
    }
    for forged in [
        "api uuid_setvar u n x\n\nexit\n\n",
        "sendmsg u\ncontent-length: 1\n\nxexit\n\n",
    ] {
        assert!(switch::read(forged.as_bytes()).is_err(), "{forged:?}");
    }
}
