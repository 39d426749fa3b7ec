//! What the switch is to be asked next, given what it has said: a pure function, so that
//! the same table of canned answers drives asking and judging.

use super::answers::{Answers, global_query};
use super::modules::MODULES;
use super::{cdr, event_socket, music, recordings};
use crate::doctor::{ExpectedSetup, Switch, dialplan};

/// Asked of every switch, in this order; the dialplan last, since it is the largest.
const ALWAYS: [&str; 7] = [
    "version",
    "strmicroepoch",
    "status",
    event_socket::CONF,
    cdr::CONF,
    "global_getvar hold_music",
    dialplan::DIALPLAN,
];

/// The next question that has no answer yet.
pub(super) fn next(answers: &Answers, switch: &Switch, expected: &ExpectedSetup) -> Option<String> {
    let modules = MODULES
        .iter()
        .map(|module| format!("module_exists {module}"));
    let always = ALWAYS.iter().map(|query| (*query).to_owned());
    let open = |query: &String| answers.reply(query).is_none();
    if let Some(query) = modules.chain(always).find(open) {
        return Some(query);
    }
    let mut further = event_socket::queries(answers);
    further.extend(cdr::queries(answers, switch));
    further.extend(music::queries(answers, expected));
    further.extend(recordings::queries(expected));
    further.extend(
        dialplan::queries(answers)
            .iter()
            .map(|name| global_query(name)),
    );
    further.extend(dialplan::fallback(answers));
    further.into_iter().find(open)
}
