//! The flight recorder: what was said between a switch, this program and a webhook in one call
//! on hold, in one file, so that it can be played again elsewhere ([`switchhook_tools::replay`]).
//!
//! A leaf, as [`switchhook_admin::live_calls`] is: `call_control` writes what it hears and says, nothing reads it
//! while the program runs. A call that is not recorded costs the throw of a die. What a call
//! says is kept in memory until it is over, bounded, and written then with its secrets masked.
//!
//! Of a call on a socket of its own every byte is recorded; of a parked one, which shares its
//! connection, what was said and answered for it, and the events that told of it.

mod file;
mod recording;
mod redact;
mod stream;

use std::path::PathBuf;
use std::sync::Arc;

use arc_swap::ArcSwap;
use tracing::warn;

pub use file::{Code, Header, Line, Payload, VERSION, What};
pub use recording::CallRecording;
pub use redact::Secrets;
pub use stream::Taped;

/// The share that is every call.
pub(crate) const ALL: u32 = 1_000_000;

/// What is recorded, and how much of it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecorderOptions {
    /// The share of calls, in millionths: from 0 (none) to [`ALL`].
    pub share: u32,
    /// Only calls that did not go down line 0 are kept.
    pub(crate) failures_only: bool,
    /// Where files are written, each for one call.
    pub folder: PathBuf,
    /// Files that are kept; the oldest go first.
    pub files: usize,
    /// Bytes of all files that are kept.
    pub bytes: u64,
}

impl Default for RecorderOptions {
    fn default() -> Self {
        Self {
            share: 0,
            failures_only: false,
            folder: PathBuf::from("recorder"),
            files: 1_000,
            bytes: 256 * 1024 * 1024,
        }
    }
}

/// Begins tapes and writes them. Clones share it.
#[derive(Debug, Clone)]
pub struct Recorder {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    options: RecorderOptions,
    secrets: ArcSwap<Secrets>,
    /// One file at a time: each looks at what is in the folder.
    writing: std::sync::Mutex<()>,
}

impl Recorder {
    /// One that keeps `secrets` (of the configuration) out of its files. `None` when nothing is
    /// to be recorded.
    #[must_use]
    pub fn new(options: RecorderOptions, secrets: Secrets) -> Option<Self> {
        let shared = Shared {
            options,
            secrets: ArcSwap::from_pointee(secrets),
            writing: std::sync::Mutex::new(()),
        };
        (shared.options.share > 0).then(|| Self {
            shared: Arc::new(shared),
        })
    }

    /// Keeps these out of its files too, from now on: another configuration may have other ones, and
    /// calls that have begun with the one before end later.
    pub fn learn(&self, secrets: &Secrets) {
        let all = self.shared.secrets.load().with(secrets);
        self.shared.secrets.store(Arc::new(all));
    }

    /// A tape for the call that begins now, when it is to have one.
    #[must_use]
    pub fn begin(&self) -> Option<CallRecording> {
        (fastrand::u32(..ALL) < self.shared.options.share).then(CallRecording::new)
    }

    /// Writes the tape of a call that is over, on a thread that may wait for the disk. Whether
    /// it can be written or not changes nothing for any call.
    pub fn keep(&self, tape: &CallRecording, header: Header, end: What) {
        let is_failure = !matches!(&end, What::End { ending, .. } if ending == "line_0");
        if self.shared.options.failures_only && !is_failure {
            return;
        }
        let (shared, lines) = (Arc::clone(&self.shared), tape.take(end));
        tokio::task::spawn_blocking(move || {
            let Shared {
                options,
                secrets,
                writing,
            } = &*shared;
            let _turn = writing
                .lock()
                .unwrap_or_else(std::sync::PoisonError::into_inner);
            if let Err(error) = file::write(options, &secrets.load(), &header, lines) {
                let folder = options.folder.display();
                warn!(call_uuid = header.uuid, %folder, %error, "the call was not recorded");
            }
        });
    }
}
