//! `switchhook serve`.

use std::path::Path;
use std::process::ExitCode;

use metrics::gauge;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing::{error, info, warn};

use switchhook_core::mask::Mask;
use switchhook_core::metric_names;
use switchhook_service::config::Config;
use switchhook_service::service::{Service, needs_restart};

/// Runs the service until SIGTERM or SIGINT; SIGHUP reloads the configuration. A second signal
/// to stop does not wait for calls and deliveries.
#[must_use]
pub fn serve(path: &Path, json_logs: bool) -> ExitCode {
    let log = super::log::start(json_logs);
    super::exit_logged(log, super::block_on(run(path)).map(|()| true))
}

async fn run(path: &Path) -> Result<(), String> {
    let mut signals =
        Signals::new().map_err(|error| format!("cannot install the signal handlers: {error}"))?;
    let config = Config::load(path).map_err(|faults| faults.to_string())?;
    super::log::mask_numbers(Mask(config.account.mask_numbers));
    let service = Service::start(&config)
        .await
        .map_err(|error| error.to_string())?;
    while signals.next().await == StopOrReload::Reload {
        reload(&service, &config, path).await;
    }
    info!(
        calls = service.on_hold(),
        "stopping after a signal; a second signal stops at once"
    );
    tokio::select! {
        () = service.stop() => Ok(()),
        () = signals.stop_signal() => Err("stopped at once after a second signal; calls on hold took line 1".into()),
    }
}

/// Reloads the configuration. `running` is the one that the service was started with.
async fn reload(service: &Service, running: &Config, path: &Path) {
    let loaded = Config::load(path).map_err(|faults| faults.to_string());
    let reloaded = loaded.and_then(|config| {
        let done = service.reload(&config).map_err(|error| error.to_string());
        done.map(|()| needs_restart(running, &config))
    });
    service.note_reload(&reloaded).await;
    match reloaded {
        Ok(names) if names.is_empty() => info!("reloaded the configuration"),
        Ok(names) => {
            let settings = names.join(", ");
            warn!(
                settings,
                "reloaded the configuration, but these settings stay as they were until serve is restarted"
            );
        }
        Err(message) => {
            gauge!(metric_names::RELOAD_SUCCESSFUL).set(0.0);
            error!("the new configuration has errors; the old one stays in force");
            message.lines().for_each(|fault| warn!("{fault}"));
        }
    }
}

#[derive(PartialEq, Eq)]
enum StopOrReload {
    Stop,
    Reload,
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

    async fn next(&mut self) -> StopOrReload {
        tokio::select! {
            _ = self.terminate.recv() => StopOrReload::Stop,
            _ = self.interrupt.recv() => StopOrReload::Stop,
            _ = self.hangup.recv() => StopOrReload::Reload,
        }
    }

    async fn stop_signal(&mut self) {
        while self.next().await != StopOrReload::Stop {}
    }
}
