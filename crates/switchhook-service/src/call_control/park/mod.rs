//! Parked calls of one switch, all steered over one connection to its port 8021.
//!
//! A call costs the switch a thread and more than a megabyte in its `socket` application,
//! and almost nothing in `park`. The hook in the dialplan names the webhook and the service,
//! schedules two ways out and parks: the first takes a call to line 1 that nobody took
//! within a few seconds, the second one whose service died. `CHANNEL_PARK` tells us; we
//! cancel the first way out and hold the call, then let it go in one write.
//!
//! The connection is not the follower's: that one is read only as fast as the store takes
//! legs, and a slow store must not keep a caller. A filter (`flow.service`) lets through
//! nothing but the calls that are given to this service.
//!
//! Two services may not have the same name: both would take each call. When the connection
//! is lost, the calls on hold are left to their second way out, also when it comes back:
//! what happened to them meanwhile is not known.

mod call;
mod hook;
mod shared;

use std::collections::HashMap;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use metrics::{counter, gauge};
use tokio::net::TcpStream;
use tokio::sync::{oneshot, watch};
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{debug, info, warn};

use crate::limits;
use eslclient::{self, Client, Command, Connection, Event, Events, Format, Limits};
use switchhook_core::health::Health;
use switchhook_core::metric_names;
use switchhook_core::secret::Secret;

use super::CallControl;
use super::recording_session::RecordingSession;
use shared::{Departure, Shared};

/// Waits between attempts to reach a switch. Until then its parked calls take line 1.
const FIRST_WAIT: Duration = Duration::from_millis(200);
const LONGEST_WAIT: Duration = Duration::from_secs(5);
/// Events that may wait for us; more, and the switch keeps them.
const EVENTS: usize = 1024;
/// How often the switch is asked whether it is there, and how long it may take.
const QUESTION_EVERY: Duration = Duration::from_secs(20);
/// How often calls that are over are forgotten.
const TIDY_EVERY: Duration = Duration::from_secs(1);

const NAMES: [&str; 3] = ["CHANNEL_PARK", "CHANNEL_UNPARK", "CHANNEL_HANGUP"];

/// One switch whose parked calls are taken.
#[derive(Debug, Clone)]
pub(crate) struct ParkOptions {
    /// Host and port of its Event Socket.
    pub address: String,
    /// Its password.
    pub password: Secret,
    /// Our name in its dialplan: calls whose `flow.service` it is are ours.
    pub service: String,
    /// Limits on what it sends.
    pub frames: Limits,
    /// From the connection to the subscription.
    pub connect_deadline: Duration,
}

