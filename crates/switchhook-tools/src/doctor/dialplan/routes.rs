//! Checks `[[routes]]` against the dialplan: calls that name no webhook, and the routes' contexts.

use std::collections::BTreeSet;

use super::DIALPLAN;
use super::extensions::Extension;
use crate::doctor::ExpectedSetup;
use crate::doctor::answers::Answers;
use crate::doctor::finding::Findings;

/// A webhook that the dialplan calls, and the seconds until the way out. An empty name stands for
/// the webhooks that routes name.
pub(super) type WebhookCall = (String, u64);

/// Replaces empty names by the webhooks that routes name. Warns if there are none.
pub(super) fn resolve_routed(
    calls: BTreeSet<WebhookCall>,
    expected: &ExpectedSetup,
    findings: &mut Findings,
) -> BTreeSet<WebhookCall> {
    let (routed, mut named): (BTreeSet<WebhookCall>, BTreeSet<WebhookCall>) = calls
        .into_iter()
        .partition(|(webhook, _)| webhook.is_empty());
    if !routed.is_empty() && expected.routed.is_empty() {
        no_webhook_named(findings);
    }
    for (_, within) in routed {
        let webhooks = expected.routed.iter();
        named.extend(webhooks.map(|webhook| (webhook.clone(), within)));
    }
    named
}

/// Warns that calls name no webhook and no route has one.
pub(super) fn no_webhook_named(findings: &mut Findings) {
    let what = "the dialplan hands calls over without naming a webhook, and no route names one: \
                they take line 1, INVALID_REQUEST";
    let cure =
        "name one (ask-NAME, park-NAME, socket HOST:PORT/NAME), or add [[routes]] with a webhook";
    findings.warn("webhooks", what, cure);
}

/// Checks that the contexts of the routes exist, if the whole dialplan was read.
pub(super) fn judge(
    extensions: &[Extension],
    answers: &Answers,
    expected: &ExpectedSetup,
    findings: &mut Findings,
) {
    let is_whole = answers
        .output(DIALPLAN)
        .is_some_and(|xml| xml.starts_with('<'));
    let is_there = |context: &&String| extensions.iter().any(|one| one.context == **context);
    let missing = expected
        .contexts
        .iter()
        .filter(|context| !is_there(context));
    let missing: Vec<&str> = missing.map(String::as_str).collect();
    if is_whole && !missing.is_empty() {
        let what = format!(
            "[[routes]] name contexts that its dialplan does not have: {}",
            missing.join(", ")
        );
        findings.warn("routes", what, "correct the name, or remove the route");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::tests::expected;

    fn found(expected: &ExpectedSetup, names: &[&str]) -> (Vec<WebhookCall>, Vec<String>) {
        let calls = names.iter().map(|name| ((*name).to_owned(), 15)).collect();
        let mut findings = Findings::about("switch");
        let named = resolve_routed(calls, expected, &mut findings);
        let messages = findings.list().into_iter().map(|found| found.what);
        (named.into_iter().collect(), messages.collect())
    }

    #[test]
    fn a_call_without_a_webhook_asks_those_of_the_routes_or_none() {
        let routed = ExpectedSetup {
            routed: ["support".to_owned()].into(),
            ..expected()
        };
        let calls = |name: &str| (name.to_owned(), 15);
        let (named, messages) = found(&routed, &["", "lookup"]);
        assert_eq!(named, [calls("lookup"), calls("support")]);
        assert_eq!(messages, [""; 0]);
        let (named, messages) = found(&expected(), &["", "lookup"]);
        assert_eq!(named, [calls("lookup")]);
        assert!(messages[0].contains("no route names one"), "{messages:?}");
    }

    #[test]
    fn a_context_that_is_nowhere_is_reported() {
        let xml = "<section><context name=\"public\"><extension name=\"e\"><condition/></extension></context></section>";
        let expected = ExpectedSetup {
            contexts: ["public", "pubic"].map(str::to_owned).into(),
            ..expected()
        };
        let extensions = super::super::extensions::extensions(xml).unwrap();
        let answers = Answers::canned(&[(DIALPLAN, xml)]);
        let mut findings = Findings::about("switch");
        judge(&extensions, &answers, &expected, &mut findings);
        let found = findings.list();
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].what.ends_with("does not have: pubic"), "{found:?}");
    }
}
