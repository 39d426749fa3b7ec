//! `switchhook outbox`: what is to be delivered, beside a service that may be running.

mod list;
mod retry;
mod row;
mod show;

use std::path::Path;
use std::process::ExitCode;

use switchhook::outbox;
use switchhook::store::DocumentFilter;

use super::desk::Desk;
use crate::cli::operator::{Outbox, Resume, Which};

/// Lists, shows, sends again.
///
/// Exit status 1 when the store could not be read or written, or has no such document.
#[must_use]
pub fn outbox(path: &Path, what: &Outbox) -> ExitCode {
    super::exit(super::block_on(async {
        let desk = Desk::open(path).await?;
        let done = match what {
            Outbox::List(args) => list::list(&desk, args).await,
            Outbox::Show(args) => show::show(&desk, args).await,
            Outbox::Retry(args) => retry::retry(&desk, args).await,
            Outbox::Resume(args) => resume(&desk, args).await,
        };
        desk.store.close().await;
        done.map(|()| true)
    }))
}

async fn resume(desk: &Desk, args: &Resume) -> Result<(), String> {
    let name = &args.webhook;
    let resumed = outbox::resume(&desk.store, name).await;
    match resumed.map_err(|error| error.to_string())? {
        true => super::say(&format!("{name} is sent to again\n")),
        false => {
            desk.check_name(name)?;
            super::say(&format!("{name} was not paused\n"))
        }
    }
}

fn filter(which: &Which) -> DocumentFilter {
    DocumentFilter {
        ids: Vec::new(),
        states: which.state.clone(),
        endpoint: which.webhook.clone(),
        from_ms: which.since.map(|since| since.ms),
        until_ms: which.until.map(|until| until.ms),
    }
}
