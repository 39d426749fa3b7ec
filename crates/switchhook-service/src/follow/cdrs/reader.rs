//! Reads the CDR files of one switch when they are needed: after a gap, and repeatedly while the
//! switch is not connected. While it is, events arrive sooner and hold more, so that the folder is
//! listed only now and then.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use metrics::counter;
use tokio::sync::{mpsc, watch};
use tokio::task::spawn_blocking;
use tokio::time::{Instant, sleep_until};
use tracing::{info, warn};

use super::folder::{self, CdrFile, ReadOutcome};
use switchhook_core::cdr::Cdr;
use switchhook_core::health::Health;
use switchhook_core::metric_names;

/// The size of a batch, in files and (about) in bytes.
const FILES: usize = 256;
const BYTES: u64 = 16 * 1024 * 1024;
/// How far before the newest file read an unread one may lie: file times are coarse, and a
/// listing may miss a file that is written meanwhile.
pub(crate) const OVERLAP_US: i64 = 120 * 1_000_000;
/// How long the switch may take to write a file.
const UNFINISHED: Duration = Duration::from_secs(30);
/// The pause before unfinished files are read again.
const RECHECK_UNFINISHED: Duration = Duration::from_secs(2);
/// The pause between two listings, with and without a connection to the switch; longer where a
/// listing takes long.
const LIST_EVERY_CONNECTED: Duration = Duration::from_secs(60);
const LIST_EVERY_DISCONNECTED: Duration = Duration::from_secs(5);

/// A command to the reader. Each is answered by a batch with `completes_command`.
#[derive(Debug)]
pub(crate) enum ReaderCommand {
    /// Begin: files written before this time (µs since 1970) are read already.
    Begin(i64),
    /// List the folder now.
    List,
    /// Look for the files of these channels, by their Unique-IDs.
    Find(Vec<String>),
    /// The switch is connected, or no longer.
    Connected(bool),
}

/// A batch of CDRs.
#[derive(Debug, Default)]
pub(crate) struct CdrBatch {
    /// The CDRs, in the order of their files.
    pub cdrs: Vec<Cdr>,
    /// Once these are stored, every file written before this time (µs since 1970) is read.
    pub until_us: Option<i64>,
    /// Whether this batch completes a command.
    pub(crate) completes_command: bool,
}

/// The settings of one reader.
#[derive(Debug, Clone)]
pub(crate) struct CdrReaderOptions {
    /// The folder.
    pub folder: PathBuf,
    /// The size of the largest file that is read, in bytes.
    pub bytes: u64,
    /// The switch's address, for metrics and the log.
    pub switch: String,
}

/// Reads the CDR files of one folder.
pub(crate) struct CdrReader {
    options: CdrReaderOptions,
    batches: mpsc::Sender<CdrBatch>,
    health: watch::Sender<Health>,
    /// Files written before this time are read; `None` until [`ReaderCommand::Begin`].
    until_us: Option<i64>,
    /// Files read within the overlap: hash of path, size and time, to the time.
    seen: HashMap<u64, i64>,
    /// Files that do not parse yet, with the time of the first attempt.
    unfinished: HashMap<PathBuf, Instant>,
    is_connected: bool,
    next: Instant,
}

impl CdrReader {
    /// Returns a reader that waits for [`ReaderCommand::Begin`].
    pub(super) fn new(
        options: CdrReaderOptions,
        batches: mpsc::Sender<CdrBatch>,
        health: watch::Sender<Health>,
    ) -> Self {
        Self {
            options,
            batches,
            health,
            until_us: None,
            seen: HashMap::new(),
            unfinished: HashMap::new(),
            is_connected: false,
            next: Instant::now(),
        }
    }

    /// Reads until the command channel closes.
    pub(super) async fn run(mut self, mut commands: mpsc::Receiver<ReaderCommand>) {
        loop {
            let due = self.until_us.is_some();
            tokio::select! {
                command = commands.recv() => match command {
                    Some(command) => self.run_command(command).await,
                    None => return,
                },
                () = sleep_until(self.next), if due => self.list().await,
            }
        }
    }

    async fn run_command(&mut self, command: ReaderCommand) {
        match command {
            ReaderCommand::Begin(until_us) => {
                self.until_us = self.until_us.or(Some(until_us));
                self.list().await;
            }
            ReaderCommand::List => self.list().await,
            ReaderCommand::Find(uuids) => self.find(uuids).await,
            ReaderCommand::Connected(is_connected) => {
                self.is_connected = is_connected;
                self.next = Instant::now();
            }
        }
        // The tracker waits for this.
        self.send(CdrBatch {
            completes_command: true,
            ..CdrBatch::default()
        })
        .await;
    }

    /// Reads the new files, oldest first.
    async fn list(&mut self) {
        let Some(until_us) = self.until_us else {
            return;
        };
        let began = Instant::now();
        loop {
            let listed = self.list_files(until_us.saturating_sub(OVERLAP_US)).await;
            let Some(files) = listed.filter(|files| !files.is_empty()) else {
                break;
            };
            if !self.read_all(files).await {
                break;
            }
        }
        self.forget();
        let usual = if self.is_connected {
            LIST_EVERY_CONNECTED
        } else {
            LIST_EVERY_DISCONNECTED
        };
        let wait = usual.max(began.elapsed() * 50);
        let soon = !self.unfinished.is_empty();
        self.next = Instant::now()
            + if soon {
                RECHECK_UNFINISHED.min(wait)
            } else {
                wait
            };
    }

