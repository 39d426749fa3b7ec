//! What the switch records of a leg after its end: files of mod_json_cdr, and what it posts.

mod folder;
mod reader;

use std::path::PathBuf;

use tokio::sync::{mpsc, watch};

use switchhook_core::cdr::Cdr;
use switchhook_core::health::Health;

use reader::Reader;
pub(super) use reader::{Batch, OVERLAP_US, Order};

/// Posted CDRs that wait for the ledger; the one who posts more waits.
const POSTED: usize = 64;

/// A CDR that was posted, with whoever waits until it is stored.
pub(crate) struct Posted {
    /// The leg.
    pub cdr: Cdr,
    /// Told when it is stored, or why it is not; dropped when it will not be.
    pub stored: mpsc::Sender<Result<(), NotTaken>>,
}

/// Takes the CDRs that one switch posts.
#[derive(Debug, Clone)]
pub struct Inlet {
    posts: mpsc::Sender<Posted>,
    names: watch::Receiver<Vec<String>>,
}

/// Why a CDR was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotTaken {
    /// Not now: the switch or the store was not reached yet, or the service stops.
    #[error(
        "not stored: the service stops, or has not reached its store or the switch yet; see /readyz"
    )]
    NotNow,
    /// It is of another switch.
    #[error("the record is of another switch; post it under the name of that one")]
    Foreign,
}

impl Inlet {
    /// Whether `name` is one of the switch's: that in documents, its own, or its address.
    #[must_use]
    pub fn is_of(&self, name: &str) -> bool {
        self.names.borrow().iter().any(|known| known == name)
    }

    /// Hands a CDR over; returns when what it told is stored.
    ///
    /// # Errors
    /// [`NotTaken`]; it may be offered again.
    pub async fn take(&self, cdr: Cdr) -> Result<(), NotTaken> {
        let (stored, mut answer) = mpsc::channel(1);
        let posted = self.posts.send(Posted { cdr, stored }).await;
        posted.map_err(|_| NotTaken::NotNow)?;
        answer.recv().await.unwrap_or(Err(NotTaken::NotNow))
    }
}

/// Where CDRs come from.
pub(crate) struct Sources {
    posts: mpsc::Receiver<Posted>,
    files: Option<Files>,
}

struct Files {
    orders: mpsc::Sender<Order>,
    batches: mpsc::Receiver<Batch>,
}

/// CDRs that came.
pub(crate) enum Came {
    /// One that was posted.
    Posted(Posted),
    /// Some that were read.
    Read(Batch),
}

/// Where CDRs are read.
#[derive(Debug, Clone)]
pub struct CdrOptions {
    /// The folder.
    pub folder: PathBuf,
    /// The largest file that is read.
    pub bytes: u64,
}

/// The inlet, and what becomes of it.
pub(crate) fn inlet(names: watch::Receiver<Vec<String>>) -> (Inlet, mpsc::Receiver<Posted>) {
    let (posts, posted) = mpsc::channel(POSTED);
    (Inlet { posts, names }, posted)
}

impl Sources {
    /// Starts a reader, when there is a folder. It ends with the sources.
    pub(super) fn open(
        options: Option<&CdrOptions>,
        switch: &str,
        posts: mpsc::Receiver<Posted>,
        health: watch::Sender<Health>,
    ) -> Self {
        let files = options.map(|options| {
            let (ordering, orders) = mpsc::channel(16);
            let (sending, batches) = mpsc::channel(1);
            let options = reader::CdrReaderOptions {
                folder: options.folder.clone(),
                bytes: options.bytes,
                switch: switch.to_owned(),
            };
            tokio::spawn(Reader::new(options, sending, health).run(orders));
            Files {
                orders: ordering,
                batches,
            }
        });
        Self { posts, files }
    }

    /// There is a folder.
    pub(super) const fn reads(&self) -> bool {
        self.files.is_some()
    }

    /// Gives the reader an order; whether it will be answered. Not when it has enough to do:
    /// what is ordered then is ordered again later.
    pub(super) fn order(&self, order: Order) -> bool {
        let files = self.files.as_ref();
        files.is_some_and(|files| files.orders.try_send(order).is_ok())
    }

    /// The next that comes. Cancel safe.
    pub(super) async fn next(&mut self) -> Came {
        let posted = async {
            match self.posts.recv().await {
                Some(posted) => posted,
                None => std::future::pending().await,
            }
        };
        let read = async {
            match &mut self.files {
                Some(files) => files.batches.recv().await,
                None => None,
            }
        };
        let read = async {
            match read.await {
                Some(batch) => batch,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            posted = posted => Came::Posted(posted),
            batch = read => Came::Read(batch),
        }
    }
}
