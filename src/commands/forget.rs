//! `switchhook forget`.

use std::fmt::Write as _;
use std::path::Path;
use std::process::ExitCode;

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use switchhook::config::Config;
use switchhook::recordings::Target;
use switchhook::service::target;
use switchhook::store::{Caller, CallerCall, CallerRecords, DocumentState, ScrubResult};

use super::counted;
use super::desk::{Desk, Times};
use crate::cli::operator::Forget;

/// Calls that are listed.
const LISTED: usize = 20;
/// Calls that the target is asked for at once.
const AT_ONCE: usize = 16;
/// Looks for what came in while the rest was removed.
const LOOKS: usize = 10;

/// Says what the store has of a caller, and what was uploaded of their calls, and removes it when
/// it is told to.
///
/// Exit status 1 when the store or the target could not be read or written.
#[must_use]
pub fn forget(path: &Path, args: &Forget) -> ExitCode {
    super::exit(super::block_on(async {
        let caller = Caller::new(&args.number).ok_or("the number is empty")?;
        let config = Config::load_with_target(path).map_err(|faults| faults.to_string())?;
        let target = target(&config).map_err(|faults| faults.to_string())?;
        let desk = Desk::open(path).await?;
        let done = run(&desk, target.as_ref(), &caller, args.yes).await;
        desk.store.close().await;
        done.map(|()| true)
    }))
}

async fn run(
    desk: &Desk,
    target: Option<&Target>,
    caller: &Caller,
    yes: bool,
) -> Result<(), String> {
    let found = find(desk, caller).await?;
    super::say(&listed(&found, &desk.times))?;
    let uploaded = uploaded(target, &found).await?;
    if let Some(target) = target {
        super::say(&listed_objects(target, &uploaded))?;
    }
    if !yes {
        return super::say("nothing was changed; --yes erases it\n");
    }
    // Also when nothing is found: a look before may have left copies in free pages.
    let mut left = found;
    for _ in 0..LOOKS {
        // What was uploaded is found by what is stored, so it goes first.
        delete(target, &left).await?;
        let forgotten = desk.store.forget(&left).await;
        forgotten.map_err(|error| error.to_string())?;
        // What a serve was uploading just then.
        delete(target, &left).await?;
        left = find(desk, caller).await?;
        if left.is_empty() {
            break;
        }
    }
    let scrubbed = desk.store.scrub().await;
    let scrubbed = scrubbed.map_err(|error| format!("it is erased, but {error}"))?;
    super::say(after(scrubbed))?;
    match left.is_empty() {
        true => Ok(()),
        false => Err("more comes in than is erased; run it again".into()),
    }
}

async fn find(desk: &Desk, caller: &Caller) -> Result<CallerRecords, String> {
    let found = desk.store.find_caller(caller).await;
    found.map_err(|error| error.to_string())
}

/// What was uploaded of the calls that were found.
async fn uploaded(target: Option<&Target>, found: &CallerRecords) -> Result<Vec<String>, String> {
    let Some(target) = target else {
        return Ok(Vec::new());
    };
    let asked = stream::iter(&found.call_uuids).map(|uuid| target.of_call(uuid));
    let keys: Result<Vec<Vec<String>>, String> = asked.buffered(AT_ONCE).try_collect().await;
    let keys = keys.map_err(|error| format!("{target} cannot be looked through: {error}"))?;
    Ok(keys.concat())
}

async fn delete(target: Option<&Target>, found: &CallerRecords) -> Result<(), String> {
    let Some(target) = target else { return Ok(()) };
    let keys = uploaded(Some(target), found).await?;
    let deleted = target.delete(&keys).await;
    deleted.map_err(|error| format!("not all of it can be deleted from {target}: {error}"))
}

fn listed_objects(target: &Target, keys: &[String]) -> String {
    let mut out = String::new();
    for key in keys.iter().take(LISTED) {
        // Writing to a String cannot fail.
        let _ = writeln!(out, "  {}", key.escape_debug());
    }
    if keys.len() > LISTED {
        let _ = writeln!(out, "  … and {} more", keys.len() - LISTED);
    }
    let recordings = counted(keys.len() as u64, "recording", "recordings");
    format!("{recordings} in {target}\n{out}")
}

fn listed(found: &CallerRecords, times: &Times) -> String {
    let mut out = String::new();
    for call in found.calls.iter().take(LISTED) {
        out.push_str(&line(call, times));
    }
    // Writing to a String cannot fail.
    if found.calls.len() > LISTED {
        let _ = writeln!(out, "… and {} more", found.calls.len() - LISTED);
    }
    let count = |number: usize| number as u64;
    let mut parts = vec![
        counted(count(found.calls.len()), "call", "calls"),
        counted(count(found.responses()), "kept answer", "kept answers"),
    ];
    for state in DocumentState::ALL {
        let number = count(found.documents(state));
        if number > 0 {
            let word = match state {
                DocumentState::Leased => "being tried",
                DocumentState::Waiting | DocumentState::Delivered | DocumentState::Dead => {
                    state.as_str()
                }
            };
            parts.push(format!(
                "{} ({word})",
                counted(number, "document", "documents")
            ));
        }
    }
    if found.unpublished() > 0 {
        let calls = counted(count(found.unpublished()), "call waits", "calls wait");
        parts.push(format!("{calls} for recordings"));
    }
    let _ = writeln!(out, "{}", parts.join(", "));
    if found.legs > 0 {
        let legs = counted(count(found.legs), "leg", "legs");
        let _ = writeln!(
            out,
            "{legs} of calls that are not over stay; run it again when they are"
        );
    }
    out
}

fn line(call: &CallerCall, times: &Times) -> String {
    let shown = |text: &str| text.escape_debug().to_string();
    format!(
        "{}  {} -> {}  {}\n",
        times.at(call.started_ms),
        shown(&call.caller),
        shown(&call.called),
        shown(&call.call_uuid)
    )
}

const fn after(scrubbed: ScrubResult) -> &'static str {
    match scrubbed {
        ScrubResult::All => "it is erased, and the file written anew\n",
        ScrubResult::BesideServe => {
            "it is erased. Older copies may be left in free pages of the file: run it again while \
             serve is stopped, and they are gone too. A running serve remembers calls that are not \
             over, or not followed, until it is restarted ([limits] calls_remembered)\n"
        }
        ScrubResult::LeftToVacuum => {
            "it is erased; PostgreSQL overwrites the rows after its next VACUUM. A running serve \
             remembers calls that are not over, or not followed, until it is restarted ([limits] \
             calls_remembered)\n"
        }
    }
}
