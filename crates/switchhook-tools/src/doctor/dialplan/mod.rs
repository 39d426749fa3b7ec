//! Checks the switch's dialplan: whether calls are handed to us so that no failure strands them, and
//! whether text from a webhook reaches an application that parses its argument.
//!
//! Only XML files are seen. Dialplans from mod_xml_curl or a script are not.

mod extensions;
mod flow_names;
mod hook_safety;
mod hosts;
mod lines;
mod park_hook;
mod routes;
mod socket_action;
mod socket_hook;
mod text_values;

use std::collections::BTreeSet;

use super::answers::Answers;
use super::finding::Findings;
use super::{ExpectedSetup, Switch};

/// The query for the whole dialplan.
pub(super) const DIALPLAN: &str = "xml_locate dialplan";
/// The query for the context of the shipped hook, for switches that do not give the whole dialplan.
const SHIPPED_CONTEXT: &str = "xml_locate dialplan context name switchhook";

/// Most global variables that are queried.
const MAX_VARIABLES: usize = 16;

/// Returns the query to send if the switch did not give the whole dialplan.
pub(super) fn fallback(answers: &Answers) -> Option<String> {
    let is_needed = answers
        .output(DIALPLAN)
        .is_none_or(|xml| !xml.starts_with('<'));
    is_needed.then(|| SHIPPED_CONTEXT.to_owned())
}

/// Returns the names of the global variables that say where calls are handed to.
pub(super) fn queries(answers: &Answers) -> BTreeSet<String> {
    let extensions = parse(answers).unwrap_or_default();
    let sockets =
        socket_action::sockets(&extensions).flat_map(|socket| hosts::variables(socket.data()));
    let parks = park_hook::parks(&extensions).flat_map(|park| hosts::variables(park.service()));
    sockets.chain(parks).take(MAX_VARIABLES).collect()
}

fn parse(answers: &Answers) -> Option<Vec<extensions::Extension>> {
    let text = answers.output(DIALPLAN).and_then(extensions::extensions);
    text.or_else(|| {
        answers
            .output(SHIPPED_CONTEXT)
            .and_then(extensions::extensions)
    })
}

pub(super) fn judge(
    answers: &Answers,
    switch: &Switch,
    expected: &ExpectedSetup,
    findings: &mut Findings,
) {
    let Some(extensions) = parse(answers) else {
        let what = "its dialplan cannot be read: it may come from mod_xml_curl or a script";
        return findings.note(
            "dialplan",
            what,
            "compare it by hand with the hook in freeswitch-conf/dialplan/switchhook.xml",
        );
    };
    let ours = switch.park_service.as_deref();
    let parked = park_hook::judge(&extensions, answers, ours, expected, findings);
    socket_hook::judge(&extensions, answers, expected, parked, findings);
    lines::judge(&extensions, answers, findings);
    flow_names::judge(&extensions, expected, findings);
    routes::judge(&extensions, answers, expected, findings);
    text_values::judge(&extensions, expected, findings);
}
