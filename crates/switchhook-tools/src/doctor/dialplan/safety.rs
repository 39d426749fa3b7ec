//! What holds a call when we are away, and which webhook it asks for.

use std::collections::BTreeSet;
use std::time::Duration;

use super::hosts::{Host, hosts, variables};
use super::read::{Action, Extension};
use super::routes::{Asked, followed};
use super::socket::Socket;
use crate::doctor::Plan;
use crate::doctor::finding::Findings;
use crate::doctor::switch::is_true;

/// The shipped hook's way out when the caller of it names none, s.
const SHIPPED_WITHIN: u64 = 15;
/// The way out is to come so much later than the webhook's timeout at the least.
const ROOM: Duration = Duration::from_secs(1);

/// One `socket` action that comes to us.
pub(super) struct Judging<'a, 'f> {
    pub(super) socket: Socket<'a>,
    pub(super) extensions: &'a [Extension],
    pub(super) plan: &'a Plan,
    pub(super) findings: &'f mut Findings,
}

impl Judging<'_, '_> {
    pub(super) fn all(mut self, text: &str, hosts: &[Host<'_>]) {
        self.words(text);
        self.resume();
        self.default_line();
        self.way_out();
        self.webhooks(hosts);
    }

    fn place(&self) -> String {
        self.socket.extension.place()
    }

    fn words(&mut self, text: &str) {
        let has = |word: &str| {
            text.split(' ')
                .skip(1)
                .any(|found| found.eq_ignore_ascii_case(word))
        };
        if has("async") && has("full") {
            return;
        }
        let what = format!(
            "{}: socket is not \"async full\", so the call cannot be steered, or stays where it is when we are gone",
            self.place()
        );
        self.findings
            .fault("hook", what, "write: socket HOST:PORT/WEBHOOK async full");
    }

    fn resume(&mut self) {
        if self.socket.set("socket_resume").is_some_and(is_true) {
            return;
        }
        let context = &self.socket.extension.context;
        let sets = |action: &Action| {
            action
                .assignment()
                .is_some_and(|(name, value)| name == "socket_resume" && is_true(value))
        };
        let mut others = self
            .extensions
            .iter()
            .filter(|other| other.context == *context);
        if others.any(|other| other.actions.iter().any(sets)) {
            let what = format!(
                "{}: socket_resume is set in another extension; a call that comes another way is parked for ever when we die",
                self.place()
            );
            self.findings
                .warn("hook", what, "set socket_resume=true right before socket");
        } else {
            let what = format!(
                "{}: socket_resume is not set: a call on hold is parked for ever when we die",
                self.place()
            );
            self.findings
                .fault("hook", what, "set socket_resume=true right before socket");
        }
    }

    fn default_line(&mut self) {
        if self.socket.set("flow.line").is_none() {
            let what = format!(
                "{}: flow.line is not set before socket: when nobody answers it is unset, or that of the webhook before",
                self.place()
            );
            self.findings
                .warn("hook", what, "set flow.line=1 before socket");
        }
    }

    fn way_out(&mut self) {
        let scheduled = self
            .socket
            .before()
            .iter()
            .rev()
            .find(|action| action.is(&["sched_transfer", "sched_hangup"]));
        let Some(scheduled) = scheduled else {
            let what = format!(
                "{}: no way out is scheduled: a host that goes silent keeps the caller",
                self.place()
            );
            self.findings.warn(
                "hook",
                what,
                "sched_transfer before socket, the webhook's timeout plus 5 s from now",
            );
            return;
        };
        let cancels = |action: &Action| action.is(&["sched_cancel"]);
        let cancelled = self.socket.after().iter().any(cancels);
        match (self.socket.set("flow.way_out").is_some(), cancelled) {
            (true, true) => {}
            (true, false) => {
                let what = format!(
                    "{}: when nobody answers, nobody cancels the way out: it takes the call away from line 1 later",
                    self.place()
                );
                self.findings
                    .warn("hook", what, "sched_cancel ${flow.way_out} after socket");
            }
            (false, _) => {
                let what = format!(
                    "{}: flow.way_out is not set: we cannot cancel the way out, which takes the call away while it is served",
                    self.place()
                );
                self.findings.fault("hook", what, "set flow.way_out=${last_sched_id} after sched_transfer, and sched_cancel it after socket");
            }
        }
        let seconds = scheduled
            .data
            .strip_prefix('+')
            .and_then(|data| data.split(' ').next()?.parse().ok());
        let webhook = self.literal().map(str::to_owned);
        if let (Some(seconds), Some(webhook)) = (seconds, webhook) {
            self.late_enough(&webhook, seconds);
        }
    }

    /// The webhook that the action itself names.
    fn literal(&self) -> Option<&str> {
        let list = self.socket.data().split(' ').next().unwrap_or_default();
        let path = hosts(list).into_iter().find_map(|host| host.path);
        let named = path.or_else(|| self.socket.set("socket_path"))?;
        is_literal(named).then_some(named)
    }

    fn late_enough(&mut self, webhook: &str, seconds: u64) {
        late_enough(&self.place(), webhook, seconds, self.plan, self.findings);
    }

    fn webhooks(&mut self, hosts: &[Host<'_>]) {
        let mut named: BTreeSet<String> = hosts
            .iter()
            .filter_map(|host| host.path)
            .map(str::to_owned)
            .collect();
        named.extend(self.socket.set("socket_path").map(str::to_owned));
        if named.is_empty() && !self.plan.routed.is_empty() {
            return;
        }
        if named.is_empty() {
            let what = format!("{}: socket names no webhook", self.place());
            self.findings.warn(
                "hook",
                what,
                "write it as the path: socket HOST:PORT/WEBHOOK async full",
            );
            return;
        }
        if named.iter().any(|name| !is_literal(name)) {
            named.retain(|name| is_literal(name));
            let hosts = variables(self.socket.data());
            let context = &self.socket.extension.context;
            let asked = asked(self.extensions, "ask", context, &hosts);
            for (webhook, within) in followed(asked, self.plan, self.findings) {
                self.late_enough(&webhook, within);
                named.insert(webhook);
            }
        }
        known(&named, self.plan, self.findings);
    }
}

/// Whether the way out of a webhook comes after its answer.
pub(super) fn late_enough(
    place: &str,
    webhook: &str,
    seconds: u64,
    plan: &Plan,
    findings: &mut Findings,
) {
    let Some(hooked) = plan.webhooks.get(webhook) else {
        return;
    };
    if Duration::from_secs(seconds) >= hooked.timeout + ROOM {
        return;
    }
    let timeout = hooked.timeout;
    let what = format!(
        "{place}: the way out of {webhook} comes after {seconds} s, and its timeout is {timeout:?}: callers leave before its answer"
    );
    findings.warn("hook", what, "schedule it 5 s after the webhook's timeout (the shipped hook: ask-NAME-within-SECONDS or park-NAME-within-SECONDS)");
}

/// Whether the configuration has the webhooks that are asked.
pub(super) fn known(named: &BTreeSet<String>, plan: &Plan, findings: &mut Findings) {
    let unknown: Vec<_> = named
        .iter()
        .filter(|name| !plan.webhooks.contains_key(*name))
        .map(String::as_str)
        .collect();
    if !unknown.is_empty() {
        let what = format!(
            "the dialplan asks webhooks that the configuration does not have: {}: their calls take line 1, INVALID_REQUEST",
            unknown.join(", ")
        );
        let cure = "add [webhooks.NAME], or correct the name in the dialplan";
        findings.warn("webhooks", what, cure);
    } else if !named.is_empty() {
        let named: Vec<_> = named.iter().map(String::as_str).collect();
        findings.ok(
            "webhooks",
            format!("the dialplan asks {}", named.join(", ")),
        );
    }
}

/// Neither a variable nor a part of the number that was dialled, `$1`.
fn is_literal(name: &str) -> bool {
    !name.contains('$')
}

/// The webhooks that are asked through a shipped hook, `ask[-NAME][-within-S][-then-NAME]`
/// or `park…` in its context, with the seconds until its way out.
///
/// Not those of an extension that sends its calls to a service of its own, by the variables
/// `given`.
pub(super) fn asked(
    extensions: &[Extension],
    hook: &str,
    context: &str,
    given: &[String],
) -> BTreeSet<Asked> {
    let redirects = |action: &Action| {
        let set = action.assignment();
        set.is_some_and(|(name, _)| given.iter().any(|given| given == name))
    };
    let to_us = |extension: &&Extension| !extension.actions.iter().any(redirects);
    let actions = extensions.iter().filter(to_us);
    let actions = actions.flat_map(|extension| &extension.actions);
    let calls = actions.filter(|action| action.is(&["execute_extension", "transfer"]));
    calls
        .filter_map(|action| {
            let mut words = action.data.split_whitespace();
            let (rest, to) = (words.next()?.strip_prefix(hook)?, words.nth(1)?);
            let is_hook = rest.is_empty() || rest.starts_with('-');
            (is_hook && to == context && is_literal(rest)).then(|| parts(rest))
        })
        .collect()
}

fn parts(ask: &str) -> Asked {
    let before_then = ask.split("-then-").next().unwrap_or(ask);
    let (name, within) = before_then
        .split_once("-within-")
        .unwrap_or((before_then, ""));
    let name = name.strip_prefix('-').unwrap_or(name);
    (name.to_owned(), within.parse().unwrap_or(SHIPPED_WITHIN))
}
