//! Reads the CDRs that a switch writes, when they are needed: after a gap, and again and again
//! while the switch is not followed. While it is, its events tell more and sooner; then the
//! folder is looked through now and again only.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use metrics::counter;
use tokio::sync::{mpsc, watch};
use tokio::task::spawn_blocking;
use tokio::time::{Instant, sleep_until};
use tracing::{info, warn};

use super::folder::{self, Found, Read};
use switchhook_core::cdr::Cdr;
use switchhook_core::health::Health;
use switchhook_core::metric_names;

/// Files of a batch, and about as many bytes.
const FILES: usize = 256;
const BYTES: u64 = 16 * 1024 * 1024;
/// A file that was written this much before the newest that was read may be unread: the clock of
/// files is coarse, and a listing may miss what is written meanwhile.
pub(crate) const OVERLAP_US: i64 = 120 * 1_000_000;
/// How long a file may take to be written.
const UNFINISHED: Duration = Duration::from_secs(30);
/// Between two looks at unfinished files.
const SOON: Duration = Duration::from_secs(2);
/// Between two listings, while the switch is followed and while it is not; longer where listing
/// takes long.
const SELDOM: Duration = Duration::from_secs(60);
const OFTEN: Duration = Duration::from_secs(5);

/// What the reader is to do.
#[derive(Debug)]
pub(crate) enum Order {
    /// Begin: all before this time (µs since 1970, the files' own) is read.
    Begin(i64),
    /// Look through the folder now.
    List,
    /// Look for the files of these channels.
    Find(Vec<String>),
    /// The switch is followed, or not any more.
    Followed(bool),
}

/// Some CDRs.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    /// Each with how many bytes it had.
    pub cdrs: Vec<Cdr>,
    /// All that was written before this is read, once these are stored.
    pub until_us: Option<i64>,
    /// The last of what was ordered.
    pub(crate) is_last: bool,
}

/// Where and how it reads.
#[derive(Debug, Clone)]
pub(crate) struct CdrReaderOptions {
    /// The folder.
    pub folder: PathBuf,
    /// The largest file.
    pub bytes: u64,
    /// The switch's address, for metrics and the log.
    pub switch: String,
}

/// Reads one folder.
pub(crate) struct Reader {
    options: CdrReaderOptions,
    batches: mpsc::Sender<Batch>,
    health: watch::Sender<Health>,
    /// `None` until it may begin.
    until_us: Option<i64>,
    /// Of the last minutes: what is read, by hash of path, size and time.
    seen: HashMap<u64, i64>,
    unfinished: HashMap<PathBuf, Instant>,
    followed: bool,
    next: Instant,
}

impl Reader {
    /// A reader that waits for [`Order::Begin`].
    pub(super) fn new(
        options: CdrReaderOptions,
        batches: mpsc::Sender<Batch>,
        health: watch::Sender<Health>,
    ) -> Self {
        Self {
            options,
            batches,
            health,
            until_us: None,
            seen: HashMap::new(),
            unfinished: HashMap::new(),
            followed: false,
            next: Instant::now(),
        }
    }

    /// Reads until nobody gives orders any more.
    pub(super) async fn run(mut self, mut orders: mpsc::Receiver<Order>) {
        loop {
            let due = self.until_us.is_some();
            tokio::select! {
                order = orders.recv() => match order {
                    Some(order) => self.carry_out(order).await,
                    None => return,
                },
                () = sleep_until(self.next), if due => self.list().await,
            }
        }
    }

    async fn carry_out(&mut self, order: Order) {
        match order {
            Order::Begin(until_us) => {
                self.until_us = self.until_us.or(Some(until_us));
                self.list().await;
            }
            Order::List => self.list().await,
            Order::Find(uuids) => self.find(uuids).await,
            Order::Followed(followed) => {
                self.followed = followed;
                self.next = Instant::now();
            }
        }
        // Whoever ordered waits for it.
        self.send(Batch {
            is_last: true,
            ..Batch::default()
        })
        .await;
    }

    /// Reads what is new, the oldest first.
    async fn list(&mut self) {
        let Some(until_us) = self.until_us else {
            return;
        };
        let began = Instant::now();
        loop {
            let listed = self.listed(until_us.saturating_sub(OVERLAP_US)).await;
            let Some(files) = listed.filter(|files| !files.is_empty()) else {
                break;
            };
            if !self.read_all(files).await {
                break;
            }
        }
        self.forget();
        let usual = if self.followed { SELDOM } else { OFTEN };
        let wait = usual.max(began.elapsed() * 50);
        let soon = !self.unfinished.is_empty();
        self.next = Instant::now() + if soon { SOON.min(wait) } else { wait };
    }

