//! `switchhook backup` and `switchhook restore`.

use std::path::Path;
use std::process::ExitCode;

use switchhook::config::Config;
use switchhook::service::store_options;
use switchhook::store::{EndpointBacklog, Role, Store};

use super::counted;
use super::desk::Desk;
use crate::cli::operator::{Backup, Restore};

/// Copies the store to a file.
///
/// Exit status 1 when the store could not be read or the file not written.
#[must_use]
pub fn backup(path: &Path, args: &Backup) -> ExitCode {
    super::exit(super::block_on(async {
        let desk = Desk::open(path).await?;
        let done = desk.store.back_up(&args.file).await;
        let said = done.map_err(|error| error.to_string()).and_then(|()| {
            let (store, file) = (&desk.store, args.file.display());
            super::say(&format!("{store} was copied to {file}\n"))
        });
        desk.store.close().await;
        said.map(|()| true)
    }))
}

/// Puts a copy into the store of the configuration.
///
/// Exit status 1 when that one is not empty or in use, or the file is no copy.
#[must_use]
pub fn restore(path: &Path, args: &Restore) -> ExitCode {
    super::exit(super::block_on(async {
        let config = Config::load_without_secrets(path).map_err(|faults| faults.to_string())?;
        if !args.file.is_file() {
            return Err(format!("there is no file {}", args.file.display()));
        }
        let store = Store::open(store_options(&config, Role::Serve)).await;
        let store = store.map_err(|error| error.to_string())?;
        let done = store.restore(&args.file).await;
        let backlogs = store.backlogs().await;
        let name = store.to_string();
        store.close().await;
        done.map_err(|error| error.to_string())?;
        let backlogs = backlogs.map_err(|error| error.to_string())?;
        super::say(&sentence(&name, &backlogs)).map(|()| true)
    }))
}

fn sentence(store: &str, backlogs: &[EndpointBacklog]) -> String {
    let sum = |of: fn(&EndpointBacklog) -> u64| backlogs.iter().map(of).sum::<u64>();
    let waiting = counted(sum(|one| one.waiting), "document waits", "documents wait");
    let dead = counted(sum(|one| one.dead), "is dead", "are dead");
    format!("{store} has what the copy had; {waiting} and {dead}\n")
}
