//! Defines the options of the lab and the service that it starts.

use std::io;
use std::time::Duration;

use futures_util::future::BoxFuture;

use super::switch::Pace;

/// Number of concurrent calls that the service under test may hold.
pub(super) const ROOM: usize = 100;

/// The options of a lab run.
#[derive(Debug, Clone, Default)]
pub struct LabOptions {
    /// Parts of scenario names. Only scenarios that contain one of them run; an empty list means
    /// all.
    pub only: Vec<String>,
    /// How closely the simulated switch reproduces a real switch's delays.
    pub pace: Pace,
    /// Whether to show progress on standard error: a bar on a terminal, otherwise one line per
    /// call.
    pub progress: bool,
    /// Whether to give the service a `[[freeswitch]]` too. The service then sees every call's
    /// events, and the lab checks the document of every call.
    pub follow: bool,
    /// Time after which a document counts as lost; a minute by default.
    pub patience: Option<Duration>,
    /// Further tables for `switchhook.toml`, for example a store.
    pub config: String,
    /// The token of the service's page. Without it, the page changes nothing.
    pub http_token: Option<String>,
    /// Number of requests that a receiver keeps for the checks; 100,000 by default.
    pub kept_requests: Option<usize>,
}

impl LabOptions {
    /// Returns whether a scenario of this name runs.
    pub(super) fn chooses(&self, name: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|part| name.contains(part.as_str()))
    }
}

/// A service that has started.
pub struct Started {
    /// `HOST:PORT` on which it accepts calls.
    pub esl: String,
    /// `HOST:PORT` of its page; empty if it has none.
    pub http: String,
    /// Future that stops the service and completes when it has stopped.
    pub stop: BoxFuture<'static, ()>,
}

/// The service under test.
pub trait Service: Send + Sync {
    /// Starts the service with this `switchhook.toml` and waits until it accepts calls.
    fn start(&self, config: String) -> BoxFuture<'_, Result<Started, String>>;

    /// Starts the service as its own process, which [`Started::stop`] kills as `kill -9` does.
    ///
    /// Without such a process, `stop` stands in for the kill.
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

/// The reasons why the lab cannot run.
#[derive(Debug, thiserror::Error)]
pub enum LabError {
    /// The lab cannot listen on a loopback socket.
    #[error("the lab cannot listen on 127.0.0.1: {0}. Allow it loopback sockets.")]
    Socket(#[from] io::Error),
    /// The service refused the lab's configuration or ended.
    #[error("the service under test did not start: {0}")]
    Service(String),
    /// `only` matches no scenario.
    #[error("no scenario is called like {0:?}; `switchhook lab --list` names them all")]
    NoScenario(Vec<String>),
}
