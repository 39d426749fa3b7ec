//! The one write that lets a call go.

use crate::call::outcome::{Failure, Outcome, Reason};
use crate::call::variables::Assignment;
use crate::eslclient::{Command, CommandError};

use super::channel::Channel;

/// Values too long for a line that a call is given at once. The switch queues 256 for a
/// channel; at one more it closes the connection.
const QUEUED: usize = 128;

/// Everything from the first variable to `exit`, in the order in which the switch
/// must see it.
///
/// When something was `played`, it is broken off first, with `all`: that also drops
/// a `playback` that is queued and not begun, and nothing of ours is queued yet. Large
/// values are queued behind it (`sendmsg`, `set`); the switch runs what is queued
/// before it goes on in the dialplan (mod_event_socket.c `socket_function`). A second
/// break, without `all`, catches a `playback` that was just beginning at the first.
///
/// # Errors
/// When a variable cannot be written at all; see [`spoiled`].
pub fn commands(
    channel: &Channel,
    assignments: &[Assignment],
    played: bool,
) -> Result<Vec<Command>, CommandError> {
    let uuid = &channel.uuid;
    let mut commands = Vec::with_capacity(assignments.len() + 5);
    if played {
        commands.push(Command::break_(uuid, true)?);
    }
    for assignment in assignments {
        commands.push(assign(uuid, assignment)?);
    }
    if commands.iter().filter(|it| it.is_queued()).count() > QUEUED {
        return Err(CommandError::TooMany {
            what: "values of more than 2 KiB",
            limit: QUEUED,
        });
    }
    if let Some(task) = channel.way_out {
        commands.push(Command::sched_del(task)?);
    }
    commands.push(Command::resume());
    if played {
        commands.push(Command::break_(uuid, false)?);
    }
    commands.push(Command::exit());
    Ok(commands)
}

/// The leaving of a channel for which nothing can be written: on with the dialplan,
/// where the hook has set line 1. What was `played` goes on meanwhile; then the
/// scheduled way out stays, to end it.
#[must_use]
pub fn bare(channel: &Channel, played: bool) -> Vec<Command> {
    let way_out = channel.way_out.filter(|_| !played);
    let cancel = way_out.and_then(|task| Command::sched_del(task).ok());
    cancel
        .into_iter()
        .chain([Command::resume(), Command::exit()])
        .collect()
}

/// One variable, set or unset.
///
/// # Errors
/// When name or value cannot be sent to a switch.
pub fn assign(uuid: &str, assignment: &Assignment) -> Result<Command, CommandError> {
    match &assignment.value {
        Some(value) => Command::set_variable(uuid, &assignment.name, value),
        None => Command::unset_variable(uuid, &assignment.name),
    }
}

/// The outcome of an answer that the switch would not take.
#[must_use]
pub fn spoiled(outcome: Option<&Outcome>, error: &CommandError) -> Outcome {
    let detail = format!("the answer cannot be written to the channel: {error}");
    let failure = Failure::new(Reason::InvalidResponse, detail);
    let (status, duration) =
        outcome.map_or((None, None), |outcome| (outcome.status, outcome.duration));
    Outcome {
        status,
        duration,
        ..Outcome::unsent(failure)
    }
}
