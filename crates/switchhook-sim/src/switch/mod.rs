//! Simulates a FreeSWITCH on real sockets. It plays calls into the `socket` application of a
//! dialplan and records what their callers hear.
//!
//! Headers, replies and their order are those of a real switch, captured on the wire. The
//! simulation reads a peer's bytes with its own parser: with the client's code it would share the
//! client's mistakes.

mod api;
mod bridge;
mod call;
mod channel;
mod dialplan;
mod emit_events;
mod event;
mod inbound;
mod listener;
mod media;
mod record;
mod session;
mod socket_mode;
mod standing;
mod subscription;
mod talk;
mod template;
mod text;
mod wire;

use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{broadcast, watch};
use uuid::Uuid;

use self::channel::{Channel, Leg, State};
use self::emit_events::HANGUP;
use self::event::Event;

pub use self::channel::Cause;
pub use self::dialplan::{Call, Caller, Dial, End, Fetch, HandOver, Parked, Talk, Vanish};
pub use self::inbound::Inbound;
pub use self::media::{HeardSound, Sound, Timeline};
pub use self::record::{CallRecord, Left, LegRecord};
pub use self::socket_mode::SocketMode;
pub use self::standing::StandingAgent;
pub use self::wire::Traffic;

/// Events kept for a slow client of port 8021; the switch keeps 100,000 (mod_event_socket.c).
const BUS: usize = 4096;

/// How closely the simulation follows the switch's own slowness.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Pace {
    /// Does everything at once: this measures the peer, not the switch.
    Wire,
    /// Runs queued commands at the next tick of 20 ms.
    #[default]
    Ticked,
    /// Ticks, reads one byte at a time and sends one segment per reply, as the real switch does.
    Faithful,
}

impl Pace {
    fn bytewise(self) -> bool {
        self == Self::Faithful
    }
}

/// One simulated switch, shared by its calls and listeners.
#[derive(Debug)]
pub struct Switch {
    name: String,
    core_uuid: String,
    pace: Pace,
    sequence: AtomicU64,
    sessions: AtomicU64,
    tasks: AtomicU32,
    /// The channel that owns each scheduled task, by the task's number.
    owners: Mutex<HashMap<u32, String>>,
    legs: Mutex<HashMap<String, Arc<Leg>>>,
    bus: broadcast::Sender<Arc<Event>>,
    /// How often a client of port 8021 has subscribed to events.
    subscriptions: watch::Sender<u64>,
}

impl Switch {
    /// Returns a switch called `name`, without calls.
    #[must_use]
    pub fn new(name: &str, pace: Pace) -> Arc<Self> {
        Arc::new(Self {
            name: name.to_owned(),
            core_uuid: Uuid::new_v4().to_string(),
            pace,
            sequence: AtomicU64::new(1),
            sessions: AtomicU64::new(1),
            tasks: AtomicU32::new(1),
            owners: Mutex::default(),
            legs: Mutex::default(),
            bus: broadcast::Sender::new(BUS),
            subscriptions: watch::Sender::new(0),
        })
    }

    /// Returns how many calls are up now.
    #[must_use]
    pub fn calls(&self) -> usize {
        self.table().len()
    }

    /// Completes when `clients` further clients of port 8021 have subscribed to events.
    pub fn followed_by(&self, clients: u64) -> impl Future<Output = ()> + use<> {
        let mut asked = self.subscriptions.subscribe();
        let before = *asked.borrow();
        async move {
            // The switch outlives every task that waits for this.
            drop(asked.wait_for(|count| *count >= before + clients).await);
        }
    }

    /// Completes at the next event called `name` of a channel whose webhook is `path`.
    pub fn event(&self, name: &str, path: &str) -> impl Future<Output = ()> + use<> {
        let (name, path) = (name.to_owned(), path.to_owned());
        let mut bus = self.bus.subscribe();
        async move {
            while let Ok(event) = bus.recv().await {
                let asks = event.get("variable_socket_path");
                if event.name == name && asks == Some(path.as_str()) {
                    return;
                }
            }
        }
    }

    /// Ends this channel's conversation, as if it had lasted long enough.
    pub fn end_talk(&self, uuid: &str) {
        if let Some(leg) = self.leg(uuid) {
            leg.enough.notify_one();
        }
    }

    fn table(&self) -> MutexGuard<'_, HashMap<String, Arc<Leg>>> {
        self.legs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn leg(&self, uuid: &str) -> Option<Arc<Leg>> {
        self.table().get(uuid).cloned()
    }

    fn legs(&self) -> Vec<Arc<Leg>> {
        self.table().values().cloned().collect()
    }

    /// Returns a global variable, as `$${name}` reads it.
    fn global(&self, name: &str) -> Option<&str> {
        match name {
            "hold_music" => Some("local_stream://moh"),
            "switchname" | "hostname" => Some(&self.name),
            "core_uuid" => Some(&self.core_uuid),
            "local_ip_v4" => Some("127.0.0.1"),
            _ => None,
        }
    }

    /// Returns a number for a new task of this channel.
    fn next_task(&self, uuid: &str) -> u32 {
        let task = self.tasks.fetch_add(1, Ordering::Relaxed);
        self.owners().insert(task, uuid.to_owned());
        task
    }

    fn owners(&self) -> MutexGuard<'_, HashMap<u32, String>> {
        self.owners.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Hangs a channel up and wakes its call.
    fn hang_up(&self, leg: &Leg, cause: Cause) {
        self.hang_up_channel(&mut leg.lock(), cause);
        leg.wake.notify_one();
    }

    fn hang_up_channel(&self, channel: &mut Channel, cause: Cause) {
        if channel.is_up() {
            channel.state = State::Hangup;
            if cause.disposition == "recv_bye" {
                channel.ended_by_phone();
            }
            channel.cause = Some(cause);
            channel.ear.close();
            self.fire(channel, HANGUP, &[]);
        }
    }
}
