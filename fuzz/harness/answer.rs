//! A webhook's answer, from its bytes to what the channel holds: codings and charsets are decoded within
//! the limit, and none of it could expand.

use test_support::switch;

use bytes::Bytes;
use eslclient::Command;
use switchhook_core::outcome::{Outcome, Phases};
use switchhook_core::variables::{VariableNames, VariablePlan};
use switchhook_webhook::decode_content;
use switchhook_webhook::options::{Mapping, ResponseOptions, ResponseType, ValueKind};
use switchhook_webhook::response::ResponseParser;

/// The setting `response.limit` of every webhook here.
const LIMIT: usize = 64 * 1024;
const UUID: &str = "7719334c-156d-4838-8a93-1818536027f8";

/// A byte that says the type and kind, a path, a line end, a content type, a tab with a content coding
/// if there is one, a line end, the body as it was sent.
pub fn run(data: &[u8]) {
    let mut lines = data.splitn(3, |byte| *byte == b'\n');
    let (Some(first), Some(content_type), Some(body)) = (lines.next(), lines.next(), lines.next())
    else {
        return;
    };
    let Some((&form, path)) = first.split_first() else {
        return;
    };
    let options = options(form, &String::from_utf8_lossy(path));
    let mut faults = Vec::new();
    let answer = ResponseParser::compile(&options, &mut faults);
    if !faults.is_empty() {
        return; // No configuration with such a map is taken.
    }
    let headers = std::str::from_utf8(content_type).unwrap_or_default();
    let (content_type, coding) = headers.split_once('\t').unwrap_or((headers, ""));
    let content_type = (!content_type.is_empty()).then_some(content_type);
    let Ok(body) = decode_content(coding, body, LIMIT) else {
        return; // Damaged, or a coding that is not read.
    };
    assert!(body.len() <= LIMIT, "{}", body.len());
    let body = body.as_ref();
    let _ = answer.fault(content_type, body);
    let verdict = answer.parse(content_type, body);
    if let Ok(mapped) = &verdict {
        assert!(
            mapped
                .iter()
                .all(|value| fits(options.map[0].kind, &value.text))
        );
    }
    written(Outcome {
        verdict,
        status: Some(200),
        duration: None,
        raw: Bytes::copy_from_slice(body),
        phases: Phases::default(),
        tries: Vec::new(),
    });
}

fn options(form: u8, path: &str) -> ResponseOptions {
    let kinds = [ResponseType::Json, ResponseType::Xml, ResponseType::Text];
    let made_of = [ValueKind::Text, ValueKind::Word, ValueKind::Digits];
    ResponseOptions {
        kind: kinds[usize::from(form % 3)],
        map: vec![Mapping {
            name: "x".into(),
            path: path.into(),
            kind: made_of[usize::from(form / 3 % 3)],
            default: (form & 0x40 != 0).then(|| "none".into()),
        }],
        limit: LIMIT,
        fault: (form & 0x80 != 0).then(|| path.into()),
    }
}

fn fits(kind: ValueKind, text: &str) -> bool {
    let made_of = |extra: &str, letters: bool| {
        text.chars()
            .all(|c| c.is_ascii_digit() || letters && c.is_ascii_alphabetic() || extra.contains(c))
    };
    match kind {
        ValueKind::Text => true,
        ValueKind::Word => made_of("_.-", true) && text.len() <= 64 && !text.is_empty(),
        ValueKind::Digits => made_of("+*#", false) && text.len() <= 32 && !text.is_empty(),
    }
}

fn written(outcome: Outcome) {
    let plan = VariablePlan::new(VariableNames::default(), true, vec!["x".into()]);
    let mut all = String::new();
    for assignment in plan.assignments(&outcome, None) {
        let Some(value) = assignment.value else {
            continue;
        };
        let Ok(command) = Command::set_variable(UUID, &assignment.name, &value) else {
            panic!("{} = {value:?} cannot be written", assignment.name);
        };
        let stored = switch::stored(command.as_bytes(), UUID, &assignment.name);
        assert_eq!(stored, value);
        all.push_str(&stored);
        assert!(!switch::could_expand(&all), "{all:?}");
    }
}
