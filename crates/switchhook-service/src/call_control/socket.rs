//! The port that FreeSWITCH's `socket` application connects to.

use std::net::SocketAddr;
use std::sync::Arc;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::info;

use crate::recorder::{RecordedEvent as End, RecordedStream};
use eslclient::Connection;
use switchhook_admin::listener::{Arrival, ConnectionSlots};

use super::call_report::CallReport;
use super::call_task::{EndedCall, Stream};
use super::graceful_listener;
use super::opening::OpenError;
use super::recording_session::RecordingSession;
use super::{CallControl, call_task, connection_log};

impl CallControl {
    /// Takes calls until `stop`. Then it stops listening, so that the dialplan's next host gets the
    /// next call, and returns when the last call has left.
    pub async fn serve(self: Arc<Self>, listener: TcpListener, stop: CancellationToken) {
        let calls = TaskTracker::new();
        let slots = ConnectionSlots::new(self.options.connections);
        tokio::select! {
            () = stop.cancelled() => {}
            () = self.accept(&listener, &calls, &slots) => {}
        }
        graceful_listener::close(listener, |stream, peer| {
            if self.allows(peer) {
                let arrival = slots.arrival(peer.ip().to_canonical());
                self.spawn(&calls, (stream, peer), arrival, None);
            }
        })
        .await;
        calls.close();
        info!(
            calls = calls.len(),
            "stopped listening; waiting for the calls on hold"
        );
        calls.wait().await;
    }

    async fn accept(
        self: &Arc<Self>,
        listener: &TcpListener,
        calls: &TaskTracker,
        slots: &ConnectionSlots,
    ) {
        loop {
            let slot = slots.acquire(connection_log::at_limit).await;
            match listener.accept().await {
                Ok((_, peer)) if !self.allows(peer) => connection_log::rejected(peer),
                Ok((stream, peer)) => {
                    let arrival = slots.arrival(peer.ip().to_canonical());
                    self.spawn(calls, (stream, peer), arrival, Some(slot));
                }
                Err(error) => self.accept_failed(&error).await,
            }
        }
    }

    fn allows(&self, peer: SocketAddr) -> bool {
        let allow = &self.options.allow;
        // A listener on [::] sees IPv4 peers as mapped ones.
        let ip = peer.ip().to_canonical();
        allow.is_empty() || allow.iter().any(|net| net.contains(&ip))
    }

    /// Waits before the next attempt. Most likely no file descriptor is left; calls that end free
    /// some.
    async fn accept_failed(&self, error: &std::io::Error) {
        connection_log::cannot_accept(error);
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }

    fn spawn(
        self: &Arc<Self>,
        calls: &TaskTracker,
        (stream, peer): (TcpStream, SocketAddr),
        arrival: Arrival,
        slot: Option<tokio::sync::OwnedSemaphorePermit>,
    ) {
        let call_control = Arc::clone(self);
        calls.spawn(async move {
            // A fetched call may be parked elsewhere for hours; a stop does not wait for it.
            if let Some(rest) = call_control.take(stream, peer, arrival).await {
                tokio::spawn(async move {
                    rest.await;
                    drop(slot);
                });
            }
        });
    }

    /// Holds a call until it leaves. Returns what is to be done afterwards, if somebody else has it.
    async fn take(
        &self,
        stream: TcpStream,
        peer: SocketAddr,
        arrival: Arrival,
    ) -> Option<BoxFuture<'static, ()>> {
        // Commands are small, and their replies are waited for.
        if let Err(error) = stream.set_nodelay(true) {
            connection_log::not_a_call(peer, &eslclient::Error::from(error).into());
            return None;
        }
        let result = match RecordingSession::begin(self) {
            None => call_task::run(self, stream, Some(arrival), None)
                .await
                .map(split),
            // Boxed: the future of a call that is not recorded has no room for it.
            Some(session) => Box::pin(self.recorded(stream, arrival, session)).await,
        };
        match result {
            Ok((report, rest)) => {
                report.publish(&self.options);
                rest
            }
            Err(error) => {
                connection_log::not_a_call(peer, &error);
                None
            }
        }
    }

    async fn recorded(
        &self,
        stream: TcpStream,
        arrival: Arrival,
        session: RecordingSession,
    ) -> Result<Ended, OpenError> {
        let recording = session.recording.clone();
        let stream = RecordedStream::new(stream, recording.clone());
        let (report, rest) = call_task::run(self, stream, Some(arrival), Some(recording))
            .await
            .map(split)?;
        session.end(self, &report);
        Ok((report, rest))
    }

    /// Holds the call behind `stream`, which need not be a socket. For replays: the call is neither
    /// logged nor counted.
    ///
    /// # Errors
    /// Why it is not a call, in one sentence.
    pub async fn play(&self, stream: impl Stream) -> Result<End, String> {
        let result = call_task::run(self, stream, None, None).await;
        let ended = result.map_err(|error| error.to_string())?;
        Ok(ended.report.end())
    }
}

/// The report of a call, and what is to be done afterwards.
type Ended = (CallReport, Option<BoxFuture<'static, ()>>);

fn split<S: Stream + 'static>(ended: EndedCall<Connection<S>>) -> Ended {
    let EndedCall { report, fetched } = ended;
    (report, fetched.map(|call| call.finish().boxed()))
}
