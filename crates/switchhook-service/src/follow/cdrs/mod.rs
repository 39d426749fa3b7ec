//! The CDRs that a switch makes of ended legs: files of mod_json_cdr, and those it posts.

mod folder;
mod reader;

use std::path::PathBuf;

use tokio::sync::{mpsc, watch};

use switchhook_core::cdr::Cdr;
use switchhook_core::health::Health;

use reader::CdrReader;
pub(super) use reader::{CdrBatch, OVERLAP_US, ReaderCommand};

/// Posted CDRs that may wait for the tracker; a further post waits.
const QUEUE_CAPACITY: usize = 64;

/// A CDR that was posted, and where to send the answer.
pub(crate) struct PostedCdr {
    /// The leg.
    pub cdr: Cdr,
    /// Takes the answer: stored, or why not. Dropping it means not stored.
    pub stored: mpsc::Sender<Result<(), CdrRejection>>,
}

/// Takes the CDRs that one switch posts to Switchhook.
#[derive(Debug, Clone)]
pub struct CdrInbox {
    posts: mpsc::Sender<PostedCdr>,
    names: watch::Receiver<Vec<String>>,
}

/// Why a posted CDR was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CdrRejection {
    /// The switch or the store was not reached yet, or the service stops; it may be posted again.
    #[error(
        "not stored: the service stops, or has not reached its store or the switch yet; see /readyz"
    )]
    NotNow,
    /// The CDR is of another switch.
    #[error("the record is of another switch; post it under that switch's name")]
    Foreign,
}

impl CdrInbox {
    /// Returns whether `name` is one of the switch's: that in documents, its own, or its address.
    #[must_use]
    pub fn is_of(&self, name: &str) -> bool {
        self.names.borrow().iter().any(|known| known == name)
    }

    /// Hands a CDR to the tracker. Returns when it is stored.
    ///
    /// # Errors
    /// See [`CdrRejection`].
    pub async fn take(&self, cdr: Cdr) -> Result<(), CdrRejection> {
        let (stored, mut answer) = mpsc::channel(1);
        let posted = self.posts.send(PostedCdr { cdr, stored }).await;
        posted.map_err(|_| CdrRejection::NotNow)?;
        answer.recv().await.unwrap_or(Err(CdrRejection::NotNow))
    }
}

/// The sources of one switch's CDRs.
pub(crate) struct CdrSources {
    posts: mpsc::Receiver<PostedCdr>,
    files: Option<FileReader>,
}

struct FileReader {
    commands: mpsc::Sender<ReaderCommand>,
    batches: mpsc::Receiver<CdrBatch>,
}

/// CDRs from one of the sources.
pub(crate) enum CdrInput {
    /// One CDR that was posted.
    Posted(PostedCdr),
    /// A batch that was read from the folder.
    Read(CdrBatch),
}

/// The folder of a switch's CDR files.
#[derive(Debug, Clone)]
pub struct CdrOptions {
    /// The folder.
    pub folder: PathBuf,
    /// The size of the largest file that is read, in bytes.
    pub bytes: u64,
}

/// Returns an inbox, and the CDRs posted to it.
pub(crate) fn inbox(names: watch::Receiver<Vec<String>>) -> (CdrInbox, mpsc::Receiver<PostedCdr>) {
    let (posts, posted) = mpsc::channel(QUEUE_CAPACITY);
    (CdrInbox { posts, names }, posted)
}

impl CdrSources {
    /// Starts a folder reader if a folder is configured. The reader ends when the sources are
    /// dropped.
    pub(super) fn open(
        options: Option<&CdrOptions>,
        switch: &str,
        posts: mpsc::Receiver<PostedCdr>,
        health: watch::Sender<Health>,
    ) -> Self {
        let files = options.map(|options| {
            let (command_sender, commands) = mpsc::channel(16);
            let (batch_sender, batches) = mpsc::channel(1);
            let options = reader::CdrReaderOptions {
                folder: options.folder.clone(),
                bytes: options.bytes,
                switch: switch.to_owned(),
            };
            tokio::spawn(CdrReader::new(options, batch_sender, health).run(commands));
            FileReader {
                commands: command_sender,
                batches,
            }
        });
        Self { posts, files }
    }

    /// Returns whether a folder is configured.
    pub(super) const fn has_folder(&self) -> bool {
        self.files.is_some()
    }

    /// Sends the reader a command. Returns whether it will be completed: not if the reader has
    /// enough to do, since whatever is left out is requested again later.
    pub(super) fn request(&self, command: ReaderCommand) -> bool {
        let files = self.files.as_ref();
        files.is_some_and(|files| files.commands.try_send(command).is_ok())
    }

    /// Waits for the next CDRs. Cancel safe.
    pub(super) async fn next(&mut self) -> CdrInput {
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
            posted = posted => CdrInput::Posted(posted),
            batch = read => CdrInput::Read(batch),
        }
    }
}
