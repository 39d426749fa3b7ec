use std::collections::BTreeMap;

use bytes::Bytes;

use super::*;
use crate::outcome::{Phases, Reason, Try};

fn plan() -> VariablePlan {
    called(VariableNames::default())
}

fn called(names: VariableNames) -> VariablePlan {
    VariablePlan::new(names, true, vec!["queue".into(), "vip".into()])
}

fn outcome(
    verdict: Result<Vec<Mapped>, Failure>,
    status: Option<u16>,
    raw: &'static str,
) -> Outcome {
    let duration = status.map(|_| Duration::from_millis(114));
    Outcome {
        verdict,
        status,
        duration,
        raw: Bytes::from_static(raw.as_bytes()),
        phases: Phases::default(),
        tries: Vec::new(),
    }
}

fn mapped(name: &str, text: &str, typed: bool) -> Mapped {
    Mapped {
        name: name.into(),
        text: text.into(),
        typed,
    }
}

/// Returns the channel's variables afterwards, when each variable of the plan held `old` before.
fn channel_after(assignments: &[Assignment<'_>]) -> BTreeMap<String, String> {
    let mut channel: BTreeMap<_, _> = plan()
        .all_names()
        .map(|name| (name, "old".to_owned()))
        .collect();
    for Assignment { name, value } in assignments {
        match value {
            Some(value) => channel.insert(name.to_string(), value.to_string()),
            None => channel.remove(&**name),
        };
    }
    channel
}

fn table(rows: &[(&str, &str)]) -> BTreeMap<String, String> {
    rows.iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

#[test]
fn success_writes_the_table_and_nothing_of_an_earlier_widget_survives() {
    let values = vec![mapped("queue", "main", false)];
    let plan = plan();
    let written = plan.assignments(&outcome(Ok(values), Some(200), "{}"), None);
    assert_eq!(
        channel_after(&written),
        table(&[
            ("flow.key.response_status", "SUCCESS"),
            ("flow.key.response_status_code", "200"),
            ("flow.key.response_duration", "0.11"),
            ("flow.key.response_raw", "{}"),
            ("flow.key.response_error", "false"),
            ("flow.key.queue", "main"),
            ("flow.line", "0"),
        ])
    );
    assert_eq!(written.last().map(|last| &*last.name), Some("flow.line"));
}

#[test]
fn failure_writes_reason_sentence_and_class_and_clears_mapped_names() {
    let failure = Failure::new(Reason::HttpStatus, "the webhook answered 503");
    let plan = plan();
    let written = plan.assignments(&outcome(Err(failure), Some(503), "busy"), None);
    assert_eq!(
        channel_after(&written),
        table(&[
            ("flow.key.response_status", "FAILED"),
            ("flow.key.response_status_code", "503"),
            ("flow.key.response_status_type", "SERVER_ERROR"),
            ("flow.key.response_duration", "0.11"),
            ("flow.key.response_raw", "busy"),
            ("flow.key.response_error", "true"),
            ("flow.key.error_reason", "HTTP_STATUS"),
            ("flow.key.error_detail", "the webhook answered 503"),
            ("flow.line", "1"),
        ])
    );
}

#[test]
fn several_tries_are_counted_and_one_is_not() {
    let one = |sent: bool, failure: Option<Failure>| Try {
        url: "https://crm.example/".into(),
        began: Duration::ZERO,
        duration: sent.then(|| Duration::from_millis(20)),
        status: None,
        failure,
    };
    let refused = || Failure::new(Reason::ConnectionFailure, "connection refused");
    let open = || Failure::new(Reason::CircuitOpen, "the circuit is open");
    for (tries, attempts, detail) in [
        (vec![one(true, Some(refused()))], None, "connection refused"),
        (
            vec![one(false, Some(open())), one(true, Some(refused()))],
            None,
            "connection refused",
        ),
        (
            vec![one(true, Some(refused())), one(true, Some(refused()))],
            Some("2"),
            "2 tries failed, the last: connection refused",
        ),
    ] {
        let outcome = outcome(Err(refused()), None, "").with_tries(tries);
        let channel = channel_after(&plan().assignments(&outcome, None));
        let value = |name: &str| channel.get(name).map(String::as_str);
        assert_eq!(value("flow.key.response_attempts"), attempts);
        assert_eq!(value("flow.key.error_detail"), Some(detail));
    }
}

#[test]
fn a_request_that_was_never_sent_has_no_status_and_no_duration() {
    let failure = Failure::new(Reason::InvalidFlowVar, "flow.key.leadid is missing");
    let channel = channel_after(&plan().assignments(&Outcome::unsent(failure), None));
    let kept: Vec<_> = channel.keys().map(String::as_str).collect();
    assert_eq!(
        kept,
        [
            "flow.key.error_detail",
            "flow.key.error_reason",
            "flow.key.response_error",
            "flow.key.response_status",
            "flow.line"
        ]
    );
}

#[test]
fn in_the_background_only_the_line_is_set() {
    assert_eq!(
        channel_after(&plan().in_background(None)),
        table(&[("flow.line", "0")])
    );
}

/// The standard variables that the hook presets before it hands a call over.
fn preset() -> BTreeMap<String, String> {
    table(&[
        ("flow.key.response_status", "FAILED"),
        ("flow.key.response_error", "true"),
        ("flow.key.error_reason", "CONNECTION_FAILURE"),
        ("flow.line", "1"),
    ])
}

fn after_the_hook(plan: &VariablePlan, outcome: &Outcome) -> BTreeMap<String, String> {
    let mut channel = preset();
    for Assignment { name, value } in plan.assignments(outcome, None) {
        channel.retain(|held, _| !held.eq_ignore_ascii_case(&name));
        channel.extend(value.map(|value| (name.into_owned(), value.into_owned())));
    }
    channel
}

#[test]
fn what_the_hook_preset_under_standard_names_does_not_outlast_a_widget_with_other_names() {
    let names = VariableNames {
        response_status: "flow.key.status".into(),
        response_error: "flow.key.Response_Error".into(),
        error_reason: "flow.key.why".into(),
        line: "flow.key.way".into(),
        ..VariableNames::default()
    };
    let plan = called(names);
    let channel = after_the_hook(&plan, &outcome(Ok(vec![]), Some(200), ""));
    assert_eq!(
        channel,
        table(&[
            ("flow.key.status", "SUCCESS"),
            ("flow.key.response_status_code", "200"),
            ("flow.key.response_duration", "0.11"),
            ("flow.key.Response_Error", "false"),
            ("flow.key.way", "0"),
            ("flow.line", "0"),
        ])
    );
}

#[test]
fn a_standard_name_that_a_mapped_value_took_over_is_kept() {
    let names = VariableNames {
        response_status: "flow.key.status".into(),
        ..VariableNames::default()
    };
    let plan = VariablePlan::new(names, false, vec!["response_status".into()]);
    let values = vec![mapped("response_status", "gold", false)];
    let channel = after_the_hook(&plan, &outcome(Ok(values), Some(200), ""));
    assert_eq!(channel["flow.key.response_status"], "gold");
    assert_eq!(channel["flow.line"], "0");
}

#[test]
fn text_that_had_to_change_is_beside_its_exact_bytes() {
    let values = vec![mapped("queue", "${strftime(%Y)}", false)];
    let channel = channel_after(&plan().assignments(&outcome(Ok(values), Some(200), "$"), None));
    assert_eq!(channel["flow.key.queue"], "%{strftime(%Y)}");
    assert_eq!(channel["flow.key.queue_b64"], "JHtzdHJmdGltZSglWSl9");
    assert_eq!(channel["flow.key.response_raw"], "%");
    assert_eq!(channel["flow.key.response_raw_b64"], "JA==");
}

#[test]
fn bytes_that_are_no_text_are_kept_exactly_beside_it() {
    let mut outcome = outcome(Ok(vec![]), Some(200), "");
    outcome.raw = Bytes::from_static(b"\xff");
    let channel = channel_after(&plan().assignments(&outcome, None));
    assert_eq!(channel["flow.key.response_raw"], "\u{fffd}");
    assert_eq!(channel["flow.key.response_raw_b64"], "/w==");
}

#[test]
fn the_types_of_earlier_widgets_are_kept_and_our_own_set_anew() {
    let typed = outcome(Ok(vec![mapped("vip", "true", true)]), Some(200), "");
    let text = outcome(Ok(vec![mapped("vip", "yes", false)]), Some(200), "");
    let keys = |outcome, before| {
        channel_after(&plan().assignments(outcome, before))
            .get(JSON_KEYS)
            .cloned()
    };
    assert_eq!(keys(&typed, None).as_deref(), Some("vip"));
    assert_eq!(keys(&typed, Some("age,queue")).as_deref(), Some("age,vip"));
    assert_eq!(keys(&text, Some("vip")), None);
}

#[test]
fn a_raw_response_can_be_left_out() {
    let plan = VariablePlan::new(VariableNames::default(), false, vec!["queue".into()]);
    let written = plan.assignments(&outcome(Ok(vec![]), Some(200), "secret"), None);
    assert!(!channel_after(&written).contains_key("flow.key.response_raw"));
}

#[test]
fn every_status_has_its_class() {
    let classes: Vec<_> = [101, 204, 302, 404, 500, 99, 600]
        .into_iter()
        .map(status_type)
        .collect();
    assert_eq!(
        classes,
        [
            Some("INFORMATIONAL"),
            Some("SUCCESSFUL"),
            Some("REDIRECTION"),
            Some("CLIENT_ERROR"),
            Some("SERVER_ERROR"),
            None,
            None
        ]
    );
}