    async fn listed(&mut self, since_us: i64) -> Option<Vec<Found>> {
        let seen = std::mem::take(&mut self.seen);
        let folder = self.options.folder.clone();
        let list = move || {
            let new = |found: &Found| !seen.contains_key(&mark(found));
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
                self.unreadable(&error);
                None
            }
        }
    }

    /// Says it once for each change.
    fn unreadable(&self, error: &std::io::Error) {
        let folder = self.options.folder.display();
        let what = format!(
            "json_cdr_dir {folder} cannot be read: {error}; let this service's user read it, or correct the path"
        );
        if self.health.send_replace(Health::ill(what.clone())).what != what {
            warn!("{what}");
        }
    }

    /// Whether all of them are done with: none is unfinished.
    async fn read_all(&mut self, files: Vec<Found>) -> bool {
        let mut files = files.into_iter().peekable();
        let mut whole = true;
        while files.peek().is_some() {
            let mut bytes = 0;
            let mut some = Vec::new();
            while let Some(file) = files.next_if(|_| some.len() < FILES && bytes < BYTES) {
                bytes += file.bytes;
                some.push(file);
            }
            whole &= self.read_some(some, whole).await;
        }
        whole
    }

    async fn read_some(&mut self, files: Vec<Found>, mut whole: bool) -> bool {
        let limit = self.options.bytes;
        let read = move || {
            let read = files.into_iter().map(|found| {
                let read = folder::read(&found, limit);
                (found, read)
            });
            read.collect::<Vec<_>>()
        };
        let mut batch = Batch::default();
        for (found, read) in spawn_blocking(read).await.unwrap_or_default() {
            match self.judge(&found, read) {
                Some(cdr) => batch.cdrs.extend(cdr),
                None => whole = false,
            }
            // What comes after an unfinished one is read, and read again after a restart.
            if whole {
                self.until_us = self.until_us.max(Some(found.written_us));
                batch.until_us = self.until_us;
            }
        }
        self.send(batch).await;
        whole
    }

    /// The CDR, when it is one; `None` when the file is to be read again.
    fn judge(&mut self, found: &Found, read: Read) -> Option<Option<Cdr>> {
        let judged = match read {
            Read::Cdr(cdr) => Some(*cdr),
            Read::Unfinished(why) => {
                let path = found.path.clone();
                let since = *self.unfinished.entry(path).or_insert_with(Instant::now);
                if since.elapsed() < UNFINISHED {
                    return None;
                }
                self.refuse(&found.path, &why);
                None
            }
            Read::Refused(why) => {
                self.refuse(&found.path, &why);
                None
            }
        };
        self.unfinished.remove(&found.path);
        self.seen.insert(mark(found), found.written_us);
        Some(judged)
    }

    fn refuse(&self, path: &Path, why: &str) {
        let switch = self.options.switch.clone();
        counter!(metric_names::CDRS, "switch" => switch, "outcome" => "refused").increment(1);
        warn!(file = %path.display(), why, "not read as a CDR");
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
                Read::Cdr(cdr) => Some(*cdr).filter(|cdr| cdr.uuid() == uuid.as_str()),
                // The listing tells of it.
                Read::Unfinished(_) | Read::Refused(_) => None,
            });
            cdrs.collect()
        };
        let cdrs: Vec<Cdr> = spawn_blocking(find).await.unwrap_or_default();
        if !cdrs.is_empty() {
            info!(
                switch = self.options.switch,
                legs = cdrs.len(),
                "found the CDRs of legs that ended unseen"
            );
        }
        self.send(Batch {
            cdrs,
            ..Batch::default()
        })
        .await;
    }

    /// Files that are too old to be listed again.
    fn forget(&mut self) {
        let until_us = self.until_us.unwrap_or_default();
        let since_us = until_us.saturating_sub(OVERLAP_US);
        self.seen.retain(|_, written_us| *written_us >= since_us);
        // A file that went away, or was never finished, is no longer waited for.
        self.unfinished
            .retain(|_, since| since.elapsed() < 2 * UNFINISHED);
    }

    async fn send(&self, batch: Batch) {
        // The follower that is gone needs none.
        drop(self.batches.send(batch).await);
    }
}

fn mark(found: &Found) -> u64 {
    let mut hasher = DefaultHasher::new();
    found.hash(&mut hasher);
    hasher.finish()
}
