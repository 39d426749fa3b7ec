//! `switchhook outbox`: lists, shows and resends documents, beside a service that may be running.

mod list;
mod retry;
mod row;
mod show;

use std::path::Path;
use std::process::ExitCode;

use switchhook_core::zone::Zone;
use switchhook_service::outbox;
use switchhook_store::DocumentFilter;

use super::store_context::StoreContext;
use crate::cli::operator::{DocumentFilter as FilterArgs, Outbox, Resume};

/// Runs a command over the outbox.
///
/// Exits with 1 if the store cannot be read or written, or has no such document.
#[must_use]
pub fn outbox(path: &Path, command: &Outbox) -> ExitCode {
    super::exit(super::block_on(async {
        let context = StoreContext::open(path).await?;
        let done = match command {
            Outbox::List(args) => list::list(&context, args).await,
            Outbox::Show(args) => show::show(&context, args).await,
            Outbox::Retry(args) => retry::retry(&context, args).await,
            Outbox::Resume(args) => resume(&context, args).await,
        };
        context.store.close().await;
        done.map(|()| true)
    }))
}

async fn resume(context: &StoreContext, args: &Resume) -> Result<(), String> {
    let name = &args.webhook;
    let resumed = outbox::resume(&context.store, name).await;
    if resumed.map_err(|error| error.to_string())? {
        context.audit("resume", name, "resumed").await;
        super::write_stdout(&format!("deliveries to {name} are resumed\n"))
    } else {
        context.check_name(name)?;
        super::write_stdout(&format!("{name} was not paused\n"))
    }
}

fn filter(filter: &FilterArgs, zone: Zone) -> DocumentFilter {
    DocumentFilter {
        ids: Vec::new(),
        states: filter.state.clone(),
        endpoint: filter.webhook.clone(),
        from_ms: filter.since.map(|since| since.ms(zone)),
        until_ms: filter.until.map(|until| until.ms(zone)),
        accounts: None,
    }
}
