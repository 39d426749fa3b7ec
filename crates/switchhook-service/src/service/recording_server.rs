//! Recordings that this program serves: their port, and the folder behind it.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use arc_swap::ArcSwapOption;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::config::Config;
use crate::recordings::signed_links::{self, SharedSignedLinks};

use super::{StartError, bind, local, recordings};

/// The port, while it is served.
pub(crate) struct RecordingServer {
    open: Option<Open>,
    shelves: SharedSignedLinks,
}

struct Open {
    address: SocketAddr,
    stop: CancellationToken,
    task: JoinHandle<io::Result<()>>,
}

impl RecordingServer {
    /// Listens, when the configuration says so.
    ///
    /// # Errors
    /// An address that cannot be listened on.
    pub(super) async fn start(config: &Config) -> Result<Self, StartError> {
        let shelves: SharedSignedLinks = Arc::new(ArcSwapOption::new(recordings::shelf(config)));
        let Some(serve) = &config.recordings.serve else {
            return Ok(Self {
                open: None,
                shelves,
            });
        };
        let key = "recordings.serve.listen";
        let listener = bind(key, serve.listen).await?;
        let address = local(&listener, key)?;
        let stop = CancellationToken::new();
        let task = signed_links::serve(listener, Arc::clone(&shelves), stop.clone());
        info!(%address, "serving recordings");
        let open = Open {
            address,
            stop,
            task: tokio::spawn(task),
        };
        Ok(Self {
            open: Some(open),
            shelves,
        })
    }

    /// Where it listens.
    pub(super) fn address(&self) -> Option<SocketAddr> {
        self.open.as_ref().map(|open| open.address)
    }

    /// The folder and the secret of another configuration; the address stays.
    pub(super) fn replace(&self, config: &Config) {
        let shelf = recordings::shelf(config);
        if shelf.is_some() && self.open.is_none() {
            warn!("recordings.serve is new: its links open nothing before a restart");
        }
        self.shelves.store(shelf);
    }

    /// Who is being sent a file is sent the rest of it for as long as the pages have.
    pub(super) async fn stop(self) {
        let Some(mut open) = self.open else { return };
        open.stop.cancel();
        if tokio::time::timeout(super::PAGES_DEADLINE, &mut open.task)
            .await
            .is_err()
        {
            open.task.abort();
        }
    }
}