    async fn list_files(&mut self, since_us: i64) -> Option<Vec<CdrFile>> {
        let seen = std::mem::take(&mut self.seen);
        let folder = self.options.folder.clone();
        let list = move || {
            let new = |file_info: &CdrFile| !seen.contains_key(&fingerprint(file_info));
            (folder::list(&folder, since_us, &new), seen)
        };
        let (listed, seen) = spawn_blocking(list).await.ok()?;
        self.seen = seen;
        match listed {
            Ok(files) => {
                if !self.health.borrow().ok {
                    self.health.send_replace(Health::well());
                }
                Some(files)
            }
            Err(error) => {
                self.report_unreadable(&error);
                None
            }
        }
    }

    /// Logs an unreadable folder once for each change.
    fn report_unreadable(&self, error: &std::io::Error) {
        let folder = self.options.folder.display();
        let what = format!(
            "json_cdr_dir {folder} cannot be read: {error}; give this service's user read access, or correct the path"
        );
        if self.health.send_replace(Health::ill(what.clone())).what != what {
            warn!("{what}");
        }
    }

    /// Reads all files. Returns whether none of them is unfinished.
    async fn read_all(&mut self, files: Vec<CdrFile>) -> bool {
        let mut files = files.into_iter().peekable();
        let mut complete = true;
        while files.peek().is_some() {
            let mut bytes = 0;
            let mut some = Vec::new();
            while let Some(file) = files.next_if(|_| some.len() < FILES && bytes < BYTES) {
                bytes += file.bytes;
                some.push(file);
            }
            complete &= self.read_some(some, complete).await;
        }
        complete
    }

    async fn read_some(&mut self, files: Vec<CdrFile>, mut complete: bool) -> bool {
        let limit = self.options.bytes;
        let read = move || {
            let read = files.into_iter().map(|file_info| {
                let read = folder::read(&file_info, limit);
                (file_info, read)
            });
            read.collect::<Vec<_>>()
        };
        let mut batch = CdrBatch::default();
        for (file_info, read) in spawn_blocking(read).await.unwrap_or_default() {
            match self.handle_outcome(&file_info, read) {
                Some(cdr) => batch.cdrs.extend(cdr),
                None => complete = false,
            }
            // Files after an unfinished one are read, and read again after a restart.
            if complete {
                self.until_us = self.until_us.max(Some(file_info.written_us));
                batch.until_us = self.until_us;
            }
        }
        self.send(batch).await;
        complete
    }

    /// Returns `Some` with the CDR, if the file is one; `None` if it must be read again.
    fn handle_outcome(&mut self, file_info: &CdrFile, read: ReadOutcome) -> Option<Option<Cdr>> {
        let cdr = match read {
            ReadOutcome::Cdr(cdr) => Some(*cdr),
            ReadOutcome::Unfinished(why) => {
                let path = file_info.path.clone();
                let since = *self.unfinished.entry(path).or_insert_with(Instant::now);
                if since.elapsed() < UNFINISHED {
                    return None;
                }
                self.refuse(&file_info.path, &why);
                None
            }
            ReadOutcome::Refused(why) => {
                self.refuse(&file_info.path, &why);
                None
            }
        };
        self.unfinished.remove(&file_info.path);
        self.seen
            .insert(fingerprint(file_info), file_info.written_us);
        Some(cdr)
    }

    fn refuse(&self, path: &Path, why: &str) {
        let switch = self.options.switch.clone();
        counter!(metric_names::CDRS, "switch" => switch, "outcome" => "refused").increment(1);
        warn!(file = %path.display(), why, "the file is not a CDR");
    }

    async fn find(&mut self, uuids: Vec<String>) {
        let folder = self.options.folder.clone();
        let limit = self.options.bytes;
        let find = move || {
            let files = uuids.iter().flat_map(|uuid| {
                let files = folder::of_channel(&folder, uuid);
                files.into_iter().map(move |file| (uuid, file))
            });
            let cdrs = files.filter_map(|(uuid, file)| match folder::read(&file, limit) {
                ReadOutcome::Cdr(cdr) => Some(*cdr).filter(|cdr| cdr.uuid() == uuid.as_str()),
                // The listing reports these.
                ReadOutcome::Unfinished(_) | ReadOutcome::Refused(_) => None,
            });
            cdrs.collect()
        };
        let cdrs: Vec<Cdr> = spawn_blocking(find).await.unwrap_or_default();
        if !cdrs.is_empty() {
            info!(
                switch = self.options.switch,
                legs = cdrs.len(),
                "found the CDRs of legs whose end was not seen"
            );
        }
        self.send(CdrBatch {
            cdrs,
            ..CdrBatch::default()
        })
        .await;
    }

    /// Drops files that are too old to be listed again.
    fn forget(&mut self) {
        let until_us = self.until_us.unwrap_or_default();
        let since_us = until_us.saturating_sub(OVERLAP_US);
        self.seen.retain(|_, written_us| *written_us >= since_us);
        // A file that was removed or never finished is dropped too.
        self.unfinished
            .retain(|_, since| since.elapsed() < 2 * UNFINISHED);
    }

    async fn send(&self, batch: CdrBatch) {
        // Fails only if the follower has ended.
        drop(self.batches.send(batch).await);
    }
}

fn fingerprint(file_info: &CdrFile) -> u64 {
    let mut hasher = DefaultHasher::new();
    file_info.hash(&mut hasher);
    hasher.finish()
}
