//! Where others can fetch a call's recordings, and the wait until they can.
//!
//! ```text
//! call over -> store (the call waits, with what its documents are made of)
//! engine: claim -> look: there, closed, whole, ours -> serve or upload, look there -> link
//!             ^ not yet: a little later                                               |
//!             '-- until the wait is over: no link, and the document says so ----------+
//!                                                     store: the call out, its documents in
//! ```
//!
//! A document is made once, when it is known what it can say of its recordings, and frozen then:
//! so a link is signed when it begins to be of use, and what the wait was in vain for is marked as
//! anything else that a document lacks (`incomplete`, `recordingUrls[0].recordedFilePublicPath`).
//! Until then the call waits in the store, in a row of its own that took the place of its legs in
//! one transaction and is exchanged for its documents in another. Whoever claims it has a lease,
//! by the store's clock; a service that dies leaves it to the next one. Nothing done twice does
//! harm: the same recording has the same key in the target, and who comes second finds the row
//! gone. The outbox knows nothing of all this, and a document in it never waits for a file.
//!
//! What is *closed* is said by the switch (`RECORD_STOP`, or the channel is gone). *Whole* is a
//! file of the same size and time at two looks, [`SETTLED`] apart, of which a WAV header does not
//! say that more is to come: it may be on its way here from another machine. *Reachable*: it is in
//! the served folder, or the target says that it has an object of that size.

mod engine;
mod folder;
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

use switchhook_store::Published;

pub use engine::Engine;
pub use folder::{Folder, Seen, encoded};
pub use target::{Target, TargetError, TargetKind, TargetOptions};

use signed_links::SignedLinks;

/// Between two looks at a file that is to be whole.
pub(crate) const SETTLED: Duration = Duration::from_secs(1);

/// Why a recording cannot be fetched: half a sentence for a person, without secrets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trouble {
    /// It may be, later.
    NotYet(String),
    /// So may it, and others cannot either: it is the place that recordings go to.
    Away(String),
    /// It never will.
    Never(String),
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::NotYet(why) | Self::Away(why) | Self::Never(why)) = self;
        f.write_str(why)
    }
}

/// Of recordings, by their path on the switch: the link, or why there is none.
pub(crate) type Links = BTreeMap<String, Result<String, Trouble>>;

/// Knows what waits of a call, and makes its documents.
pub trait DocumentMaker: Send + Sync + 'static {
    /// Who publishes recordings now; `None` when nobody does any more.
    fn publisher(&self) -> Option<Arc<Publisher>>;

    /// The paths, on the switch, of a waiting call's recordings.
    ///
    /// # Errors
    /// What waits cannot be read.
    fn recordings(&self, json: &str) -> Result<Vec<String>, serde_json::Error>;

    /// The call's documents, with these links.
    ///
    /// # Errors
    /// What waits cannot be read.
    fn publish(&self, json: &str, links: &Links) -> Result<Published, serde_json::Error>;
}

/// Where recordings become reachable.
#[derive(Debug)]
pub enum PublishTo {
    /// Served here.
    SignedLinks(Arc<SignedLinks>),
    /// Uploaded.
    Target(Box<Target>),
}

/// Makes recordings reachable.
#[derive(Debug)]
pub struct Publisher {
    place: PublishTo,
    wait: Duration,
    places: Arc<Semaphore>,
}

impl Publisher {
    /// To this place; documents wait for it, at most so long.
    #[must_use]
    pub fn new(wait: Duration, place: PublishTo) -> Self {
        let at_once = match &place {
            PublishTo::SignedLinks(_) => Semaphore::MAX_PERMITS,
            PublishTo::Target(target) => target.at_once(),
        };
        Self {
            place,
            wait,
            places: Arc::new(Semaphore::new(at_once)),
        }
    }

    /// The longest that a document waits.
    #[must_use]
    pub const fn wait(&self) -> Duration {
        self.wait
    }

    /// Whether a recording, by its path on the switch, is one of those that are published.
    #[must_use]
    pub fn has(&self, path: &str) -> bool {
        self.folder().within(path).is_some()
    }

    fn folder(&self) -> &Folder {
        match &self.place {
            PublishTo::SignedLinks(shelf) => shelf.folder(),
            PublishTo::Target(target) => target.folder(),
        }
    }

    /// A recording of the folder as it is now.
    ///
    /// # Errors
    /// It is not there, not whole, or none of ours.
    pub async fn look(&self, within: &str) -> Result<Seen, Trouble> {
        let most = match &self.place {
            PublishTo::SignedLinks(_) => None,
            PublishTo::Target(target) => Some(target.limit()),
        };
        self.folder().look(within, most).await
    }

    /// Makes a recording of a call reachable that was seen so; its link.
    ///
    /// # Errors
    /// It is not reachable.
    pub async fn publish(
        &self,
        call_uuid: &str,
        within: &str,
        seen: &Seen,
    ) -> Result<String, Trouble> {
        // The semaphore is never closed.
        let _place = self.places.acquire().await;
        match &self.place {
            PublishTo::SignedLinks(shelf) => Ok(shelf.link(within)),
            PublishTo::Target(target) => target.publish(call_uuid, within, seen).await,
        }
    }
}

impl Publisher {
    /// Deletes what was uploaded of a call.
    async fn take_back(&self, call_uuid: &str) -> Result<(), String> {
        let PublishTo::Target(target) = &self.place else {
            return Ok(());
        };
        let keys = target.of_call(call_uuid).await?;
        target.delete(&keys).await
    }
}

/// A template of links, which must find all that it names.
///
/// # Errors
/// It is none.
pub(crate) fn template(
    name: &'static str,
    text: String,
) -> Result<Environment<'static>, minijinja::Error> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.add_template_owned(name, text)?;
    Ok(environment)
}
