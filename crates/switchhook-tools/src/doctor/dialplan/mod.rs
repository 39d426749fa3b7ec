//! The dialplan as the switch has it: whether calls are handed to us, in a way that no
//! failure strands them, and whether an answer's text reaches an application that runs it.
//!
//! Only what stands in XML files is seen; what mod_xml_curl or a script answers is not.

mod grammar;
mod hook;
mod hosts;
mod park;
mod read;
mod routes;
mod safety;
mod socket;

use std::collections::BTreeSet;

use super::finding::Findings;
use super::switch::Answers;
use super::{Plan, Switch};

/// The question for all of it.
pub(super) const WHOLE: &str = "xml_locate dialplan";
/// For switches that do not give all of it: the context of the shipped hook.
const SHIPPED: &str = "xml_locate dialplan context name switchhook";

/// Global variables that are asked after.
const VARIABLES: usize = 16;

/// Asked when the whole is not to be had.
pub(super) fn fallback(answers: &Answers) -> Option<String> {
    let is_needed = answers.said(WHOLE).is_none_or(|xml| !xml.starts_with('<'));
    is_needed.then(|| SHIPPED.to_owned())
}

/// The global variables that say where calls are handed to.
pub(super) fn questions(answers: &Answers) -> BTreeSet<String> {
    let extensions = read(answers).unwrap_or_default();
    let sockets = socket::sockets(&extensions).flat_map(|socket| hosts::variables(socket.data()));
    let parks = park::parks(&extensions).flat_map(|park| hosts::variables(park.service()));
    sockets.chain(parks).take(VARIABLES).collect()
}

fn read(answers: &Answers) -> Option<Vec<read::Extension>> {
    let text = answers.said(WHOLE).and_then(read::extensions);
    text.or_else(|| answers.said(SHIPPED).and_then(read::extensions))
}

pub(super) fn judge(answers: &Answers, switch: &Switch, plan: &Plan, findings: &mut Findings) {
    let Some(extensions) = read(answers) else {
        let what = "its dialplan is not to be seen: it may come from mod_xml_curl or a script";
        return findings.note(
            "dialplan",
            what,
            "read it with the hook of freeswitch-conf/dialplan/switchhook.xml beside it",
        );
    };
    let ours = switch.park_service.as_deref();
    let parked = park::judge(&extensions, answers, ours, plan, findings);
    hook::judge(&extensions, answers, plan, parked, findings);
    routes::judge(&extensions, answers, plan, findings);
    grammar::judge(&extensions, plan, findings);
}
