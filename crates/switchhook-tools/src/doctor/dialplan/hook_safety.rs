//! Checks that a hook strands no call while the service is away, and that its webhooks exist.

use std::collections::BTreeSet;
use std::time::Duration;

use super::extensions::{Action, Extension};
use super::hosts::{Host, hosts, variables};
use super::routes::{WebhookCall, resolve_routed};
use super::socket_action::Socket;
use crate::doctor::ExpectedSetup;
use crate::doctor::answers::is_true;
use crate::doctor::finding::Findings;

/// Seconds until the shipped hook's way out if the dialplan names none.
const SHIPPED_WITHIN: u64 = 15;
/// Least time between the webhook's timeout and the way out.
const MARGIN: Duration = Duration::from_secs(1);

/// Checks one `socket` action that connects to this service.
pub(super) struct HookCheck<'a, 'f> {
    pub(super) socket: Socket<'a>,
    pub(super) extensions: &'a [Extension],
    pub(super) expected: &'a ExpectedSetup,
    pub(super) findings: &'f mut Findings,
}

impl HookCheck<'_, '_> {
    pub(super) fn run(mut self, text: &str, hosts: &[Host<'_>]) {
        self.check_async_full(text);
        self.check_resume();
        self.check_default_line();
        self.check_way_out();
        self.check_webhooks(hosts);
    }

    fn location(&self) -> String {
        self.socket.extension.location()
    }

    fn check_async_full(&mut self, text: &str) {
        let has = |word: &str| {
            text.split(' ')
                .skip(1)
                .any(|found| found.eq_ignore_ascii_case(word))
        };
        if has("async") && has("full") {
            return;
        }
        let mode = text.split_once(' ').map_or("", |(_, mode)| mode.trim());
        let what = format!(
            "{}: socket is \"{mode}\", not \"async full\": every call takes line 1 with INVALID_REQUEST, or is stuck when the service stops",
            self.location()
        );
        self.findings
            .fault("hook", what, "write: socket HOST:PORT/WEBHOOK async full");
    }

    fn check_resume(&mut self) {
        if self.socket.variable("socket_resume").is_some_and(is_true) {
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
                "{}: socket_resume is set in another extension only; a call that does not pass it is parked for ever if the service dies",
                self.location()
            );
            self.findings
                .warn("hook", what, "set socket_resume=true right before socket");
        } else {
            let what = format!(
                "{}: socket_resume is not set: a call on hold is parked for ever if the service dies",
                self.location()
            );
            self.findings
                .fault("hook", what, "set socket_resume=true right before socket");
        }
    }

    fn check_default_line(&mut self) {
        if self.socket.variable("flow.line").is_none() {
            let what = format!(
                "{}: flow.line is not set before socket: if no service answers, it is unset or left from an earlier webhook",
                self.location()
            );
            self.findings
                .warn("hook", what, "set flow.line=1 before socket");
        }
    }

