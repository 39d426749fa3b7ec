//! Parked calls of one switch, all controlled over one connection to its port 8021.
//!
//! In its `socket` application a call costs the switch a thread and more than a megabyte; in
//! `park` it costs almost nothing. The hook in the dialplan names the webhook and the service,
//! schedules two ways out to line 1, and parks. The first way out is for a call that no service
//! takes within a few seconds, the second for one whose service died. On `CHANNEL_PARK` Switchhook
//! cancels the first and holds the call; it releases the call in one write.
//!
//! The connection is not the follower's: that one is read only as fast as the store takes legs,
//! and a slow store must not keep a caller. A filter on `flow.service` admits only the calls for
//! this service.
//!
//! Two services must not have the same name: both would take each call. If the connection is
//! lost, its calls are left to their second way out, even if it comes back: what happened to them
//! meanwhile is not known.

mod call;
mod hook;
mod shared_connection;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use metrics::{counter, gauge};
use tokio::sync::{oneshot, watch};
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{debug, info, warn};

use crate::follow::Password;
use crate::limits;
use eslclient::{
    self, Client, ClientOptions, ConnectOptions, Event, EventName, Events, Limits, Refusal,
    Subscription,
};
use switchhook_core::health::Health;
use switchhook_core::metric_names;

use super::CallControl;
use super::call_task::EndedCall;
use super::recording_session::RecordingSession;
use super::unpark::ParkExit;
use shared_connection::SharedConnection;

/// The shortest and the longest wait between two attempts to reach a switch. Meanwhile its parked
/// calls take line 1.
const FIRST_WAIT: Duration = Duration::from_millis(200);
const LONGEST_WAIT: Duration = Duration::from_secs(5);
/// Events that may wait to be read; the switch keeps further ones.
const EVENTS: usize = 1024;
/// The silence after which the switch is asked for a sign of life, and how long it may take to
/// answer.
const KEEP_ALIVE: Duration = Duration::from_secs(20);
/// How often finished calls are removed.
const CLEANUP_EVERY: Duration = Duration::from_secs(1);

const NAMES: [EventName; 3] = [
    EventName::ChannelPark,
    EventName::ChannelUnpark,
    EventName::ChannelHangup,
];

/// One switch whose parked calls are taken.
#[derive(Debug, Clone)]
pub(crate) struct ParkOptions {
    /// Host and port of its Event Socket.
    pub address: String,
    /// The password of the next connection; a reload may replace it.
    pub password: Password,
    /// This service's name in the dialplan (`flow.service`).
    pub service: String,
    /// Limits on what it sends.
    pub frames: Limits,
    /// The time allowed from the connection until the subscription is in force.
    pub connect_deadline: Duration,
}

/// Why a connection cannot be used any more.
#[derive(Debug, thiserror::Error)]
enum ConnectionError {
    #[error("{error}{cure}", error = .0, cure = limits::hint(.0))]
    Link(#[from] eslclient::Error),
    #[error("{0}; its event_socket user must be allowed it")]
    Refused(Refusal),
    #[error("the switch did not subscribe within {0:?}")]
    Timeout(Duration),
}

/// Takes the parked calls of one switch until it is stopped.
pub(crate) struct ParkListener {
    call_control: Arc<CallControl>,
    options: ParkOptions,
    health: watch::Sender<Health>,
}

impl ParkListener {
    /// Returns a listener that is not connected yet.
    #[must_use]
    pub(crate) fn new(call_control: Arc<CallControl>, options: ParkOptions) -> Self {
        let health = Health::failing(format!("{} was not reached yet", options.address));
        Self {
            call_control,
            options,
            health: watch::Sender::new(health),
        }
    }

    /// Returns whether parked calls are taken, and if not, why.
    #[must_use]
    pub(crate) fn health(&self) -> watch::Receiver<Health> {
        self.health.subscribe()
    }

    /// Connects and reconnects until `stop`. Then it takes no more calls (the hook's first way out or
    /// another service does) and returns when the last has left.
    pub(crate) async fn run(self, stop: CancellationToken) {
        let mut wait = FIRST_WAIT;
        loop {
            let ended = tokio::select! {
                () = stop.cancelled() => return,
                connected = self.connect() => connected,
            };
            let ended = match ended {
                Ok(connected) => self.serve_connection(connected, &stop, &mut wait).await,
                Err(error) => Err(error.into()),
            };
            let Err(error) = ended else { return };
            self.report_disconnected(&error);
            let jitter = wait.mul_f64(fastrand::f64() / 2.0);
            tokio::select! {
                () = stop.cancelled() => return,
                () = sleep(wait + jitter) => {}
            }
            wait = (wait * 2).min(LONGEST_WAIT);
        }
    }

    async fn connect(&self) -> Result<(Client, Events), eslclient::Error> {
        let ParkOptions {
            address,
            password,
            frames,
            connect_deadline,
            ..
        } = &self.options;
        let options = ConnectOptions::new(address, password.load().reveal())
            .limits(*frames)
            .within(*connect_deadline)
            .client(client_options());
        Client::connect_with(&options).await
    }

    /// Takes calls until `stop`, and returns when all have left.
    ///
    /// # Errors
    /// Why the connection cannot be used any more.
    async fn serve_connection(
        &self,
        (client, mut events): (Client, Events),
        stop: &CancellationToken,
        wait: &mut Duration,
    ) -> Result<(), ConnectionError> {
        self.subscribe(&client).await?;
        *wait = FIRST_WAIT;
        self.report_connected();
        let mut calls = Calls::default();
        let ended = self
            .read_events(&client, &mut events, &mut calls, stop)
            .await;
        // The dropped senders tell each call that the connection ended.
        calls.exits.clear();
        calls.tracker.close();
        calls.tracker.wait().await;
        ended
    }

