//! Checks the SIP profiles for a setting that takes the hold music from callers who are not
//! answered.

use roxmltree::{Document, Node, ParsingOptions};

use crate::doctor::ExpectedSetup;
use crate::doctor::answers::{Answers, is_true};
use crate::doctor::finding::Findings;
use switchhook_service::call_control::HoldMusic;

/// The query for the profiles.
pub(super) const CONF: &str = "xml_locate configuration configuration name sofia.conf";
/// Most XML nodes of the profiles.
const NODES: u32 = 1_000_000;
/// With this, the switch refuses its own music before an answer (488, measured).
const NO_EARLY_MEDIA: &str = "inbound-proxy-media";

pub(super) fn judge(answers: &Answers, expected: &ExpectedSetup, findings: &mut Findings) {
    let mut webhooks = expected.webhooks.values();
    if !webhooks.any(|webhook| webhook.music != HoldMusic::Silence) {
        return;
    }
    let profiles = answers.output(CONF).map(profiles_without_early_media);
    for profile in profiles.unwrap_or_default() {
        let what = format!(
            "the SIP profile {profile} has {NO_EARLY_MEDIA}: a caller who is not answered yet gets no hold music, the switch refuses it (488)"
        );
        let cure = "unset it in the profile, answer before the hook, or set before_answer = \"answer\" or \"silence\"";
        findings.warn("hold music", what, cure);
    }
}

fn profiles_without_early_media(xml: &str) -> Vec<String> {
    let options = ParsingOptions {
        nodes_limit: NODES,
        ..ParsingOptions::default()
    };
    let Ok(document) = Document::parse_with_options(xml, options) else {
        return Vec::new();
    };
    let profiles = document.descendants();
    let profiles = profiles.filter(|node| node.has_tag_name("profile"));
    profiles
        .filter(|profile| profile.descendants().any(is_set))
        .map(|profile| profile.attribute("name").unwrap_or_default().to_owned())
        .collect()
}

fn is_set(param: Node<'_, '_>) -> bool {
    param.has_tag_name("param")
        && param.attribute("name") == Some(NO_EARLY_MEDIA)
        && param.attribute("value").is_some_and(is_true)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::doctor::ExpectedWebhook;
    use crate::doctor::tests::expected;

    #[test]
    fn a_profile_without_music_before_an_answer_is_told_where_there_is_music() {
        let profile = |name: &str, value: &str| {
            format!(
                r#"<profile name="{name}"><settings><param name="inbound-proxy-media" value="{value}"/></settings></profile>"#
            )
        };
        let xml = format!(
            r#"<configuration name="sofia.conf"><profiles>{}{}</profiles></configuration>"#,
            profile("internal", "false"),
            profile("trunk", "true"),
        );
        let answers = Answers::canned(&[(CONF, &xml)]);
        for (music, count) in [(HoldMusic::OfSwitch, 1), (HoldMusic::Silence, 0)] {
            let webhook = ExpectedWebhook {
                timeout: Duration::from_secs(10),
                music,
                has_templated_host: false,
            };
            let expected = ExpectedSetup {
                webhooks: [("lookup".to_owned(), webhook)].into(),
                ..expected()
            };
            let mut findings = Findings::about("switch");
            judge(&answers, &expected, &mut findings);
            let found = findings.list();
            assert_eq!(found.len(), count, "{found:?}");
            assert!(
                found
                    .iter()
                    .all(|found| found.what.contains("profile trunk"))
            );
        }
    }
}
