//! How the lab is run, and the service that it starts.

use std::io;
use std::time::Duration;

use futures_util::future::BoxFuture;

use super::switch::Pace;

/// Room that a service under test is given for its calls.
pub(super) const ROOM: usize = 100;

/// How the lab is run.
#[derive(Debug, Clone, Default)]
pub struct LabOptions {
    /// Only scenarios whose name contains one of these; empty means all.
    pub only: Vec<String>,
    /// How closely the switch's slowness is played.
    pub pace: Pace,
    /// Show what is going on, on standard error: a bar on a terminal, else a line a call.
    pub progress: bool,
    /// Give the service a `[[freeswitch]]` too, so that it sees every call's events, and
    /// check the document of every call.
    pub follow: bool,
    /// How long a document may take before it counts as lost; a minute, where it is not said.
    pub patience: Option<Duration>,
    /// Further tables for `switchhook.toml`, a store for example.
    pub config: String,
}

/// A service that has been started.
pub struct Started {
    /// `HOST:PORT` where it takes calls.
    pub esl: String,
    /// Completes when it has stopped.
    pub stop: BoxFuture<'static, ()>,
}

/// The service under test.
pub trait Service: Send + Sync {
    /// Starts it with this `switchhook.toml` and waits until it takes calls.
    fn start(&self, config: String) -> BoxFuture<'_, Result<Started, String>>;

    /// The same as a process of its own; [`Started::stop`] then kills it as `kill -9` does.
    ///
    /// Without one, whatever `stop` does stands for the kill.
    fn start_process(&self, config: String) -> BoxFuture<'_, Result<Started, String>> {
        self.start(config)
    }
}

impl<F> Service for F
where
    F: Fn(String) -> BoxFuture<'static, Result<Started, String>> + Send + Sync,
{
    fn start(&self, config: String) -> BoxFuture<'_, Result<Started, String>> {
        self(config)
    }
}

/// Why the lab could not be run at all.
#[derive(Debug, thiserror::Error)]
pub enum LabError {
    /// No loopback socket.
    #[error("the lab cannot listen on 127.0.0.1: {0}. Allow it loopback sockets.")]
    Socket(#[from] io::Error),
    /// The service refused the lab's configuration or died.
    #[error("the service under test did not start: {0}")]
    Service(String),
    /// `only` fits none of the scenarios.
    #[error("no scenario is called like {0:?}. `switchhook lab --json` lists them all.")]
    NoScenario(Vec<String>),
}
