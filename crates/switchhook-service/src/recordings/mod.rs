//! Publishes the recordings of finished calls, and lets their documents wait until that is done.
//!
//! ```text
//! call over -> store (the call waits, with the content of its documents)
//! engine: claim -> inspect: exists, closed, complete -> serve or upload, check -> link
//!             ^ not ready: retried a little later                                |
//!             '-- until the wait is over: no link, the document is incomplete ---+
//!                                                     store: the call out, its documents in
//! ```
//!
//! A document is built once, when it is known which recordings have a link, and is frozen then. So
//! a link is signed when it starts to be useful. A recording that was not ready in time is marked
//! like other missing data (`incomplete`, `recordingUrls[0].recordedFilePublicPath`). Until then
//! the call waits in a row of its own. One transaction replaces the call's legs by that row,
//! another replaces the row by the documents. A claim is a lease by the store's clock, so another
//! instance continues the work of one that died. Repeating a step does no harm: a recording always
//! has the same key in the target, and the second to finish finds the row gone. The outbox does not
//! take part: a document in it never waits for a file.
//!
//! *Closed*: the switch reported `RECORD_STOP`, or the channel is gone. *Complete*: the file has
//! the same size and time at two looks, one second apart, and a WAV header does not announce
//! more bytes; the file may still be on its way from another machine. *Published*: this program would
//! serve the file's link, or the target reports an object of its size and one byte of its link was
//! fetched.

mod engine;
mod folder;
mod link_check;
mod publish_call;
pub(crate) mod signed_links;
#[cfg(feature = "uploads")]
mod target;
#[cfg(not(feature = "uploads"))]
#[path = "target/without.rs"]
mod target;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use minijinja::{Environment, UndefinedBehavior};
use tokio::sync::Semaphore;

pub use engine::PublishEngine;
pub use folder::{FileSnapshot, Folder, encode_path};
pub use link_check::{LinkCheck, LinkChecker, LinkOrigin};
pub use signed_links::SignedLinks;
pub use target::{Target, TargetError, TargetKind, TargetOptions};

/// Time between the two looks at a file that has to be complete.
pub(crate) const SETTLE_TIME: Duration = Duration::from_secs(1);

/// Why a recording has no link: half a sentence for a person, without secrets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PublishError {
    /// The recording may be ready later.
    NotReady(String),
    /// The target fails, so other recordings fail as well. It may recover.
    TargetUnavailable(String),
    /// The recording can never be published.
    Permanent(String),
}

impl fmt::Display for PublishError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::NotReady(why) | Self::TargetUnavailable(why) | Self::Permanent(why)) = self;
        f.write_str(why)
    }
}

/// The link of each recording, or why it has none, by the recording's path on the switch.
pub(crate) type Links = BTreeMap<String, Result<String, PublishError>>;

/// How recordings are published.
#[derive(Debug)]
pub enum PublishTo {
    /// Served by this program behind signed links.
    SignedLinks(Arc<SignedLinks>),
    /// Uploaded to a target.
    Target(Box<Target>),
}

/// Publishes recordings.
#[derive(Debug)]
pub struct Publisher {
    publish_to: PublishTo,
    wait: Duration,
    permits: Arc<Semaphore>,
}

impl Publisher {
    /// Returns a publisher; documents wait for `publish_to` for at most `wait`.
    #[must_use]
    pub fn new(wait: Duration, publish_to: PublishTo) -> Self {
        let at_once = match &publish_to {
            PublishTo::SignedLinks(_) => Semaphore::MAX_PERMITS,
            PublishTo::Target(target) => target.at_once(),
        };
        Self {
            publish_to,
            wait,
            permits: Arc::new(Semaphore::new(at_once)),
        }
    }

    /// Returns the longest time that a document waits.
    #[must_use]
    pub const fn wait(&self) -> Duration {
        self.wait
    }

    /// Whether the recording at `path` on the switch is in the published folder.
    #[must_use]
    pub fn covers(&self, path: &str) -> bool {
        self.folder().relative_path(path).is_some()
    }

    fn folder(&self) -> &Folder {
        match &self.publish_to {
            PublishTo::SignedLinks(links) => links.folder(),
            PublishTo::Target(target) => target.folder(),
        }
    }

    /// Inspects a recording of the folder.
    ///
    /// # Errors
    /// Returns why it cannot be published: it is absent, incomplete, too large, or outside the
    /// folder.
    pub async fn inspect(&self, path_in_folder: &str) -> Result<FileSnapshot, PublishError> {
        let max_bytes = match &self.publish_to {
            PublishTo::SignedLinks(_) => None,
            PublishTo::Target(target) => Some(target.limit()),
        };
        self.folder().inspect(path_in_folder, max_bytes).await
    }

    /// Publishes a call's recording that has not changed since `snapshot`; returns its link.
    ///
    /// # Errors
    /// Returns why the recording has no link.
    pub async fn publish(
        &self,
        call_uuid: &str,
        path_in_folder: &str,
        snapshot: &FileSnapshot,
    ) -> Result<String, PublishError> {
        // The semaphore is never closed.
        let _permit = self.permits.acquire().await;
        match &self.publish_to {
            PublishTo::SignedLinks(links) => {
                let tag = snapshot.content_tag();
                links.check_opens(path_in_folder, &tag).await?;
                Ok(links.link(path_in_folder, &tag))
            }
            PublishTo::Target(target) => target.publish(call_uuid, path_in_folder, snapshot).await,
        }
    }

    /// Deletes the uploads of a call.
    async fn delete_uploads(&self, call_uuid: &str) -> Result<(), String> {
        let PublishTo::Target(target) = &self.publish_to else {
            return Ok(());
        };
        let keys = target.keys_of_call(call_uuid).await?;
        target.delete(&keys).await
    }
}

/// Compiles a template of links. Rendering fails when a name is undefined.
///
/// # Errors
/// Returns the syntax error of `text`.
pub(crate) fn strict_template(
    name: &'static str,
    text: String,
) -> Result<Environment<'static>, minijinja::Error> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.add_template_owned(name, text)?;
    Ok(environment)
}
