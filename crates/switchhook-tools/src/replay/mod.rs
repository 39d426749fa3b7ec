//! Plays a recorded call ([`switchhook_service::recorder`]) again through the code that serves live calls.
//! Switch and webhook are played from the recording, in virtual time; nothing leaves the process.
//!
//! ```text
//! file -> Recording -> play: switch (a stream) + webhook (a script) -> CallControl -> Differences
//! ```

mod compare;
mod recorded_answerer;
mod recorded_switch;
mod recording;

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use tokio::io::DuplexStream;
use tokio::time::{Instant, sleep_until};

use switchhook_service::call_control::{
    BackgroundRequest, CallControl, CallControlOptions, CallPersistence, KeptAnswer, WebhookTask,
    WebhookTasks,
};
use switchhook_service::config::Config;
use switchhook_service::recorder::RecordedEvent;
use switchhook_service::service;
use switchhook_webhook::breakers::Breakers;

use recorded_answerer::{LastRequest, RecordedAnswerer, remember};

pub use compare::{Difference, compare};
pub(crate) use compare::{compare_by_name, request_parts};
pub use recorded_answerer::judge_recorded;
pub use recording::{Recording, RecordingError};

/// Bytes in flight between the replayed switch and the call.
const PIPE: usize = 1024 * 1024;

/// The result of a replayed call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Played {
    /// The commands that were sent to the switch.
    pub sent: String,
    /// The request to the webhook, or the question to Rust code.
    pub request: Option<RecordedEvent>,
    /// How the call ended.
    pub end: RecordedEvent,
}

/// Why a recording cannot be played.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// The webhook's settings are not valid.
    #[error("the webhook's settings cannot be used:\n{0}")]
    Config(String),
    /// The recorded call is not valid.
    #[error("the recorded call cannot be played: {0}")]
    InvalidCall(String),
    /// The runtime with virtual time did not start.
    #[error("cannot start the runtime: {0}")]
    Start(#[from] std::io::Error),
}

/// Plays a call again with the settings of `config`, or with the recorded ones if it is `None`.
/// Time is virtual: call this from a thread that runs no Tokio runtime.
///
/// # Errors
/// [`ReplayError`].
pub fn play(recording: &Recording, config: Option<&Config>) -> Result<Played, ReplayError> {
    let own;
    let config = match config {
        Some(config) => config,
        None => {
            let parsed = Config::parse_without_secrets(&recording.header.config, "the recording");
            own = parsed.map_err(|faults| ReplayError::Config(faults.to_string()))?;
            &own
        }
    };
    let tasks = service::compile(config);
    let tasks = tasks.map_err(|faults| ReplayError::Config(faults.to_string()))?;
    play_compiled(recording, &tasks)
}

/// Plays a call again with compiled webhooks.
///
/// # Errors
/// [`ReplayError`].
pub(crate) fn play_compiled(
    recording: &Recording,
    tasks: &WebhookTasks,
) -> Result<Played, ReplayError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()?;
    runtime.block_on(run(recording, tasks))
}

async fn run(recording: &Recording, tasks: &WebhookTasks) -> Result<Played, ReplayError> {
    let began = Instant::now();
    let times = recording.times();
    let last_request = Arc::default();
    let script = Arc::new(RecordedAnswerer {
        began,
        outcome: recording.outcome(&times),
        last_request: Arc::clone(&last_request),
        code: recording.header.code.clone().unwrap_or_default(),
    });
    let mut by_name = tasks.by_name.clone();
    if recording.header.code.is_some() {
        let (name, own) = (
            &recording.header.webhook,
            Arc::<RecordedAnswerer>::clone(&script),
        );
        let task = WebhookTask::answered_by(name, own, tasks.document_format.clone());
        let task = task.map_err(|error| ReplayError::InvalidCall(error.to_string()))?;
        by_name.insert(name.clone(), Arc::new(task));
    }
    let tasks = WebhookTasks {
        client: tasks.client.clone().with_outcome_source(script),
        by_name,
        tenants: Arc::clone(&tasks.tenants),
        settings: tasks.settings.clone(),
        document_format: tasks.document_format.clone(),
    };
    let options = CallControlOptions {
        music_after: recording.music_after(&times),
        watch_after: recording.watch_after(&times),
        goodbye_deadline: Duration::from_micros(recording.header.goodbye_us),
        // The recording has no other calls, so a full service is made from the recorded reason.
        calls_on_hold: usize::from(!recording.was_overloaded()),
        breakers: Arc::new(recorded_breakers(recording)),
        ..CallControlOptions::default()
    };
    let persistence = Arc::new(RequestCapture(Arc::clone(&last_request)));
    let call_control = Arc::new(CallControl::new(options, tasks, persistence));
    let (ours, theirs) = tokio::io::duplex(PIPE);
    let script = recording.switch(&times);
    let switch = tokio::spawn(recorded_switch::play(theirs, script, began));
    let stopping = async {
        match recording.stopping(&times) {
            Some(at) => sleep_until(began + at).await,
            None => std::future::pending().await,
        }
        call_control.release_all();
        std::future::pending::<()>().await;
    };
    let end = tokio::select! {
        end = run_call(&call_control, ours, recording.header.parked) => end.map_err(ReplayError::InvalidCall)?,
        () = stopping => return Err(ReplayError::InvalidCall("it did not end after the service stopped".into())),
    };
    let sent = switch.await.unwrap_or_default();
    let request = last_request
        .lock()
        .ok()
        .and_then(|mut last_request| last_request.take());
    Ok(Played {
        sent: String::from_utf8_lossy(&sent).into_owned(),
        request,
        end,
    })
}

/// Returns the circuit breakers as other calls had left them.
fn recorded_breakers(recording: &Recording) -> Breakers {
    let found = recording.circuit_failure();
    found.map_or_else(Breakers::default, Breakers::refusing)
}

async fn run_call(
    call_control: &Arc<CallControl>,
    ours: DuplexStream,
    parked: bool,
) -> Result<RecordedEvent, String> {
    if parked {
        Arc::clone(call_control).play_parked(ours).await
    } else {
        call_control.play(ours).await
    }
}

/// Notes a background request and stores nothing.
struct RequestCapture(LastRequest);

impl CallPersistence for RequestCapture {
    fn send_later(&self, request: BackgroundRequest) -> BoxFuture<'static, Result<(), String>> {
        remember(&self.0, RecordedEvent::request(&request.request));
        std::future::ready(Ok(())).boxed()
    }

    fn keep(&self, _: KeptAnswer) -> BoxFuture<'static, Result<(), String>> {
        std::future::ready(Ok(())).boxed()
    }
}
