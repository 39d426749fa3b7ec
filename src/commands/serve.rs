//! `switchhook serve`.

use std::path::Path;
use std::process::ExitCode;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing::{error, info, warn};

use switchhook_service::config::Config;
use switchhook_service::service::Service;

/// Runs the service until SIGTERM or SIGINT; SIGHUP reads the configuration again. A
/// second signal to stop does not wait for calls and deliveries.
#[must_use]
pub fn serve(path: &Path, json_logs: bool) -> ExitCode {
    let log = super::log::start(json_logs);
    super::exit_logged(log, super::block_on(run(path)).map(|()| true))
}

async fn run(path: &Path) -> Result<(), String> {
    let mut signals =
        Signals::new().map_err(|error| format!("cannot wait for signals: {error}"))?;
    let config = Config::load(path).map_err(|faults| faults.to_string())?;
    let service = Service::start(&config)
        .await
        .map_err(|error| error.to_string())?;
    while signals.next().await == Asked::ToReload {
        reload(&service, path);
    }
    info!(
        calls = service.on_hold(),
        "asked to stop; a second signal stops at once"
    );
    tokio::select! {
        () = service.stop() => Ok(()),
        () = signals.asked_to_stop() => Err("stopped at once, as asked; calls on hold are on line 1".into()),
    }
}

fn reload(service: &Service, path: &Path) {
    let loaded = Config::load(path).map_err(|faults| faults.to_string());
    let reloaded =
        loaded.and_then(|config| service.reload(&config).map_err(|error| error.to_string()));
    match reloaded {
        Ok(()) => info!("read the configuration again"),
        Err(message) => {
            error!("the new configuration is not taken; the old one stays in force");
            message.lines().for_each(|fault| warn!("{fault}"));
        }
    }
}

#[derive(PartialEq, Eq)]
enum Asked {
    ToStop,
    ToReload,
}

struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
}

impl Signals {
    fn new() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    async fn next(&mut self) -> Asked {
        tokio::select! {
            _ = self.terminate.recv() => Asked::ToStop,
            _ = self.interrupt.recv() => Asked::ToStop,
            _ = self.hangup.recv() => Asked::ToReload,
        }
    }

    async fn asked_to_stop(&mut self) {
        while self.next().await != Asked::ToStop {}
    }
}
