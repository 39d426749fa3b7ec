//! Checks the `park` actions that hand a call over, and whether this service takes the calls.

use std::collections::BTreeSet;

use super::extensions::{Action, Extension};
use super::hook_safety::{check_known_webhooks, check_way_out_time, webhooks_called};
use super::hosts::variables;
use super::routes::{WebhookCall, resolve_routed};
use super::socket_action::expanded;
use crate::doctor::ExpectedSetup;
use crate::doctor::answers::Answers;
use crate::doctor::finding::Findings;

const COPY: &str =
    "copy freeswitch-conf/dialplan/switchhook.xml, which does all of it, and reloadxml";

/// A `park` action after one that sets `flow.webhook` or `flow.service`.
#[derive(Clone, Copy)]
pub(super) struct Park<'a> {
    extension: &'a Extension,
    at: usize,
}

pub(super) fn parks(extensions: &[Extension]) -> impl Iterator<Item = Park<'_>> {
    let all = extensions.iter().flat_map(|extension| {
        let actions = extension.actions.iter().enumerate();
        let parks = actions.filter(|(_, action)| action.is(&["park"]));
        parks.map(move |(at, _)| Park { extension, at })
    });
    all.filter(|park| {
        park.variable("flow.webhook")
            .or(park.variable("flow.service"))
            .is_some()
    })
}

impl<'a> Park<'a> {
    fn before(&self) -> &'a [Action] {
        &self.extension.actions[..self.at]
    }

    /// Returns the last value that a variable gets before the call is parked.
    fn variable(&self, name: &str) -> Option<&'a str> {
        let set = self.before().iter().filter_map(Action::assignment);
        let value = set.filter(|(found, _)| *found == name);
        value.map(|(_, value)| value).next_back()
    }

    /// Returns the name of the service that takes the call.
    pub(super) fn service(&self) -> &'a str {
        self.variable("flow.service").unwrap_or_default()
    }

    /// Returns the webhooks that are called through this action, with the seconds until the way out.
    fn webhooks_called(&self, extensions: &[Extension]) -> BTreeSet<WebhookCall> {
        let given = variables(self.service());
        webhooks_called(extensions, "park", &self.extension.context, &given)
    }
}

/// Checks the parked calls. Returns whether some come to the service `ours`.
pub(super) fn judge(
    extensions: &[Extension],
    answers: &Answers,
    ours: Option<&str>,
    expected: &ExpectedSetup,
    findings: &mut Findings,
) -> bool {
    let mut reached = false;
    for park in parks(extensions) {
        let service = expanded(park.service(), answers);
        let calls = park.webhooks_called(extensions);
        if ours != Some(service.as_str()) {
            // The shipped file always has the hook. It matters only if it is called or park_service is set.
            if !calls.is_empty() || ours.is_some() {
                parked_for_others(park, &service, ours, findings);
            }
            continue;
        }
        reached = true;
        let calls = resolve_routed(calls, expected, findings);
        let location = park.extension.location();
        findings.ok("hook", format!("{location} parks calls for {service}"));
        check_ways_out(park, findings);
        for (webhook, within) in &calls {
            check_way_out_time(&location, webhook, *within, expected, findings);
        }
        let named: BTreeSet<String> = calls.into_iter().map(|(webhook, _)| webhook).collect();
        check_known_webhooks(&named, expected, findings);
    }
    reached
}

fn parked_for_others(park: Park<'_>, service: &str, ours: Option<&str>, findings: &mut Findings) {
    let location = park.extension.location();
    let takes = match ours {
        Some(ours) => format!("park_service is {ours}"),
        None => "park_service is not set".to_owned(),
    };
    let what = if service.is_empty() {
        format!("{location} parks calls for no service: flow.service is empty, and {takes}")
    } else {
        format!(
            "{location} parks calls for {service}, and {takes}: this service takes none of them"
        )
    };
    let cure = "set park_service in [[freeswitch]] to the dialplan's flow.service (the shipped hook: the global variable switchhook_service)";
    findings.warn("hook", what, cure);
}

