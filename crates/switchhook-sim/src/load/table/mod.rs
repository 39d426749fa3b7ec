//! Measures the whole table: the service, the null handler and others.
//!
//! Each handler is its own process and takes its turn under identical calls, so every figure is a
//! ratio within one run.

mod child;
mod cores;
mod memory;
mod result;
mod rounds;

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use self::child::ChildProcesses;
use self::rounds::Rounds;
use super::LoadError;
use super::webhook::Webhook;

pub use self::cores::keep_off_first;
pub use self::result::LoadTable;

/// The settings of a table.
#[derive(Debug, Clone)]
pub struct TableOptions {
    /// This program, which runs `serve` and the null handler.
    pub program: PathBuf,
    /// A folder for configurations, stores and logs.
    pub folder: PathBuf,
    /// Cores of this machine.
    pub cores: usize,
    /// The core that handlers get; `None` if all share one core.
    pub core: Option<usize>,
    /// Other handlers that run already.
    pub others: Vec<Handler>,
    /// Address of the lab's webhook. The lab picks the port if no other handler uses the webhook.
    pub webhook: SocketAddr,
    /// Number of calls that wait at once during the memory measurement.
    pub waiting: u64,
    /// Number of turns for each handler.
    pub rounds: u32,
    /// Duration of a turn.
    pub turn: Duration,
    /// Whether to report progress on standard error.
    pub progress: bool,
}

/// A handler of calls.
#[derive(Debug, Clone)]
pub struct Handler {
    /// The handler's name in the table.
    pub name: String,
    /// `HOST:PORT`.
    pub address: String,
    /// The path after the address.
    pub path: String,
    /// The handler's process. Without it, the processor time is unknown.
    pub pid: Option<u32>,
    /// Whether the handler maps the answer's variables, as the service and the null handler do.
    pub(super) maps: bool,
}

impl Handler {
    /// Describes a program that listens at `address` already.
    #[must_use]
    pub fn other(address: &str, path: &str, pid: Option<u32>) -> Self {
        Self {
            name: address.to_owned(),
            address: address.to_owned(),
            path: path.to_owned(),
            pid,
            maps: false,
        }
    }

    fn child(name: &str, child: &child::Child) -> Self {
        Self {
            name: name.to_owned(),
            address: child.address.clone(),
            path: "lookup".to_owned(),
            pid: Some(child.pid),
            maps: true,
        }
    }
}

/// The reasons why a table cannot be measured.
#[derive(Debug, thiserror::Error)]
pub enum TableError {
    /// A process could not be started.
    #[error(
        "a handler cannot run as a process: {source}; is the folder for temporary files writable?"
    )]
    Child {
        /// The operating system's error.
        source: io::Error,
    },
    /// A handler did not log its address.
    #[error("a handler did not start within 20 s; it said: {log}")]
    Silent {
        /// The handler's log.
        log: String,
    },
    /// A load failed.
    #[error(transparent)]
    Load(#[from] LoadError),
}

/// Measures all handlers, which takes about two minutes.
///
/// # Errors
/// Returns an error if a handler cannot start or the webhook's port is in use.
pub async fn run_table(options: &TableOptions) -> Result<LoadTable, TableError> {
    let webhook = start(options.webhook).await?;
    let nursery = ChildProcesses {
        program: &options.program,
        folder: &options.folder,
        core: options.core,
    };
    let url = format!("http://{}", webhook.address());
    let service = nursery.service(&url, None).await?;
    let null = nursery.null(webhook.address(), false).await?;
    let mut handlers = vec![
        Handler::child("null", &null),
        Handler::child("switchhook", &service),
    ];
    handlers.extend(options.others.iter().cloned());
    let turns = Rounds::new(options, &webhook, handlers);
    let rate = turns.find_rate().await?;
    let rows = turns.take(rate).await?;
    let started_in = service.started_in;
    drop((service, null));
    let memory = memory::measure(options, &nursery, &webhook).await?;
    Ok(LoadTable::new(options, rate, rows, memory, started_in))
}

async fn start(address: SocketAddr) -> Result<Arc<Webhook>, LoadError> {
    let started = Webhook::start(address, None).await;
    Ok(Arc::new(started.map_err(|source| LoadError::Webhook {
        address,
        source,
    })?))
}

/// Reports progress to the user.
fn say(options: &TableOptions, text: &str) {
    if options.progress {
        eprintln!("{text}");
    }
}
