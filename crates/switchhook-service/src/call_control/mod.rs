//! Calls that a dialplan hands over, on hold until their webhook has answered.
//!
//! They arrive in two ways. `socket` accepts the connections of FreeSWITCH's `socket` application,
//! one for each call, and `opening` reads their channel. `park` learns over port 8021 which calls
//! are parked for this service, and controls all of them on that one connection. Both then share
//! `decision` (which webhook, or which [`Answerer`]), `call_task` (the table of
//! [`switchhook_core::session`], run over a `call_connection`), `hold` (what the caller hears),
//! `release` (the commands that let the call go), and `report` (log, metrics, spans).

mod answerer;
mod call_connection;
mod call_report;
mod call_task;
mod channel;
mod confirm;
mod connection_log;
mod decision;
mod fetched_call;
mod graceful_listener;
mod hold;
mod on_hold;
mod opening;
pub(crate) mod park;
mod recording_session;
mod release;
mod report;
mod socket;
mod socket_mode;
mod span_export;
mod spans;
mod switch_name;
mod unpark;
pub mod webhook_test;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use futures_util::future::BoxFuture;
use ipnet::IpNet;
use tokio_util::sync::CancellationToken;

use switchhook_admin::live_calls::LiveCalls;
use switchhook_core::details::DocumentFormat;
use switchhook_core::mask::Mask;
use switchhook_core::tenants::Tenants;
use switchhook_core::variables::VariablePlan;
use switchhook_store::stats::StatCounter;
use switchhook_webhook::breakers::Breakers;

use crate::follow::CallVerifier;
use crate::recorder::Recorder;
use crate::traces;
use switchhook_webhook::{Client, Prepared};

pub use answerer::{Answer, AnswerSource, Answerer, InvalidVariableName, Question, TaskRequest};
pub use call_report::{CallReport, Ending};
use confirm::Confirmer;
pub use hold::{BeforeAnswer, Hold, HoldMusic};

/// Limits, deadlines and shared services of all calls.
#[derive(Debug, Clone)]
pub struct CallControlOptions {
    /// Calls on hold at once; a further one is released to line 1 with `OVERLOADED`.
    pub calls_on_hold: usize,
    /// Connections at once; a further one waits in the kernel's queue until one ends.
    pub connections: usize,
    /// The time allowed from the connection until the `connect` reply.
    pub connect_deadline: Duration,
    /// The time allowed from the release until the switch's goodbye.
    pub goodbye_deadline: Duration,
    /// The delay before the music starts, so that a quick answer comes without a blip of music.
    pub music_after: Duration,
    /// The delay before a call is watched, which costs three commands: longer than a quick answer
    /// takes, and too short for a person to fetch it unnoticed. At most `music_after`.
    pub watch_after: Duration,
    /// Limits on what the peer sends.
    pub frames: eslclient::Limits,
    /// The memory of what all peers have sent of unfinished messages.
    pub frame_memory: eslclient::MemoryBudget,
    /// The list of calls on hold and of recent calls.
    pub live_calls: Arc<LiveCalls>,
    /// The counts over time.
    pub counter: StatCounter,
    /// The webhooks' circuit breakers.
    pub breakers: Arc<Breakers>,
    /// Whether phone numbers are masked in the log.
    pub mask: Mask,
    /// The recorder of Event Socket traffic, if calls are recorded.
    pub recorder: Option<Recorder>,
    /// The handle that spans are sent to.
    pub traces: traces::TracesHandle,
    /// The networks that may connect; empty allows every address.
    pub allow: Vec<IpNet>,
}

impl Default for CallControlOptions {
    fn default() -> Self {
        Self {
            calls_on_hold: 10_000,
            connections: 12_000,
            connect_deadline: Duration::from_secs(5),
            goodbye_deadline: Duration::from_secs(5),
            music_after: Duration::from_millis(100),
            watch_after: Duration::from_millis(20),
            frames: eslclient::Limits::default(),
            frame_memory: eslclient::MemoryBudget::new(64 * 1024 * 1024),
            live_calls: Arc::default(),
            counter: StatCounter::default(),
            breakers: Arc::default(),
            mask: Mask::default(),
            recorder: None,
            traces: traces::TracesHandle::default(),
            allow: Vec::new(),
        }
    }
}