/// Why the connection is of no use any more.
#[derive(Debug, thiserror::Error)]
enum Lost {
    #[error("{error}{cure}", error = .0, cure = limits::hint(.0))]
    Link(#[from] eslclient::Error),
    #[error(transparent)]
    Gone(#[from] eslclient::Gone),
    #[error("the switch refuses {command:?}: {text}; its event_socket user must be allowed it")]
    Refused { command: &'static str, text: String },
    #[error("the switch did not answer within {0:?}")]
    Silent(Duration),
}

/// Takes the parked calls of one switch until it is told to stop.
pub(crate) struct Parking {
    call_control: Arc<CallControl>,
    options: ParkOptions,
    health: watch::Sender<Health>,
}

impl Parking {
    /// Not connected yet.
    #[must_use]
    pub(crate) fn new(call_control: Arc<CallControl>, options: ParkOptions) -> Self {
        let health = Health::ill(format!("{} was not reached yet", options.address));
        Self {
            call_control,
            options,
            health: watch::Sender::new(health),
        }
    }

    /// Whether parked calls are taken, and what is wrong when they are not.
    #[must_use]
    pub(crate) fn health(&self) -> watch::Receiver<Health> {
        self.health.subscribe()
    }

    /// Connects, again and again. After `stop` it takes no more calls (the hook's first way
    /// out, or another service, has them) and returns when the last has left.
    pub(crate) async fn run(self, stop: CancellationToken) {
        let mut wait = FIRST_WAIT;
        loop {
            let ended = tokio::select! {
                () = stop.cancelled() => return,
                connection = self.connect() => connection,
            };
            let ended = match ended {
                Ok(connection) => self.steer(connection, &stop, &mut wait).await,
                Err(error) => Err(error.into()),
            };
            let Err(lost) = ended else { return };
            self.unreached(&lost);
            let jitter = wait.mul_f64(fastrand::f64() / 2.0);
            tokio::select! {
                () = stop.cancelled() => return,
                () = sleep(wait + jitter) => {}
            }
            wait = (wait * 2).min(LONGEST_WAIT);
        }
    }

    async fn connect(&self) -> Result<Connection<TcpStream>, eslclient::Error> {
        let ParkOptions {
            address,
            password,
            frames,
            connect_deadline,
            ..
        } = &self.options;
        eslclient::open_inbound(address, password.reveal(), *frames, *connect_deadline).await
    }

    /// Until everything was let go after `stop`; or why the connection is over.
    async fn steer(
        &self,
        connection: Connection<TcpStream>,
        stop: &CancellationToken,
        wait: &mut Duration,
    ) -> Result<(), Lost> {
        let (client, mut events) = Client::start(connection, EVENTS);
        self.subscribe(&client).await?;
        *wait = FIRST_WAIT;
        self.reached();
        let mut calls = Calls::default();
        let ended = self.listen(&client, &mut events, &mut calls, stop).await;
        // Each of them notices that nobody tells it anything any more.
        calls.departures.clear();
        calls.tracker.close();
        calls.tracker.wait().await;
        ended
    }

    async fn listen(
        &self,
        client: &Client,
        events: &mut Events,
        calls: &mut Calls,
        stop: &CancellationToken,
    ) -> Result<(), Lost> {
        let mut silence = pin!(silence(client));
        let mut tidy = interval(TIDY_EVERY);
        tidy.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let tracker = calls.tracker.clone();
        let mut stopping = false;
        loop {
            tokio::select! {
                event = events.next() => self.event(event?, client, calls, stopping),
                lost = &mut silence => return Err(lost),
                () = stop.cancelled(), if !stopping => {
                    stopping = true;
                    tracker.close();
                }
                () = tracker.wait(), if stopping => return Ok(()),
                _ = tidy.tick() => calls.departures.retain(|_, call| !call.is_closed()),
            }
        }
    }

    /// The filter first: nothing of other calls comes between.
    async fn subscribe(&self, client: &Client) -> Result<(), Lost> {
        let service = format!("variable_{}", hook::SERVICE);
        let filter = Command::filter(&service, &self.options.service);
        let commands =
            filter.and_then(|filter| Ok(vec![filter, Command::event(Format::Json, NAMES)?]));
        let commands = commands.map_err(eslclient::Error::from)?;
        let within = self.options.connect_deadline;
        let replies = timeout(within, client.together(commands))
            .await
            .map_err(|_| Lost::Silent(within))??;
        for (command, reply) in ["filter", "event json"].into_iter().zip(replies) {
            reply
                .result()
                .map_err(|text| Lost::Refused { command, text })?;
        }
        Ok(())
    }

    fn event(&self, event: Event, client: &Client, calls: &mut Calls, stopping: bool) {
        let name = event.name().into_owned();
        let uuid = event.get("Unique-ID").unwrap_or_default().into_owned();
        match (name.as_str(), Departure::of(&name)) {
            ("CHANNEL_PARK", _) if !stopping => self.parked(event, uuid, client, calls),
            (_, Some(how)) => calls.depart(&uuid, how),
            (_, None) => {}
        }
    }

    fn parked(&self, event: Event, uuid: String, client: &Client, calls: &mut Calls) {
        match hook::read(&event, &self.options.service) {
            Ok(Some(hook)) => {
                counter!(metric_names::PARKED, "outcome" => "taken").increment(1);
                let (tell, told) = oneshot::channel();
                calls.departures.insert(uuid, tell);
                let call_control = Arc::clone(&self.call_control);
                let taping = RecordingSession::begin(&call_control);
                let tape = taping.as_ref().map(|taping| taping.tape.clone());
                let wire = Shared::new(client.clone(), told, tape.clone());
                calls.tracker.spawn(async move {
                    let report =
                        call::hold(Arc::clone(&call_control), hook, event, wire, tape).await;
                    if let Some(taping) = taping {
                        taping.end(&call_control, &report);
                    }
                    report.publish(&call_control.options);
                });
            }
            Ok(None) => {}
            Err(why) => {
                counter!(metric_names::PARKED, "outcome" => "unusable").increment(1);
                warn!(call_uuid = %uuid, "a parked call is left to its schedule: {why}");
            }
        }
    }

    fn reached(&self) {
        let ParkOptions {
            address, service, ..
        } = &self.options;
        gauge!(metric_names::PARK_CONNECTED, "switch" => address.clone()).set(1.0);
        if !self.health.send_replace(Health::well()).ok {
            info!(%address, %service, "taking the switch's parked calls");
        }
    }

    /// Says it once for each change, not at every attempt.
    fn unreached(&self, lost: &Lost) {
        let what = format!("{}: {lost}; trying again", self.options.address);
        gauge!(metric_names::PARK_CONNECTED, "switch" => self.options.address.clone()).set(0.0);
        let before = self.health.send_replace(Health::ill(what.clone()));
        if before.what == what {
            debug!("{what}");
        } else {
            warn!("parked calls are not taken: {what}");
        }
    }
}

/// Returns when the switch does not answer any more.
async fn silence(client: &Client) -> Lost {
    loop {
        sleep(QUESTION_EVERY).await;
        let question = match Command::api("switchname", "") {
            Ok(question) => question,
            Err(error) => return Lost::Link(error.into()),
        };
        match timeout(QUESTION_EVERY, client.command(question)).await {
            Ok(Ok(_)) => {}
            Ok(Err(gone)) => return gone.into(),
            Err(_) => return Lost::Silent(QUESTION_EVERY),
        }
    }
}

/// The calls of one connection.
#[derive(Default)]
struct Calls {
    /// By Unique-ID: who is to be told when the channel leaves.
    departures: HashMap<String, oneshot::Sender<Departure>>,
    tracker: TaskTracker,
}

impl Calls {
    fn depart(&mut self, uuid: &str, how: Departure) {
        if let Some(call) = self.departures.remove(uuid) {
            // A call that is over needs no word.
            let _ = call.send(how);
        }
    }
}
