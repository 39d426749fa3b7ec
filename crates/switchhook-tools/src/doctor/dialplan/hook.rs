//! The `socket` actions, and whether they come to us.

use std::collections::BTreeSet;

use super::hosts::{HostPlace, hosts, place, variables};
use super::read::Extension;
use super::safety::Judging;
use super::socket::sockets;
use crate::doctor::Plan;
use crate::doctor::finding::Findings;
use crate::doctor::switch::Answers;

const COPY: &str =
    "copy freeswitch-conf/dialplan/switchhook.xml, which does all of it, and reloadxml";

/// Whether a call is handed to us in a way that strands none; `parked` says that one is,
/// by the other way.
pub(super) fn judge(
    extensions: &[Extension],
    answers: &Answers,
    plan: &Plan,
    parked: bool,
    findings: &mut Findings,
) {
    let mut targets = BTreeSet::new();
    let mut reached = false;
    for socket in sockets(extensions) {
        let text = socket.expanded(answers);
        let list = text.split(' ').next().unwrap_or_default();
        let hosts = hosts(list);
        let places: Vec<_> = hosts
            .iter()
            .map(|host| place(host, plan.listen, answers.same_machine))
            .collect();
        if places.contains(&HostPlace::Ours) || places.contains(&HostPlace::Unknown) {
            reached = true;
            if places.contains(&HostPlace::Ours) {
                findings.ok(
                    "hook",
                    format!(
                        "{} hands calls over to {}",
                        socket.extension.place(),
                        plan.listen
                    ),
                );
            } else {
                let what = format!(
                    "{} hands calls over to {list}; whether that is {} is not known",
                    socket.extension.place(),
                    plan.listen
                );
                findings.note("hook", what, &unknown_cure(list));
            }
            Judging {
                socket,
                extensions,
                plan,
                findings,
            }
            .all(&text, &hosts);
        } else {
            targets.insert(list.to_owned());
        }
    }
    let only_parks = parked && targets.is_empty();
    if !reached && !only_parks {
        nowhere(&targets, extensions.len(), plan, findings);
    }
}

fn unknown_cure(list: &str) -> String {
    match variables(list).first() {
        Some(name) => format!(
            "set the global variable {name} in vars.xml to host:port of [listen] esl, and restart the switch or global_setvar it"
        ),
        None => "compare it with [listen] esl".to_owned(),
    }
}

fn nowhere(targets: &BTreeSet<String>, extensions: usize, plan: &Plan, findings: &mut Findings) {
    if targets.is_empty() {
        let what = format!(
            "none of its {extensions} extensions hands a call over: there is no socket action"
        );
        return findings.warn("hook", what, COPY);
    }
    let targets: Vec<_> = targets.iter().map(String::as_str).collect();
    let what = format!(
        "its socket actions go to {}, and none to {} ([listen] esl)",
        targets.join(", "),
        plan.listen
    );
    findings.warn(
        "hook",
        what,
        "write that address in the dialplan, or listen where it says",
    );
}

#[cfg(test)]
#[path = "hook_tests.rs"]
mod tests;
