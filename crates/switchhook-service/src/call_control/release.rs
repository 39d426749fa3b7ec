//! The one write that lets a call go.

use eslclient::{Command, CommandError};
use switchhook_core::outcome::{Failure, Outcome, Reason};
use switchhook_core::variables::{Assignment, Line};

use super::channel::{ASKS, Channel, Lines, WAY_OUT, Way};

/// Values too long for a line that a call is given at once. The switch queues 256 for a
/// channel; at one more it closes the connection, which all parked calls share.
const QUEUED: usize = 128;

/// Everything that lets the call go to `line`, in the order in which the switch must see it.
///
/// When something was `played`, it is broken off first, with `all`: that also drops
/// a `playback` that is queued and not begun, and nothing of ours is queued yet. Large
/// values are queued behind it (`sendmsg`, `set`).
///
/// # Errors
/// When a variable cannot be written at all; see [`spoiled`].
pub(crate) fn commands(
    channel: &Channel,
    assignments: &[Assignment],
    line: Line,
    played: bool,
) -> Result<Vec<Command>, CommandError> {
    let uuid = &channel.uuid;
    let mut commands = Vec::with_capacity(assignments.len() + 6);
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
    match &channel.way {
        Way::Socket { .. } => leave_socket(&mut commands, channel, played)?,
        Way::Parked(lines) => leave_park(&mut commands, channel, lines, line)?,
    }
    Ok(commands)
}

/// The switch runs what is queued before it goes on in the dialplan (mod_event_socket.c
/// `socket_function`). A second break, without `all`, catches a `playback` that was just
/// beginning at the first.
fn leave_socket(
    commands: &mut Vec<Command>,
    channel: &Channel,
    played: bool,
) -> Result<(), CommandError> {
    if let Some(task) = channel.way_out {
        commands.push(Command::sched_del(task)?);
    }
    commands.push(Command::resume());
    if played {
        commands.push(Command::break_(&channel.uuid, false)?);
    }
    commands.push(Command::exit());
    Ok(())
}

/// The way out goes first, so that it cannot come between. A transfer drops nothing that is
/// queued, and nothing runs it any more (switch_ivr.c `switch_ivr_park`): then the transfer
/// is queued behind it. A `playback` that is just beginning ends with the transfer.
fn leave_park(
    commands: &mut Vec<Command>,
    channel: &Channel,
    lines: &Lines,
    line: Line,
) -> Result<(), CommandError> {
    let queued = commands.iter().filter(|command| command.is_queued());
    let queued = queued.count();
    if let Some(task) = channel.way_out {
        commands.insert(0, Command::sched_del(task)?);
    }
    let uuid = &channel.uuid;
    for name in [ASKS, WAY_OUT] {
        commands.push(Command::unset_variable(uuid, name)?);
    }
    let extension = format!("{}-line-{}", lines.name, line.as_str());
    commands.push(match queued {
        0 => Command::transfer(uuid, &extension, &lines.context)?,
        _ => Command::transfer_queued(uuid, &extension, &lines.context)?,
    });
    Ok(())
}

/// The leaving of a channel for which nothing can be written: on to line 1, which the hook
/// has set. On a socket what was `played` goes on meanwhile; then the scheduled way out
/// stays, to end it.
#[must_use]
pub(crate) fn bare(channel: &Channel, played: bool) -> Vec<Command> {
    match &channel.way {
        Way::Socket { .. } => {
            let way_out = channel.way_out.filter(|_| !played);
            let cancel = way_out.and_then(|task| Command::sched_del(task).ok());
            cancel
                .into_iter()
                .chain([Command::resume(), Command::exit()])
                .collect()
        }
        Way::Parked(lines) => {
            let mut commands = Vec::new();
            match leave_park(&mut commands, channel, lines, Line::One) {
                Ok(()) => commands,
                // Nothing was cancelled: the schedule has it.
                Err(_) => Vec::new(),
            }
        }
    }
}

/// One variable, set or unset.
///
/// # Errors
/// When name or value cannot be sent to a switch.
pub(crate) fn assign(uuid: &str, assignment: &Assignment) -> Result<Command, CommandError> {
    match &assignment.value {
        Some(value) => Command::set_variable(uuid, &assignment.name, value),
        None => Command::unset_variable(uuid, &assignment.name),
    }
}

/// The outcome of an answer that the switch would not take.
#[must_use]
pub(crate) fn spoiled(outcome: Option<&Outcome>, error: &CommandError) -> Outcome {
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
