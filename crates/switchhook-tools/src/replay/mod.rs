//! A recorded call ([`switchhook_service::recorder`]) once more, through the code that calls go through, with
//! nothing outside: the switch and the webhook say what they said, in virtual time.
//!
//! ```text
//! file -> Recording -> play: switch (a stream) + webhook (a script) -> CallControl -> Differences
//! ```

mod answers;
mod compare;
mod read;
mod switch;

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

use answers::{Answers, Asked, note};

pub use answers::again;
pub use compare::{Difference, compare};
pub(crate) use compare::{by_name, request};
pub use read::{NoRecording, Recording};

/// Bytes that may be under way between the switch and the call.
const PIPE: usize = 1024 * 1024;

/// How a call went when it was played again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Played {
    /// RecordedEvent it said to the switch.
    pub said: String,
    /// RecordedEvent it asked the webhook.
    pub request: Option<RecordedEvent>,
    /// How it ended.
    pub end: RecordedEvent,
}

/// Why a call cannot be played.
#[derive(Debug, thiserror::Error)]
pub enum NoReplay {
    /// Its webhook's settings are none.
    #[error("the webhook's settings cannot be used:\n{0}")]
    Config(String),
    /// The call is none.
    #[error("the recording is no call: {0}")]
    NoCall(String),
    /// There is no time to play it in.
    #[error("cannot start: {0}")]
    Start(#[from] std::io::Error),
}

/// Plays a call again, with the settings that it was recorded with, or those of `config`. It
/// has a thread of its own, on which time is virtual.
///
/// # Errors
/// [`NoReplay`].
pub fn play(recording: &Recording, config: Option<&Config>) -> Result<Played, NoReplay> {
    let own;
    let config = match config {
        Some(config) => config,
        None => {
            let parsed = Config::parse_without_secrets(&recording.header.config, "the recording");
            own = parsed.map_err(|faults| NoReplay::Config(faults.to_string()))?;
            &own
        }
    };
    let built = service::compile(config);
    let built = built.map_err(|faults| NoReplay::Config(faults.to_string()))?;
    play_with(recording, &built.widgets)
}

/// The same with webhooks that are compiled already.
///
/// # Errors
/// [`NoReplay`].
pub(crate) fn play_with(recording: &Recording, widgets: &WebhookTasks) -> Result<Played, NoReplay> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()?;
    runtime.block_on(run(recording, widgets))
}

async fn run(recording: &Recording, widgets: &WebhookTasks) -> Result<Played, NoReplay> {
    let began = Instant::now();
    let times = recording.times();
    let asked = Arc::default();
    let script = Arc::new(Answers {
        began,
        outcome: recording.outcome(&times),
        asked: Arc::clone(&asked),
        code: recording.header.code.clone().unwrap_or_default(),
    });
    let mut by_name = widgets.by_name.clone();
    if recording.header.code.is_some() {
        let (name, own) = (&recording.header.webhook, Arc::<Answers>::clone(&script));
        let widget = WebhookTask::answered_by(name, own, widgets.so_far.clone());
        let widget = widget.map_err(|error| NoReplay::NoCall(error.to_string()))?;
        by_name.insert(name.clone(), Arc::new(widget));
    }
    let widgets = WebhookTasks {
        client: widgets.client.clone().with_outcome_source(script),
        by_name,
        tenants: Arc::clone(&widgets.tenants),
        settings: widgets.settings.clone(),
        so_far: widgets.so_far.clone(),
    };
    let options = CallControlOptions {
        music_after: recording.music_after(&times),
        goodbye_deadline: Duration::from_micros(recording.header.goodbye_us),
        // That others had every place is told by the reason alone.
        calls_on_hold: usize::from(!recording.found_no_room()),
        breakers: Arc::new(breakers(recording)),
        ..CallControlOptions::default()
    };
    let persistence = Arc::new(Nowhere(Arc::clone(&asked)));
    let call_control = Arc::new(CallControl::new(options, widgets, persistence));
    let (ours, theirs) = tokio::io::duplex(PIPE);
    let script = recording.switch(&times);
    let switch = tokio::spawn(switch::play(theirs, script, began));
    let stopping = async {
        match recording.stopping(&times) {
            Some(at) => sleep_until(began + at).await,
            None => std::future::pending().await,
        }
        call_control.release_all();
        std::future::pending::<()>().await;
    };
    let end = tokio::select! {
        end = taken(&call_control, ours, recording.header.parked) => end.map_err(NoReplay::NoCall)?,
        () = stopping => return Err(NoReplay::NoCall("it does not end".into())),
    };
    let said = switch.await.unwrap_or_default();
    let request = asked.lock().ok().and_then(|mut asked| asked.take());
    Ok(Played {
        said: String::from_utf8_lossy(&said).into_owned(),
        request,
        end,
    })
}

/// RecordedEvent other calls had found out about the webhook.
fn breakers(recording: &Recording) -> Breakers {
    let found = recording.found_it_resting();
    found.map_or_else(Breakers::default, Breakers::refusing)
}

async fn taken(
    call_control: &Arc<CallControl>,
    ours: DuplexStream,
    parked: bool,
) -> Result<RecordedEvent, String> {
    match parked {
        true => Arc::clone(call_control).play_parked(ours).await,
        false => call_control.play(ours).await,
    }
}

/// Keeps nothing.
struct Nowhere(Asked);

impl CallPersistence for Nowhere {
    fn send_later(&self, request: BackgroundRequest) -> BoxFuture<'static, Result<(), String>> {
        note(&self.0, RecordedEvent::request(&request.request));
        std::future::ready(Ok(())).boxed()
    }

    fn keep(&self, _: KeptAnswer) -> BoxFuture<'static, Result<(), String>> {
        std::future::ready(Ok(())).boxed()
    }
}
