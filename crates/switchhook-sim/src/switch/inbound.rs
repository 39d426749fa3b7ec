//! Serves port 8021 of the simulated switch. Clients authenticate, subscribe, and receive the
//! events of every call that it plays.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::broadcast::Receiver;
use tokio::time::{sleep, timeout};
use tokio_util::task::AbortOnDropHandle;

use super::Switch;
use super::channel::TRANSFER_SOURCE;
use super::event::Event;
use super::listener::{Flow, Listener, goodbye};
use super::wire::{Command, Wire};

/// The time in which a client must authenticate (mod_event_socket.c).
const AUTHENTICATE: Duration = Duration::from_secs(25);

/// How long an operator takes to park a caller, and the switch to answer after that.
const MOMENT: Duration = Duration::from_millis(20);

/// A listening port 8021. Dropping it closes the port and its connections.
#[derive(Debug)]
pub struct Inbound {
    address: SocketAddr,
    _task: AbortOnDropHandle<()>,
}

impl Inbound {
    /// Returns the address on which the port listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Switch {
    /// Listens like port 8021 at `address` (port 0 for a free port), for clients that know
    /// `password`.
    ///
    /// # Errors
    ///
    /// Fails if the address cannot be bound.
    pub async fn listen(
        self: &Arc<Self>,
        address: SocketAddr,
        password: &str,
    ) -> io::Result<Inbound> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let task = tokio::spawn(accept(Arc::clone(self), listener, password.to_owned()));
        Ok(Inbound {
            address,
            _task: AbortOnDropHandle::new(task),
        })
    }
}

async fn accept(switch: Arc<Switch>, listener: TcpListener, password: String) {
    let mut connections = tokio::task::JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(client(Arc::clone(&switch), stream, password.clone()));
                }
                // The process is most likely out of descriptors: wait until some are closed.
                Err(_) => sleep(Duration::from_millis(10)).await,
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

/// Serves one client. A broken connection only ends it.
async fn client(switch: Arc<Switch>, stream: TcpStream, password: String) {
    let mut wire = Wire::new(stream, switch.pace.bytewise());
    let listener = Listener::inbound(password);
    if serve(&switch, &mut wire, listener).await.is_ok() {
        let said = wire.send(&goodbye(None)).await;
        // The client asked to leave, so it does not matter whether it still reads.
        let _ = said.and(wire.flush().await);
    }
}

async fn serve(switch: &Switch, wire: &mut Wire, mut listener: Listener) -> io::Result<()> {
    wire.send(b"Content-Type: auth/request\n\n").await?;
    wire.flush().await?;
    // Subscribe first: events between the client's subscription and this one would be lost.
    let mut bus = switch.bus.subscribe();
    while !listener.is_authenticated() {
        let filled = timeout(AUTHENTICATE, wire.fill()).await?;
        if !filled? || obey(switch, wire, &mut listener, &mut bus).await? == Flow::Close {
            return Ok(());
        }
    }
    let mut subscribed = false;
    loop {
        if !subscribed && listener.subscription.is_on() {
            subscribed = true;
            switch.subscriptions.send_modify(|count| *count += 1);
        }
        tokio::select! {
            filled = wire.fill() => {
                if !filled? || obey(switch, wire, &mut listener, &mut bus).await? == Flow::Close {
                    return Ok(());
                }
            }
            event = bus.recv() => match event {
                Ok(event) => deliver(wire, &listener, &event).await?,
                // The switch kills a connection that lost too many events.
                Err(_lagged) => return Ok(()),
            },
        }
    }
}

async fn obey(
    switch: &Switch,
    wire: &mut Wire,
    listener: &mut Listener,
    bus: &mut Receiver<Arc<Event>>,
) -> io::Result<Flow> {
    let mut out = Vec::new();
    let mut flow = Flow::Go;
    while flow == Flow::Go {
        let command = wire
            .command()
            .map_err(|_refused| io::Error::from(io::ErrorKind::InvalidData))?;
        let Some(command) = command else {
            break;
        };
        flow = listener.handle(switch, &command, &mut out);
        if parks_when_asked(switch, &command) {
            sleep(MOMENT).await;
            while let Ok(event) = bus.try_recv() {
                deliver(wire, listener, &event).await?;
            }
            sleep(MOMENT).await;
        }
        for job in std::mem::take(&mut listener.jobs) {
            listener.deliver(&job, &mut out);
        }
    }
    wire.send(&out).await?;
    wire.flush().await?;
    Ok(flow)
}

/// Returns whether an operator parks the caller of whom the command asks. The reply comes a moment
/// after the event.
fn parks_when_asked(switch: &Switch, command: &Command) -> bool {
    let asked = command.after("api uuid_getvar ");
    let uuid = asked.and_then(|asked| asked.strip_suffix(TRANSFER_SOURCE));
    let leg = uuid.and_then(|uuid| switch.leg(uuid.trim_end()));
    leg.is_some_and(|leg| leg.lock().parked_when_asked)
}

async fn deliver(wire: &mut Wire, listener: &Listener, event: &Event) -> io::Result<()> {
    let mut out = Vec::new();
    listener.deliver(event, &mut out);
    wire.send(&out).await?;
    wire.flush().await
}
