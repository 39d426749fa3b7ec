//! The whole table: the service, the null handler and others, each a process of its own,
//! taking turns under the same calls, so that every figure is a ratio within one run.

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

/// What the table is to show.
#[derive(Debug, Clone)]
pub struct TableOptions {
    /// This program, to run `serve` and the null handler.
    pub program: PathBuf,
    /// A folder for configurations, stores and logs.
    pub folder: PathBuf,
    /// Cores of this machine.
    pub cores: usize,
    /// The core that handlers get; `None` when there is one for all.
    pub core: Option<usize>,
    /// Other handlers, running already.
    pub others: Vec<Handler>,
    /// Where the lab's webhook listens; a port of its own choice when nobody else asks it.
    pub webhook: SocketAddr,
    /// Calls that wait at once while memory is measured.
    pub waiting: u64,
    /// How often each handler has its turn.
    pub rounds: u32,
    /// How long a turn lasts.
    pub turn: Duration,
    /// Say on standard error what is being done.
    pub progress: bool,
}

/// A handler of calls.
#[derive(Debug, Clone)]
pub struct Handler {
    /// What the table calls it.
    pub name: String,
    /// `HOST:PORT`.
    pub address: String,
    /// The path behind it.
    pub path: String,
    /// Its process; without it nothing is known of its processor time.
    pub pid: Option<u32>,
    /// Whether it maps the answer's variables, as ours do.
    pub(super) maps: bool,
}

impl Handler {
    /// A program that listens at `address` already.
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

/// Why there is no table.
#[derive(Debug, thiserror::Error)]
pub enum TableError {
    /// A process could not be started.
    #[error(
        "a handler cannot run as a process: {source}; is the folder for temporary files writable?"
    )]
    Child {
        /// What the system says.
        source: io::Error,
    },
    /// It did not say where it listens.
    #[error("a handler did not start within 20 s; it said: {log}")]
    Silent {
        /// Its log.
        log: String,
    },
    /// One load.
    #[error(transparent)]
    Load(#[from] LoadError),
}

/// Measures all handlers; takes about two minutes.
///
/// # Errors
/// When a handler cannot be started or the webhook's port is taken.
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

/// What is being done, for who waits.
fn say(options: &TableOptions, text: &str) {
    if options.progress {
        eprintln!("{text}");
    }
}