    fn check_way_out(&mut self) {
        let scheduled = self
            .socket
            .before()
            .iter()
            .rev()
            .find(|action| action.is(&["sched_transfer", "sched_hangup"]));
        let Some(scheduled) = scheduled else {
            let what = format!(
                "{}: no way out is scheduled: a silent host keeps the caller for ever",
                self.location()
            );
            self.findings.warn(
                "hook",
                what,
                "add sched_transfer before socket, at the webhook's timeout plus 5 s",
            );
            return;
        };
        let cancels = |action: &Action| action.is(&["sched_cancel"]);
        let cancelled = self.socket.after().iter().any(cancels);
        match (self.socket.variable("flow.way_out").is_some(), cancelled) {
            (true, true) => {}
            (true, false) => {
                let what = format!(
                    "{}: the way out is not cancelled after socket: if no service answers, it takes the call away from line 1 later",
                    self.location()
                );
                self.findings.warn(
                    "hook",
                    what,
                    "add sched_cancel ${flow.way_out} after socket",
                );
            }
            (false, _) => {
                let what = format!(
                    "{}: flow.way_out is not set: the service cannot cancel the way out, which takes the call away while it is served",
                    self.location()
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
            self.check_way_out_time(&webhook, seconds);
        }
    }

    /// Returns the webhook that the action itself names.
    fn literal(&self) -> Option<&str> {
        let list = self.socket.data().split(' ').next().unwrap_or_default();
        let path = hosts(list).into_iter().find_map(|host| host.path);
        let named = path.or_else(|| self.socket.variable("socket_path"))?;
        is_literal(named).then_some(named)
    }

    fn check_way_out_time(&mut self, webhook: &str, seconds: u64) {
        check_way_out_time(
            &self.location(),
            webhook,
            seconds,
            self.expected,
            self.findings,
        );
    }

    fn check_webhooks(&mut self, hosts: &[Host<'_>]) {
        let mut named: BTreeSet<String> = hosts
            .iter()
            .filter_map(|host| host.path)
            .map(str::to_owned)
            .collect();
        named.extend(self.socket.variable("socket_path").map(str::to_owned));
        if named.is_empty() && !self.expected.routed.is_empty() {
            return;
        }
        if named.is_empty() {
            let what = format!("{}: socket names no webhook", self.location());
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
            let calls = webhooks_called(self.extensions, "ask", context, &hosts);
            for (webhook, within) in resolve_routed(calls, self.expected, self.findings) {
                self.check_way_out_time(&webhook, within);
                named.insert(webhook);
            }
        }
        check_known_webhooks(&named, self.expected, self.findings);
    }
}

/// Checks that the way out comes later than the webhook's timeout.
pub(super) fn check_way_out_time(
    location: &str,
    webhook: &str,
    seconds: u64,
    expected: &ExpectedSetup,
    findings: &mut Findings,
) {
    let Some(webhook_setup) = expected.webhooks.get(webhook) else {
        return;
    };
    if Duration::from_secs(seconds) >= webhook_setup.timeout + MARGIN {
        return;
    }
    let timeout = webhook_setup.timeout;
    let what = format!(
        "{location}: the way out of {webhook} comes after {seconds} s, and its timeout is {timeout:?}: callers leave before the answer"
    );
    findings.warn("hook", what, "schedule it 5 s after the webhook's timeout (the shipped hook: ask-NAME-within-SECONDS or park-NAME-within-SECONDS)");
}

/// Checks that the configuration has the webhooks that the dialplan calls.
pub(super) fn check_known_webhooks(
    named: &BTreeSet<String>,
    expected: &ExpectedSetup,
    findings: &mut Findings,
) {
    let unknown: Vec<_> = named
        .iter()
        .filter(|name| !expected.webhooks.contains_key(*name))
        .map(String::as_str)
        .collect();
    if !unknown.is_empty() {
        let what = format!(
            "the dialplan calls webhooks that the configuration does not have: {}: these calls take line 1, INVALID_REQUEST",
            unknown.join(", ")
        );
        let cure = "add [webhooks.NAME], or correct the name in the dialplan";
        findings.warn("webhooks", what, cure);
    } else if !named.is_empty() {
        let named: Vec<_> = named.iter().map(String::as_str).collect();
        findings.ok(
            "webhooks",
            format!("the dialplan calls {}", named.join(", ")),
        );
    }
}

/// Tells whether a name has neither a variable nor a part of the dialled number, such as `$1`.
pub(super) fn is_literal(name: &str) -> bool {
    !name.contains('$')
}

/// Returns the webhooks that are called through a shipped hook, with the seconds until the way out.
/// See [`shipped_calls`].
pub(super) fn webhooks_called(
    extensions: &[Extension],
    hook: &str,
    context: &str,
    given: &[String],
) -> BTreeSet<WebhookCall> {
    let calls = shipped_calls(extensions, hook, context, given);
    calls.into_iter().map(parse_call).collect()
}

/// Returns the calls of a shipped hook, `ask[-NAME][-within-S][-then-NAME]` or `park…` in its
/// context, each without `ask` or `park`.
///
/// It leaves out extensions that set one of the variables in `given`: they send their calls to
/// another service.
pub(super) fn shipped_calls<'a>(
    extensions: &'a [Extension],
    hook: &str,
    context: &str,
    given: &[String],
) -> BTreeSet<&'a str> {
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
            (is_hook && to == context && is_literal(rest)).then_some(rest)
        })
        .collect()
}

fn parse_call(ask: &str) -> WebhookCall {
    let before_then = ask.split("-then-").next().unwrap_or(ask);
    let (name, within) = before_then
        .split_once("-within-")
        .unwrap_or((before_then, ""));
    let name = name.strip_prefix('-').unwrap_or(name);
    (name.to_owned(), within.parse().unwrap_or(SHIPPED_WITHIN))
}
