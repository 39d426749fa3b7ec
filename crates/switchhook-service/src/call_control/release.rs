//! The commands that release a call, sent in one write.

use eslclient::{Command, CommandError, ExecuteOptions};
use switchhook_core::outcome::{Failure, Outcome, Reason};
use switchhook_core::variables::{Assignment, Line};

use super::channel::{Channel, HandOver, LineExtensions, RESUMES, WAY_OUT, WEBHOOK};
use super::socket_mode::SocketMode;
use super::unpark::TRANSFER_SOURCE;

/// The number of large values that a call gets at once. The switch queues 256 messages for a
/// channel; at one more it closes the connection, which all parked calls share.
const MAX_QUEUED: usize = 128;

/// How far a call on a socket is: the switch parks it a moment after it has answered `connect`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SocketPark {
    /// The park may not have begun. The end of the socket would not end it then, and the caller
    /// would be parked for ever (FreeSWITCH: mod_event_socket.c `socket_function`).
    MayBegin,
    /// The park has begun, and somebody may have fetched the caller.
    Begun,
}

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
    assignments: &[Assignment<'_>],
    line: Line,
    music_started: bool,
    park: SocketPark,
) -> Result<Vec<Command>, CommandError> {
    let uuid = &channel.uuid;
    let mut commands = Vec::with_capacity(assignments.len() + 6);
    if music_started {
        commands.push(Command::break_(uuid, true)?);
    }
    let is_full = !matches!(&channel.hand_over, HandOver::Socket(mode) if !mode.is_full);
    for assignment in assignments {
        commands.push(if is_full {
            assign(uuid, assignment)?
        } else {
            assign_by_application(assignment)?
        });
    }
    if commands.iter().filter(|it| it.is_queued()).count() > MAX_QUEUED {
        return Err(CommandError::TooMany {
            what: "values of more than 2 KiB",
            limit: MAX_QUEUED,
        });
    }
    match &channel.hand_over {
        HandOver::Socket(mode) if mode.is_full => {
            let resets = mode.is_async && park == SocketPark::MayBegin;
            leave_socket(&mut commands, channel, music_started, resets)?;
        }
        HandOver::Socket(mode) => leave_restricted_socket(&mut commands, channel, *mode)?,
        HandOver::Parked(lines) => leave_park(&mut commands, channel, lines, line)?,
    }
    Ok(commands)
}

/// Adds the commands that end a socket. The switch runs what is queued before it continues in the
/// dialplan (mod_event_socket.c `socket_function`). A `break` in that queue ends a `playback` that
/// was just beginning at the first break.
///
/// A channel whose `socket_resume` is set, or that was told to `resume`, is reset when its socket
/// ends, also if somebody fetched it a moment ago: that would break off the talk. Unset, the end of
/// the socket ends its park, a channel on hold continues all the same, and a fetched one stays
/// where it is (measured). Only a channel that may not be parked yet is reset (`resets`): nobody
/// has fetched it so soon.
fn leave_socket(
    commands: &mut Vec<Command>,
    channel: &Channel,
    music_started: bool,
    resets: bool,
) -> Result<(), CommandError> {
    let uuid = &channel.uuid;
    if let Some(task) = channel.way_out {
        commands.push(Command::sched_del(task)?);
    }
    commands.push(if resets {
        Command::resume()
    } else {
        Command::unset_variable(uuid, RESUMES)?
    });
    if music_started {
        commands.push(run("break", "")?);
        // Tells afterwards whether somebody fetched the call meanwhile.
        commands.push(Command::get_variable(uuid, TRANSFER_SOURCE)?);
    }
    commands.push(Command::exit());
    Ok(())
}

/// Adds the commands that end a socket without `full`, where the switch runs applications and
/// nothing else. Without `async` it runs each at once, and `resume` would leave the channel in
/// CS_RESET for ever; with it, it runs them after `resume`.
fn leave_restricted_socket(
    commands: &mut Vec<Command>,
    channel: &Channel,
    mode: SocketMode,
) -> Result<(), CommandError> {
    if let Some(task) = channel.way_out {
        commands.push(run("sched_cancel", &task.to_string())?);
    }
    commands.push(if mode.is_async {
        Command::resume()
    } else {
        run("unset", RESUMES)?
    });
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
        HandOver::Socket(mode) => {
            let way_out = channel.way_out.filter(|_| !music_started);
            let cancel = way_out.and_then(|task| Command::sched_del(task).ok());
            let resume = mode.is_async.then(Command::resume);
            cancel
                .into_iter()
                .chain(resume)
                .chain([Command::exit()])
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
pub(crate) fn assign(uuid: &str, assignment: &Assignment<'_>) -> Result<Command, CommandError> {
    match &assignment.value {
        Some(value) => Command::set_variable(uuid, &assignment.name, value),
        None => Command::unset_variable(uuid, &assignment.name),
    }
}

/// Does what [`assign`] does with applications, for a socket that refuses everything else. `set`
/// expands the value, which is inert.
fn assign_by_application(assignment: &Assignment<'_>) -> Result<Command, CommandError> {
    let name = &assignment.name;
    match &assignment.value {
        Some(value) => run("set", &format!("{name}={value}")),
        None => run("unset", name),
    }
}

fn run(application: &str, argument: &str) -> Result<Command, CommandError> {
    Command::execute(application, argument, ExecuteOptions::default())
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
