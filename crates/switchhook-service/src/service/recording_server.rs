//! The port that serves recordings by signed links.

use std::net::SocketAddr;
use std::sync::Arc;

use arc_swap::ArcSwapOption;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::config::Config;
use crate::documents::public_url;
use crate::recordings::signed_links::{self, SharedSignedLinks};

use switchhook_admin::listener::HttpLimits;

use super::StartError;
use super::listeners::{bind, local_address};

/// The recording server, which runs if the configuration asks for it.
pub(crate) struct RecordingServer {
    listening: Option<Listening>,
    links: SharedSignedLinks,
}

struct Listening {
    address: SocketAddr,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl RecordingServer {
    /// Starts to listen, if the configuration asks for it.
    ///
    /// # Errors
    /// The address cannot be listened on.
    pub(super) async fn start(config: &Config, connections: usize) -> Result<Self, StartError> {
        let links: SharedSignedLinks =
            Arc::new(ArcSwapOption::new(public_url::signed_links(config)));
        let Some(serve) = &config.recordings.serve else {
            return Ok(Self {
                listening: None,
                links,
            });
        };
        let key = "recordings.serve.listen";
        let listener = bind(key, serve.listen).await?;
        let address = local_address(&listener, key)?;
        let stop = CancellationToken::new();
        let limits = HttpLimits::new("recordings", connections);
        let task = signed_links::serve(listener, Arc::clone(&links), limits, stop.clone());
        info!(%address, "serving recordings");
        let listening = Listening {
            address,
            stop,
            task: tokio::spawn(task),
        };
        Ok(Self {
            listening: Some(listening),
            links,
        })
    }

    /// Returns the address it listens on.
    pub(super) fn address(&self) -> Option<SocketAddr> {
        self.listening.as_ref().map(|listening| listening.address)
    }

    /// Takes the folder and the secret of another configuration; the address stays.
    pub(super) fn replace(&self, config: &Config) {
        let links = public_url::signed_links(config);
        if links.is_some() && self.listening.is_none() {
            warn!("recordings.serve is new, so its links do not work yet: restart the service");
        }
        self.links.store(links);
    }

    /// Stops. A download under way may go on for [`super::PAGES_DEADLINE`].
    pub(super) async fn stop(self) {
        let Some(mut listening) = self.listening else {
            return;
        };
        listening.stop.cancel();
        if tokio::time::timeout(super::PAGES_DEADLINE, &mut listening.task)
            .await
            .is_err()
        {
            listening.task.abort();
        }
    }
}
