//! The `park` actions that hand a call over, and whether they come to us.

use std::collections::BTreeSet;

use super::hosts::variables;
use super::read::{Action, Extension};
use super::routes::{Asked, followed};
use super::safety::{asked, known, late_enough};
use super::socket::expanded;
use crate::doctor::Plan;
use crate::doctor::finding::Findings;
use crate::doctor::switch::Answers;

const COPY: &str =
    "copy freeswitch-conf/dialplan/switchhook.xml, which does all of it, and reloadxml";

/// A `park` action behind one that names a webhook, or says who is to take the call.
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
        park.set("flow.webhook")
            .or(park.set("flow.service"))
            .is_some()
    })
}

impl<'a> Park<'a> {
    fn before(&self) -> &'a [Action] {
        &self.extension.actions[..self.at]
    }

    /// The last value that a variable is given before the call is parked.
    fn set(&self, name: &str) -> Option<&'a str> {
        let set = self.before().iter().filter_map(Action::assignment);
        let value = set.filter(|(found, _)| *found == name);
        value.map(|(_, value)| value).next_back()
    }

    /// Who is to take the call.
    pub(super) fn service(&self) -> &'a str {
        self.set("flow.service").unwrap_or_default()
    }

    /// The webhooks that are asked through it, with the seconds until the way out.
    fn asked(&self, extensions: &[Extension]) -> BTreeSet<Asked> {
        let given = variables(self.service());
        asked(extensions, "park", &self.extension.context, &given)
    }
}

/// Whether parked calls come to the service `ours`.
pub(super) fn judge(
    extensions: &[Extension],
    answers: &Answers,
    ours: Option<&str>,
    plan: &Plan,
    findings: &mut Findings,
) -> bool {
    let mut reached = false;
    for park in parks(extensions) {
        let service = expanded(park.service(), answers);
        let asked = park.asked(extensions);
        if ours != Some(service.as_str()) {
            // The shipped file has the hook, whether it is used or not.
            if !asked.is_empty() || ours.is_some() {
                elsewhere(park, &service, ours, findings);
            }
            continue;
        }
        reached = true;
        let asked = followed(asked, plan, findings);
        let place = park.extension.place();
        findings.ok("hook", format!("{place} parks calls for {service}"));
        ways_out(park, findings);
        for (webhook, within) in &asked {
            late_enough(&place, webhook, *within, plan, findings);
        }
        let named: BTreeSet<String> = asked.into_iter().map(|(webhook, _)| webhook).collect();
        known(&named, plan, findings);
    }
    reached
}

fn elsewhere(park: Park<'_>, service: &str, ours: Option<&str>, findings: &mut Findings) {
    let place = park.extension.place();
    let takes = match ours {
        Some(ours) => format!("park_service is {ours}"),
        None => "park_service is not set".to_owned(),
    };
    let what = if service.is_empty() {
        format!("{place} parks calls for nobody: flow.service is empty, and {takes}")
    } else {
        format!("{place} parks calls for {service}, and {takes}: we take none of them")
    };
    let cure = "set park_service in [[freeswitch]] to what the dialplan says (the shipped hook: the global variable switchhook_service)";
    findings.warn("hook", what, cure);
}

fn ways_out(park: Park<'_>, findings: &mut Findings) {
    let place = park.extension.place();
    let scheduled = park
        .before()
        .iter()
        .any(|action| action.is(&["sched_transfer", "sched_hangup"]));
    if !scheduled || park.set("flow.way_out").is_none() {
        let what = format!(
            "{place}: flow.way_out is not set before park: a call without a way out is not taken, and waits for ever"
        );
        findings.fault("hook", what, COPY);
    }
    if park.set("flow.untaken").is_none() {
        let what = format!(
            "{place}: flow.untaken is not set before park: a call that nobody takes waits for the whole way out"
        );
        findings.warn("hook", what, COPY);
    }
    if park.set("flow.line").is_none() {
        let what = format!("{place}: flow.line is not set before park");
        findings.warn("hook", what, "set flow.line=1 before park");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Level;
    use crate::doctor::tests::plan;

    const WHOLE: [(&str, &str); 9] = [
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

    fn told(actions: &[(&str, &str)], ours: Option<&str>, asks: &[&str]) -> Vec<(Level, String)> {
        let mut extensions = vec![extension("switchhook", actions)];
        for ask in asks {
            let data = format!("{ask} XML switchhook");
            extensions.push(extension("phones", &[("execute_extension", data.as_str())]));
        }
        let answers = Answers::canned(&[("global_getvar switchhook_service", "one")]);
        let mut findings = Findings::about("switch");
        judge(&extensions, &answers, ours, &plan(), &mut findings);
        let found = findings.list().into_iter();
        found.map(|found| (found.level, found.what)).collect()
    }

    #[test]
    fn a_whole_hook_that_names_us_is_well() {
        let found = told(&WHOLE, Some("one"), &[]);
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(found[0].0, Level::Ok);
    }

    #[test]
    fn a_hook_for_another_or_for_nobody_is_a_warning_where_it_is_used() {
        assert_eq!(told(&WHOLE, None, &[]), []);
        for ours in [None, Some("two")] {
            let found = told(&WHOLE, ours, &["park-lookup"]);
            assert_eq!(found.len(), 1, "{found:?}");
            assert_eq!(found[0].0, Level::Warning);
            assert!(found[0].1.contains("parks calls for one"), "{found:?}");
        }
    }

    #[test]
    fn each_part_that_is_missing_is_told() {
        for (missing, level, words) in [
            (0, Level::Warning, "flow.line"),
            (4, Level::Fault, "flow.way_out"),
            (6, Level::Warning, "flow.untaken"),
        ] {
            let mut actions = WHOLE.to_vec();
            actions.remove(missing);
            let found = told(&actions, Some("one"), &[]);
            let bad: Vec<_> = found.iter().filter(|found| found.0 > Level::Ok).collect();
            assert_eq!(bad.len(), 1, "{found:?}");
            assert!(bad[0].0 == level && bad[0].1.contains(words), "{bad:?}");
        }
    }

    #[test]
    fn a_webhook_that_is_not_there_is_told() {
        let found = told(&WHOLE, Some("one"), &["park-nosuch-then-x"]);
        assert!(
            found
                .iter()
                .any(|found| found.1.contains("does not have: nosuch")),
            "{found:?}"
        );
    }
}
