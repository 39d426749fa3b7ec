//! The flight recorder: writes the traffic between a switch, this program and a webhook for one
//! call on hold into one file, so that [`switchhook_tools::replay`] can replay it.
//!
//! Nothing reads a recording while the program runs: `call_control` writes it, and the call does
//! not depend on it. A call that is not recorded costs one random number. A recording stays in
//! memory, within a limit, until the call is over, and is then written with its secrets redacted.
//!
//! Of a call on a socket of its own every byte is recorded. A parked call shares its connection:
//! its own commands and replies are recorded, and the events about it.

mod format;
mod recording;
mod redact;
mod stream;
mod writer;

use std::path::PathBuf;
use std::sync::Arc;

use arc_swap::ArcSwap;
use tracing::warn;

pub use format::{Code, Header, Line, Payload, RecordedEvent, VERSION};
pub use recording::CallRecording;
pub use redact::Secrets;
pub use stream::RecordedStream;

/// The share that selects every call, in millionths.
pub(crate) const ALL_CALLS: u32 = 1_000_000;

/// Which calls are recorded, and how many files are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecorderOptions {
    /// The share of calls, in millionths, from 0 (none) to [`ALL_CALLS`].
    pub share: u32,
    /// Keep only calls that did not leave on line 0.
    pub(crate) failures_only: bool,
    /// The folder for the files, one for each call.
    pub folder: PathBuf,
    /// Most files; the oldest are removed first.
    pub files: usize,
    /// Most bytes of all files.
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

/// Starts and saves recordings. Clones share the state.
#[derive(Debug, Clone)]
pub struct Recorder {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    options: RecorderOptions,
    secrets: ArcSwap<Secrets>,
    /// Writes one file at a time, because each write also removes old files.
    writing: std::sync::Mutex<()>,
}

impl Recorder {
    /// Returns a recorder that redacts `secrets` in its files; `None` when nothing is to be
    /// recorded.
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

    /// Redacts further secrets from now on. Another configuration may have other secrets, and calls
    /// that began under the previous one end later.
    pub fn add_secrets(&self, secrets: &Secrets) {
        let all = self.shared.secrets.load().merged_with(secrets);
        self.shared.secrets.store(Arc::new(all));
    }

    /// Starts a recording if the call that begins now is selected.
    #[must_use]
    pub fn start(&self) -> Option<CallRecording> {
        (fastrand::u32(..ALL_CALLS) < self.shared.options.share).then(CallRecording::new)
    }

    /// Writes the recording of a finished call on a thread that may wait for the disk. A failure is
    /// logged and does not affect the call.
    pub fn save(&self, recording: &CallRecording, header: Header, end: RecordedEvent) {
        let is_failure = !matches!(&end, RecordedEvent::End { ending, .. } if ending == "line_0");
        if self.shared.options.failures_only && !is_failure {
            return;
        }
        let (shared, lines) = (Arc::clone(&self.shared), recording.finish(end));
        tokio::task::spawn_blocking(move || {
            let Shared {
                options,
                secrets,
                writing,
            } = &*shared;
            let _one_at_a_time = writing
                .lock()
                .unwrap_or_else(std::sync::PoisonError::into_inner);
            if let Err(error) = writer::write(options, &secrets.load(), &header, lines) {
                let folder = options.folder.display();
                warn!(call_uuid = header.uuid, %folder, %error, "the call was not recorded");
            }
        });
    }
}
