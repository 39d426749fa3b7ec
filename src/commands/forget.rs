//! `switchhook forget`.

use std::fmt::Write as _;
use std::path::Path;
use std::process::ExitCode;

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use switchhook_service::config::Config;
use switchhook_service::recordings::Target;
use switchhook_service::service::target;
use switchhook_store::{Caller, CallerCall, CallerRecords, DocumentState, ScrubResult};

use super::counted;
use super::store_context::{StoreContext, Times};
use crate::cli::operator::Forget;

/// Calls and recordings that are listed.
const LISTED: usize = 20;
/// Requests to the upload target at once, one for each call.
const AT_ONCE: usize = 16;
/// Passes: a running service may store more while a pass erases.
const LOOKS: usize = 10;

/// Lists what the store and the upload target have of a caller; erases it with `--yes`.
///
/// Exits with 1 if the store or the target cannot be read or written.
#[must_use]
pub fn forget(path: &Path, args: &Forget) -> ExitCode {
    super::exit(super::block_on(async {
        let caller = Caller::new(&args.number).ok_or("the number is empty")?;
        let config = Config::load_with_target(path).map_err(|faults| faults.to_string())?;
        let target = target(&config).map_err(|faults| faults.to_string())?;
        let context = StoreContext::open(path).await?;
        let done = run(&context, target.as_ref(), &caller, args.yes).await;
        context.store.close().await;
        done.map(|()| true)
    }))
}

async fn run(
    context: &StoreContext,
    target: Option<&Target>,
    caller: &Caller,
    yes: bool,
) -> Result<(), String> {
    let found = find(context, caller).await?;
    super::write_stdout(&listed(&found, &context.times))?;
    let uploaded = uploaded(target, &found).await?;
    if let Some(target) = target {
        super::write_stdout(&listed_objects(target, &uploaded))?;
    }
    if !yes {
        return super::write_stdout("nothing was changed; --yes erases it\n");
    }
    // Even if nothing is found: an earlier run may have left copies in free pages.
    let mut left = found;
    for _ in 0..LOOKS {
        // The uploads are found through the stored calls, so they go first.
        delete(target, &left).await?;
        let forgotten = context.store.forget(&left).await;
        forgotten.map_err(|error| error.to_string())?;
        // What a running service uploaded meanwhile.
        delete(target, &left).await?;
        left = find(context, caller).await?;
        if left.is_empty() {
            break;
        }
    }
    // Without the number, which is forgotten.
    context.audit("forget", "a caller", "erased").await;
    let scrubbed = context.store.scrub().await;
    let scrubbed = scrubbed.map_err(|error| format!("the data is erased, but {error}"))?;
    super::write_stdout(after(scrubbed))?;
    if left.is_empty() {
        Ok(())
    } else {
        Err("a running service stored more while this command erased; run it again".into())
    }
}

async fn find(context: &StoreContext, caller: &Caller) -> Result<CallerRecords, String> {
    let found = context.store.find_caller(caller).await;
    found.map_err(|error| error.to_string())
}

/// Returns the uploaded recordings of the calls.
async fn uploaded(target: Option<&Target>, found: &CallerRecords) -> Result<Vec<String>, String> {
    let Some(target) = target else {
        return Ok(Vec::new());
    };
    let asked = stream::iter(&found.call_uuids).map(|uuid| target.keys_of_call(uuid));
    let keys: Result<Vec<Vec<String>>, String> = asked.buffered(AT_ONCE).try_collect().await;
    let keys = keys.map_err(|error| format!("{target} cannot be listed: {error}"))?;
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
                DocumentState::Leased => "being sent",
                DocumentState::Waiting
                | DocumentState::Delivered
                | DocumentState::Dead
                | DocumentState::Expired => state.as_str(),
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
            "{legs} of calls that are not over stay; run it again when the calls are over"
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

/// Returns the sentence about copies that may be left.
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