fn check_ways_out(park: Park<'_>, findings: &mut Findings) {
    let location = park.extension.location();
    let scheduled = park
        .before()
        .iter()
        .any(|action| action.is(&["sched_transfer", "sched_hangup"]));
    if !scheduled || park.variable("flow.way_out").is_none() {
        let what = format!(
            "{location}: flow.way_out is not set before park: the service does not take such a call, which waits for ever"
        );
        findings.fault("hook", what, COPY);
    }
    if park.variable("flow.untaken").is_none() {
        let what = format!(
            "{location}: flow.untaken is not set before park: a call that no service takes waits until the way out"
        );
        findings.warn("hook", what, COPY);
    }
    if park.variable("flow.line").is_none() {
        let what = format!("{location}: flow.line is not set before park");
        findings.warn("hook", what, "set flow.line=1 before park");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Level;
    use crate::doctor::tests::expected;

    const HOOK: [(&str, &str); 9] = [
        ("set", "flow.line=1"),
        ("set", "flow.service=${switchhook_service}"),
        ("set", "flow.webhook=${flow.ask}"),
        ("sched_transfer", "+15 way-out XML switchhook"),
        ("set", "flow.way_out=${last_sched_id}"),
        ("sched_transfer", "+3 untaken XML switchhook"),
        ("set", "flow.untaken=${last_sched_id}"),
        ("park", ""),
        ("transfer", "untaken XML switchhook"),
    ];

    fn extension(context: &str, actions: &[(&str, &str)]) -> Extension {
        let action = |(application, data): &(&str, &str)| Action {
            application: (*application).to_owned(),
            data: (*data).to_owned(),
        };
        Extension {
            context: context.into(),
            name: "park".into(),
            actions: actions.iter().map(action).collect(),
        }
    }

    fn findings_of(
        actions: &[(&str, &str)],
        ours: Option<&str>,
        asks: &[&str],
    ) -> Vec<(Level, String)> {
        let mut extensions = vec![extension("switchhook", actions)];
        for ask in asks {
            let data = format!("{ask} XML switchhook");
            extensions.push(extension("phones", &[("execute_extension", data.as_str())]));
        }
        let answers = Answers::canned(&[("global_getvar switchhook_service", "one")]);
        let mut findings = Findings::about("switch");
        judge(&extensions, &answers, ours, &expected(), &mut findings);
        let found = findings.list().into_iter();
        found.map(|found| (found.level, found.what)).collect()
    }

    #[test]
    fn a_complete_hook_that_names_us_passes() {
        let found = findings_of(&HOOK, Some("one"), &[]);
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(found[0].0, Level::Ok);
    }

    #[test]
    fn a_hook_for_another_or_for_nobody_is_a_warning_where_it_is_used() {
        assert_eq!(findings_of(&HOOK, None, &[]), []);
        for ours in [None, Some("two")] {
            let found = findings_of(&HOOK, ours, &["park-lookup"]);
            assert_eq!(found.len(), 1, "{found:?}");
            assert_eq!(found[0].0, Level::Warning);
            assert!(found[0].1.contains("parks calls for one"), "{found:?}");
        }
    }

    #[test]
    fn each_part_that_is_missing_is_reported() {
        for (missing, level, words) in [
            (0, Level::Warning, "flow.line"),
            (4, Level::Fault, "flow.way_out"),
            (6, Level::Warning, "flow.untaken"),
        ] {
            let mut actions = HOOK.to_vec();
            actions.remove(missing);
            let found = findings_of(&actions, Some("one"), &[]);
            let bad: Vec<_> = found.iter().filter(|found| found.0 > Level::Ok).collect();
            assert_eq!(bad.len(), 1, "{found:?}");
            assert!(bad[0].0 == level && bad[0].1.contains(words), "{bad:?}");
        }
    }

    #[test]
    fn a_webhook_that_is_not_there_is_reported() {
        let found = findings_of(&HOOK, Some("one"), &["park-nosuch-then-x"]);
        assert!(
            found
                .iter()
                .any(|found| found.1.contains("does not have: nosuch")),
            "{found:?}"
        );
    }
}
