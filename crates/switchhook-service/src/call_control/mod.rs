//! Calls that a dialplan hands over: on hold until their webhook has answered.
//!
//! They come two ways. `socket` accepts the connections of FreeSWITCH's `socket` application,
//! one for each call, and `opening` reads their channel. [`park`] hears over port 8021 which
//! calls were parked for us, and steers all of them on that one connection. From there on it
//! is one way: `decision` finds who answers ([`Answerer`], or an HTTP webhook) and makes the request; `call_task` performs the table
//! of [`switchhook_core::session`] over a `wire`; `hold` is what the caller hears; `release` is
//! the one write that lets the call go; `on_hold` counts; `report` is the line in the log.

mod answerer;
mod call_task;
mod call_verifier;
mod channel;
mod decision;
mod graceful_listener;
mod hold;
mod on_hold;
mod opening;
pub(crate) mod park;
mod recording_session;
mod release;
mod report;
mod socket;
mod spans;
pub mod webhook_test;
mod wire;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use futures_util::future::BoxFuture;
use ipnet::IpNet;
use tokio_util::sync::CancellationToken;

use switchhook_admin::live_calls::LiveCalls;
use switchhook_core::details::Format;
use switchhook_core::mask::Mask;
use switchhook_core::tenants::Tenants;
use switchhook_core::variables::Plan;
use switchhook_webhook::breakers::Breakers;

use crate::recorder::Recorder;
use crate::traces;
use switchhook_webhook::{Client, Prepared};

pub use answerer::{Answer, Answerer, Asked, BadName, Question, Source};
pub use call_verifier::{CallVerifier, Confirmation};
pub use hold::{BeforeAnswer, Hold, HoldMusic};
pub use report::{CallReport, Ending};

/// Limits and times of every call.
#[derive(Debug, Clone)]
pub struct CallControlOptions {
    /// Calls on hold at once; one more is released to line 1 with `OVERLOADED`.
    pub calls_on_hold: usize,
    /// Connections at once; the next waits in the kernel's queue until one ends.
    pub connections: usize,
    /// From the connection to the `connect` reply.
    pub connect_deadline: Duration,
    /// From the leaving to the switch's goodbye.
    pub goodbye_deadline: Duration,
    /// An answer within this time comes without a blip of music before it.
    pub music_after: Duration,
    /// Limits on what the peer sends.
    pub frames: eslclient::Limits,
    /// Where it is shown who is on hold, and what became of the last calls.
    pub live_calls: Arc<LiveCalls>,
    /// Which webhooks are left alone.
    pub breakers: Arc<Breakers>,
    /// How numbers are logged.
    pub mask: Mask,
    /// Records some of the calls.
    pub recorder: Option<Recorder>,
    /// Where it is told what calls went through.
    pub traces: traces::TracesHandle,
    /// Who may connect; empty: everybody.
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
            frames: eslclient::Limits::default(),
            live_calls: Arc::default(),
            breakers: Arc::default(),
            mask: Mask::default(),
            recorder: None,
            traces: traces::TracesHandle::default(),
            allow: Vec::new(),
        }
    }
}

/// A webhook in the middle of a call, or what answers in its place.
#[derive(Debug)]
pub struct WebhookTask {
    /// Who is asked.
    pub source: Source,
    /// What the caller hears meanwhile.
    pub hold: Hold,
    /// What is written on the channel.
    pub plan: Plan,
    /// How the predefined document shows the call so far, in the time zone of the default account.
    pub so_far: Format,
    /// Whether the call waits for the answer.
    pub wait_for_response: bool,
    /// Whether the answer is kept for reports.
    pub persist_response: bool,
    /// Its part of the configuration, for recordings: without what it is asked with.
    pub settings: String,
}

/// What the config says of widgets; replaced as a whole by a reload.
pub struct WebhookTasks {
    /// By the name that the dialplan gives as the socket's path.
    pub by_name: HashMap<String, Arc<WebhookTask>>,
    /// The webhooks' HTTP client, with its egress rule.
    pub client: Client,
    /// Whose a call is.
    pub tenants: Arc<Tenants>,
    /// As [`WebhookTask::settings`], of calls that ask none of these, or Rust code.
    pub settings: String,
    /// As [`WebhookTask::so_far`], of what Rust code is asked.
    pub so_far: Format,
}

/// A request that nobody waits for, to be sent at least once.
#[derive(Debug)]
pub struct BackgroundRequest {
    /// The id under which it is sent (`webhook-id`).
    pub id: String,
    /// The webhook's name.
    pub webhook: String,
    /// Unique-ID of the call.
    pub call: String,
    /// The channel's `flow.name`.
    pub flow: Option<String>,
    /// The request.
    pub request: Prepared,
}

/// An answer to keep for reports.
#[derive(Debug)]
pub struct KeptAnswer {
    /// Unique-ID of the call.
    pub call: String,
    /// The channel's `flow.name`.
    pub flow: Option<String>,
    /// The webhook's name.
    pub webhook: String,
    /// Full name and exact text of each variable.
    pub variables: Vec<(String, String)>,
}

/// Where a call leaves what must outlast it.
pub trait CallPersistence: Send + Sync {
    /// Returns once the request is stored, so that it is sent at least once. It goes on
    /// storing it when the future is dropped.
    fn send_later(&self, request: BackgroundRequest) -> BoxFuture<'static, Result<(), String>>;
    /// Returns once the answer is stored.
    fn keep(&self, answer: KeptAnswer) -> BoxFuture<'static, Result<(), String>>;
}

/// Takes calls over until it is told to stop.
pub struct CallControl {
    options: CallControlOptions,
    widgets: ArcSwap<WebhookTasks>,
    persistence: Arc<dyn CallPersistence>,
    verifier: Option<Arc<dyn CallVerifier>>,
    on_hold: AtomicUsize,
    release_all: CancellationToken,
}

impl CallControl {
    /// A service that takes no call yet.
    #[must_use]
    pub fn new(
        options: CallControlOptions,
        widgets: WebhookTasks,
        persistence: Arc<dyn CallPersistence>,
    ) -> Self {
        Self {
            options,
            widgets: ArcSwap::from_pointee(widgets),
            persistence,
            verifier: None,
            on_hold: AtomicUsize::new(0),
            release_all: CancellationToken::new(),
        }
    }

    /// Asks for each call whether a switch has it, before its webhook is asked.
    #[must_use]
    pub(crate) fn confirmed_by(mut self, verifier: Option<Arc<dyn CallVerifier>>) -> Self {
        self.verifier = verifier;
        self
    }

    /// The widgets of calls that come from now on; calls on hold keep theirs.
    pub fn reload(&self, widgets: WebhookTasks) {
        self.widgets.store(Arc::new(widgets));
    }

    /// Who records calls, if anybody.
    #[must_use]
    pub fn recorder(&self) -> Option<&Recorder> {
        self.options.recorder.as_ref()
    }

    /// What the configuration says of widgets now.
    #[must_use]
    pub fn widgets(&self) -> Arc<WebhookTasks> {
        self.widgets.load_full()
    }

    /// Calls on hold now.
    #[must_use]
    pub fn on_hold(&self) -> usize {
        self.on_hold.load(Ordering::Relaxed)
    }

    /// Gives every call on hold back on line 1, as if its deadline had come.
    pub fn release_all(&self) {
        self.release_all.cancel();
    }
}