    async fn read_events(
        &self,
        client: &Client,
        events: &mut Events,
        calls: &mut Calls,
        stop: &CancellationToken,
    ) -> Result<(), ConnectionError> {
        let mut cleanup = interval(CLEANUP_EVERY);
        cleanup.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let tracker = calls.tracker.clone();
        let mut stopping = false;
        loop {
            tokio::select! {
                event = events.next() => self.handle(event?, client, calls, stopping),
                () = stop.cancelled(), if !stopping => {
                    stopping = true;
                    tracker.close();
                }
                () = tracker.wait(), if stopping => return Ok(()),
                _ = cleanup.tick() => calls.exits.retain(|_, call| !call.is_closed()),
            }
        }
    }

    /// Subscribes. Sends the filter first, so that no event of another call comes through.
    async fn subscribe(&self, client: &Client) -> Result<(), ConnectionError> {
        let service = format!("variable_{}", hook::SERVICE);
        let calls = Subscription::to(NAMES).filter(&service, &self.options.service);
        let within = self.options.connect_deadline;
        let subscribed = timeout(within, client.subscribe(&calls)).await;
        let subscribed = subscribed.map_err(|_| ConnectionError::Timeout(within))?;
        subscribed.map_err(|error| match error.refusal() {
            Some(refusal) => ConnectionError::Refused(refusal.clone()),
            None => ConnectionError::Link(error),
        })
    }

    fn handle(&self, event: Event, client: &Client, calls: &mut Calls, stopping: bool) {
        let uuid = event.get("Unique-ID").unwrap_or_default().into_owned();
        match ParkExit::from_event(&event) {
            Some(how) => calls.exit(&uuid, how),
            None if stopping || event.name() != "CHANNEL_PARK" => {}
            None => self.take(event, uuid, client, calls),
        }
    }

    fn take(&self, event: Event, uuid: String, client: &Client, calls: &mut Calls) {
        match hook::read(&event, &self.options.service) {
            // Somebody fetched the call and parked it elsewhere: the hook did not hand it over anew.
            Ok(Some(hook)) if calls.had(&uuid, hook.channel.way_out) => {}
            Ok(Some(hook)) => {
                counter!(metric_names::PARKED, "outcome" => "taken").increment(1);
                let (exit, exited) = oneshot::channel();
                calls.begin(uuid, hook.channel.way_out, exit);
                let call_control = Arc::clone(&self.call_control);
                let session = RecordingSession::begin(&call_control);
                let recording = session.as_ref().map(|session| session.recording.clone());
                let connection = SharedConnection::new(client.clone(), exited, recording.clone());
                calls.tracker.spawn(async move {
                    let control = Arc::clone(&call_control);
                    let ended = call::run(control, hook, event, connection, recording).await;
                    let EndedCall { report, fetched } = ended;
                    if let Some(session) = session {
                        session.end(&call_control, &report);
                    }
                    report.publish(&call_control.options);
                    if let Some(call) = fetched {
                        Box::pin(call.finish()).await;
                    }
                });
            }
            Ok(None) => {}
            Err(why) => {
                counter!(metric_names::PARKED, "outcome" => "unusable").increment(1);
                warn!(call_uuid = %uuid, "a parked call cannot be taken and is left to its schedule: {why}");
            }
        }
    }

    fn report_connected(&self) {
        let ParkOptions {
            address, service, ..
        } = &self.options;
        gauge!(metric_names::PARK_CONNECTED, "switch" => address.clone()).set(1.0);
        if !self.health.send_replace(Health::healthy()).ok {
            info!(%address, %service, "taking the switch's parked calls");
        }
    }

    /// Logs a lost connection at each change, not at every attempt.
    fn report_disconnected(&self, error: &ConnectionError) {
        let what = format!("{}: {error}; trying again", self.options.address);
        gauge!(metric_names::PARK_CONNECTED, "switch" => self.options.address.clone()).set(0.0);
        let before = self.health.send_replace(Health::failing(what.clone()));
        if before.what == what {
            debug!("{what}");
        } else {
            warn!("parked calls are not taken: {what}");
        }
    }
}

/// The client asks a silent switch for a sign of life. A call has deadlines of its own.
fn client_options() -> ClientOptions {
    let options = ClientOptions::default().capacity(EVENTS);
    options.deadline(None).keep_alive(KEEP_ALIVE)
}

/// The calls of one connection.
#[derive(Default)]
struct Calls {
    /// By Unique-ID: the sender that tells the call how its channel left.
    exits: HashMap<String, oneshot::Sender<ParkExit>>,
    /// By Unique-ID, until the channel is hung up: the way out of the last hand-over.
    way_outs: HashMap<String, u64>,
    tracker: TaskTracker,
}

impl Calls {
    /// Returns whether this hand-over was taken already.
    fn had(&self, uuid: &str, way_out: Option<u64>) -> bool {
        way_out.is_some() && self.way_outs.get(uuid).copied() == way_out
    }

    fn begin(&mut self, uuid: String, way_out: Option<u64>, exit: oneshot::Sender<ParkExit>) {
        if let Some(way_out) = way_out {
            self.way_outs.insert(uuid.clone(), way_out);
        }
        self.exits.insert(uuid, exit);
    }

    fn exit(&mut self, uuid: &str, how: ParkExit) {
        if how == ParkExit::HungUp {
            self.way_outs.remove(uuid);
        }
        if let Some(sender) = self.exits.remove(uuid) {
            // Fails only if the call has ended.
            let _ = sender.send(how);
        }
    }
}
