//! `switchhook backup` and `switchhook restore`.

use std::path::Path;
use std::process::ExitCode;

use switchhook_service::config::Config;
use switchhook_service::service::store_options;
use switchhook_store::{EndpointBacklog, Role, Store};

use super::counted;
use super::store_context::StoreContext;
use crate::cli::operator::{Backup, Restore};

/// Copies the store to a file.
///
/// Exits with 1 if the store cannot be read or the file cannot be written.
#[must_use]
pub fn backup(path: &Path, args: &Backup) -> ExitCode {
    super::exit(super::block_on(async {
        let context = StoreContext::open(path).await?;
        let copied = context.store.back_up(&args.file).await;
        let printed = copied.map_err(|error| error.to_string()).and_then(|()| {
            let (store, file) = (&context.store, args.file.display());
            super::write_stdout(&format!("{store} was copied to {file}\n"))
        });
        context.store.close().await;
        printed.map(|()| true)
    }))
}

/// Puts a backup into the store of the configuration.
///
/// Exits with 1 if the store is not empty or in use, or if the file is no backup.
#[must_use]
pub fn restore(path: &Path, args: &Restore) -> ExitCode {
    super::exit(super::block_on(async {
        let config = Config::load_without_secrets(path).map_err(|errors| errors.to_string())?;
        if !args.file.is_file() {
            return Err(format!("there is no file {}", args.file.display()));
        }
        let store = Store::open(store_options(&config, Role::Serve)).await;
        let store = store.map_err(|error| error.to_string())?;
        let restored = store.restore(&args.file).await;
        let backlogs = store.backlogs().await;
        let name = store.to_string();
        store.close().await;
        restored.map_err(|error| error.to_string())?;
        let backlogs = backlogs.map_err(|error| error.to_string())?;
        super::write_stdout(&sentence(&name, &backlogs)).map(|()| true)
    }))
}

fn sentence(store: &str, backlogs: &[EndpointBacklog]) -> String {
    let sum = |of: fn(&EndpointBacklog) -> u64| backlogs.iter().map(of).sum::<u64>();
    let waiting = counted(
        sum(|backlog| backlog.waiting),
        "document waits",
        "documents wait",
    );
    let dead = counted(sum(|backlog| backlog.dead), "is dead", "are dead");
    format!("{store} has what the copy had; {waiting} and {dead}\n")
}
