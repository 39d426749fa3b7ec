use std::time::Duration;

use super::super::extensions::Action;
use super::*;
use crate::doctor::tests::expected;
use crate::doctor::{ExpectedWebhook, Level};
use switchhook_service::call_control::HoldMusic;

/// The README's hook, with the way out cancelled after the `socket` action.
const HOOK: [(&str, &str); 7] = [
    ("set", "socket_resume=true"),
    ("set", "flow.line=1"),
    ("sched_transfer", "+15 lookup-line-1 XML flows"),
    ("set", "flow.way_out=${last_sched_id}"),
    ("socket", "127.0.0.1:8084/lookup async full"),
    ("sched_cancel", "${flow.way_out}"),
    ("transfer", "lookup-line-${flow.line} XML flows"),
];

fn known() -> ExpectedSetup {
    let webhook_setup = |seconds| ExpectedWebhook {
        timeout: Duration::from_secs(seconds),
        music: HoldMusic::Silence,
        has_templated_host: false,
    };
    ExpectedSetup {
        webhooks: [
            ("lookup".into(), webhook_setup(10)),
            ("slow".into(), webhook_setup(50)),
        ]
        .into(),
        ..expected()
    }
}

fn extension(context: &str, actions: &[(&str, &str)]) -> Extension {
    let action = |(application, data): &(&str, &str)| Action {
        application: (*application).to_owned(),
        data: (*data).to_owned(),
    };
    Extension {
        context: context.into(),
        name: "ask".into(),
        actions: actions.iter().map(action).collect(),
    }
}

/// Returns the findings that are not ok.
fn wrong(extensions: &[Extension], answers: &Answers) -> Vec<(Level, String)> {
    let mut findings = Findings::about("switch");
    judge(extensions, answers, &known(), false, &mut findings);
    let bad = |found: &crate::doctor::Finding| found.level > Level::Ok;
    let found = findings.list().into_iter().filter(bad);
    found.map(|found| (found.level, found.what)).collect()
}

fn without(missing: usize) -> Vec<(&'static str, &'static str)> {
    let mut actions = HOOK.to_vec();
    actions.remove(missing);
    actions
}

fn instead(at: usize, action: (&'static str, &'static str)) -> Vec<(&'static str, &'static str)> {
    let mut actions = HOOK.to_vec();
    actions[at] = action;
    actions
}

#[test]
fn a_whole_hook_has_nothing_wrong() {
    let answers = Answers::canned(&[]);
    assert_eq!(wrong(&[extension("flows", &HOOK)], &answers), []);
}

#[test]
fn each_part_that_is_missing_or_different_is_reported() {
    for (actions, level, words) in [
        (without(0), Level::Fault, "socket_resume is not set"),
        (
            instead(0, ("set", "socket_resume=false")),
            Level::Fault,
            "socket_resume",
        ),
        (without(1), Level::Warning, "flow.line is not set"),
        (without(2), Level::Warning, "no way out"),
        (
            instead(2, ("sched_transfer", "+10 x XML y")),
            Level::Warning,
            "after 10 s",
        ),
        (without(3), Level::Fault, "flow.way_out is not set"),
        (without(4), Level::Warning, "no socket action"),
        (
            instead(4, ("socket", "127.0.0.1:8084/lookup full")),
            Level::Fault,
            "async full",
        ),
        (
            instead(4, ("socket", "127.0.0.1:8084/lookup async")),
            Level::Fault,
            "async full",
        ),
        (
            instead(4, ("socket", "127.0.0.1:8084/lokup async full")),
            Level::Warning,
            "lokup",
        ),
        (
            instead(4, ("socket", "127.0.0.1:8084 async full")),
            Level::Warning,
            "names no webhook",
        ),
        (
            instead(4, ("socket", "127.0.0.1:9/lookup async full")),
            Level::Warning,
            "none to 127.0.0.1:8084",
        ),
        (
            instead(4, ("socket", "ours.example:8084/lookup async full")),
            Level::Note,
            "it is not known whether",
        ),
        (without(5), Level::Warning, "the way out is not cancelled"),
    ] {
        let found = wrong(&[extension("flows", &actions)], &Answers::canned(&[]));
        assert_eq!(found.len(), 1, "{words}: {found:?}");
        assert_eq!(found[0].0, level, "{found:?}");
        assert!(found[0].1.contains(words), "{found:?}");
    }
}

#[test]
fn a_webhook_that_the_dialled_number_names_is_not_looked_for() {
    let actions = instead(4, ("socket", "127.0.0.1:8084/$2 async full"));
    assert_eq!(
        wrong(&[extension("flows", &actions)], &Answers::canned(&[])),
        []
    );
}

#[test]
fn the_global_variable_says_where_the_hook_goes_and_one_of_two_services_is_enough() {
    let hook = extension(
        "flows",
        &instead(4, ("socket", "${switchhook}/lookup async full")),
    );
    let all = [hook];
    assert_eq!(
        sockets(&all)
            .flat_map(|socket| variables(socket.data()))
            .collect::<Vec<_>>(),
        ["switchhook"]
    );
    let of = |value: &str| {
        wrong(
            &all,
            &Answers::canned(&[("global_getvar switchhook", value)]),
        )
    };
    assert_eq!(of("127.0.0.1:8084"), []);
    assert_eq!(of("10.0.0.1:8094|127.0.0.1:8084"), []);
    assert!(of("127.0.0.1:9")[0].1.contains("none to"));
    assert!(of("-ERR no reply")[0].1.contains("it is not known whether"));
}

#[test]
fn a_resume_of_another_extension_of_the_context_is_half_of_it() {
    let first = extension("flows", &[("set", "socket_resume=true")]);
    let found = wrong(
        &[first, extension("flows", &without(0))],
        &Answers::canned(&[]),
    );
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].0, Level::Warning);
}

#[test]
fn the_webhooks_that_are_asked_through_the_shipped_hook_are_known_by_its_callers() {
    let mut shipped = instead(4, ("socket", "127.0.0.1:8084 async full"));
    shipped[2].1 = "+${flow.within} x XML y";
    shipped.insert(0, ("set", "socket_path=${flow.ask}"));
    let of = |data: &str| {
        let caller = extension("phones", &[("execute_extension", data)]);
        wrong(
            &[extension("switchhook", &shipped), caller],
            &Answers::canned(&[]),
        )
    };
    assert_eq!(of("ask-lookup XML switchhook"), []);
    assert_eq!(of("ask-slow-within-55-then-greet XML switchhook"), []);
    assert_eq!(of("ask-nobody XML elsewhere"), []);
    assert_eq!(of("${destination_number} XML switchhook"), []);
    let elsewhere = [
        ("set", "switchhook=127.0.0.1:9"),
        ("execute_extension", "ask-slow XML switchhook"),
    ];
    let mut global = shipped.clone();
    global[5].1 = "${switchhook} async full";
    let answers = Answers::canned(&[("global_getvar switchhook", "127.0.0.1:8084")]);
    let redirected = [
        extension("switchhook", &global),
        extension("phones", &elsewhere),
    ];
    assert_eq!(wrong(&redirected, &answers), []);
    assert!(of("ask-slow XML switchhook")[0].1.contains("after 15 s"));
    assert!(
        of("ask-nobody-then-greet XML switchhook")[0]
            .1
            .contains("nobody")
    );
}