/// One webhook in the middle of a call: its source, its hold, and what its answer writes.
#[derive(Debug)]
pub struct WebhookTask {
    /// The HTTP webhook, or the Rust code that answers in its place.
    pub source: AnswerSource,
    /// What the caller hears meanwhile.
    pub hold: Hold,
    /// The variables that are written to the channel.
    pub plan: VariablePlan,
    /// The format of the predefined document of a call in progress, in the default account's time
    /// zone.
    pub document_format: DocumentFormat,
    /// Whether the call waits for the answer.
    pub wait_for_response: bool,
    /// Whether the answer is stored for reports.
    pub persist_response: bool,
    /// Its part of the configuration without secrets, for recordings.
    pub settings: String,
}

/// All webhooks of a configuration; a reload replaces them as a whole.
pub struct WebhookTasks {
    /// By the name that the dialplan gives as the socket's path.
    pub by_name: HashMap<String, Arc<WebhookTask>>,
    /// The webhooks' HTTP client, with its egress rule.
    pub client: Client,
    /// The accounts and routes that calls belong to.
    pub tenants: Arc<Tenants>,
    /// The [`WebhookTask::settings`] of calls that ask none of these webhooks, or Rust code.
    pub settings: String,
    /// The [`WebhookTask::document_format`] of Rust code.
    pub document_format: DocumentFormat,
}

/// A request that no call waits for, to be sent at least once.
#[derive(Debug)]
pub struct BackgroundRequest {
    /// The id that it is sent with (`webhook-id`).
    pub id: String,
    /// The webhook's name.
    pub webhook: String,
    /// Unique-ID of the call.
    pub call: String,
    /// The channel's `flow.name`.
    pub flow: Option<String>,
    /// The channel's account; `None` for the default one.
    pub account: Option<String>,
    /// The request.
    pub request: Prepared,
}

/// An answer to be stored for reports.
#[derive(Debug)]
pub struct KeptAnswer {
    /// Unique-ID of the call.
    pub call: String,
    /// The channel's `flow.name`.
    pub flow: Option<String>,
    /// The webhook's name.
    pub webhook: String,
    /// The full name and exact text of each variable.
    pub variables: Vec<(String, String)>,
}

/// Stores what must outlast a call. The service stores it in its database; a replay discards it.
pub trait CallPersistence: Send + Sync {
    /// Stores the request, so that it is sent at least once. Goes on trying if the future is dropped.
    fn send_later(&self, request: BackgroundRequest) -> BoxFuture<'static, Result<(), String>>;
    /// Stores the answer.
    fn keep(&self, answer: KeptAnswer) -> BoxFuture<'static, Result<(), String>>;
}

/// Holds calls until it is stopped.
pub struct CallControl {
    options: CallControlOptions,
    tasks: ArcSwap<WebhookTasks>,
    persistence: Arc<dyn CallPersistence>,
    confirmer: Option<Arc<Confirmer>>,
    on_hold: AtomicUsize,
    release_all: CancellationToken,
}

impl CallControl {
    /// Returns a call control that takes no call yet.
    #[must_use]
    pub fn new(
        options: CallControlOptions,
        tasks: WebhookTasks,
        persistence: Arc<dyn CallPersistence>,
    ) -> Self {
        Self {
            options,
            tasks: ArcSwap::from_pointee(tasks),
            persistence,
            confirmer: None,
            on_hold: AtomicUsize::new(0),
            release_all: CancellationToken::new(),
        }
    }

    /// Verifies each socket's call with a switch before its webhook is asked.
    #[must_use]
    pub(crate) fn with_verifier(mut self, verifier: Option<CallVerifier>) -> Self {
        self.confirmer = verifier.map(|verifier| Arc::new(Confirmer::new(verifier)));
        self
    }

    /// Replaces the webhooks for new calls; calls on hold keep theirs.
    pub fn reload(&self, tasks: WebhookTasks) {
        self.tasks.store(Arc::new(tasks));
    }

    /// Returns the recorder, if calls are recorded.
    #[must_use]
    pub fn recorder(&self) -> Option<&Recorder> {
        self.options.recorder.as_ref()
    }

    /// Returns the present webhooks.
    #[must_use]
    pub fn tasks(&self) -> Arc<WebhookTasks> {
        self.tasks.load_full()
    }

    /// Returns the number of calls on hold.
    #[must_use]
    pub fn on_hold(&self) -> usize {
        self.on_hold.load(Ordering::Relaxed)
    }

    /// Releases every call on hold to line 1, as if its deadline had passed.
    pub fn release_all(&self) {
        self.release_all.cancel();
    }
}
