//! Chooses the next query from the answers so far. It is a pure function, so that tests drive
//! queries and judging with one table of canned answers.

use super::modules::MODULES;
use super::{cdr, event_socket, include_lines, music, profiles, recordings};
use crate::doctor::answers::{Answers, global_query};
use crate::doctor::{ExpectedSetup, Switch, dialplan};

/// Sent to every switch in this order, after the queries for modules. The dialplan is last because it
/// is the largest.
const ALWAYS: [&str; 7] = [
    "version",
    "strmicroepoch",
    "status",
    event_socket::CONF,
    cdr::CONF,
    "global_getvar hold_music",
    dialplan::DIALPLAN,
];

/// Returns the next query without an answer, or `None` if there is none.
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
    further.extend([profiles::CONF.to_owned(), include_lines::query()]);
    further.extend(
        dialplan::queries(answers)
            .iter()
            .map(|name| global_query(name)),
    );
    further.extend(dialplan::fallback(answers));
    further.into_iter().find(open)
}
