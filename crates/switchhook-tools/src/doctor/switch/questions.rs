//! What the switch is to be asked next, given what it has said: a pure function, so that
//! the same table of canned answers drives asking and judging.

use super::answers::{Answers, global};
use super::modules::MODULES;
use super::{cdr, event_socket, music, recordings};
use crate::doctor::{Plan, Switch, dialplan};

/// Asked of every switch, in this order; the dialplan last, since it is the largest.
const ALWAYS: [&str; 7] = [
    "version",
    "strmicroepoch",
    "status",
    event_socket::CONF,
    cdr::CONF,
    "global_getvar hold_music",
    dialplan::WHOLE,
];

/// The next question that has no answer yet.
pub(super) fn next(answers: &Answers, switch: &Switch, plan: &Plan) -> Option<String> {
    let modules = MODULES
        .iter()
        .map(|module| format!("module_exists {module}"));
    let always = ALWAYS.iter().map(|question| (*question).to_owned());
    let open = |question: &String| answers.reply(question).is_none();
    if let Some(question) = modules.chain(always).find(open) {
        return Some(question);
    }
    let mut further = event_socket::questions(answers);
    further.extend(cdr::questions(answers, switch));
    further.extend(music::questions(answers, plan));
    further.extend(recordings::questions(plan));
    further.extend(dialplan::questions(answers).iter().map(|name| global(name)));
    further.extend(dialplan::fallback(answers));
    further.into_iter().find(open)
}
