//! The commands that release a call, sent in one write.

use eslclient::{Command, CommandError};
use switchhook_core::outcome::{Failure, Outcome, Reason};
use switchhook_core::variables::{Assignment, Line};

use super::channel::{Channel, HandOver, LineExtensions, WAY_OUT, WEBHOOK};

/// The number of large values that a call gets at once. The switch queues 256 messages for a
/// channel; at one more it closes the connection, which all parked calls share.
const MAX_QUEUED: usize = 128;

/// Returns the commands that release the call to `line`, in the order that the switch needs.
///
/// If `music_started`, the first command breaks the music off, with `all`: that also drops a
/// `playback` that is queued and not begun. No value is queued yet at that point; large values are
/// queued behind it (`sendmsg`, `set`).
///
/// # Errors
/// A variable cannot be written; see [`write_failure`].
pub(crate) fn commands(
    channel: &Channel,
    assignments: &[Assignment],
    line: Line,
    music_started: bool,
) -> Result<Vec<Command>, CommandError> {
    let uuid = &channel.uuid;
    let mut commands = Vec::with_capacity(assignments.len() + 6);
    if music_started {
        commands.push(Command::break_(uuid, true)?);
    }
    for assignment in assignments {
        commands.push(assign(uuid, assignment)?);
    }
    if commands.iter().filter(|it| it.is_queued()).count() > MAX_QUEUED {
        return Err(CommandError::TooMany {
            what: "values of more than 2 KiB",
            limit: MAX_QUEUED,
        });
    }
    match &channel.hand_over {
        HandOver::Socket { .. } => leave_socket(&mut commands, channel, music_started)?,
        HandOver::Parked(lines) => leave_park(&mut commands, channel, lines, line)?,
    }
    Ok(commands)
}

/// Adds the commands that end a socket. The switch runs what is queued before it continues in the
/// dialplan (mod_event_socket.c `socket_function`). A second break, without `all`, ends a
/// `playback` that was just beginning at the first.
fn leave_socket(
    commands: &mut Vec<Command>,
    channel: &Channel,
    music_started: bool,
) -> Result<(), CommandError> {
    if let Some(task) = channel.way_out {
        commands.push(Command::sched_del(task)?);
    }
    commands.push(Command::resume());
    if music_started {
        commands.push(Command::break_(&channel.uuid, false)?);
    }
    commands.push(Command::exit());
    Ok(())
}

/// Adds the commands that end a park. The way out is cancelled first, so that it cannot interfere.
/// After a transfer, commands that are still queued never run (switch_ivr.c `switch_ivr_park`), so
/// the transfer is queued behind them. It also ends a `playback` that is just beginning.
fn leave_park(
    commands: &mut Vec<Command>,
    channel: &Channel,
    lines: &LineExtensions,
    line: Line,
) -> Result<(), CommandError> {
    let queued = commands.iter().filter(|command| command.is_queued());
    let queued = queued.count();
    if let Some(task) = channel.way_out {
        commands.insert(0, Command::sched_del(task)?);
    }
    let uuid = &channel.uuid;
    for name in [WEBHOOK, WAY_OUT] {
        commands.push(Command::unset_variable(uuid, name)?);
    }
    let extension = format!("{}-line-{}", lines.name, line.as_str());
    commands.push(match queued {
        0 => Command::transfer(uuid, &extension, &lines.context)?,
        _ => Command::transfer_queued(uuid, &extension, &lines.context)?,
    });
    Ok(())
}

/// Returns the commands that release a channel to which nothing can be written: it takes line 1,
/// which the hook has set. On a socket, music that was started goes on; then the way out stays
/// scheduled, to end it.
#[must_use]
pub(crate) fn minimal_commands(channel: &Channel, music_started: bool) -> Vec<Command> {
    match &channel.hand_over {
        HandOver::Socket { .. } => {
            let way_out = channel.way_out.filter(|_| !music_started);
            let cancel = way_out.and_then(|task| Command::sched_del(task).ok());
            cancel
                .into_iter()
                .chain([Command::resume(), Command::exit()])
                .collect()
        }
        HandOver::Parked(lines) => {
            let mut commands = Vec::new();
            match leave_park(&mut commands, channel, lines, Line::One) {
                Ok(()) => commands,
                // The way out is still scheduled and takes the call.
                Err(_) => Vec::new(),
            }
        }
    }
}

/// Returns the command that sets or unsets one variable.
///
/// # Errors
/// The name or the value cannot be sent to a switch.
pub(crate) fn assign(uuid: &str, assignment: &Assignment) -> Result<Command, CommandError> {
    match &assignment.value {
        Some(value) => Command::set_variable(uuid, &assignment.name, value),
        None => Command::unset_variable(uuid, &assignment.name),
    }
}

/// Returns the outcome of an answer that cannot be written to the channel.
#[must_use]
pub(crate) fn write_failure(outcome: Option<&Outcome>, error: &CommandError) -> Outcome {
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
